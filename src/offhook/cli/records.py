"""``offhook calls``: the records and timelines of calls that are over."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from offhook.calls import describe
from offhook.cli import ladder, tables
from offhook.cli.directory import Config, Data, with_store
from offhook.cli.ladder import Told
from offhook.errors import SettingsError
from offhook.printable import printable
from offhook.store import Store

UUID_CHARACTERS = 36
LEAST_COLUMNS = 80
"""What a picture is laid out for where nobody says how wide it may be."""
MOST_COLUMNS = 1000

calls = typer.Typer(help="Calls that are over: records and timelines.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.add_typer(calls, name="calls")


@calls.command("list")
def list_calls(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
    account: Annotated[str | None, typer.Option(help="Only those of the account with this id.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """List call records, the newest first."""
    found = with_store(lambda store: store.records(account, limit=limit), config, data)
    if as_json:
        for record in found:
            print(json.dumps(asdict(record), default=str))
        return
    rows = [
        (
            f"{record.initiation_time:%Y-%m-%d %H:%M:%S}",
            record.call_uuid,
            record.from_number,
            record.to_number,
            str(record.duration_s),
            record.hangup_source,
            f"{record.hangup_cause_code} {record.hangup_cause_name}",
        )
        for record in found
    ]
    tables.show(("began", "call", "from", "to", "s", "ended by", "cause"), rows)


@calls.command("show")
def show_call(
    call_uuid: Annotated[str, typer.Argument(help="The CallUUID, or its beginning.")],
    svg: Annotated[Path | None, typer.Option(help="Write the picture to this file as SVG; - is standard output.")] = None,
    lines: Annotated[bool, typer.Option("--lines", help="One line an event, with all its facts.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Record and timeline as one JSON object.")] = False,
    width: Annotated[int | None, typer.Option(min=40, max=MOST_COLUMNS, help="Columns; else those of the terminal.")] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Draw a call: why did it do that?

    Who sent what to whom, in the order of time: SIP messages, web requests, elements, keys and sound, of the call and its B legs.
    """
    if sum([as_json, lines, svg is not None]) > 1:
        raise typer.BadParameter("one of --json, --lines and --svg at a time")
    call_uuid = with_store(lambda store: _whole(store, call_uuid), config, data)
    call, legs = with_store(lambda store: _told(store, call_uuid), config, data)
    if call.record is None and not call.rows:
        raise SettingsError(f"there is no call {printable(call_uuid)}; 'offhook calls list' shows them")
    if as_json:
        record = asdict(call.record) if call.record else None
        feedback = with_store(lambda store: store.feedback.of(call_uuid), config, data)
        told = {"record": record, "timeline": [asdict(row) for row in call.rows]}
        print(json.dumps({**told, "feedback": asdict(feedback) if feedback else None}, default=str))
    elif lines:
        _list(call)
    elif svg is not None:
        _write(svg, ladder.svg(ladder.picture(call, legs, most_lanes=ladder.MOST_LANES)))
    else:
        _draw(call, legs, width or max(shutil.get_terminal_size((LEAST_COLUMNS, 24)).columns, ladder.LEAST_WIDTH))


async def _whole(store: Store, begun: str) -> str:
    """A CallUUID of which only the beginning was typed. Raises ``SettingsError`` where several begin so."""
    found = await store.calls_beginning(begun.lower()) if len(begun) < UUID_CHARACTERS else []
    if len(found) > 1:
        raise SettingsError(f"more than one call begins with {printable(begun)}, {found[0]} and {found[1]} do; write more of it")
    return found[0] if found else begun


async def _told(store: Store, call_uuid: str) -> tuple[Told, list[Told]]:
    """A call and its B legs, as they are written down."""
    call = Told(await store.record(call_uuid), await store.timeline(call_uuid))
    over = {record.call_uuid: record for record in await store.children(call_uuid)}
    placed = [str(row.facts.get("leg_uuid")) for row in call.rows if row.kind == "leg-placed"]  # of those, some may still run
    legs = [Told(over.get(uuid), await store.timeline(uuid)) for uuid in dict.fromkeys([*placed, *over])]
    return call, [leg for leg in legs if leg.record is not None or leg.rows]


def _draw(call: Told, legs: list[Told], width: int) -> None:
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    console = Console(highlight=False, width=width)
    for line in ladder.drawn(ladder.picture(call, legs, most_lanes=ladder.lanes_at(width)), width, ascii_only=ascii_only):
        console.print(line)


def _list(call: Told) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for row in call.rows:
        console.print(describe(row), markup=False)
    record = call.record
    if record is not None:
        text = f"{record.from_number} → {record.to_number}, {ladder.ending(record)}"
        console.print(f"\n{printable(text)}", markup=False)


def _write(path: Path, text: str) -> None:
    """Raises ``SettingsError`` where it cannot be written."""
    if str(path) == "-":
        sys.stdout.buffer.write(text.encode())
        return
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from None
