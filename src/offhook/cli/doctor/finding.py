"""What a check has found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """Calls work, though perhaps not for everybody, or not for ever."""
    PROBLEM = "problem"
    """Calls do not work."""


_WORSE = list(Level)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    """What was looked at."""
    level: Level
    found: str
    """What is the case, in words."""
    remedy: str = ""
    """What to do about it; empty where nothing is to be done."""


def ok(name: str, found: str) -> Finding:
    """It is as it should be."""
    return Finding(name, Level.OK, found)


def warning(name: str, found: str, remedy: str) -> Finding:
    """It may do harm."""
    return Finding(name, Level.WARNING, found, remedy)


def problem(name: str, found: str, remedy: str) -> Finding:
    """It does harm."""
    return Finding(name, Level.PROBLEM, found, remedy)


def joined(findings: Iterable[Finding]) -> Finding:
    """Several findings about one thing as one, the worst first; what is well is left out where something is not."""
    ordered = sorted(findings, key=lambda finding: _WORSE.index(finding.level), reverse=True)
    worst = ordered[0].level
    told = [finding for finding in ordered if finding.level is not Level.OK or worst is Level.OK]
    remedies = "; ".join(finding.remedy for finding in told if finding.remedy)
    return Finding(ordered[0].name, worst, "; ".join(finding.found for finding in told), remedies)
