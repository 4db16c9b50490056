"""``offhook lint``: what is wrong with a document, before a caller finds out."""

from __future__ import annotations

import http.client
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from offhook import xml

CLEAN, PROBLEMS, UNREADABLE = 0, 1, 2
FETCH_S = 15.0
"""As long as a call waits for a document (reference ``xml.md`` section 1.2)."""
SAMPLE_CALL = {
    "CallUUID": "00000000-0000-4000-8000-000000000000",
    "From": "14155550100",
    "To": "14155550101",
    "CallStatus": "ringing",
    "Direction": "inbound",
    "Event": "StartApp",
}
"""What ``--post`` sends: the parameters that an answer URL can rely on."""


class Unreadable(Exception):
    """A place could not be read; the message says why."""


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("lint")(lint)


def lint(
    places: Annotated[list[str], typer.Argument(metavar="FILE|URL|-", help="Documents to check; - is standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a document, one a line.")] = False,
    strict_voices: Annotated[
        bool, typer.Option("--strict-voices", help="An unknown voice is an error, as on the vendor's service.")
    ] = False,
    post: Annotated[
        bool, typer.Option("--post", help="Ask a URL as a call would: POST, with the parameters of an invented call.")
    ] = False,
) -> None:
    """Check XML documents against the language.

    Prints place:line:column: severity code message. Exit status: 0 no errors, 1 errors, 2 a document could not be read.
    """
    status = CLEAN
    for named in places:
        place = named.encode("utf-8", "backslashreplace").decode()  # a file's name may be no UTF-8; it must still be printable
        try:
            body, content_type = _read(named, post=post)
        except Unreadable as error:
            _print_unreadable(place, str(error), as_json=as_json)
            status = UNREADABLE
            continue
        parsed = xml.parse(body, content_type=content_type, nearest_voice=not strict_voices)
        (_print_json if as_json else _print)(place, parsed)
        if status == CLEAN and any(problem.severity is xml.Severity.ERROR for problem in parsed.problems):
            status = PROBLEMS
    raise typer.Exit(status)


def _read(place: str, *, post: bool) -> tuple[bytes, str | None]:
    """The bytes, at most one more than are allowed, and the Content-Type where there is one; raises ``Unreadable``."""
    limit = xml.MAX_BYTES + 1
    try:
        if place == "-":
            return sys.stdin.buffer.read(limit), None
        if place.lower().startswith(("http://", "https://")):
            return _fetch(place, limit, post=post)
        with Path(place).open("rb") as file:
            return file.read(limit), None
    except urllib.error.HTTPError as error:
        raise Unreadable(f"HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise Unreadable(str(error.reason)) from None
    except http.client.HTTPException as error:
        raise Unreadable(f"not a usable HTTP reply: {error!r}") from None
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from None
    except ValueError as error:  # a URL or a path that cannot be one
        raise Unreadable(str(error)) from None


def _fetch(url: str, limit: int, *, post: bool) -> tuple[bytes, str | None]:
    form = urllib.parse.urlencode(SAMPLE_CALL).encode() if post else None
    plain = urllib.parse.urldefrag(url).url  # a fragment says how to fetch, and is not sent
    with urllib.request.urlopen(plain, data=form, timeout=FETCH_S) as reply:  # noqa: S310 - the scheme was looked at
        return reply.read(limit), reply.headers.get("Content-Type")


def _print(place: str, parsed: xml.Parsed) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for problem in parsed.problems:
        line = Text(f"{place}:{problem}")
        line.highlight_words([f" {problem.severity} "], "red" if problem.severity is xml.Severity.ERROR else "yellow")
        console.print(line)
    if console.is_terminal and not parsed.problems:
        console.print(Text(f"{place}: no problems", "green"))


def _print_json(place: str, parsed: xml.Parsed) -> None:
    problems = [asdict(problem) for problem in parsed.problems]
    print(json.dumps({"place": place, "usable": parsed.document is not None, "problems": problems}))


def _print_unreadable(place: str, why: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"place": place, "usable": False, "problems": [], "unreadable": why}))
    else:
        typer.echo(f"{place}: cannot be read: {why}", err=True)
