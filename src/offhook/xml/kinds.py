"""The kinds of attribute values: how each is read, checked, shown and explained."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

from offhook.audio import BeepPattern

KEYS = "0123456789*#"


class BadValue(Exception):
    """The text is none of this kind's values."""


class Kind(Protocol):
    """How one attribute is read and written."""

    label: ClassVar[str]

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""

    def read(self, text: str) -> Any:
        """The value; raises ``BadValue``."""

    def show(self, value: Any) -> str:
        """The text that reads as ``value``."""


@dataclass(frozen=True, slots=True)
class Integer:
    """A decimal number within bounds; blanks around it are fine."""

    minimum: int
    maximum: int | None = None
    unit: str = ""
    label: ClassVar[str] = "integer"

    @property
    def allowed(self) -> str:
        bounds = f"{self.minimum} or more" if self.maximum is None else f"{self.minimum} to {self.maximum}"
        return f"{bounds}{' ' + self.unit if self.unit else ''}"

    def read(self, text: str) -> int:
        text = text.strip()
        if not re.fullmatch(r"[+-]?[0-9]{1,12}", text):
            raise BadValue
        value = int(text)
        if value < self.minimum or (self.maximum is not None and value > self.maximum):
            raise BadValue
        return value

    def show(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True, slots=True)
