"""Sine waves as PCM."""

from __future__ import annotations

import math

import numpy as np

from offhook.media.engine.arrays import RATE_HZ, SAMPLES_PER_MS, Samples

LONGEST_MS = 10_000
"""Longer tones are this one over and over: any frequency in whole tenths of a hertz fits into it without a seam."""
_FADE_MS = 2
"""Edges this soft do not click."""


def render(frequencies_hz: tuple[float, ...], duration_ms: int, level_dbov: float, *, fade: bool = True) -> Samples:
    """One or more sine waves of the same strength at once.

    Args:
        frequencies_hz: 0 to 4000 each.
        duration_ms: at least 0.
        level_dbov: of the sum; 0 dBov is the power of a square wave at full scale (RFC 3551 section 4, ITU-T G.711).
        fade: soften both edges.
    """
    count = duration_ms * SAMPLES_PER_MS
    if not frequencies_hz or count <= 0:
        return np.zeros(max(count, 0), np.int16)
    times = np.arange(count) / RATE_HZ
    waves = sum((np.sin(2 * math.pi * frequency * times) for frequency in frequencies_hz), np.zeros(count))
    amplitude = 32768 * 10 ** (level_dbov / 20) * math.sqrt(2 / len(frequencies_hz))
    if fade:
        edge = min(_FADE_MS * SAMPLES_PER_MS, count // 2)
        ramp = np.sin(np.linspace(0, math.pi / 2, edge, endpoint=False)) ** 2
        waves[:edge] *= ramp
        waves[count - edge :] *= ramp[::-1]
    return np.clip(np.rint(amplitude * waves), -32768, 32767).astype(np.int16)
