"""The tags within ``Speak`` (reference ``xml.md`` section 4.2): which there are, what they may hold, which values they take."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offhook.voices import LANGUAGES


@dataclass(frozen=True, slots=True)
class Value:
    """A rule for an attribute's value: one of some words, or of a shape."""

    words: tuple[str, ...] = ()
    pattern: str = ""
    shape: str = ""
    """The pattern in words."""
    required: bool = False

    def accepts(self, text: str) -> bool:
        """Whether it is allowed."""
        return text in self.words or (bool(self.pattern) and re.fullmatch(self.pattern, text, re.DOTALL) is not None)

    @property
    def allowed(self) -> str:
        """In words."""
        return ", ".join((*self.words, *([self.shape] if self.shape else [])))


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag."""

    attributes: dict[str, Value]
    children: frozenset[str]
    text: bool = True


_COMMON = frozenset({"break", "emphasis", "lang", "phoneme", "prosody", "say-as", "sub", "w"})
_NONE: frozenset[str] = frozenset()
_LEVELS = ("default", "silent", "x-soft", "soft", "medium", "loud", "x-loud")

TAGS: dict[str, Tag] = {
    "break": Tag(
        {
            "strength": Value(("none", "x-weak", "weak", "medium", "strong", "x-strong")),
            "time": Value((), r"(10|[0-9](\.[0-9]{1,3})?)s|([0-9]{1,4}|10000)ms", "1s to 10s or 1ms to 10000ms"),
        },
        _NONE,
        text=False,
    ),
    "emphasis": Tag({"level": Value(("strong", "moderate", "reduced"))}, _COMMON),
    "lang": Tag({"xml:lang": Value(tuple(sorted(LANGUAGES)), required=True)}, _COMMON | {"p", "s"}),
    "p": Tag({}, _COMMON | {"s"}),
    "phoneme": Tag(
        {"alphabet": Value(("ipa", "x-sampa", "x-amazon-pinyin")), "ph": Value((), ".+", "any text", required=True)}, _NONE
    ),
    "prosody": Tag(
        {
            "volume": Value(_LEVELS, r"[+-][0-9]{1,3}(\.[0-9]{1,3})?dB", "+6dB or -6dB"),
            "rate": Value(
                ("x-slow", "slow", "medium", "fast", "x-fast"), r"[0-9]{1,4}(\.[0-9]{1,3})?%", "a percentage such as 90%"
            ),
            "pitch": Value(
                ("default", "x-low", "low", "medium", "high", "x-high"), r"[+-][0-9]{1,3}(\.[0-9]{1,3})?%", "+10% or -10%"
            ),
        },
        _COMMON | {"p", "s"},
    ),
    "s": Tag({}, _COMMON),
    "say-as": Tag(
        {
            "interpret-as": Value(
                (
                    "characters",
                    "spell-out",
                    "cardinal",
                    "number",
                    "ordinal",
                    "digits",
                    "fraction",
                    "unit",
                    "date",
                    "time",
                    "address",
                    "expletive",
                    "telephone",
                ),
                required=True,
            ),
            "format": Value(("mdy", "dmy", "ymd", "md", "dm", "ym", "my", "d", "m", "y", "yyyymmdd")),
        },
        _NONE,
    ),
    "sub": Tag({"alias": Value((), ".+", "any text", required=True)}, _NONE),
    "w": Tag(
        {"role": Value(("amazon:VB", "amazon:VBD", "amazon:SENSE_1"))},
        frozenset({"break", "emphasis", "phoneme", "prosody", "say-as", "sub"}),
    ),
}
TOP = _COMMON | {"p", "s"}
"""What may stand directly in ``Speak``."""
