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


_FRAME, _HOP, _SEGMENT = 256, 128, 24
_LOWEST_HZ, _BANDS = 150.0, 14
_DYNAMIC_DB = 40.0
_CLIP = 10 ** (15 / 20)
_LAGS = 20


def intelligibility(clean: npt.NDArray[np.int16], heard: npt.NDArray[np.int16]) -> float:
    """How much of speech is understood, 0 to about 1: the short-time objective intelligibility measure of Taal, Hendriks,
    Heusdens and Jensen (2011), for 8000 Hz.

    Each piece of 0.4 s may lie up to 0.3 s from where it was in the clean sound: a playout delay that follows its network moves
    speech without harming it. That makes the measure a little kinder than the original: speech that has nothing to do with the
    clean one comes to about 0.4.
    """
    reference, degraded = _bands(clean), _bands(heard)
    loudness = 10 * np.log10(np.square(reference).sum(axis=0) + 1e-9)
    scores = []
    for begin in range(_SEGMENT, reference.shape[1] - 2 * _SEGMENT, _SEGMENT // 2):
        if loudness[begin : begin + _SEGMENT].max() < loudness.max() - _DYNAMIC_DB:
            continue
        piece = reference[:, begin : begin + _SEGMENT]
        lagged = (degraded[:, at : at + _SEGMENT] for at in range(max(0, begin - _LAGS), begin + _LAGS))
        scores.append(max(_agreement(piece, other) for other in lagged if other.shape == piece.shape))
    return float(np.mean(scores))


def _bands(sound: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """``[bands, frames]``: the amplitude in third octaves."""
    frames = np.lib.stride_tricks.sliding_window_view(sound.astype(np.float64), _FRAME)[::_HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_FRAME), axis=1)))
    hertz = np.fft.rfftfreq(_FRAME, 1 / 8000)
    centres = _LOWEST_HZ * 2 ** (np.arange(_BANDS) / 3)
    inside = (hertz >= centres[:, np.newaxis] * 2 ** (-1 / 6)) & (hertz < centres[:, np.newaxis] * 2 ** (1 / 6))
    amplitude: npt.NDArray[np.float64] = np.sqrt(inside.astype(np.float64) @ power.T)
    return amplitude


def _agreement(piece: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    scale = np.linalg.norm(piece, axis=1, keepdims=True) / (np.linalg.norm(other, axis=1, keepdims=True) + 1e-9)
    other = np.minimum(other * scale, piece * (1 + _CLIP))
    a, b = (each - each.mean(axis=1, keepdims=True) for each in (piece, other))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(np.mean((a * b).sum(axis=1) / (lengths + 1e-9)))
