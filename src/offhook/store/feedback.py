"""What people thought of calls."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert

from offhook.records import Feedback
from offhook.store import tables
from offhook.store.database import Database
from offhook.store.paging import one
from offhook.store.patience import in_time
from offhook.store.rows import row_of


class FeedbackShelf:
    """One for each call: the last that was given."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def give(self, feedback: Feedback) -> None:
        """Keep it instead of what was given before.

        Raises:
            StoreBusy: it is not kept.
        """
        row = row_of(feedback)

        def work(connection: Connection) -> None:
            connection.execute(delete(tables.call_feedback).where(tables.call_feedback.c.call_uuid == feedback.call_uuid))
            connection.execute(insert(tables.call_feedback), row)

        await in_time(self._database, work)

    async def of(self, call_uuid: str) -> Feedback | None:
        """What was given for a call."""
        return await one(self._database, Feedback, tables.call_feedback, tables.call_feedback.c.call_uuid == call_uuid)
