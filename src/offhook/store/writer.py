"""Grouped commits: everything that calls write goes through one task, in one transaction for all that waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Executable, Table, delete, insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from offhook.store import tables

log = logging.getLogger(__name__)

LINGER_S = 0.05
"""How long buffered rows wait for company."""
URGENT_S = 0.004
"""How long rows wait that somebody waits for: as long as it takes for calls that end at once to share a commit."""
MAX_BUFFERED_EVENTS = 50_000
"""Timeline events that may wait for a store that does not keep up; more are dropped, and counted. Records never are."""
TRIES = 5

Row = Mapping[str, Any]


@dataclass
class Batch:
    """What is written in one transaction."""

    live: dict[str, Row] = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    outbox: list[Row] = field(default_factory=list)
    over: list[str] = field(default_factory=list)
    """Calls that do not run any more."""
    finished: list[str] = field(default_factory=list)
    """Notifications that do not wait any more."""
    deliveries: list[Row] = field(default_factory=list)
    waiters: list[asyncio.Future[None]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.live or self.events or self.records or self.outbox or self.over or self.finished or self.deliveries)


class Writer:
    """Owns the batch that fills, and the task that writes it."""

    def __init__(self, engine: AsyncEngine, at_once: Engine | None = None) -> None:
        """Args:
        engine: for databases that are spoken to over a socket.
        at_once: for SQLite, whose asyncio driver passes every step of a statement to a thread and back: one thread does a whole
            transaction instead, which is a tenth of the work.
        """
        self._engine = engine
        self._at_once = at_once
        self._thread = ThreadPoolExecutor(1, "store") if at_once is not None else None
        self._batch = Batch()
        self._something = asyncio.Event()
        self._urgent = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.dropped_events = 0

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="store writer")

    async def aclose(self) -> None:
        """Write what waits, then stop."""
        self._closing = True
        self._something.set()
        self._urgent.set()
        if self._task is not None:
            await self._task
        if self._thread is not None:
            self._thread.shutdown()

    def begin(self, row: Row) -> None:
        """A call runs."""
        self._batch.live[row["call_uuid"]] = row
        self._something.set()

    def event(self, row: Row) -> None:
        """A line of a timeline."""
        if len(self._batch.events) >= MAX_BUFFERED_EVENTS:
            self.dropped_events += 1
            return
        self._batch.events.append(row)
        self._something.set()

    def finish(self, record: Row, hangup: Row | None) -> asyncio.Future[None]:
        """A call is over; done when that is committed."""
        call_uuid = record["call_uuid"]
        # A call that began and ended in the same batch never has to stand in the table of live ones.
        if self._batch.live.pop(call_uuid, None) is None:
            self._batch.over.append(call_uuid)
        self._batch.records.append(record)
        if hangup is not None:
            self._batch.outbox.append(hangup)
        return self._wait()

    def post(self, notification: Row) -> asyncio.Future[None]:
        """A notification waits; done when that is committed."""
        self._batch.outbox.append(notification)
        return self._wait()

    def delivered(self, notification_id: str, delivery: Row) -> None:
        """A notification waits no more."""
        self._batch.finished.append(notification_id)
        self._batch.deliveries.append(delivery)
        self._something.set()

    def flushed(self) -> asyncio.Future[None]:
        """Done when everything until now is committed."""
        return self._wait()

    def _wait(self) -> asyncio.Future[None]:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._batch.waiters.append(waiter)
        self._something.set()
        self._urgent.set()
        return waiter

    async def _run(self) -> None:
        while True:
            await self._something.wait()
            if not self._closing:
                await self._linger()
            batch, self._batch = self._batch, Batch()
            self._something.clear()
            self._urgent.clear()
            await self._write(batch)
            if self._closing and self._batch.empty and not self._batch.waiters:
                return

    async def _linger(self) -> None:
        try:
            async with asyncio.timeout(LINGER_S):
                await self._urgent.wait()
            await asyncio.sleep(URGENT_S)
        except TimeoutError:
            pass

    async def _write(self, batch: Batch) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                await self._commit(batch)
            except (SQLAlchemyError, OSError) as error:
                log.error("the store did not take %d record(s), attempt %d of %d: %s", len(batch.records), attempt, TRIES, error)
                if attempt == TRIES:
                    self._lost(batch, error)
                    return
                await asyncio.sleep(0.1 * 2**attempt)
            else:
                break
        for waiter in batch.waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _lost(self, batch: Batch, error: Exception) -> None:
        """Nobody may think that it is written: those who wait are told, the records stand in the log."""
        for record in batch.records:
            log.critical("call record not stored, here it is: %r", dict(record))
        for waiter in batch.waiters:
            if not waiter.done():
                waiter.set_exception(error)

    async def _commit(self, batch: Batch) -> None:
        statements = list(_statements(batch))
        if not statements:
            return
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._commit_at_once, statements)
            return
        async with self._engine.begin() as connection:
            for statement, rows in statements:
                await connection.execute(statement, rows)

    def _commit_at_once(self, statements: list[tuple[Executable, list[Row] | None]]) -> None:
        assert self._at_once is not None
        with self._at_once.begin() as connection:
            for statement, rows in statements:
                connection.execute(statement, rows)


def _statements(batch: Batch) -> Iterator[tuple[Executable, list[Row] | None]]:
    """What the transaction does, in an order that holds for calls that began and ended in it."""
    for table, rows in (
        (tables.live_calls, list(batch.live.values())),
        (tables.timeline_events, batch.events),
        (tables.call_records, batch.records),
        (tables.outbox, batch.outbox),
        (tables.deliveries, batch.deliveries),
    ):
        if rows:
            yield insert(table), rows
    if batch.over:
        yield _without(tables.live_calls, "call_uuid", batch.over), None
    if batch.finished:
        yield _without(tables.outbox, "id", batch.finished), None


def _without(table: Table, column: str, values: list[str]) -> Any:
    return delete(table).where(table.c[column].in_(values))
