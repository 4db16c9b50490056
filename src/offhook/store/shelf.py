"""The outbox as the hooks see it: where notifications survive a restart."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from offhook.records import Delivery, Notification
from offhook.store import tables
from offhook.store.rows import row_of, value_of
from offhook.store.writer import Writer


class OutboxShelf:
    """Keeps notifications until they are delivered or given up; the log of deliveries stays."""

    def __init__(self, engine: AsyncEngine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    async def add(self, notification: Notification) -> None:
        """Keep it; it is durable on return."""
        await self._writer.post(row_of(notification))

    async def pending(self, limit: int) -> list[Notification]:
        """What is not finished, the oldest first, at most ``limit``."""
        await self._writer.flushed()
        query = select(tables.outbox).order_by(tables.outbox.c.position).limit(limit)
        async with self._engine.connect() as connection:
            return [value_of(Notification, row) for row in (await connection.execute(query)).mappings()]

    async def finish(self, delivery: Delivery) -> None:
        """It was delivered, or given up."""
        self._writer.delivered(delivery.notification_id, row_of(delivery))
