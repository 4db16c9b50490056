"""Removing what is old: call records with their timelines and feedback."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select

from offhook.store import tables
from offhook.store.database import Database
from offhook.store.history import History
from offhook.store.rows import utc

AT_ONCE = 500
"""Calls that are removed in one transaction: those that run wait for it."""


class Retention:
    """Removes records; what they are counted by is told."""

    def __init__(self, database: Database, history: History) -> None:
        self._database = database
        self._history = history

    async def remove(self, before: datetime) -> int:
        """Remove the records of calls that ended before a time, with all that belongs to them.

        Returns:
            How many.
        """
        records, end = tables.call_records, utc(before)
        query = select(records.c.call_uuid).where(records.c.end_time < end).limit(AT_ONCE)
        removed = 0
        while uuids := await self._database.browse(lambda connection: list(connection.execute(query).scalars())):
            await self._database.write(lambda connection, uuids=uuids: _remove(connection, uuids))  # type: ignore[misc]
            removed += len(uuids)
        # Not only where some were removed: another node on the same database may have done that.
        await self._history.forget()
        return removed


def _remove(connection: Connection, uuids: list[str]) -> None:
    for table in (tables.timeline_events, tables.call_feedback, tables.call_records):
        connection.execute(delete(table).where(table.c.call_uuid.in_(uuids)))
