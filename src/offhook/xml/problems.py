"""What is wrong with a document, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """The document is refused, or the call ends when it gets there."""
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
