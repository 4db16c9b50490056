"""Real voices, and an ear that measures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from offhook import pcm
from offhook.audio import RATE_HZ, Clip, Silence, Sound
from offhook.events import Event
from offhook.speech import Speech


@dataclass
class Heard:
    """What a listener would measure."""

    samples: pcm.Samples

    @property
    def seconds(self) -> float:
        return self.samples.size / RATE_HZ

    @property
    def level_dbov(self) -> float:
        return pcm.active_level_dbov(self.samples)

    @property
    def peak(self) -> float:
        return float(np.abs(self.samples).max())

    @property
    def pitch_hz(self) -> float:
        """The median pitch of the loudest frames of 40 ms, by autocorrelation."""
        frames = self.samples[: self.samples.size // 320 * 320].reshape(-1, 320).astype(np.float64)
        loud = frames[np.argsort((frames**2).mean(axis=1))[-len(frames) // 3 :]]
        found = []
        for frame in loud:
            correlation = np.correlate(frame, frame, "full")[319:]
            found.append(RATE_HZ / (20 + int(np.argmax(correlation[20:110]))))
        return float(np.median(found))


def listen(sounds: tuple[Sound, ...]) -> Heard:
    parts = []
    for sound in sounds:
        if isinstance(sound, Clip):
            parts.append(pcm.from_int16(Path(sound.path).read_bytes()))
        elif isinstance(sound, Silence):
            parts.append(np.zeros(sound.duration_ms * 8, np.float32))
    return Heard(np.concatenate(parts) if parts else np.zeros(0, np.float32))


@dataclass
class Booth:
    """A ``Speech`` for one test."""

    cache: Path
    notes: list[Event] = field(default_factory=list)

    def run(
        self, test: Callable[[Speech], Awaitable[None]], *, nearest_voice: bool = True, installed: tuple[str, ...] | None = None
    ) -> None:
        async def main() -> None:
            speech = Speech(cache=self.cache, nearest_voice=nearest_voice, installed=installed)
            try:
                await test(speech)
            finally:
                await speech.aclose()

        asyncio.run(main())

    async def hear(self, speech: Speech, *content: object, voice: str = "WOMAN", language: str = "en-US") -> Heard:
        return listen(await speech.render(content, voice=voice, language=language, observe=self.notes.append))  # type: ignore[arg-type]


@pytest.fixture
def booth(tmp_path: Path) -> Iterator[Booth]:
    yield Booth(tmp_path / "speech")
    assert not list(tmp_path.rglob("*.part"))
