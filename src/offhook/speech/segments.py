"""SSML to segments: plain text with a manner of speaking, and pauses. Every engine then behaves the same.

Source: reference ``xml.md`` section 4.2.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from offhook.audio import Silence, Sound, Tone
from offhook.speech import phonemes, say_as

MAX_CHARACTERS = 400
"""Of one segment: longer text is cut at its sentences, so that pieces are cached and rendered by themselves."""


class Node(Protocol):
    """A tag of the document, as ``xml`` reads it."""

    @property
    def tag(self) -> str:
        """Its name."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """Its attributes."""

    @property
    def content(self) -> Sequence[str | Node]:
        """What it holds."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How something is said."""

    language: str | None = None
    """Another language than the voice's own."""
    rate: float = 1.0
    pitch: float = 1.0
    volume_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Segment:
    """Text that is said in one manner."""

    text: str
    manner: Manner


@dataclass(frozen=True, slots=True)
class Gap:
    """The pause around a sentence or paragraph: it is only heard between sounds, and not beside a longer pause."""

    duration_ms: int


Part = Segment | Sound

_BREAKS_MS = {"none": 0, "x-weak": 100, "weak": 250, "medium": 500, "strong": 900, "x-strong": 1200}
_RATES = {"x-slow": 0.6, "slow": 0.8, "medium": 1.0, "fast": 1.25, "x-fast": 1.6}
_PITCHES = {"default": 1.0, "x-low": 0.6, "low": 0.8, "medium": 1.0, "high": 1.25, "x-high": 1.5}
_VOLUMES_DB = {"default": 0.0, "silent": -60.0, "x-soft": -12.0, "soft": -6.0, "medium": 0.0, "loud": 4.0, "x-loud": 6.0}
_LOUDEST_DB = 12.0
_EMPHASIS = {"strong": (0.9, 3.0), "moderate": (0.95, 1.5), "reduced": (1.05, -3.0)}
SENTENCE_MS = 400
PARAGRAPH_MS = 700
BLEEP = Tone((1000.0,), 350, -18.0)
_SENTENCES = re.compile(r"(?<=[.!?;:…])\s+|(?<=[。！？；])\s*")
_MAX_BREAK_MS = 10_000
_DURATION = re.compile(r"\+?([0-9]{1,6}(?:\.[0-9]{1,6})?)(ms|s)", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]{1,6}(?:\.[0-9]{1,6})?", re.ASCII)


def expand(content: Sequence[str | Node], language: str) -> tuple[Part, ...]:
    """The whole content of a ``Speak`` as segments and pauses in order; neighbouring text of one manner is one segment.

    Args:
        language: of the voice: numbers are written out in English for English voices, and left to the engine's own for others.
    """
    parts = _Expander(language).parts(content, Manner())
    return tuple(_pieces(_paced(_joined(parts))))


class _Expander:
    """Walks the tree; a bounded one, as ``xml`` reads it. A value that is not allowed counts as not given."""

    def __init__(self, language: str) -> None:
        self._language = language

    def parts(self, content: Sequence[str | Node], manner: Manner) -> list[Part | Gap]:
        found: list[Part | Gap] = []
        for each in content:
            if isinstance(each, str):
                found.append(Segment(phonemes.clean(each), manner))
            else:
                found += self._tag(each, manner)
        return found

    def _tag(self, node: Node, manner: Manner) -> list[Part | Gap]:
        attributes = node.attributes
        match node.tag:
            case "break":
                return [Silence(_break_ms(attributes))]
            case "prosody":
                return self.parts(node.content, _prosody(manner, attributes))
            case "emphasis":
                rate, volume_db = _EMPHASIS.get(attributes.get("level", ""), _EMPHASIS["moderate"])
                return self.parts(node.content, replace(manner, rate=manner.rate * rate, volume_db=manner.volume_db + volume_db))
            case "lang":
                return self.parts(node.content, replace(manner, language=attributes.get("xml:lang", manner.language)))
            case "p":
                return [Gap(PARAGRAPH_MS), *self.parts(node.content, manner), Gap(PARAGRAPH_MS)]
            case "s":
                return [Gap(SENTENCE_MS), *self.parts(node.content, manner), Gap(SENTENCE_MS)]
            case "sub":
                return [Segment(phonemes.clean(attributes.get("alias", "")), manner)]
            case "say-as":
                return self._say_as(node, manner)
            case "phoneme":
                word = phonemes.marked(bare(node.content), attributes.get("alphabet", ""), attributes.get("ph", ""))
                return [Segment(word, manner)]
            case _:  # w: the part of speech is the engine's to guess
                return self.parts(node.content, manner)

    def _say_as(self, node: Node, manner: Manner) -> list[Part | Gap]:
        kind = node.attributes.get("interpret-as", "")
        if kind == "expletive":
            return [BLEEP]
        language = (manner.language or self._language).partition("-")[0].lower()
        text = say_as.read(phonemes.clean(bare(node.content)), kind, node.attributes.get("format", ""), english=language == "en")
        return [Segment(f" {text} ", manner)]


