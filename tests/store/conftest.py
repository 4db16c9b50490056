"""Values to store, and a store to put them into."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from offhook.clock import Clock
from offhook.records import Application, CallRecord, Delivery, LiveCall, Notification, TimelineRow
from offhook.store import Store
from offhook.testing.live import ON_POSTGRESQL, database_in

BEGAN = datetime(2026, 3, 1, 12, 30, 15, 123456, UTC)
ACCOUNT = "MA" + "A" * 18


@pytest.fixture
def make() -> SimpleNamespace:
    """Makes each kind of value; keyword arguments replace fields."""
    number = itertools.count(1)

    def uuid() -> str:
        return f"00000000-0000-4000-8000-{next(number):012d}"

    def live(call_uuid: str, **fields: Any) -> LiveCall:
        usual = {
            "parameters": {"CallUUID": call_uuid, "From": "14155550100"},
            "hangup_url": "https://h.example/",
            "app_id": "1" * 17,
        }
        return LiveCall(call_uuid, ACCOUNT, "inbound", "14155550100", "14155550199", BEGAN, **{**usual, **fields})

    def event(call_uuid: str, sequence: int, **fields: Any) -> TimelineRow:
        at = BEGAN + timedelta(milliseconds=sequence)
        usual: dict[str, Any] = {
            "at": at,
            "offset_ms": sequence,
            "kind": "note",
            "facts": {"text": f"step {sequence}", "n": sequence},
        }
        return TimelineRow(call_uuid, sequence, **{**usual, **fields})

    def record(call_uuid: str, **fields: Any) -> CallRecord:
        usual: dict[str, Any] = {
            "auth_id": ACCOUNT,
            "direction": "inbound",
            "from_number": "14155550100",
            "to_number": "14155550199",
            "call_status": "completed",
            "initiation_time": BEGAN,
            "answer_time": BEGAN + timedelta(seconds=2),
            "end_time": BEGAN + timedelta(seconds=68),
            "duration_s": 66,
            "billed_duration_s": 120,
            "hangup_cause": "NORMAL_CLEARING",
            "hangup_cause_name": "Normal Hangup",
            "hangup_cause_code": 4000,
            "hangup_source": "Caller",
        }
        return CallRecord(call_uuid, **{**usual, **fields})

    def notification(call_uuid: str, **fields: Any) -> Notification:
        usual: dict[str, Any] = {
            "id": uuid(),
            "auth_id": ACCOUNT,
            "purpose": "hangup",
            "url": "https://h.example/hangup#rc=2",
            "method": "POST",
            "parameters": {"CallUUID": call_uuid, "Event": "Hangup", "Speech": "café"},
            "created_at": BEGAN,
        }
        return Notification(call_uuid=call_uuid, **{**usual, **fields})

    def delivery(notification: Notification, **fields: Any) -> Delivery:
        usual: dict[str, Any] = {"delivered": True, "status": 200, "attempts": 1, "error": None, "finished_at": BEGAN}
        return Delivery(notification.id, **{**usual, **fields})

    def application(**fields: Any) -> Application:
        usual = {"app_id": "12345678901234567", "auth_id": ACCOUNT, "name": "ivr", "answer_url": "https://h.example/answer"}
        return Application(**{**usual, **fields})

    return SimpleNamespace(
        uuid=uuid,
        live=live,
        event=event,
        record=record,
        notification=notification,
        delivery=delivery,
        application=application,
        account=ACCOUNT,
        began=BEGAN,
    )


@pytest.fixture
def with_store(tmp_path: Path) -> Callable[[Callable[[Store], Awaitable[Any]]], Any]:
    """Runs a coroutine function with an open store, closes it, and returns what it returned. The file stays between runs."""

    def run(work: Callable[[Store], Awaitable[Any]]) -> Any:
        async def opened() -> Any:
            store = await Store.open(database_in(tmp_path), clock=Clock())
            try:
                return await work(store)
            finally:
                await store.aclose()

        return asyncio.run(opened())

    return run


@pytest.fixture
def blocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """Within the block the database of the folder takes nothing, and refuses after 10 ms."""
    monkeypatch.setattr("offhook.store.sqlite.BUSY_MS", 10)
    monkeypatch.setattr("offhook.store.postgresql.BUSY_MS", 10)

    @contextmanager
    def block() -> Iterator[None]:
        where = database_in(tmp_path)
        if isinstance(where, Path):
            other = sqlite3.connect(where, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            yield
            other.rollback()
            other.close()
            return
        import psycopg

        with psycopg.connect(where) as connection:
            connection.execute("LOCK TABLE live_calls, timeline_events, call_records, outbox, deliveries")
            yield
            connection.rollback()

    return block


@pytest.fixture
def only_sqlite() -> None:
    """What the test is about is a file of SQLite."""
    if ON_POSTGRESQL:
        pytest.skip("about a file of SQLite")
