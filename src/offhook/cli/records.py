"""``offhook calls``: the records and timelines of calls that are over."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from offhook.calls import describe
from offhook.cli.directory import Config, Data, with_store
from offhook.errors import SettingsError
from offhook.records import CallRecord, TimelineRow
from offhook.store import Store

calls = typer.Typer(help="Calls that are over: records and timelines.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.add_typer(calls, name="calls")


@calls.command("list")
def list_calls(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """List call records, the newest first."""

    async def work(store: Store) -> list[CallRecord]:
        account, _ = await store.ensure_account(None, None)
        return list(await store.records(account.auth_id, limit=limit, offset=0))

    found = with_store(work, config, data)
    if as_json:
        for record in found:
            print(json.dumps(asdict(record), default=str))
        return
    table = Table("began", "call", "from", "to", "s", "ended by", "cause", box=None, pad_edge=False)
    for record in found:
        table.add_row(
            f"{record.initiation_time:%Y-%m-%d %H:%M:%S}",
            record.call_uuid,
            record.from_number,
            record.to_number,
            str(record.duration_s),
            record.hangup_source,
            f"{record.hangup_cause_code} {record.hangup_cause_name}",
        )
    Console().print(table)


@calls.command("show")
def show_call(
    call_uuid: str,
    as_json: Annotated[bool, typer.Option("--json", help="Record and timeline as one JSON object.")] = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """Show a call's record and its timeline: why did it do that?"""

    async def work(store: Store) -> tuple[CallRecord | None, list[TimelineRow]]:
        return await store.record(call_uuid), list(await store.timeline(call_uuid))

    record, rows = with_store(work, config, data)
    if record is None and not rows:
        raise SettingsError(f"there is no call {call_uuid}; 'offhook calls list' shows them")
    if as_json:
        print(json.dumps({"record": asdict(record) if record else None, "timeline": [asdict(row) for row in rows]}, default=str))
        return
    console = Console(highlight=False, soft_wrap=True)
    for row in rows:
        console.print(describe(row), markup=False)
    if record is not None:
        console.print(
            f"\n{record.from_number} → {record.to_number}, {record.duration_s} s, {record.hangup_cause_code} "
            f"{record.hangup_cause_name} ({record.hangup_cause}) by {record.hangup_source}"
        )
