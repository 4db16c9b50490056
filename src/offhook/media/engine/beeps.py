"""The beep of an answering machine: a single steady tone, long enough, with silence after it.

A frame is a tone when nearly all of its energy lies in one narrow line of its spectrum. Speech has such frames too, now and
then (a hummed vowel), but its pitch moves, and it does not keep one line for 300 ms; and dial and ringing tones are two lines.
So the frequency must stay.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.media import wire
from offhook.media.engine.arrays import FRAME_MS, FRAME_SAMPLES, RATE_HZ, Flags, Samples
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.watching import Watches

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


class BeepWatches:
    """Who waits for a beep on a leg. The spectrum is taken for all of them at once, and of nobody else."""

    def __init__(self) -> None:
        # What counts as a beep: frames of tone, of gap, of silence, and the threshold. Of the beep so far: frames of tone, of
        # gap since then, of silence after all of it, blurred frames, the sum of the frequencies of the frames of tone and of
        # their energies.
        self.watches = Watches(10)

    def add(self, leg: Leg, command: wire.WatchBeep) -> None:
        """Wait for a beep of this shape."""
        tone = max(1, command.duration_ms // FRAME_MS - 2)  # the first and the last frame of a beep are only partly filled by it
        gap = -(-command.inter_silence_ms // FRAME_MS)
        silence = max(1, -(-command.intra_silence_ms // FRAME_MS) - 1)
        self.watches.add(leg, command.request, (tone, gap, silence, command.threshold, 0, 0, 0, 0, 0, 0))

    def check(self, legs: Legs) -> list[wire.Event]:
        """Take one frame of each watched leg; tell those that have heard their beep, which are done then."""
        if not self.watches:
            return []
        slots = self.watches.slots(legs)
        frames = legs.pcm[slots]
        frames[slots < 0] = 0
        return self.watches.done(advance(self.watches.table, frames))


def advance(table: NDArray[np.float64], frames: Samples) -> Flags:
    """Go on by one frame of each.

    Args:
        table: ``[watches, 10]`` as in ``BeepWatches``; its last six columns are overwritten.
        frames: ``[watches, 160]``.

    Returns:
        Whose beep is complete.
    """
    tone_frames, gap_frames, silence_frames, threshold, tone, gap, silence, blurred, sum_hz, sum_energy = table.T
    sounding = np.abs(frames.astype(np.int32)).mean(axis=1) >= threshold
    frequency, tonality, energy = lines(frames)
    tonal = sounding & (tonality >= TONALITY) & (frequency >= LOWEST_HZ) & (frequency <= HIGHEST_HZ)
    count = np.maximum(tone, 1)
    off_hz = np.where(tone > 0, np.abs(frequency - sum_hz / count), 0)
    swell = np.where(tone > 0, energy * count / np.maximum(sum_energy, 1), 1)
    same = tonal & (off_hz <= STEADY_HZ) & (swell <= STEADY_FACTOR) & (swell >= 1 / STEADY_FACTOR)
    confirming = (tone >= tone_frames) & ~sounding
    silence[:] = np.where(confirming, silence + 1, 0)
    gap[:] = np.where(same, 0, gap + 1)
    # Where the tone begins, pauses and ends, a frame is no clean line; elsewhere it has to be.
    blurred += sounding & ~same
    broken = ((gap > gap_frames) & ~confirming) | (blurred > BLURRED_FRAMES)
    for total, step in ((tone, 1), (sum_hz, frequency), (sum_energy, energy)):
        total[:] = np.where(broken, tonal * step, total + same * step)
    gap[broken] = blurred[broken] = 0
    complete: Flags = silence >= silence_frames
    return complete
