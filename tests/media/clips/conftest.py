"""A web server in memory, audio files of every kind, and an ear.

The files in ``files/`` are one second of a sine of 440 Hz at half of full scale, made by sox (FLAC, Ogg Vorbis) and LAME (MP3).
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from offhook import pcm
from offhook.audio import RATE_HZ, Clip
from offhook.errors import HookFailed
from offhook.events import Event, Observe
from offhook.media.clips import Clips

FILES = Path(__file__).parent / "files"


def sine(seconds: float = 1.0, *, rate_hz: int = 8000, hz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)


def wav(samples: np.ndarray, kind: str = "s16", *, rate_hz: int = 8000, channels: int = 1) -> bytes:
    """A WAV file; the samples are the same on all channels."""
    frames = np.repeat(samples[:, None], channels, axis=1)
    code, bits, data = {
        "u8": lambda: (1, 8, np.round(frames * 127 + 128).astype("u1").tobytes()),
        "s16": lambda: (1, 16, np.round(frames * 32767).astype("<i2").tobytes()),
        "s24": lambda: (1, 24, np.round(frames * 8388607).astype("<i4").view("u1").reshape(-1, 4)[:, :3].tobytes()),
        "s32": lambda: (1, 32, np.round(frames * 2147483647).astype("<i4").tobytes()),
        "f32": lambda: (3, 32, frames.astype("<f4").tobytes()),
        "f64": lambda: (3, 64, frames.astype("<f8").tobytes()),
        "mulaw": lambda: (7, 8, _mulaw(frames).tobytes()),
        "alaw": lambda: (6, 8, _alaw(frames).tobytes()),
    }[kind]()
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, rate_hz, rate_hz * block, block, bits)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def _mulaw(samples: np.ndarray) -> np.ndarray:
    """ITU-T G.711, by its segments."""
    linear = np.clip(np.round(samples * 32767).astype(int), -32635, 32635)
    magnitude = np.abs(linear) + 132
    segment = np.floor(np.log2(magnitude)).astype(int) - 7
    return (~((linear < 0) << 7 | segment << 4 | (magnitude >> (segment + 3)) & 15) & 0xFF).astype("u1")


def _alaw(samples: np.ndarray) -> np.ndarray:
    linear = np.clip(np.round(samples * 32767).astype(int), -32767, 32767)
    magnitude = np.abs(linear) >> 3
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(int) - 4, 0)
    mantissa = np.where(segment == 0, magnitude >> 1, magnitude >> np.maximum(segment, 1)) & 15
    return (((linear >= 0) << 7 | segment << 4 | mantissa) ^ 0x55).astype("u1")


@dataclass
class Heard:
    """What a listener would measure."""

    samples: np.ndarray

    @property
    def seconds(self) -> float:
        return self.samples.size / RATE_HZ

    @property
    def hz(self) -> float:
        """The strongest frequency."""
        spectrum = np.abs(np.fft.rfft(self.samples * np.hanning(self.samples.size)))
        return float(np.argmax(spectrum)) * RATE_HZ / self.samples.size

    @property
    def level_dbov(self) -> float:
        return pcm.active_level_dbov(self.samples)


@dataclass
class Reply:
    """What the server sends."""

    body: bytes = b""
    status: int = 200
    content_type: str | None = "audio/wav"
    etag: str | None = None
    last_modified: str | None = None
    max_age_s: int | None = None
    storable: bool = True
    delay_s: float = 0.0


@dataclass
class Server:
    """A customer's web server: answers with ``reply``, writes down what it was asked."""

    reply: Reply | Exception = field(default_factory=Reply)
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    """URL, If-None-Match, If-Modified-Since."""

    async def __call__(self, url: str, *, etag: str | None, last_modified: str | None, observe: Observe) -> Reply:
        self.asked.append((url, etag, last_modified))
        if isinstance(self.reply, Exception):
            raise self.reply
        await asyncio.sleep(self.reply.delay_s)
        if self.reply.etag is not None and self.reply.etag == etag:
            return Reply(status=304, etag=etag, max_age_s=self.reply.max_age_s, storable=self.reply.storable)
        return self.reply

    def broken(self, url: str, reason: str = "connect", status: int | None = None) -> None:
        self.reply = HookFailed(url, reason, status, 2)


@dataclass
class Library:
    """A ``Clips`` for one test, with a clock that stands still."""

    folder: Path
    server: Server = field(default_factory=Server)
    now: float = 1_000_000.0
    notes: list[Event] = field(default_factory=list)

    def run(self, test: Callable[[Clips], Awaitable[None]], *, limit_bytes: int = 1 << 30) -> None:
        async def main() -> None:
            clips = Clips(self.folder, self.server, wall=lambda: self.now, limit_bytes=limit_bytes)
            try:
                await test(clips)
            finally:
                await clips.aclose()

        asyncio.run(main())

    @staticmethod
    def hear(clip: Clip) -> Heard:
        return Heard(pcm.from_int16(Path(clip.path).read_bytes()))

    async def get(self, clips: Clips, url: str = "https://example.com/a.wav") -> Heard:
        return self.hear(await clips.get(url, self.notes.append))


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "clips")


@pytest.fixture
def make_wav() -> object:
    """``make_wav(kind, seconds=, rate_hz=, channels=, hz=)``."""

    def make(kind: str = "s16", *, seconds: float = 1.0, rate_hz: int = 8000, channels: int = 1, hz: float = 440.0) -> bytes:
        return wav(sine(seconds, rate_hz=rate_hz, hz=hz), kind, rate_hz=rate_hz, channels=channels)

    return make


@pytest.fixture
def files() -> Path:
    return FILES


@pytest.fixture
def reply() -> type[Reply]:
    return Reply
