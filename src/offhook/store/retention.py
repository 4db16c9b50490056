"""Removing what is old: call records with their timelines and feedback, and what became of notifications."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select

from offhook.store import tables
from offhook.store.database import Database
from offhook.store.history import History
from offhook.store.rows import utc

AT_ONCE = 500
"""Calls, or notifications, that are removed in one transaction: calls that run wait for it."""


class Retention:
    """Removes records; what they are counted by is told."""

    def __init__(self, database: Database, history: History) -> None:
        self._database = database
        self._history = history

    async def remove(self, before: datetime) -> int:
        """Remove the records of calls that ended before a time with all that belongs to them, and of what was sent before it.

        Recordings have a time of their own.

        Returns:
            How many calls.
        """
        records, deliveries, end = tables.call_records, tables.deliveries, utc(before)
        removed = await self._remove(select(records.c.call_uuid).where(records.c.end_time < end), _remove_calls)
        await self._remove(select(deliveries.c.notification_id).where(deliveries.c.finished_at < end), _remove_deliveries)
        # Not only where some were removed: another node on the same database may have done that.
        await self._history.forget()
        return removed

    async def _remove(self, old: Any, remove: Callable[[Connection, list[str]], None]) -> int:
        """Piece by piece; they are looked for beside the calls, which wait for the removing alone."""
        query, removed = old.limit(AT_ONCE), 0
        while found := await self._database.browse(lambda connection: list(connection.execute(query).scalars())):
            await self._database.write(lambda connection, found=found: remove(connection, found))  # type: ignore[misc]
            removed += len(found)
        return removed


def _remove_calls(connection: Connection, uuids: list[str]) -> None:
    for table in (tables.timeline_events, tables.call_feedback, tables.call_records):
        connection.execute(delete(table).where(table.c.call_uuid.in_(uuids)))


def _remove_deliveries(connection: Connection, ids: list[str]) -> None:
    connection.execute(delete(tables.deliveries).where(tables.deliveries.c.notification_id.in_(ids)))
