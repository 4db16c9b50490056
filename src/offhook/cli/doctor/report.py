"""Findings as people and as programs read them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from offhook.cli.doctor.finding import Finding, Level

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}
_INDENT = " " * 9
_STRANGE = "\N{REPLACEMENT CHARACTER}"


def as_json(finding: Finding) -> None:
    """One line, an object."""
    print(json.dumps(asdict(finding)), flush=True)


class Page:
    """A line for each finding; what to do stands below it."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def __call__(self, finding: Finding) -> None:
        line = Text(f"{finding.level:<8} ", _COLOURS[finding.level])
        line.append(f"{_printable(finding.name)}: ", "bold").append(_printable(finding.found), "default")
        self._console.print(line)
        if finding.remedy:
            self._console.print(Text(f"{_INDENT}→ {finding.remedy}"))

    def close(self, findings: Sequence[Finding]) -> None:
        """The last line: how many of what."""
        counts = {level: sum(finding.level is level for finding in findings) for level in Level}
        problems, warnings = counts[Level.PROBLEM], counts[Level.WARNING]
        words = (
            f"{problems or 'no'} problem{'' if problems == 1 else 's'}, {warnings or 'no'} warning{'' if warnings == 1 else 's'}"
        )
        worst = Level.PROBLEM if problems else Level.WARNING if warnings else Level.OK
        self._console.print(Text(words, _COLOURS[worst]))


def _printable(text: str) -> str:
    """Without what a web server may have put in to move a terminal's cursor."""
    return "".join(each if each.isprintable() else _STRANGE for each in text)
