"""SSML to segments: plain text with a manner of speaking, and pauses. Every engine then behaves the same.

Source: reference ``xml.md`` section 4.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from offhook.audio import Silence, Sound, Tone
from offhook.speech import say_as

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


Part = Segment | Sound

_BREAKS_MS = {"none": 0, "x-weak": 100, "weak": 250, "medium": 500, "strong": 900, "x-strong": 1200}
_RATES = {"x-slow": 0.6, "slow": 0.8, "medium": 1.0, "fast": 1.25, "x-fast": 1.6}
_PITCHES = {"default": 1.0, "x-low": 0.6, "low": 0.8, "medium": 1.0, "high": 1.25, "x-high": 1.5}
_VOLUMES_DB = {"default": 0.0, "silent": -60.0, "x-soft": -12.0, "soft": -6.0, "medium": 0.0, "loud": 4.0, "x-loud": 6.0}
_EMPHASIS = {"strong": (0.9, 3.0), "moderate": (0.95, 1.5), "reduced": (1.05, -3.0)}
SENTENCE_MS = 400
PARAGRAPH_MS = 700
BLEEP = Tone((1000.0,), 350, -18.0)
_SENTENCES = re.compile(r"(?<=[.!?;:。！？])\s+")


def expand(content: Sequence[str | Node], language: str) -> tuple[Part, ...]:
    """The whole content of a ``Speak`` as segments and pauses in order; neighbouring text of one manner is one segment.

    Args:
        language: of the voice: numbers are written out in English for English voices, and left to the engine's own for others.
    """
    parts = _Expander(language).parts(content, Manner())
    return tuple(_pieces(_joined(parts)))


class _Expander:
    """Walks the tree; a bounded one, as ``xml`` reads it."""

    def __init__(self, language: str) -> None:
        self._language = language

    def parts(self, content: Sequence[str | Node], manner: Manner) -> list[Part]:
        found: list[Part] = []
        for each in content:
            if isinstance(each, str):
                found.append(Segment(each, manner))
            else:
                found += self._tag(each, manner)
        return found

    def _tag(self, node: Node, manner: Manner) -> list[Part]:
        attributes = node.attributes
        match node.tag:
            case "break":
                return [Silence(_break_ms(attributes))]
            case "prosody":
                return self.parts(node.content, _prosody(manner, attributes))
            case "emphasis":
                rate, volume_db = _EMPHASIS[attributes.get("level", "moderate")]
                return self.parts(node.content, replace(manner, rate=manner.rate * rate, volume_db=manner.volume_db + volume_db))
            case "lang":
                return self.parts(node.content, replace(manner, language=attributes.get("xml:lang", manner.language)))
            case "p":
                return [Silence(PARAGRAPH_MS), *self.parts(node.content, manner), Silence(PARAGRAPH_MS)]
            case "s":
                return [Silence(SENTENCE_MS), *self.parts(node.content, manner), Silence(SENTENCE_MS)]
            case "sub":
                return [Segment(attributes.get("alias", ""), manner)]
            case "say-as":
                return self._say_as(node, manner)
            case _:  # w, phoneme: the text itself, no engine here takes phonemes of the document's alphabets
                return self.parts(node.content, manner)

    def _say_as(self, node: Node, manner: Manner) -> list[Part]:
        kind = node.attributes.get("interpret-as", "")
        if kind == "expletive":
            return [BLEEP]
        language = (manner.language or self._language).partition("-")[0].lower()
        text = say_as.read(bare(node.content), kind, node.attributes.get("format", ""), english=language == "en")
        return [Segment(f" {text} ", manner)]


def bare(content: Sequence[str | Node]) -> str:
    """The text without its tags."""
    return "".join(each if isinstance(each, str) else bare(each.content) for each in content)


def _break_ms(attributes: Mapping[str, str]) -> int:
    time = attributes.get("time", "")
    if time.endswith("ms"):
        return min(int(float(time[:-2])), 10_000)
    if time.endswith("s"):
        return min(int(float(time[:-1]) * 1000), 10_000)
    return _BREAKS_MS.get(attributes.get("strength", "medium"), 500)


def _prosody(manner: Manner, attributes: Mapping[str, str]) -> Manner:
    rate = _factor(attributes.get("rate"), _RATES, relative=False)
    pitch = _factor(attributes.get("pitch"), _PITCHES, relative=True)
    volume = attributes.get("volume")
    volume_db = 0.0
    if volume is not None:
        volume_db = _VOLUMES_DB[volume] if volume in _VOLUMES_DB else float(volume.lower().removesuffix("db"))
    return replace(
        manner,
        rate=min(max(manner.rate * rate, 0.3), 3.0),
        pitch=min(max(manner.pitch * pitch, 0.3), 2.0),
        volume_db=min(max(manner.volume_db + volume_db, -60.0), 12.0),
    )


def _factor(text: str | None, words: Mapping[str, float], *, relative: bool) -> float:
    if text is None:
        return 1.0
    if text in words:
        return words[text]
    percent = float(text.removesuffix("%"))
    return max(0.1, 1 + percent / 100) if relative else max(0.1, percent / 100)


def _joined(parts: Sequence[Part]) -> list[Part]:
    """Text of one manner in one segment; pauses side by side as the longest of them."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, Segment) and not part.text.strip() and not isinstance(last, Segment):
            continue
        if isinstance(part, Segment) and isinstance(last, Segment) and part.manner == last.manner:
            found[-1] = Segment(last.text + part.text, last.manner)
        elif isinstance(part, Silence) and isinstance(last, Silence):
            found[-1] = Silence(max(part.duration_ms, last.duration_ms))
        elif not (isinstance(part, Silence) and part.duration_ms == 0):
            found.append(part)
    return found


def _pieces(parts: Sequence[Part]) -> list[Part]:
    """Long segments cut at their sentences; empty ones dropped; blanks tidied."""
    found: list[Part] = []
    for part in parts:
        if not isinstance(part, Segment):
            found.append(part)
            continue
        text = " ".join(part.text.split())
        if text:
            found += [Segment(piece, part.manner) for piece in cut(text)]
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
