"""Sounds without samples: speech and audio files that have a name and a length, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from offhook.audio import BEEP, Clip, Silence, Sound, Tone
from offhook.errors import ClipUnavailable, SpeechUnavailable
from offhook.events import Observe, unobserved

SECONDS_PER_WORD = 1
"""Whoever speaks here takes a second for each word, so that a test can count."""
HOLD_MUSIC_S = 60


@dataclass
class Studio:
    """Speaks, plays and knows how long everything is. It is both the ``Speech`` and the ``Clips`` of a world."""

    speaking_takes_s: float = 0.0
    """How long a rendering takes before there is anything to hear."""
    fetching_takes_s: float = 0.0
    mute: bool = False
    """Nobody can speak: every rendering fails."""
    without_hold_music: bool = False
    files: dict[str, float | None] = field(default_factory=dict)
    """URL → length in s; ``None`` and unknown URLs cannot be had."""
    rendered: list[tuple[str, str, str]] = field(default_factory=list)
    """What was asked to be spoken: text, voice, language."""
    fetched: list[str] = field(default_factory=list)
    _lengths_ms: dict[str, int] = field(default_factory=dict)

    def add_file(self, url: str, seconds: float) -> None:
        """An audio file is there from now on."""
        self.files[url] = seconds

    async def render(self, content: Sequence[Any], *, voice: str, language: str, observe: Observe) -> tuple[Sound, ...]:  # noqa: ARG002
        """Speak: ``SECONDS_PER_WORD`` for each word. Raises ``SpeechUnavailable`` while ``mute``."""
        text = " ".join(_bare(content).split())
        self.rendered.append((text, voice, language))
        if self.speaking_takes_s:
            await asyncio.sleep(self.speaking_takes_s)
        if self.mute:
            raise SpeechUnavailable(voice, language, "nobody here can speak")
        if not text:
            return ()
        return (self._clip(f"speech: {text}", len(text.split()) * SECONDS_PER_WORD),)

    async def get(self, url: str, observe: Observe = unobserved) -> Clip:  # noqa: ARG002
        """An audio file. Raises ``ClipUnavailable`` when there is none of that name."""
        self.fetched.append(url)
        if self.fetching_takes_s:
            await asyncio.sleep(self.fetching_takes_s)
        seconds = self.files.get(url)
        if seconds is None:
            raise ClipUnavailable(url, "status (HTTP 404)")
        return self._clip(f"file: {url}", seconds)

    async def hold_music(self) -> Clip:
        """A minute of music. Raises ``ClipUnavailable`` where there is none."""
        if self.without_hold_music:
            raise ClipUnavailable("hold music", "missing")
        return self._clip("hold music", HOLD_MUSIC_S)

    def length_ms(self, sound: Sound) -> int:
        """How long a sound is."""
        match sound:
            case Clip(path=path):
                return self._lengths_ms[path]
            case Tone() | Silence():
                return sound.duration_ms

    def _clip(self, name: str, seconds: float) -> Clip:
        self._lengths_ms[name] = round(seconds * 1000)
        return Clip(name)


def name_of(sound: Sound) -> str:
    """What a listener would say that he hears: ``speech: Hello``, ``file: https://…``, ``beep``, ``silence``."""
    match sound:
        case Clip(path=path):
            return path
        case Silence():
            return "silence"
        case Tone():
            return "beep" if sound == BEEP else f"tone {sound.frequencies_hz}"


def _bare(content: Sequence[Any]) -> str:
    return "".join(part if isinstance(part, str) else _bare(part.content) for part in content)
