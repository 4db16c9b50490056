"""What is written in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from offhook.records import CallRecord, Delivery, LiveCall, Notification, TimelineRow
from offhook.store.backend import Backend, Cursor
from offhook.store.statements import Insertion, Statements, postponed


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When a node lived: what is known of calls that it ran when it died."""

    beat_at: datetime
    node: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A value that no way of writing it could store."""

    value: object
    why: str


@dataclass(slots=True)
class Batch:
    """Fills while its predecessor is written."""

    live: dict[str, LiveCall] = field(default_factory=dict)
    events: list[TimelineRow] = field(default_factory=list)
    records: dict[str, CallRecord] = field(default_factory=dict)
    over: list[str] = field(default_factory=list)
    """Calls that do not run any more, and stand in the table of live ones."""
    outbox: dict[str, Notification] = field(default_factory=dict)
    postponed: dict[str, Notification] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    beat: Heartbeat | None = None
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    """They want to know when this is committed."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return self.beat is None and not len(self)

    def __len__(self) -> int:
        rows = (self.live, self.events, self.records, self.over, self.outbox, self.postponed, self.deliveries)
        return sum(len(each) for each in rows)

    def write(self, cursor: Cursor, statements: Statements) -> None:
        """Write everything; writing a batch twice is writing it once."""
        if self.live:
            cursor.executemany(statements.live_call.sql, statements.live_call.rows(self.live.values()))
        if self.events:
            cursor.executemany(statements.event.sql, statements.event.rows(self.events))
        if self.records:
            cursor.executemany(statements.record.sql, statements.record.rows(self.records.values()))
        if self.over:
            cursor.executemany(statements.call_over, [(call_uuid,) for call_uuid in self.over])
        if self.outbox:
            cursor.executemany(statements.notification.sql, statements.notification.rows(self.outbox.values()))
        self._put_off(cursor, statements)
        if self.deliveries:
            cursor.executemany(statements.delivery.sql, statements.delivery.rows(self.deliveries))
            cursor.executemany(statements.notification_done, [(each.notification_id,) for each in self.deliveries])
        if self.beat is not None:
            cursor.execute(statements.heartbeat.sql, statements.heartbeat.row(self.beat))

    def _put_off(self, cursor: Cursor, statements: Statements) -> None:
        if self.postponed:
            rows = [postponed(each) for each in self.postponed.values()]
            cursor.executemany(statements.notification_postponed, rows)

    def write_singly(self, cursor: Cursor, statements: Statements, backend: Backend) -> list[LeftOut]:
        """Write row by row, after some row made ``write`` fail: each is made storable, and one that still is not is left out."""
        left_out = []
        for insertion, value in self._insertions(statements):
            try:
                with backend.alone(cursor):
                    cursor.execute(insertion.sql, insertion.fitted(value))
            except Exception as error:
                if backend.refuses(error):
                    raise  # Not this row's fault: the database itself is in trouble.
                left_out.append(LeftOut(value, f"{type(error).__name__}: {error}"))
        if self.over:
            cursor.executemany(statements.call_over, [(call_uuid,) for call_uuid in self.over])
        self._put_off(cursor, statements)
        if self.deliveries:
            cursor.executemany(statements.notification_done, [(each.notification_id,) for each in self.deliveries])
        return left_out

    def _insertions(self, statements: Statements) -> Iterator[tuple[Insertion, object]]:
        yield from ((statements.live_call, call) for call in self.live.values())
        yield from ((statements.event, row) for row in self.events)
        yield from ((statements.record, record) for record in self.records.values())
        yield from ((statements.notification, notification) for notification in self.outbox.values())
        yield from ((statements.delivery, delivery) for delivery in self.deliveries)
