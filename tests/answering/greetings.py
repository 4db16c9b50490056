"""What people and machines say when they answer a call, spoken by our own voices; and what is made of it without a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from offhook.audio import Clip, Silence, VoiceEvent
from offhook.calls import Judge, Tuning, Verdict
from offhook.calls.answering.judge import PAUSE_MS, START_MS
from offhook.calls.answering.listening import EVERY_MS
from offhook.events import unobserved
from offhook.media import wire
from offhook.media.engine import levels, tones
from offhook.media.engine.beeps import BeepWatches
from offhook.media.engine.codecs import Codec, decode, encode
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.voice import VoiceWatches
from offhook.speech import Speech

Samples = npt.NDArray[np.int16]

PEOPLE = (
    "Hello?",
    "Yeah?",
    "Hi there.",
    "Good afternoon.",
    "Smith residence, hello.",
    "Doctor Miller.",
    "Hello, who's there?",
    "Peter speaking.",
    "Yes, Bob here.",
    "Hello? Hello?",
    "Reception, good evening.",
    "Hi, it's Mary.",
)
MACHINES = (
    "Hello, you have reached the mailbox of Susan Clark. Please leave your name, your number and a short message after the tone.",
    "Hey, it's Tom. Leave me a message.",
    "We can't come to the phone right now. Please leave a message after the beep.",
    "The number you have dialed is not in service. Please check the number and dial again.",
    "Welcome to city hospital. For opening hours, press one. To speak to somebody, please hold the line.",
    "Hi. This is Laura. I'm busy. Call me later, or leave a message.",
    "Please record your message. When you have finished, hang up, or press pound for more options.",
    "The mailbox is full and cannot accept any messages at this time. Goodbye.",
    "All our lines are busy at the moment. Your call is important to us.",
    "You've reached Johnson and Sons. Our office is closed today.",
)
VOICES = (
    ("WOMAN", "en-US", 1.0),
    ("MAN", "en-GB", 1.0),
    ("MAN", "en-US", 0.85),
    ("WOMAN", "en-US", 1.15),
    ("WOMAN", "de-DE", 1.0),
)
"""Voice, language and speed."""
LINES = ("clean", "noise", "soft")


@dataclass(frozen=True)
class Prosody:
    """The SSML element."""

    attributes: dict[str, str]
    content: tuple[Any, ...]
    tag: str = field(default="prosody", init=False)


@dataclass(frozen=True)
class Greeting:
    """Somebody says something."""

    machine: bool
    text: str
    voice: str
    samples: Samples
    beep_ms: int | None = None
    """When after the last word it beeps; ``None``: it does not."""

    def on(self, line: str, seed: int, *, before_ms: int = 600, after_ms: int = 6000) -> Samples:
        """As it comes over a line: 8000 Hz.

        Args:
            line: ``clean``; ``noise`` of the line, 20 dB below the voice; ``soft``: 10 dB softer, with the noise of a quiet line.
        """
        chance = np.random.default_rng(seed)
        voice = np.trim_zeros(self.samples).astype(np.float64)
        power = np.mean(voice**2)
        gain = 32768 * 10 ** ((-36 if line == "soft" else -26) / 20) / np.sqrt(power)
        parts = [np.zeros(8 * before_ms), voice * gain]
        if self.beep_ms is not None:
            parts += [np.zeros(8 * self.beep_ms), tones.render((1000.0,), 400, -20.0).astype(np.float64)]
        parts.append(np.zeros(8 * after_ms))
        sound = np.concatenate(parts)
        noise_dbov = {"clean": -72, "noise": -46, "soft": -62}[line]
        sound += chance.normal(0, 32768 * 10 ** (noise_dbov / 20), sound.size)
        return np.clip(np.round(sound), -32768, 32767).astype(np.int16)


async def spoken(folder: Path) -> list[Greeting]:
    """All greetings in all voices: those of machines beep, a second or less after the last word."""
    speech = Speech(cache=folder)
    try:
        found = []
        for machine, texts in ((False, PEOPLE), (True, MACHINES)):
            for text in texts:
                for number, (voice, language, speed) in enumerate(VOICES):
                    samples = await _say(speech, text, voice, language, speed)
                    beep_ms = 400 + 100 * number if machine else None
                    found.append(Greeting(machine, text, f"{voice} {language} {speed}", samples, beep_ms))
        return found
    finally:
        await speech.aclose()


async def _say(speech: Speech, text: str, voice: str, language: str, speed: float) -> Samples:
    content = (Prosody({"rate": f"{speed:.0%}"}, (text,)),)
    sounds = await speech.render(content, voice=voice, language=language, observe=unobserved)
    parts = []
    for sound in sounds:
        match sound:
            case Clip(path=path):
                parts.append(np.fromfile(path, "<i2"))
            case Silence(duration_ms=length):
                parts.append(np.zeros(8 * length, np.int16))
    return np.concatenate(parts).astype(np.int16)


def judged(lines: Sequence[Samples], tuning: Tuning | None = None) -> list[Verdict]:
    """What the engine's watches and the judge make of them, all lines at once, each through mu-law and back."""
    legs, voices, beeps, scratch = Legs(), VoiceWatches(), BeepWatches(), levels.scratch()
    for number in range(len(lines)):
        leg = Leg(number, None)  # type: ignore[arg-type]
        legs.admit(leg)
        voices.add(leg, number, START_MS, PAUSE_MS, EVERY_MS)
        beeps.add(leg, wire.WatchBeep(number, number, 300, 50, 500, 256))
    judges = [Judge(tuning or Tuning()) for _ in lines]
    speaking = [VoiceEvent(False, 0) for _ in lines]
    verdicts: dict[int, Verdict] = {}
    sent = _sent(lines)
    for frames in sent:
        legs.pcm[: len(lines)] = frames
        levels.measure(legs, scratch)
        for event in [*voices.check(legs), *beeps.check(legs)]:
            number = event.request  # type: ignore[union-attr]
            found: Verdict | None = None
            if isinstance(event, wire.Done):
                found = judges[number].beep()
            elif isinstance(event, wire.VoiceChanged):
                speaking[number] = VoiceEvent(event.speaking, event.at_ms, event.now_ms)
                found = judges[number].hear(speaking[number])
            elif isinstance(event, wire.VoiceWatched):
                found = judges[number].hear(VoiceEvent(speaking[number].speaking, speaking[number].at_ms, event.now_ms))
            if found is not None:
                verdicts.setdefault(number, found)
    return [verdicts[number] for number in range(len(lines))]


def _sent(lines: Sequence[Samples]) -> Samples:
    """``[ticks, lines, 160]``: coded and decoded; lines that are over are silent."""
    ticks = max(each.size for each in lines) // 160
    padded = np.zeros((len(lines), ticks * 160), np.int16)
    for row, each in zip(padded, lines, strict=True):
        row[: min(each.size, row.size)] = each[: row.size]
    frames = padded.reshape(-1, 160)
    octets, kinds = np.empty(frames.shape, np.uint8), np.full(len(frames), Codec.PCMU, np.uint8)
    encode(frames, kinds, octets)
    decode(octets, kinds, frames)
    return np.ascontiguousarray(frames.reshape(len(lines), ticks, 160).swapaxes(0, 1))
