"""``offhook lint``: what is wrong with a document, before a caller finds out."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from offhook import xml

CLEAN, PROBLEMS, UNREADABLE = 0, 1, 2
FETCH_S = 15.0


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("lint")(lint)


def lint(
    places: Annotated[list[str], typer.Argument(metavar="FILE|URL|-", help="Documents to check; - is standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a document.")] = False,
    strict_voices: Annotated[
        bool, typer.Option("--strict-voices", help="An unknown voice is an error, as on the vendor's service.")
    ] = False,
) -> None:
    """Check XML documents against the language.

    Prints place:line:column: severity code message. Exit status: 0 no errors, 1 errors, 2 a document could not be read.
    """
    status = CLEAN
    for place in places:
        try:
            body, content_type = _read(place)
        except OSError as error:
            typer.echo(f"{place}: cannot be read: {_reason(error)}", err=True)
            status = UNREADABLE
            continue
        parsed = xml.parse(body, content_type=content_type, nearest_voice=not strict_voices)
        (_print_json if as_json else _print)(place, parsed)
        if status == CLEAN and any(problem.severity is xml.Severity.ERROR for problem in parsed.problems):
            status = PROBLEMS
    raise typer.Exit(status)


def _read(place: str) -> tuple[bytes, str | None]:
    """The bytes, one more than are allowed at most, and the Content-Type where there is one."""
    limit = xml.MAX_BYTES + 1
    if place == "-":
        return sys.stdin.buffer.read(limit), None
    if place.startswith(("http://", "https://")):
        with urllib.request.urlopen(place, timeout=FETCH_S) as reply:  # noqa: S310 - the scheme was looked at
            return reply.read(limit), reply.headers.get("Content-Type")
    with Path(place).open("rb") as file:
        return file.read(limit), None


def _reason(error: OSError) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return error.strerror or str(error)


def _print(place: str, parsed: xml.Parsed) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for problem in parsed.problems:
        line = escape(f"{place}:{problem}")
        if console.is_terminal:
            colour = "red" if problem.severity is xml.Severity.ERROR else "yellow"
            line = line.replace(f" {problem.severity} ", f" [{colour}]{problem.severity}[/{colour}] ", 1)
        console.print(line)


def _print_json(place: str, parsed: xml.Parsed) -> None:
    print(
        json.dumps(
            {"place": place, "usable": parsed.document is not None, "problems": [asdict(each) for each in parsed.problems]}
        )
    )
