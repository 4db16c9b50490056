"""What is wrong with a document, as values, and the list that they are gathered in."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

MAX_PROBLEMS = 100
"""Of one document; more are not worth reading."""
_MAX_SUGGESTIONS = 20
"""Of one document: each costs more than parsing an element, and a document of misspelt names must not be slow."""
_MAX_NAME = 40
"""Characters; a longer name is no misspelling of ours."""


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """The document is refused, the call ends when it gets there, or what is asked for cannot be done."""
    WARNING = "warning"
    """A default is used, or something is ignored."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, with its place, the rule and the remedy."""

    line: int
    """From 1."""
    column: int
    """From 1."""
    severity: Severity
    code: str
    """Stable, kebab-case."""
    message: str
    element: str = ""
    attribute: str = ""
    found: str = ""
    allowed: str = ""
    suggestion: str = ""
    fatal: bool = False
    """The whole document is unusable for it."""

    def __str__(self) -> str:
        hints = [
            hint
            for hint in (self.allowed and f"allowed: {self.allowed}", self.suggestion and f"did you mean {self.suggestion!r}?")
            if hint
        ]
        return f"{self.line}:{self.column}: {self.severity} {self.code} {self.message}" + (
            f" ({'; '.join(hints)})" if hints else ""
        )


class Place(Protocol):
    """Where in a document a problem is: a tag."""

    @property
    def name(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Enough(Exception):
    """The document is unusable and its list of problems full: there is no point in reading on."""


class Findings:
    """The problems of one document, in the order in which they are found; at most ``MAX_PROBLEMS``."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.unusable = False
        self._suggestions = _MAX_SUGGESTIONS

    def warn(self, place: Place | None, code: str, message: str, **facts: Any) -> None:
        """Something is ignored, or a default used."""
        self._add(place, Severity.WARNING, code, message, facts)

    def error(self, place: Place, code: str, message: str, **facts: Any) -> None:
        """The document can be run, but the call will fail here."""
        self._add(place, Severity.ERROR, code, message, facts)

    def fatal(self, place: Place, code: str, message: str, **facts: Any) -> None:
        """The document cannot be run. Raises ``Enough`` when the list is full."""
        self.unusable = True
        self._add(place, Severity.ERROR, code, message, {**facts, "fatal": True})

    def refuse(self, problem: Problem) -> None:
        """The bytes are no document."""
        self.unusable = True
        self.problems.append(problem)

    def suggest(self, name: str, known: Iterable[str]) -> str:
        """The known word that was probably meant, or nothing."""
        if len(name) > _MAX_NAME or self._suggestions == 0:
            return ""
        self._suggestions -= 1
        words = {word.lower(): word for word in known}
        close = difflib.get_close_matches(name.lower(), words, n=1, cutoff=0.6)
        return words[close[0]] if close else ""

    def _add(self, place: Place | None, severity: Severity, code: str, message: str, facts: dict[str, Any]) -> None:
        if len(self.problems) >= MAX_PROBLEMS:
            # A fatal one is never lost: it is the reason why there is no document.
            if not facts.get("fatal"):
                return
            if any(problem.fatal for problem in self.problems):
                raise Enough
        line, column, name = (1, 1, "") if place is None else (place.line, place.column, place.name[:60])
        self.problems.append(Problem(line, column, severity, code, message, element=name, **facts))
