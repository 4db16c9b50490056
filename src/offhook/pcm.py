"""Samples in worker processes: resampling, levelling, and writing the raw files that the engine plays. Needs NumPy and soxr.

Only workers import this module; the node never does.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from offhook.audio import RATE_HZ

Samples = npt.NDArray[np.float32]

SPEECH_DBOV = -22.0
"""The level that speech is brought to: RMS of its active frames."""
MUSIC_DBOV = -27.0
"""Music behind a wait is quieter than the voice that comes after it."""
_PEAK = 0.97
_FRAME = 160
_ACTIVE_BELOW_LOUDEST_DB = 30.0


def to_telephone(samples: Samples, rate_hz: float) -> Samples:
    """Resample to ``RATE_HZ``; what lies above 4 kHz is filtered out."""
    if not samples.size or rate_hz == RATE_HZ:
        return samples
    resampled: Samples = soxr.resample(samples, rate_hz, RATE_HZ, quality="HQ").astype(np.float32)
    return resampled


def streamed_to_telephone(chunks: Iterable[Samples], rate_hz: float) -> Iterator[Samples]:
    """The same piece by piece, for sounds that are too long to be held at once."""
    if rate_hz == RATE_HZ:
        yield from chunks
        return
    stream = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
    for chunk in chunks:
        yield stream.resample_chunk(chunk)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def active_level_dbov(samples: Samples) -> float:
    """RMS over the frames of 20 ms that are within 30 dB of the loudest, dBov; -127 for silence."""
    frames = samples[: samples.size // _FRAME * _FRAME].reshape(-1, _FRAME)
    if not frames.size:
        return -127.0
    power = np.mean(frames.astype(np.float64) ** 2, axis=1)
    active = power[power >= power.max() * 10 ** (-_ACTIVE_BELOW_LOUDEST_DB / 10)]
    mean = float(active.mean()) if active.size else 0.0
    return 10 * float(np.log10(mean)) if mean > 1e-12 else -127.0


def levelled(samples: Samples, target_dbov: float) -> Samples:
    """The same sound at ``target_dbov``, or as near as its peaks allow without clipping."""
    level = active_level_dbov(samples)
    if level <= -120:
        return samples
    gain = 10 ** ((target_dbov - level) / 20)
    peak = float(np.abs(samples).max())
    return (samples * min(gain, _PEAK / peak)).astype(np.float32)


def write(chunks: Iterable[Samples], path: Path) -> int:
    """Write 16-bit little-endian PCM, whole or not at all; returns how many samples."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    written = 0
    try:
        with os.fdopen(descriptor, "wb") as file:
            for samples in chunks:
                file.write(np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2").tobytes())
                written += samples.size
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return written


def from_int16(data: Any) -> Samples:
    """16-bit samples as floats of -1 to 1."""
    return np.frombuffer(data, dtype="<i2").astype(np.float32) / 32768.0
