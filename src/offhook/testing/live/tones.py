"""Sounds that can be told apart."""

from __future__ import annotations

import io
import math
import struct
import wave


def tone_wav(*tones: tuple[float, float], rate_hz: int = 8000, amplitude: float = 0.25) -> bytes:
    """A WAV of tones, each (Hz, s), one after another."""
    samples: list[int] = []
    for frequency, seconds in tones:
        count = round(seconds * rate_hz)
        samples += [round(amplitude * 32767 * math.sin(2 * math.pi * frequency * n / rate_hz)) for n in range(count)]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()
