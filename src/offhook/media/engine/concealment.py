"""What is played where a frame is missing (ITU-T G.711 Appendix I has the idea; RFC 3389 for comfort noise).

The last pitch period before the gap is found by its likeness to itself, and at least 10 ms of it are repeated: a single short
period would buzz. It begins to fade after 10 ms and is silent after 60 ms. When frames come again within that time, the first
is faded in over what it replaces.

A peer that says what its silence sounds like (payload type 13) is not missed: noise of that level stands in for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.media.engine.arrays import BLOCK, FRAME_SAMPLES, Flags, Reals, Samples
from offhook.media.engine.legs import HISTORY, SUBSTITUTE_SAMPLES, Legs

FADED_TICKS = SUBSTITUTE_SAMPLES // FRAME_SAMPLES
_SHORTEST, _LONGEST = 20, 140
"""Samples of a pitch period: 400 Hz to 57 Hz."""
_LIKENESS = 100
"""Samples that are compared."""
_REPEATED = 80
_SMOOTHED = 16
_JOINED = 40
"""Samples over which sound that comes again is faded in: 5 ms."""
_BACK = FRAME_SAMPLES * (HISTORY - 1)
_FLAT = 80


def _fading() -> Reals:
    fade = np.ones(SUBSTITUTE_SAMPLES, np.float32)
    fade[_FLAT:] = np.linspace(1, 0, SUBSTITUTE_SAMPLES - _FLAT, dtype=np.float32)
    return fade


_FADE = _fading()
_JOIN = np.linspace(0, 1, _JOINED, endpoint=False, dtype=np.float32)
_STEP = np.zeros(SUBSTITUTE_SAMPLES, np.float32)
_STEP[:_SMOOTHED] = np.linspace(1, 0, _SMOOTHED, endpoint=False, dtype=np.float32)
_NOISE_SAMPLES = 8192


def _noise() -> Reals:
    """Noise with a mean square of 1, softened a little towards the high end as that of a line is."""
    white = np.random.default_rng(3389).normal(size=_NOISE_SAMPLES + 1).astype(np.float32)
    noise: Reals = np.clip(0.9 * white[1:] + 0.4359 * white[:-1], -3, 3).astype(np.float32)
    return noise


_NOISE = _noise()


def noise_rms(level: int) -> float:
    """What a comfort noise packet asks for.

    Args:
        level: its first octet: dBov without the sign (RFC 3389 section 3).
    """
    return float(32768 * 10 ** (-(level & 0x7F) / 20))


def conceal(legs: Legs, present: Flags, tick: int) -> None:
    """Fill the rows of ``legs.pcm`` for which nothing has come, and join what comes after a gap to what filled it.

    Args:
        legs: ``pcm`` holds the decoded frames of this tick.
        present: ``[legs]``, for whom there was one.
        tick: now.
    """
    gap = legs.gap[: legs.count]
    if present.all():
        if gap.any():
            _join(legs, np.flatnonzero(gap))
            gap[:] = 0
        return
    returned = np.flatnonzero(present & (gap > 0))
    if returned.size:
        _join(legs, returned)
    missing = np.flatnonzero(~present)
    before = gap[missing]
    fresh = missing[(before == 0) & (legs.noise[missing] == 0)]
    for begin in range(0, fresh.size, BLOCK):
        _prepare(legs, fresh[begin : begin + BLOCK], tick)
    fading = before < FADED_TICKS
    _substitute(legs, missing[fading], before[fading])
    legs.pcm[missing[~fading]] = 0
    _comfort(legs, missing[legs.noise[missing] > 0])
    gap[present] = 0
    gap[missing] += 1


def _prepare(legs: Legs, rows: NDArray[np.intp], tick: int) -> None:
    """Make up what may have to be played for these legs in this tick and the next two."""
    past = np.concatenate([legs.pcms[(tick - 2) % HISTORY, rows], legs.pcms[(tick - 1) % HISTORY, rows]], axis=1)
    period = pitch(past)
    repeated = period * -(-_REPEATED // period)
    which = np.arange(rows.size)[:, np.newaxis]
    onward = _BACK - repeated[:, np.newaxis] + np.arange(SUBSTITUTE_SAMPLES) % repeated[:, np.newaxis]
    sound = past[which, onward].astype(np.float32)
    # Where the repetition begins there may be a step; it is taken down over 2 ms.
    step = past[:, -1].astype(np.float32) - past[which[:, 0], _BACK - 1 - repeated]
    sound += step[:, np.newaxis] * _STEP
    sound *= _FADE
    legs.substitute[rows] = np.clip(sound, -32768, 32767)


def pitch(past: Samples) -> NDArray[np.intp]:
    """The period of each row's last samples.

    Args:
        past: ``[rows, 320]`` samples.

    Returns:
        Samples, for each row.
    """
    sound = past.astype(np.float32)
    tail = sound[:, -_LIKENESS:]
    span = sound[:, -_LIKENESS - _LONGEST : -_SHORTEST]
    windows = np.lib.stride_tricks.sliding_window_view(span, _LIKENESS, axis=1)
    likeness = np.matmul(windows, tail[:, :, np.newaxis])[:, :, 0]
    squares = np.cumsum(np.pad(span * span, ((0, 0), (1, 0))), axis=1, dtype=np.float64)
    energy = squares[:, _LIKENESS:] - squares[:, :-_LIKENESS]
    score = np.maximum(likeness, 0) / np.sqrt(energy + 1)
    periods: NDArray[np.intp] = _LONGEST - score.argmax(axis=1)
    return periods


def _substitute(legs: Legs, rows: NDArray[np.intp], gap: NDArray[np.int64]) -> None:
    parts = legs.substitute.reshape(legs.capacity, FADED_TICKS, FRAME_SAMPLES)
    legs.pcm[rows] = parts[rows, gap]


def _comfort(legs: Legs, rows: NDArray[np.intp]) -> None:
    if rows.size:
        at = np.random.randint(0, _NOISE_SAMPLES - FRAME_SAMPLES, rows.size)[:, np.newaxis]
        legs.pcm[rows] = _NOISE[at + np.arange(FRAME_SAMPLES)] * legs.noise[rows, np.newaxis]


def _join(legs: Legs, rows: NDArray[np.intp]) -> None:
    """Fade in what comes after a gap."""
    gap = legs.gap[rows]
    joined = (gap < FADED_TICKS) & (legs.noise[rows] == 0)
    legs.noise[rows] = 0
    rows, gap = rows[joined], gap[joined]
    if rows.size:
        parts = legs.substitute.reshape(legs.capacity, FADED_TICKS, FRAME_SAMPLES)
        gone = parts[rows, gap, :_JOINED] * (1 - _JOIN)
        legs.pcm[rows, :_JOINED] = gone + legs.pcm[rows, :_JOINED] * _JOIN
