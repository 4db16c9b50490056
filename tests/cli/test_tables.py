"""Lists are whole where another program reads them, and say what they hold."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from offhook.cli import tables
from offhook.cli.program import app
from offhook.clock import Clock
from offhook.records import CallRecord, TimelineRow
from offhook.store import Store

MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
UUIDS = ("5b1f4f0e-0d6e-4f0f-9a35-2f6f5a3c9d11", "5b1f4f0f-0d6e-4f0f-9a35-2f6f5a3c9d11", "99990000-0d6e-4f0f-9a35-2f6f5a3c9d11")


def in_store(folder: Path, work: Callable[[Store], Awaitable[None]]) -> None:
    """Do something with the database of a data folder."""

    async def main() -> None:
        store = await Store.open(folder / "offhook.db", clock=Clock())
        try:
            await store.ensure_account("MAXXXXXXXXXXXXXXXXXX", "secret")
            await work(store)
        finally:
            await store.aclose()

    folder.mkdir()
    asyncio.run(main())


def record(call_uuid: str, auth_id: str, minutes: int) -> CallRecord:
    """A call that was over in no time."""
    at = MOMENT + timedelta(minutes=minutes)
    ended = ("NORMAL_CLEARING", "Normal Hangup", 4000, "Caller")
    return CallRecord(call_uuid, auth_id, "inbound", "14155550100", "14155550199", "completed", at, None, at, 0, 0, *ended)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three calls, one of them a subaccount's."""
    folder = tmp_path / "data"

    async def work(store: Store) -> None:
        for minutes, (uuid, owner) in enumerate(zip(UUIDS, ["MA" + "X" * 18, "MA" + "X" * 18, "SA" + "Y" * 18], strict=True)):
            store.add_event(TimelineRow(uuid, 1, MOMENT, 0, "noted", {"text": "hello", "level": "info"}))
            await store.finish(record(uuid, owner, minutes), None)

    in_store(folder, work)
    return folder


def ran(data: Path, *words: str) -> Result:
    """A command on that folder."""
    return CliRunner().invoke(app, [*words, "--data", str(data)])


def test_a_list_in_a_pipe_is_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show(("id", "URL"), [(UUIDS[0], "https://ivr.example.com/" + "x" * 200), ("[bold]", "\x1b[2J")])
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["id", "URL"]
    assert first.split() == [UUIDS[0], "https://ivr.example.com/" + "x" * 200]
    assert second.startswith("[bold]")
    assert "\x1b" not in second


def test_calls_of_all_accounts_are_listed_the_newest_first(data: Path) -> None:
    listed = ran(data, "calls", "list").output
    assert [uuid for line in listed.splitlines() for uuid in UUIDS if uuid in line] == list(reversed(UUIDS))
    assert [uuid for uuid in UUIDS if uuid in ran(data, "calls", "list", "--account", "SA" + "Y" * 18).output] == [UUIDS[2]]


def test_the_beginning_of_a_call_uuid_is_enough(data: Path) -> None:
    assert UUIDS[2] in ran(data, "calls", "show", "9999").output
    assert UUIDS[0] in ran(data, "calls", "show", "5B1F4F0E").output


def test_a_beginning_of_several(data: Path) -> None:
    result = ran(data, "calls", "show", "5b1f")
    assert "more than one call begins with 5b1f" in str(result.exception)
    assert "there is no call 1234" in str(ran(data, "calls", "show", "1234").exception)
