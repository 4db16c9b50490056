"""Sounds that can be told apart, and how alike two of them are."""

from __future__ import annotations

import io
import math
import struct
import wave
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

RATE_HZ = 8000
Samples = npt.NDArray[np.float64]


def tone_wav(*tones: tuple[float, float], rate_hz: int = RATE_HZ, amplitude: float = 0.25) -> bytes:
    """A WAV of tones, each (Hz, s), one after another."""
    samples: list[float] = []
    for frequency, seconds in tones:
        samples += [math.sin(2 * math.pi * frequency * n / rate_hz) for n in range(round(seconds * rate_hz))]
    return _wav(samples, rate_hz, amplitude)


def sweep_wav(seconds: float, *, low_hz: float = 400, high_hz: float = 3000, rate_hz: int = RATE_HZ) -> bytes:
    """A WAV of a tone that rises all the time: no part of it sounds like another."""
    slope = (high_hz - low_hz) / seconds
    times = (n / rate_hz for n in range(round(seconds * rate_hz)))
    return _wav([math.sin(2 * math.pi * (low_hz + slope * at / 2) * at) for at in times], rate_hz, 0.25)


def _wav(samples: Sequence[float], rate_hz: int, amplitude: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(struct.pack(f"<{len(samples)}h", *(round(amplitude * 32767 * each) for each in samples)))
    return file.getvalue()


def samples_of(wav: bytes) -> Samples:
    """The samples of a mono WAV of 16 bits, from its beginning."""
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE_HZ)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)


def likeness(heard: Samples, reference: Samples, *, part_s: float = 0.2) -> float:
    """How much of ``reference`` is in ``heard``: 1.0 all of it, undistorted; 0.0 nothing.

    Each part of the reference is looked for everywhere in what was heard (the peak of the normalised cross-correlation), and the
    middle of these peaks counts: a jitter buffer may have moved the parts against each other without harm to an ear.
    """
    size = round(part_s * RATE_HZ)
    parts = [reference[at : at + size] for at in range(0, len(reference) - size + 1, size)]
    return float(np.median([_peak(heard, part) for part in parts]))


def _peak(heard: Samples, part: Samples) -> float:
    if len(heard) < len(part):
        return 0.0
    length = 1 << (len(heard) + len(part)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, length) * np.conj(np.fft.rfft(part, length)), length)
    overlap = product[: len(heard) - len(part) + 1]
    energy = np.concatenate(([0.0], np.cumsum(heard**2)))
    window = energy[len(part) :] - energy[: -len(part)]
    scale = np.sqrt(np.maximum(window, 1.0) * np.sum(part**2))
    return float(np.max(overlap / scale))
