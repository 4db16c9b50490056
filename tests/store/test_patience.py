"""What is written for somebody who waits is done in time, or never."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from offhook.store.backend import StoreBusy
from offhook.store.database import Database, backend_of
from offhook.store.patience import in_time

Work = Callable[[Connection], Any]


def _add(name: str) -> Work:
    return lambda connection: connection.execute(text("INSERT INTO names VALUES (:name)"), {"name": name})


async def _names(database: Database) -> list[str]:
    def work(connection: Connection) -> list[str]:
        return list(connection.execute(text("SELECT name FROM names ORDER BY name")).scalars())

    return await database.read(work)


def _opened(path: Path) -> Database:
    with closing(sqlite3.connect(path)) as made:
        made.executescript("PRAGMA journal_mode=WAL; CREATE TABLE names (name TEXT UNIQUE);")
    return Database(backend_of(path))


def test_what_was_given_up_is_not_done_when_the_database_is_free_again(tmp_path: Path) -> None:
    async def run() -> None:
        database = _opened(tmp_path / "a.db")
        with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            refused = await asyncio.gather(
                *(in_time(database, _add(f"refused {number}"), 0.05) for number in range(3)), return_exceptions=True
            )
            assert [type(each) for each in refused] == [StoreBusy] * 3
            waits = asyncio.ensure_future(database.write(_add("waits")))
            other.execute("COMMIT")
        await waits
        await in_time(database, _add("later"))
        assert await _names(database) == ["later", "waits"]
        await database.aclose()

    asyncio.run(run())


def test_what_has_begun_is_waited_for(tmp_path: Path) -> None:
    async def run() -> None:
        database = _opened(tmp_path / "a.db")
        begun, go_on = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(connection: Connection) -> str:
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            _add("slow")(connection)
            return "done"

        writing = asyncio.ensure_future(in_time(database, slow, 0.05))
        await begun.wait()
        await asyncio.sleep(0.2)  # longer than its patience
        assert not writing.done()
        go_on.set()
        assert await writing == "done"
        assert await _names(database) == ["slow"]
        await database.aclose()

    asyncio.run(run())


def test_a_defect_of_the_work_is_told_as_it_is(tmp_path: Path) -> None:
    async def run() -> None:
        database = _opened(tmp_path / "a.db")

        def wrong(_connection: Connection) -> None:
            raise KeyError("wrong")

        with pytest.raises(KeyError):
            await in_time(database, wrong)
        with pytest.raises(OperationalError, match="no such table"):
            await in_time(database, lambda connection: connection.execute(text("INSERT INTO nowhere VALUES (1)")))
        assert await _names(database) == []
        await database.aclose()
        with pytest.raises(StoreBusy, match="is closed"):
            await in_time(database, _add("too late"))

    asyncio.run(run())
