"""The beep of an answering machine: a single steady tone, long enough, with silence after it.

A frame is a tone when nearly all of its energy lies in one narrow line of its spectrum. Speech has such frames too, now and
then (a hummed vowel), but its pitch moves, and it does not keep one line for 300 ms; and dial and ringing tones are two lines.
So the frequency must stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offhook.media import wire
from offhook.media.engine.arrays import FRAME_MS, FRAME_SAMPLES, RATE_HZ, Flags, Samples
from offhook.media.engine.legs import Leg, Legs

_BIN_HZ = RATE_HZ / FRAME_SAMPLES
LOWEST_HZ, HIGHEST_HZ = 350.0, 2600.0
"""Where beeps lie. Below begins the pitch of voices, above it the modems."""
TONALITY = 0.90
"""The part of a frame's energy that lies in its line."""
STEADY_HZ = 15.0
"""How far the tone may wander from the mean of its frames."""
STEADY_FACTOR = 3.0
"""By how much the energy of a frame may differ from their mean. Two tones close to each other look like one that swells and
fades."""
BLURRED_FRAMES = 4
"""Frames of a beep that may be sound but no clean line."""
_WINDOW = np.hanning(FRAME_SAMPLES + 1)[:FRAME_SAMPLES].astype(np.float32)


def lines(frames: Samples) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The strongest line of each frame.

    Args:
        frames: ``[frames, 160]``.

    Returns:
        Its frequency in Hz, the part of the frame's energy that it holds (0 to 1), and that energy.
    """
    samples = frames.astype(np.float32)
    samples -= samples.mean(axis=1, keepdims=True)
    amplitude = np.abs(np.fft.rfft(samples * _WINDOW))
    power = amplitude**2
    rows = np.arange(len(frames))
    peak = np.clip(power[:, 1:-1].argmax(axis=1) + 1, 2, power.shape[1] - 3)
    low, middle, high = amplitude[rows, peak - 1], amplitude[rows, peak], amplitude[rows, peak + 1]
    # The line of a tone under a Hann window spreads over its neighbours; by how much says where between them it lies.
    total = low + 2 * middle + high
    offset = np.divide(2 * (high - low), total, out=np.zeros_like(total), where=total > 0)
    held = sum(power[rows, peak + step] for step in (-2, -1, 0, 1, 2))
    whole = power.sum(axis=1)
    return (peak + offset) * _BIN_HZ, np.divide(held, whole, out=np.zeros_like(whole), where=whole > 0), whole


@dataclass(eq=False, slots=True)
class _Watch:
    leg: Leg
    request: int
    tone_frames: int
    gap_frames: int
    silence_frames: int
    threshold: int


class BeepWatches:
    """Who waits for a beep on a leg. The spectrum is taken for all of them at once, and of nobody else."""

    def __init__(self) -> None:
        self._watches: list[_Watch] = []
        # Of each watch, a row each: frames of tone so far, frames of gap since, frames of silence after a whole beep, blurred
        # frames.
        self._state: NDArray[np.int64] = np.empty((0, 4), np.int64)
        self._sums: NDArray[np.float64] = np.empty((0, 2))
        """Of the frames of tone: their frequencies, and their energies."""

    def add(self, leg: Leg, command: wire.WatchBeep) -> None:
        """Wait for a beep of this shape."""
        watch = _Watch(
            leg,
            command.request,
            # The first and the last frame of a beep are only partly filled by it.
            max(1, command.duration_ms // FRAME_MS - 2),
            -(-command.inter_silence_ms // FRAME_MS),
            max(1, -(-command.intra_silence_ms // FRAME_MS) - 1),
            command.threshold,
        )
        self._watches.append(watch)
        self._state = np.vstack([self._state, np.zeros((1, 4), np.int64)])
        self._sums = np.vstack([self._sums, np.zeros((1, 2))])

    def drop(self, leg: Leg, request: int | None = None) -> None:
        """Forget one request of a leg, or all of them."""
        self._keep([watch.leg is not leg or request not in {None, watch.request} for watch in self._watches])

    def check(self, legs: Legs) -> list[wire.Event]:
        """Take one frame of each watched leg; tell those that have heard their beep, which are done then."""
        if not self._watches:
            return []
        slots = np.array([watch.leg.slot for watch in self._watches])
        frames = legs.pcm[slots]
        frames[slots < 0] = 0
        heard = self._advance(frames)
        told: list[wire.Event] = [wire.Done(self._watches[i].leg.number, self._watches[i].request) for i in np.flatnonzero(heard)]
        if told:
            self._keep((~heard).tolist())
        return told

    def _advance(self, frames: Samples) -> Flags:
        limits = np.array(
            [(watch.tone_frames, watch.gap_frames, watch.silence_frames, watch.threshold) for watch in self._watches]
        )
        tone_frames, gap_frames, silence_frames, threshold = limits.T
        tone, gap, silence, blurred = self._state.T
        sounding = np.abs(frames.astype(np.int32)).mean(axis=1) >= threshold
        frequency, tonality, energy = lines(frames)
        tonal = sounding & (tonality >= TONALITY) & (frequency >= LOWEST_HZ) & (frequency <= HIGHEST_HZ)
        found = np.stack([frequency, energy], axis=1)
        mean = np.divide(self._sums, tone[:, np.newaxis], out=found.copy(), where=tone[:, np.newaxis] > 0)
        swell = np.divide(energy, mean[:, 1], out=np.ones_like(energy), where=mean[:, 1] > 0)
        steady = (np.abs(frequency - mean[:, 0]) <= STEADY_HZ) & (swell <= STEADY_FACTOR) & (swell >= 1 / STEADY_FACTOR)
        same = tonal & steady
        confirming = (tone >= tone_frames) & ~sounding
        gap_now = np.where(same, 0, gap + 1)
        silence_now = np.where(confirming, silence + 1, 0)
        # Where the tone begins, pauses and ends, a frame is no clean line; elsewhere it has to be.
        blurred_now = blurred + (sounding & ~same)
        broken = ((gap_now > gap_frames) & ~confirming) | (blurred_now > BLURRED_FRAMES)
        tone_now = np.where(broken, tonal, tone + same)
        self._sums = np.where(broken, tonal, same)[:, np.newaxis] * found + np.where(broken, 0, 1)[:, np.newaxis] * self._sums
        self._state = np.stack(
            [tone_now, np.where(broken, 0, gap_now), silence_now, np.where(broken, 0, blurred_now)], axis=1
        ).astype(np.int64)
        heard: Flags = silence_now >= silence_frames
        return heard

    def _keep(self, wanted: list[bool]) -> None:
        self._watches = [watch for watch, keep in zip(self._watches, wanted, strict=True) if keep]
        self._state = self._state[wanted]
        self._sums = self._sums[wanted]
