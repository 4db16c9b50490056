"""The outbox as the hooks see it: where notifications survive a restart."""

from __future__ import annotations

from sqlalchemy import select

from offhook.records import Delivery, Notification
from offhook.store import tables
from offhook.store.database import Database
from offhook.store.rows import value_of
from offhook.store.writer import Writer


class OutboxShelf:
    """Keeps notifications until they are delivered or given up; the log of deliveries stays."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    async def add(self, notification: Notification) -> None:
        """Keep it; it is durable on return.

        Raises:
            StoreError: the database refuses; the notification stays in memory until it does not.
        """
        await self._writer.post(notification)

    async def pending(self, limit: int) -> list[Notification]:
        """What is not finished, the oldest first, at most ``limit``."""
        await self._writer.flushed()
        query = select(tables.outbox).order_by(tables.outbox.c.position).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [value_of(Notification, row) for row in rows]

    async def finish(self, delivery: Delivery) -> None:
        """It was delivered, or given up."""
        self._writer.delivered(delivery)

    async def delivery(self, notification_id: str) -> Delivery | None:
        """What became of a notification; ``None`` while it waits."""
        await self._writer.flushed()
        query = select(tables.deliveries).where(tables.deliveries.c.notification_id == notification_id)
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else value_of(Delivery, row)
