"""What is written in one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from offhook.records import CallRecord, Delivery, LiveCall, Notification, TimelineRow
from offhook.store import statements
from offhook.store.rows import storable


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
        rows = (self.live, self.events, self.records, self.over, self.outbox, self.postponed, self.deliveries)
        return self.beat is None and not any(rows)

    def __len__(self) -> int:
        return sum(len(each) for each in (self.live, self.events, self.records, self.over, self.outbox, self.deliveries))

    def write(self, cursor: sqlite3.Cursor) -> None:
        """Write everything; writing a batch twice is writing it once."""
        if self.live:
            cursor.executemany(statements.LIVE_CALL.sql, statements.LIVE_CALL.rows(self.live.values()))
        if self.events:
            cursor.executemany(statements.EVENT.sql, statements.EVENT.rows(self.events))
        if self.records:
            cursor.executemany(statements.RECORD.sql, statements.RECORD.rows(self.records.values()))
        if self.over:
            cursor.executemany(statements.CALL_OVER, [(call_uuid,) for call_uuid in self.over])
        if self.outbox:
            cursor.executemany(statements.NOTIFICATION.sql, statements.NOTIFICATION.rows(self.outbox.values()))
        self._put_off(cursor)
        if self.deliveries:
            cursor.executemany(statements.DELIVERY.sql, statements.DELIVERY.rows(self.deliveries))
            cursor.executemany(statements.NOTIFICATION_DONE, [(each.notification_id,) for each in self.deliveries])
        if self.beat is not None:
            cursor.execute(statements.HEARTBEAT.sql, statements.HEARTBEAT.row(self.beat))

    def _put_off(self, cursor: sqlite3.Cursor) -> None:
        if self.postponed:
            rows = [statements.postponed(each) for each in self.postponed.values()]
            cursor.executemany(statements.NOTIFICATION_POSTPONED, rows)

    def write_singly(self, cursor: sqlite3.Cursor) -> list[LeftOut]:
        """Write row by row, after some row made ``write`` fail: each is made storable, and one that still is not is left out."""
        left_out = []
        for insertion, value in self._insertions():
            try:
                cursor.execute(insertion.sql, insertion.row(storable(value)))
            except sqlite3.OperationalError:
                raise  # Not this row's fault: the database itself is in trouble.
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one row must not cost the others
                left_out.append(LeftOut(value, f"{type(error).__name__}: {error}"))
        cursor.executemany(statements.CALL_OVER, [(call_uuid,) for call_uuid in self.over])
        self._put_off(cursor)
        cursor.executemany(statements.NOTIFICATION_DONE, [(each.notification_id,) for each in self.deliveries])
        return left_out

    def _insertions(self) -> Iterator[tuple[statements.Insertion, object]]:
        yield from ((statements.LIVE_CALL, call) for call in self.live.values())
        yield from ((statements.EVENT, row) for row in self.events)
        yield from ((statements.RECORD, record) for record in self.records.values())
        yield from ((statements.NOTIFICATION, notification) for notification in self.outbox.values())
        yield from ((statements.DELIVERY, delivery) for delivery in self.deliveries)