class Boolean:
    """``true`` or ``false``, in any case."""

    label: ClassVar[str] = "boolean"

    @property
    def allowed(self) -> str:
        return "true or false"

    def read(self, text: str) -> bool:
        try:
            return {"true": True, "false": False}[text.strip().lower()]
        except KeyError:
            raise BadValue from None

    def show(self, value: bool) -> str:
        return "true" if value else "false"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words, in any case; ``synonyms`` are other spellings."""

    values: tuple[str, ...]
    synonyms: tuple[tuple[str, str], ...] = ()
    label: ClassVar[str] = "string"

    @property
    def allowed(self) -> str:
        return ", ".join(self.values)

    def read(self, text: str) -> str:
        wanted = " ".join(text.split()).lower()
        for value in self.values:
            if value.lower() == wanted:
                return value
        for other, value in self.synonyms:
            if other.lower() == wanted:
                return value
        raise BadValue

    def show(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class Text:
    """Any text up to a length; longer text is cut."""

    maximum: int | None = None
    label: ClassVar[str] = "string"

    @property
    def allowed(self) -> str:
        return "any text" if self.maximum is None else f"at most {self.maximum} characters"

    def read(self, text: str) -> str:
        return text if self.maximum is None else text[: self.maximum]

    def show(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class Url:
    """A URL as it was written; it may be relative to the document. ``words`` may stand instead of one."""

    words: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ("http", "https")
    label: ClassVar[str] = "URL"

    @property
    def allowed(self) -> str:
        url = " or ".join(f"{scheme}://…" for scheme in self.schemes) + ", or relative to the document"
        return f"{', '.join(self.words)}, or {url}" if self.words else url

    def read(self, text: str) -> str | None:
        text = text.strip()
        if text.lower() in self.words:
            return text.lower()
        return text or None

    def show(self, value: str) -> str:
        return value

    def doubtful(self, value: str) -> bool:
        """Whether it cannot become an http(s) URL, whatever document it stands in."""
        if value in self.words:
            return False
        scheme = re.match(r"([A-Za-z][A-Za-z0-9+.\-]*):", value)
        return scheme is not None and scheme[1].lower() not in self.schemes


@dataclass(frozen=True, slots=True)
class Method:
    """GET or POST. Where the URL takes over the call another word is kept, and ends the call when it is reached (703x)."""

    takes_over: bool = False
    label: ClassVar[str] = "string"

    @property
    def allowed(self) -> str:
        return "GET, POST"

    def read(self, text: str) -> str:
        method = text.strip().upper()
        if method not in {"GET", "POST"} and not (self.takes_over and method):
            raise BadValue
        return method

    def show(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class FinishKey:
    """The key that submits; ``none`` or nothing switches it off, which is the value ``""``."""

    label: ClassVar[str] = "string"

    @property
    def allowed(self) -> str:
        return "one of 0-9 * #, or none"

    def read(self, text: str) -> str:
        text = text.strip()
        if text.lower() == "none" or not text:
            return ""
        if len(text) != 1 or text not in KEYS:
            raise BadValue
        return text

    def show(self, value: str) -> str:
        return value or "none"


@dataclass(frozen=True, slots=True)
class KeySet:
    """Some of the twelve keys."""

    label: ClassVar[str] = "string"

    @property
    def allowed(self) -> str:
        return "any of 0-9 * #"

    def read(self, text: str) -> str:
        keys = "".join(text.replace(",", " ").split())
        if not keys or any(key not in KEYS for key in keys):
            raise BadValue
        return keys

    def show(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class Key:
    """One key."""

    label: ClassVar[str] = "string"

    @property
    def allowed(self) -> str:
        return "one of 0-9 * #"

    def read(self, text: str) -> str:
        text = text.strip()
        if len(text) != 1 or text not in KEYS:
            raise BadValue
        return text

    def show(self, value: str) -> str:
        return value


@dataclass(frozen=True, slots=True)
class EndTimeout:
    """Seconds, or ``auto``, which is the value ``None``."""

    label: ClassVar[str] = "string"

    @property
    def allowed(self) -> str:
        return "2 to 10 s, or auto"

    def read(self, text: str) -> int | None:
        if text.strip().lower() == "auto":
            return None
        return Integer(2, 10).read(text)

    def show(self, value: int | None) -> str:
        return "auto" if value is None else str(value)


_BEEP_KEYS = {
    "duration": "duration_ms",
    "inter_silence": "inter_silence_ms",
    "intra_silence": "intra_silence_ms",
    "threshold": "threshold",
}


@dataclass(frozen=True, slots=True)
class Beep:
    """``true``, ``false``, or what the beep is like: ``duration=300,threshold=256,…``. Unknown or bad parts are ignored."""

    label: ClassVar[str] = "string"

    @property
    def allowed(self) -> str:
        return "true, false, or duration, inter_silence, intra_silence (ms) and threshold as key=value, comma-separated"

    def read(self, text: str) -> BeepPattern | None:
        word = text.strip().lower()
        if word in {"false", ""}:
            return None
        if word == "true":
            return BeepPattern()
        values = {}
        for part in text.split(","):
            key, _, value = part.partition("=")
            name = _BEEP_KEYS.get(key.strip().lower())
            if name and re.fullmatch(r"[0-9]{1,5}", value.strip()) and int(value) > 0:
                values[name] = int(value)
        if not values:
            raise BadValue
        return BeepPattern(**values)

    def show(self, value: BeepPattern | None) -> str:
        if value is None:
            return "false"
        names = {field: key for key, field in _BEEP_KEYS.items()}
        return ",".join(f"{names[each.name]}={getattr(value, each.name)}" for each in fields(value))


@dataclass(frozen=True, slots=True)
class Hints:
    """Phrases, comma-separated: at most 500, each at most 100 characters, 10,000 in all."""

    label: ClassVar[str] = "string"

    @property
    def allowed(self) -> str:
        return "at most 500 phrases of at most 100 characters, 10000 characters in all, comma-separated"

    def read(self, text: str) -> tuple[str, ...]:
        phrases = tuple(" ".join(part.split()) for part in text.split(",") if part.strip())
        if len(phrases) > 500 or len(text) > 10_000 or any(len(phrase) > 100 for phrase in phrases):
            raise BadValue
        return phrases

    def show(self, value: tuple[str, ...]) -> str:
        return ",".join(value)


@dataclass(frozen=True, slots=True)
class Words:
    """A comma-separated list; ``known`` bounds its items."""

    known: tuple[str, ...] = ()
    label: ClassVar[str] = "list"

    @property
    def allowed(self) -> str:
        return f"a comma-separated list of {', '.join(self.known)}" if self.known else "a comma-separated list"

    def read(self, text: str) -> tuple[str, ...]:
        items = tuple(part.strip() for part in text.split(",") if part.strip())
        if self.known and any(item.lower() not in self.known for item in items):
            raise BadValue
        return tuple(item.lower() for item in items) if self.known else items

    def show(self, value: tuple[str, ...]) -> str:
        return ",".join(value)


class SkipElement(BadValue):
    """The value is so wrong that the element is left out."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds from now; 0 is at once. Without a readable number the whole element is skipped."""

    label: ClassVar[str] = "integer"

    @property
    def allowed(self) -> str:
        return "0 or more s"

    def read(self, text: str) -> int:
        try:
            return Integer(0, 86_400 * 365).read(text)
        except BadValue:
            raise SkipElement from None

    def show(self, value: int) -> str:
        return str(value)
