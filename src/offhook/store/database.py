"""A database in threads of its own: one connection that writes, one that reads, and one for reads that may take longer.

A unit of work is a plain function of a connection and runs in one go in its thread. That costs the event loop one hop a unit,
where an asynchronous driver costs one a statement (``docs/decisions/store.md`` has the figures).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.exc import SQLAlchemyError

from offhook.store.backend import Backend, Cursor, StoreBusy, StoreError, Unreachable
from offhook.store.postgresql import PostgreSql, is_postgresql
from offhook.store.sqlite import Sqlite

T = TypeVar("T")
log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
"""Between attempts to reach a database that cannot be reached."""


def backend_of(where: Path | str) -> Backend:
    """Which database is meant: a file, or a URL (``sqlite:///…``, ``postgresql://…``).

    Raises:
        StoreError: it is none that is known.
    """
    if isinstance(where, Path) or "://" not in where:
        return Sqlite(Path(where))
    if is_postgresql(where):
        return PostgreSql(where)
    scheme, _, path = where.partition(":///")
    if scheme != "sqlite" or not path:
        kind = where.partition("://")[0]  # no more of it: there may be a password in it
        raise StoreError(
            f"{kind}://… is no database that can be used: it must be sqlite:////path/to/file or postgresql://user@host/name"
        )
    return Sqlite(Path(path))


class Database:
    """An open database. Other processes may have it open too."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._engine = backend.engine()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="store-read")
        self._browser = ThreadPoolExecutor(1, thread_name_prefix="store-browse")
        self._options: dict[ThreadPoolExecutor, dict[str, Any]] = {
            self._writer: {},
            self._reader: backend.reading(several=False),
            self._browser: backend.reading(several=True),
        }
        self._connections: dict[ThreadPoolExecutor, Connection] = {}
        self._reach = _Reach(backend.name)
        self._closed = False

    @property
    def name(self) -> str:
        """As people are told which one it is."""
        return self.backend.name

    def upsert(self, table: Table, key: str, row: Mapping[str, Any], kept: Mapping[str, Any] | None = None) -> Any:
        """The statement that adds a row; where its key is there already, that row gets the values instead.

        Args:
            key: the column.
            kept: what it gets then, if that is not all of ``row``.
        """
        statement = self.backend.insert(table).values(dict(row))
        return statement.on_conflict_do_update(index_elements=[key], set_=dict(row if kept is None else kept))

    async def write(self, work: Callable[[Connection], T], *, waits: bool = False) -> T:
        """Run ``work`` in a transaction that no other such unit of any process runs beside, and commit it.

        Args:
            waits: for its turn as long as it takes; else some seconds.
        """
        begun = False

        def unit(connection: Connection) -> T:
            nonlocal begun
            with connection.begin():
                self.backend.lock(connection, waits=waits)
                begun = True
                return work(connection)

        # Once the work has begun nobody knows whether it was committed: doing it again could do it twice.
        return await self._run(self._writer, unit, lambda: not begun)

    async def write_rows(self, work: Callable[[Cursor], T]) -> T:
        """Run ``work`` in a transaction on the driver's own cursor: for the rows that every call writes."""

        def unit(connection: Connection) -> T:
            with self.backend.rows(connection) as cursor:
                return work(cursor)

        return await self._run(self._writer, unit, lambda: False)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run ``work``, one statement that must not write. It sees what is committed. Raises ``StoreBusy``."""
        return await self._look(self._reader, work)

    async def browse(self, work: Callable[[Connection], T]) -> T:
        """Like ``read``, for what may look at many rows or at several things of one moment; calls do not wait behind it."""
        return await self._look(self._browser, work)

    async def _look(self, thread: ThreadPoolExecutor, work: Callable[[Connection], T]) -> T:
        try:
            return await self._run(thread, lambda connection: _in_transaction(connection, work), lambda: True)
        except Exception as error:
            if not (isinstance(error, Unreachable) or self.backend.lost(error)):
                raise
            raise StoreBusy(f"the database {self.name} cannot be read: {reason(error)}") from error

    async def _run(self, thread: ThreadPoolExecutor, unit: Callable[[Connection], T], again: Callable[[], bool]) -> T:
        if self._closed:
            raise StoreError(f"the database {self.name} is closed")
        return await asyncio.get_running_loop().run_in_executor(thread, self._in_thread, thread, unit, again)

    def _in_thread(self, thread: ThreadPoolExecutor, unit: Callable[[Connection], T], again: Callable[[], bool]) -> T:
        """Run a unit; where the connection was lost and ``again`` allows it, once more on a new one."""
        had_one = thread in self._connections
        try:
            return self._once(thread, unit)
        except Exception as error:
            if not (had_one and self.backend.lost(error) and again()):
                raise
            self._reach.lost(error)
            return self._once(thread, unit)

    def _once(self, thread: ThreadPoolExecutor, unit: Callable[[Connection], T]) -> T:
        connection = self._connections.get(thread)
        if connection is None:
            connection = self._connections[thread] = self._connected(thread)
        try:
            return unit(connection)
        except Exception as error:
            if self.backend.spoils(error):  # The next unit gets a new one.
                del self._connections[thread]
                connection.invalidate()
                connection.close()
            raise

    def _connected(self, thread: ThreadPoolExecutor) -> Connection:
        self._reach.wait_for_turn()
        try:
            connection = self._engine.execution_options(**self._options[thread]).connect()
        except SQLAlchemyError as error:
            self._reach.failed(error)
            raise
        self._reach.found()
        return connection

    async def aclose(self) -> None:
        """Finish what was handed over, then close. Idempotent."""
        if self._closed:
            return
        self._closed = True
        loop = asyncio.get_running_loop()
        # The writer last: the last connection to a file of SQLite folds the write-ahead log in.
        for thread in (self._browser, self._reader, self._writer):
            await loop.run_in_executor(thread, self._close_in_thread, thread)
            thread.shutdown()  # idle by now

    def _close_in_thread(self, thread: ThreadPoolExecutor) -> None:
        connection = self._connections.pop(thread, None)
        if connection is not None:
            connection.close()


class _Reach:
    """Whether the database can be reached, and when that is tried again: of three threads, so that each need not find out."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._since: float | None = None
        """When it was lost. The monotonic clock's, as the others: a thread has no loop whose time it could take."""
        self._next = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._why = ""

    def wait_for_turn(self) -> None:
        """Raises ``Unreachable`` while it is too early to try again: nobody waits for a server that just was not there."""
        if time.monotonic() < self._next:
            raise Unreachable(f"the database {self._name} cannot be reached: {self._why}")

    def lost(self, error: Exception) -> None:
        """A connection broke."""
        if self._since is None:
            self._since = time.monotonic()
            log.warning("the connection to the database %s was lost (%s); a new one is made", self._name, reason(error))

    def failed(self, error: Exception) -> None:
        """No new one could be made."""
        self._why = reason(error)
        now = time.monotonic()
        if self._since is None:
            self._since = now
        self._next, self._pause_s = now + self._pause_s, min(2 * self._pause_s, LONGEST_PAUSE_S)

    def found(self) -> None:
        """There is a connection."""
        if self._since is not None:
            log.warning("the database %s is reached again, after %.1f s", self._name, time.monotonic() - self._since)
        self._since, self._next, self._pause_s = None, 0.0, FIRST_PAUSE_S


def reason(error: Exception) -> str:
    """What the driver said, in one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def _in_transaction(connection: Connection, work: Callable[[Connection], T]) -> T:
    with connection.begin():
        return work(connection)