def bare(content: Sequence[str | Node]) -> str:
    """The text without its tags."""
    return "".join(each if isinstance(each, str) else bare(each.content) for each in content)


def _break_ms(attributes: Mapping[str, str]) -> int:
    found = _DURATION.fullmatch(attributes.get("time", "").strip())
    if found is not None:
        return min(round(float(found[1]) * (1 if found[2] == "ms" else 1000)), _MAX_BREAK_MS)
    return _BREAKS_MS.get(attributes.get("strength", ""), _BREAKS_MS["medium"])


def _prosody(manner: Manner, attributes: Mapping[str, str]) -> Manner:
    """Nested tags multiply, and their decibels add up."""
    rate = _factor(attributes.get("rate", ""), _RATES, relative=False)
    pitch = _factor(attributes.get("pitch", ""), _PITCHES, relative=True)
    volume_db = _decibels(attributes.get("volume", ""))
    return replace(
        manner,
        rate=min(max(manner.rate * rate, 0.3), 3.0),
        pitch=min(max(manner.pitch * pitch, 0.3), 2.0),
        volume_db=min(max(manner.volume_db + volume_db, _VOLUMES_DB["silent"]), _LOUDEST_DB),
    )


def _decibels(text: str) -> float:
    number = re.sub(r"(?i)db$", "", text)
    return float(number) if _NUMBER.fullmatch(number) else _VOLUMES_DB.get(text, 0.0)


def _factor(text: str, words: Mapping[str, float], *, relative: bool) -> float:
    number = text.removesuffix("%")
    if not _NUMBER.fullmatch(number):
        return words.get(text, 1.0)
    return max(0.1, (100 if relative else 0) / 100 + float(number) / 100)


def _joined(parts: Sequence[Part | Gap]) -> list[Part | Gap]:
    """Text of one manner in one segment, what has nothing to say dropped."""
    found: list[Part | Gap] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, Segment) and isinstance(last, Segment) and part.manner == last.manner:
            found[-1] = Segment(last.text + part.text, last.manner)
        elif not isinstance(part, Segment) or part.text.strip():
            found.append(part)
        elif isinstance(last, Segment):
            found[-1] = Segment(last.text + " ", last.manner)
    return [part for part in found if not isinstance(part, Segment) or _speakable(part.text)]


def _speakable(text: str) -> bool:
    """Whether there is more than punctuation: an engine has nothing to say to that, or names it."""
    return any(unicodedata.category(character)[0] in "LNSM" for character in text)


def _paced(parts: Sequence[Part | Gap]) -> list[Part]:
    """Pauses side by side in one: those of ``break`` add up; those around sentences count between sounds, if longer."""
    found: list[Part] = []
    pause_ms = gap_ms = 0
    for part in parts:
        if isinstance(part, Gap):
            gap_ms = max(gap_ms, part.duration_ms)
        elif isinstance(part, Silence):
            pause_ms += part.duration_ms
        else:
            silence_ms = max(pause_ms, gap_ms if found else 0)
            found += [Silence(silence_ms), part] if silence_ms else [part]
            pause_ms = gap_ms = 0
    return [*found, Silence(pause_ms)] if pause_ms else found


def _pieces(parts: Sequence[Part]) -> list[Part]:
    """Long segments cut at their sentences; blanks tidied."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, Segment):
            found += [Segment(piece, part.manner) for piece in cut(" ".join(part.text.split()))]
        else:
            found.append(part)
    return found


def cut(text: str) -> list[str]:
    """Text in pieces of whole sentences, each at most ``MAX_CHARACTERS`` long where the sentences allow it."""
    if len(text) <= MAX_CHARACTERS:
        return [text]
    pieces: list[str] = []
    for sentence in _SENTENCES.split(text):
        rest = sentence
        while len(rest) > MAX_CHARACTERS:
            at = rest.rfind(" ", 1, MAX_CHARACTERS)
            at = at if at > 0 else MAX_CHARACTERS
            pieces.append(rest[:at].strip())
            rest = rest[at:].strip()
        if pieces and len(pieces[-1]) + len(rest) < MAX_CHARACTERS:
            pieces[-1] = f"{pieces[-1]} {rest}".strip()
        elif rest:
            pieces.append(rest)
    return [piece for piece in pieces if piece]
