"""The file itself: made, upgraded, shared between processes, and found in order after a crash."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

import offhook.store
from offhook.clock import Clock
from offhook.store import Store, StoreError
from offhook.store.tables import HEAD, metadata
from offhook.testing.live import database_in

_MIGRATIONS = Path(offhook.store.__file__).parent / "migrations"

_WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from offhook.clock import Clock
from offhook.records import CallRecord, LiveCall, Notification, TimelineRow
from offhook.store import Store
from offhook.testing.live import database_in

async def call(store, uuid):
    now = datetime.now(UTC)
    store.begin(LiveCall(uuid, "MA", "inbound", "1", "2", now))
    for sequence in range(5):
        store.add_event(TimelineRow(uuid, sequence, now, sequence, "note", {"text": "x"}))
    await asyncio.sleep(0.08)
    if not uuid.endswith("7"):
        record = CallRecord(uuid, "MA", "inbound", "1", "2", "completed", now, None, now, 0, 0, "X", "X", 0, "Caller")
        await store.finish(record, Notification("n" + uuid, "MA", uuid, "hangup", "http://h/", "POST", {}, now))
        print(uuid, flush=True)

async def main():
    store = await Store.open(sys.argv[1], clock=Clock())
    async with asyncio.TaskGroup() as group:
        for number in range(100_000):
            group.create_task(call(store, f"{sys.argv[2]}-{number}"))
            await asyncio.sleep(0.002)

asyncio.run(main())
"""


def _opened(path: Path) -> None:
    async def open_and_close() -> None:
        await (await Store.open(path, clock=Clock())).aclose()

    asyncio.run(open_and_close())


def test_the_migrations_make_exactly_the_tables_of_the_code(tmp_path):
    _opened(tmp_path / "offhook.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'offhook.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_only_the_owner_may_read_the_database(only_sqlite, tmp_path):
    async def modes() -> set[int]:
        store = await Store.open(database_in(tmp_path), clock=Clock())
        await store.ensure_account(None, None)
        found = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        await store.aclose()
        return found

    assert asyncio.run(modes()) == {0o600}


def test_the_version_that_the_code_expects_is_the_last_migration():
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_alembic_is_not_loaded_when_there_is_nothing_to_migrate(tmp_path):
    _opened(tmp_path / "offhook.db")
    code = (
        "import asyncio, sys; from offhook.clock import Clock; from offhook.store import Store\n"
        "asyncio.run(Store.open(sys.argv[1], clock=Clock())).aclose; print('alembic' in sys.modules)\n"
        "import os; os._exit(0)"
    )
    out = subprocess.run([sys.executable, "-c", code, tmp_path / "offhook.db"], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_a_database_of_a_newer_version_is_not_touched(tmp_path):
    _opened(tmp_path / "offhook.db")
    with sqlite3.connect(tmp_path / "offhook.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer Offhook"):
        _opened(tmp_path / "offhook.db")


def test_a_migration_that_was_cut_short_leaves_nothing_behind(tmp_path, monkeypatch):
    from alembic import command

    def upgrade_and_die(config, revision):
        config.attributes["connection"].exec_driver_sql("CREATE TABLE half (x)")
        raise OSError("the power went")

    with monkeypatch.context() as patch, pytest.raises(StoreError, match="the power went"):
        patch.setattr(command, "upgrade", upgrade_and_die)
        _opened(tmp_path / "offhook.db")
    with sqlite3.connect(tmp_path / "offhook.db") as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    _opened(tmp_path / "offhook.db")


def test_nodes_that_start_at_once_on_an_empty_folder_agree_on_one_account(tmp_path):
    code = (
        "import asyncio, sys; from offhook.clock import Clock; from offhook.store import Store\n"
        "async def main():\n"
        "    store = await Store.open(sys.argv[1], clock=Clock())\n"
        "    account, is_new = await store.ensure_account(None, None)\n"
        "    print(account.auth_id, is_new)\n"
        "    await store.aclose()\n"
        "asyncio.run(main())"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path / "offhook.db"], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    lines = [process.communicate(timeout=30)[0].split() for process in started]
    assert len({auth_id for auth_id, _ in lines}) == 1
    assert sorted(is_new for _, is_new in lines) == ["False", "False", "True"]


def test_after_a_crash_every_call_has_its_record_or_is_a_leftover(tmp_path):
    path = tmp_path / "offhook.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, path, name], stdout=subprocess.PIPE, text=True) for name in ("a", "b")
    ]
    told: list[str] = []
    for process in writers:
        assert process.stdout is not None
        told += [process.stdout.readline().strip() for _ in range(150)]
    for process in writers:
        os.kill(process.pid, signal.SIGKILL)
        told += [line.strip() for line in process.communicate()[0].splitlines() if line.endswith(tuple("0123456789"))]

    async def look() -> None:
        store = await Store.open(path, clock=Clock())
        running = {call.call_uuid for call in await store.leftovers()}
        waiting = {each.call_uuid for each in await store.outbox.pending(100_000)}
        recorded = {record.call_uuid for record in await store.records("MA", limit=100_000)}
        await store.aclose()
        assert set(told) <= recorded, "who was told that it is written must find it written"
        assert recorded == waiting, "a record and its hangup request come together or not at all"
        assert not running & recorded, "a call is over or running, not both"
        assert {"a-7", "b-7"} <= running

    asyncio.run(look())
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_command_reads_while_a_node_writes(tmp_path):
    path = tmp_path / "offhook.db"
    node = subprocess.Popen([sys.executable, "-c", _WRITER, path, "a"], stdout=subprocess.PIPE, text=True)
    assert node.stdout is not None
    first = node.stdout.readline().strip()

    async def look() -> int:
        store = await Store.open(path, clock=Clock())
        assert await store.record(first) is not None
        assert len(await store.timeline(first)) == 5
        await store.set_number("100", (await store.ensure_account(None, None))[0].auth_id, None)
        found = await store.count_records("MA")
        await store.aclose()
        return found

    try:
        assert asyncio.run(look()) > 0
        assert node.poll() is None
    finally:
        node.kill()
        node.communicate()
