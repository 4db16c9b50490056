"""SQLite in threads of its own: one connection that writes, one that reads, and one for reads that may take longer.

A unit of work is a plain function of a connection and runs in one go in its thread. That costs the event loop one hop a unit,
where an asynchronous driver costs one a statement (``docs/decisions/store.md`` has the figures).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from offhook.errors import OffhookError

T = TypeVar("T")

BUSY_MS = 5_000
"""How long SQLite waits for another process's transaction."""


class StoreError(OffhookError):
    """The database cannot be opened or used; the message says which and why."""


class Database:
    """An open file. Other processes may have it open too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = _engine(path)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="store-read")
        self._browser = ThreadPoolExecutor(1, thread_name_prefix="store-browse")
        self._connections: dict[ThreadPoolExecutor, Connection] = {}
        self._closed = False

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction that holds the write lock from the beginning, and commit it."""
        return await self._run(self._writer, lambda connection: _in_transaction(connection, work))

    async def write_rows(self, work: Callable[[sqlite3.Cursor], T]) -> T:
        """Like ``write``, on the driver's own cursor: for the rows that every call writes."""
        return await self._run(self._writer, lambda connection: _on_cursor(connection, work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work``, which must not write. It sees what is committed."""
        return await self._run(self._reader, lambda connection: _in_transaction(connection, work))

    async def browse(self, work: Callable[[Connection], T]) -> T:
        """Like ``read``, for what may look at many rows: calls that are being set up do not wait behind it."""
        return await self._run(self._browser, lambda connection: _in_transaction(connection, work))

    async def _run(self, thread: ThreadPoolExecutor, work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise StoreError(f"the database {self.path} is closed")
        return await asyncio.get_running_loop().run_in_executor(thread, self._in_thread, thread, work)

    def _in_thread(self, thread: ThreadPoolExecutor, work: Callable[[Connection], T]) -> T:
        connection = self._connections.get(thread)
        if connection is None:
            source = self._engine if thread is self._writer else self._engine.execution_options(reads=True)
            connection = self._connections[thread] = source.connect()
        try:
            return work(connection)
        except (SQLAlchemyError, sqlite3.Error):
            # Whatever is wrong with it, the next unit gets a new one.
            del self._connections[thread]
            connection.invalidate()
            connection.close()
            raise

    async def aclose(self) -> None:
        """Finish what was handed over, then close. Idempotent."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        for thread in (
            self._browser,
            self._reader,
            self._writer,
        ):  # The writer last: the last connection folds the write-ahead log in.
            await loop.run_in_executor(thread, self._close_in_thread, thread)
            thread.shutdown()  # idle by now

    def _close_in_thread(self, thread: ThreadPoolExecutor) -> None:
        connection = self._connections.pop(thread, None)
        if connection is not None:
            connection.close()


def _in_transaction(connection: Connection, work: Callable[[Connection], T]) -> T:
    with connection.begin():
        return work(connection)


def _on_cursor(connection: Connection, work: Callable[[sqlite3.Cursor], T]) -> T:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    cursor = driver.execute("BEGIN IMMEDIATE")
    try:
        result = work(cursor)
        driver.execute("COMMIT")
    except BaseException:
        driver.rollback()
        raise
    return result


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    """What each connection needs: readers beside the writer, one fsync a checkpoint, patience, real foreign keys."""
    connection.isolation_level = None  # Transactions begin where ``_begin`` says, not where the driver guesses.
    pragmas = (
        f"busy_timeout={BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "journal_size_limit=67108864",
    )
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a transaction that reads first and then cannot write would have to be started over."""
    reads = connection.get_execution_options().get("reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
