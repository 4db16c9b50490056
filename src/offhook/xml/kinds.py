"""The kinds of values: how each is read, checked, shown and explained."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, ClassVar
from urllib.parse import urlsplit

from offhook.audio import DIGITS, BeepPattern
from offhook.xml.sip_headers import sip_headers

KEYS = "0123456789*#"


class BadValue(Exception):
    """The text is none of this kind's values."""


class SkipElement(BadValue):
    """The value is so wrong that the element is left out."""


class Kind:
    """How one attribute, or the text of an element, is read and written."""

    __slots__ = ()
    label: ClassVar[str] = "string"

    @property
    def spellings(self) -> tuple[str, ...]:
        """Words of which a bad value may be a misspelling."""
        return ()

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        raise NotImplementedError

    def read(self, text: str) -> Any:
        """The value; ``None`` where nothing is given, and the default stands. Raises ``BadValue``."""
        raise NotImplementedError

    def show(self, value: Any) -> str:
        """The text that reads as ``value``."""
        return str(value)

    def doubts(self, text: str) -> Iterable[str]:  # noqa: ARG002 - most kinds have none
        """Sentences about a text that was read all the same, to follow the attribute's name."""
        return ()


@dataclass(frozen=True, slots=True)
class Integer(Kind):
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


@dataclass(frozen=True, slots=True)
class Boolean(Kind):
    """``true`` or ``false``, in any case."""

    label: ClassVar[str] = "boolean"

    @property
    def allowed(self) -> str:
        return "true or false"

    @property
    def spellings(self) -> tuple[str, ...]:
        return ("true", "false")

    def read(self, text: str) -> bool:
        try:
            return {"true": True, "false": False}[text.strip().lower()]
        except KeyError:
            raise BadValue from None

    def show(self, value: bool) -> str:
        return "true" if value else "false"


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of a few words, in any case; ``synonyms`` are other spellings."""

    values: tuple[str, ...]
    synonyms: tuple[tuple[str, str], ...] = ()

    @property
    def allowed(self) -> str:
        return ", ".join(self.values)

    @property
    def spellings(self) -> tuple[str, ...]:
        return self.values

    def read(self, text: str) -> str:
        wanted = " ".join(text.split()).lower()
        for value in self.values:
            if value.lower() == wanted:
                return value
        for other, value in self.synonyms:
            if other.lower() == wanted:
                return value
        raise BadValue


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """Any text up to a length, blanks around it aside; longer text is cut."""

    maximum: int | None = None

    @property
    def allowed(self) -> str:
        return "any text" if self.maximum is None else f"at most {self.maximum} characters"

    def read(self, text: str) -> str | None:
        text = text.strip()
        return (text if self.maximum is None else text[: self.maximum].rstrip()) or None

    def doubts(self, text: str) -> Iterable[str]:
        text = text.strip()
        if self.maximum is not None and len(text) > self.maximum:
            yield f"has {len(text)} characters; it is cut after {self.maximum}"


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_NOT_IN_URLS = re.compile(r"[\s\x00-\x1f\x7f<>\"]")


@dataclass(frozen=True, slots=True)
class Url(Kind):
    """A URL as it was written; unless ``absolute`` it may be relative to the document. ``words`` may stand instead of one.

    A doubtful one is kept: whether it matters shows when the call gets there (reference ``xml.md`` section 1.6).
    """

    words: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ("http", "https")
    absolute: bool = False
    maximum: int | None = None
    label: ClassVar[str] = "URL"

    @property
    def allowed(self) -> str:
        url = " or ".join(f"{scheme}://…" for scheme in self.schemes) + ("" if self.absolute else ", or relative to the document")
        limit = f", at most {self.maximum} characters" if self.maximum else ""
        return f"{', '.join(self.words)}, or {url}{limit}" if self.words else url + limit

    @property
    def spellings(self) -> tuple[str, ...]:
        return self.words

    def read(self, text: str) -> str | None:
        text = text.strip()
        if text.lower() in self.words:
            return text.lower()
        return text or None

    def doubts(self, text: str) -> Iterable[str]:
        """Why it cannot become a URL of the right kind, whatever document it stands in."""
        text = text.strip()
        if not text or text.lower() in self.words:
            return
        scheme = _SCHEME.match(text)
        if _NOT_IN_URLS.search(text):
            yield "holds a character that no URL may have"
        elif self.maximum is not None and len(text) > self.maximum:
            yield "is too long"
        elif scheme is None:
            if self.absolute:
                yield f"does not begin with {' or '.join(f'{each}://' for each in self.schemes)}"
        elif scheme[1].lower() not in self.schemes:
            yield f"begins with {scheme[0]}, not with {' or '.join(f'{each}://' for each in self.schemes)}"
        elif not _has_host(text):
            yield "has no host, or a bad port"


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Method(Kind):
    """GET or POST. Where the URL takes over the call another word is kept, and ends the call when it is reached (703x)."""

    takes_over: bool = False

    @property
    def allowed(self) -> str:
        return "GET, POST"

    @property
    def spellings(self) -> tuple[str, ...]:
        return ("GET", "POST")

    def read(self, text: str) -> str:
        method = text.strip().upper()
        if method not in {"GET", "POST"} and not (self.takes_over and method):
            raise BadValue
        return method


@dataclass(frozen=True, slots=True)
class FinishKey(Kind):
    """The key that submits; ``none`` or nothing switches it off, which is the value ``""``."""

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
class KeySet(Kind):
    """Some of the twelve keys."""

    @property
    def allowed(self) -> str:
        return "any of 0-9 * #"

    def read(self, text: str) -> str:
        keys = "".join(text.replace(",", " ").split())
        if not keys or any(key not in KEYS for key in keys):
            raise BadValue
        return keys


@dataclass(frozen=True, slots=True)
class Key(Kind):
    """One key."""

    @property
    def allowed(self) -> str:
        return "one of 0-9 * #"

    def read(self, text: str) -> str:
        text = text.strip()
        if len(text) != 1 or text not in KEYS:
            raise BadValue
        return text


@dataclass(frozen=True, slots=True)
class EndTimeout(Kind):
    """Seconds, or ``auto``, which is the value ``None``."""

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
class Beep(Kind):
    """``true``, ``false``, or what the beep is like: ``duration=300,threshold=256,…``. Unknown or bad parts are ignored."""

    @property
    def allowed(self) -> str:
        return "true, false, or duration, inter_silence, intra_silence (ms) and threshold as key=value, comma-separated"

    def read(self, text: str) -> BeepPattern | None:
        word = text.strip().lower()
        if word in {"false", ""}:
            return None
        if word == "true":
            return BeepPattern()
        values = [pair for part in text.split(",") if (pair := self._pair(part))]
        if not values:
            raise BadValue
        return BeepPattern(**dict(values))

    def doubts(self, text: str) -> Iterable[str]:
        if text.strip().lower() not in {"true", "false"}:
            wrong = next((part for part in text.split(",") if part.strip() and self._pair(part) is None), None)
            if wrong is not None:
                yield f"holds {wrong.strip()[:40]!r}, which is ignored"

    def _pair(self, part: str) -> tuple[str, int] | None:
        key, _, value = (each.strip() for each in part.partition("="))
        name = _BEEP_KEYS.get(key.lower())
        return (name, int(value)) if name and re.fullmatch(r"[0-9]{1,5}", value) and int(value) > 0 else None

    def show(self, value: BeepPattern | None) -> str:
        if value is None:
            return "false"
        names = {field: key for key, field in _BEEP_KEYS.items()}
        return ",".join(f"{names[each.name]}={getattr(value, each.name)}" for each in fields(value))


@dataclass(frozen=True, slots=True)
class Hints(Kind):
    """Phrases, comma-separated: at most 500, each at most 100 characters, 10,000 in all."""

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
class Words(Kind):
    """A comma-separated list of known words, in any case."""

    known: tuple[str, ...]
    label: ClassVar[str] = "list"

    @property
    def allowed(self) -> str:
        return f"a comma-separated list of {', '.join(self.known)}"

    @property
    def spellings(self) -> tuple[str, ...]:
        return self.known

    def read(self, text: str) -> tuple[str, ...]:
        items = dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip())
        if any(item not in self.known for item in items):
            raise BadValue
        return tuple(items)

    def show(self, value: tuple[str, ...]) -> str:
        return ",".join(value)


@dataclass(frozen=True, slots=True)
class KeySequences(Kind):
    """Key sequences to look for, comma-separated; what is none is left out (reference ``xml.md`` section 9.5)."""

    label: ClassVar[str] = "list"
    MOST: ClassVar[int] = 100
    LONGEST: ClassVar[int] = 32

    @property
    def allowed(self) -> str:
        return f"a comma-separated list of at most {self.MOST} sequences of at most {self.LONGEST} keys 0-9 * # A-D"

    def read(self, text: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each for each in self._split(text) if self._fits(each)))[: self.MOST]

    def doubts(self, text: str) -> Iterable[str]:
        sequences = self._split(text)
        wrong = next((each for each in sequences if not self._fits(each)), None)
        if wrong is not None:
            yield f"holds {wrong[:40]!r}, which nobody can press; it is left out"
        elif len(set(sequences)) > self.MOST:
            yield f"holds more than {self.MOST} sequences; the others are left out"

    def show(self, value: tuple[str, ...]) -> str:
        return ",".join(value)

    def _split(self, text: str) -> list[str]:
        return [part.strip().upper() for part in text.split(",") if part.strip()]

    def _fits(self, sequence: str) -> bool:
        return len(sequence) <= self.LONGEST and all(key in DIGITS for key in sequence)


_TONE_LENGTH = re.compile(r"@[0-9]{1,5}\s*$")


@dataclass(frozen=True, slots=True)
class Keys(Kind):
    """Keys to send, with pauses; what cannot be sent is skipped when it comes to that."""

    MOST: ClassVar[int] = 1000

    @property
    def allowed(self) -> str:
        return "0-9 * # A-D, w = 0.5 s, W = 1 s, and @ms at the end for the length of the tones"

    def read(self, text: str) -> str | None:
        return text.strip()[: self.MOST].rstrip() or None

    def doubts(self, text: str) -> Iterable[str]:
        text = text.strip()
        if len(text) > self.MOST:
            yield f"has {len(text)} characters; it is cut after {self.MOST}"
        keys = _TONE_LENGTH.sub("", text[: self.MOST])
        wrong = "".join(dict.fromkeys(key for key in keys if key not in DIGITS + "abcdwW" and not key.isspace()))
        if wrong:
            yield f"holds {wrong[:20]!r}, which cannot be sent and is skipped"


@dataclass(frozen=True, slots=True)
class SipHeaders(Kind):
    """Custom headers; a pair that does not fit is dropped when the headers are made (``sip_headers``)."""

    @property
    def allowed(self) -> str:
        return "name=value, comma-separated; names of letters and digits, values also with % - _ ."

    def read(self, text: str) -> str | None:
        return text.strip() or None

    def doubts(self, text: str) -> Iterable[str]:
        return [sentence.removeprefix("sipHeaders: ") for sentence in sip_headers(text)[1][:5]]


@dataclass(frozen=True, slots=True)
class Target(Kind):
    """Whom to call. What follows a ``,`` or ``|`` is cut: nobody writes options into it (reference ``xml.md`` section 9.8)."""

    pattern: str
    allowed_text: str

    @property
    def allowed(self) -> str:
        return self.allowed_text

    def read(self, text: str) -> str:
        return re.split(r"[,|]", text, maxsplit=1)[0].strip()

    def doubts(self, text: str) -> Iterable[str]:
        target = self.read(text)
        if target != text.strip():
            yield f"is cut to {target[:60]!r}"
        elif target and not re.fullmatch(self.pattern, target):
            yield "cannot be called"


@dataclass(frozen=True, slots=True)
class Schedule(Kind):
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
