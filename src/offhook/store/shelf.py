"""The outbox as the hooks see it: where notifications survive a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, update

from offhook.records import Attempt, Delivery, Notification
from offhook.store import tables
from offhook.store.database import Database
from offhook.store.rows import utc, value_of
from offhook.store.writer import Writer

_TAKEN_AT_ONCE = 1000


class OutboxShelf:
    """Keeps notifications until they are delivered or given up; what became of them stays."""

    def __init__(self, database: Database, writer: Writer, node: str = "") -> None:
        self._database = database
        self._writer = writer
        # Of a database that nodes share, each delivers its own; any other belongs to one node, whatever it was called.
        self._node = node
        self._own = [tables.outbox.c.node == node] if database.backend.shared else []

    async def add(self, notification: Notification) -> None:
        """Keep it; it is durable on return.

        Raises:
            StoreError: the database refuses; the notification stays in memory until it does not.
        """
        await self._writer.post(notification)

    async def pending(self, limit: int) -> list[Notification]:
        """What is not finished, the oldest first, at most ``limit``."""
        await self._writer.flushed()
        query = select(tables.outbox).where(*self._own).order_by(tables.outbox.c.position).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [notification_of(row) for row in rows]

    async def asked_again(self) -> list[Notification]:
        """What somebody wants to be sent again, each told to one node once, in the order in which it was asked for."""
        columns = tables.outbox.c
        is_asked = columns.asked_at.is_not(None)
        asked = select(columns.position).where(is_asked).order_by(columns.position).limit(_TAKEN_AT_ONCE)
        if not await self._database.read(lambda connection: connection.execute(asked).first()):
            return []  # As a rule: no write lock is taken to find that out.
        taking = (
            update(tables.outbox)
            .where(columns.position.in_(asked), is_asked)
            .values(asked_at=None, node=self._node)
            .returning(tables.outbox)
        )

        def take(connection: Connection) -> list[Notification]:
            rows = sorted(connection.execute(taking).mappings().all(), key=lambda row: row["position"])
            return [notification_of(row) for row in rows]

        return await self._database.write(take)

    async def postpone(self, notification: Notification) -> None:
        """It is tried again at its ``due_at``."""
        self._writer.postpone(notification)

    async def depth(self, now: datetime) -> tuple[int, float]:
        """How many this node has committed and not finished, and the age of the oldest, in s; 0 when there is none."""
        query = select(func.count(), func.min(tables.outbox.c.created_at)).where(*self._own)
        count, oldest = await self._database.browse(lambda connection: connection.execute(query).one())
        return count, 0.0 if oldest is None else max(0.0, (utc(now) - oldest).total_seconds())

    async def finish(self, delivery: Delivery) -> None:
        """It was delivered, or given up."""
        self._writer.delivered(delivery)

    async def delivery(self, notification_id: str) -> Delivery | None:
        """What became of a notification; ``None`` while it waits."""
        await self._writer.flushed()
        query = select(tables.deliveries).where(tables.deliveries.c.notification_id == notification_id)
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else delivery_of(row)


def notification_of(row: Mapping[Any, Any]) -> Notification:
    """A row of the outbox."""
    found = value_of(Notification, row)
    return replace(found, log=attempts_of(found.log)) if found.log else found


def delivery_of(row: Mapping[Any, Any]) -> Delivery:
    """A row of the deliveries."""
    found = value_of(Delivery, row)
    return replace(found, log=attempts_of(found.log)) if found.log else found


def attempts_of(log: object) -> tuple[Attempt, ...]:
    """Attempts, as JSON has kept them."""
    return msgspec.convert(log, tuple[Attempt, ...])
