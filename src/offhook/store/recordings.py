"""What is known of recordings: those that run, and those that are complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, delete, func, insert, or_, select, update

from offhook.records import Notification, Recording
from offhook.store import tables
from offhook.store.database import Database
from offhook.store.paging import Page, compared, one
from offhook.store.patience import in_time
from offhook.store.places import Place, order
from offhook.store.rows import row_of, storable, utc, value_of
from offhook.store.writer import Writer

_COLUMNS = tables.recordings.c


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFilter:
    """Which recordings are wanted; what is ``None`` does not matter."""

    call_uuid: str | None = None
    from_number: str | None = None
    """Or how it begins, with or without ``+``."""
    to_number: str | None = None
    conference_name: str | None = None
    conference_uuid: str | None = None
    mpc_name: str | None = None
    mpc_uuid: str | None = None
    added: tuple[tuple[str, datetime], ...] = ()
    """``gt``, ``gte``, ``lt`` or ``lte``, and a time."""


class RecordingShelf:
    """The table of recordings. Customers see those that are complete.

    Args:
        node: whose they are; the files of another node that shares the database lie on that node's disk.
    """

    def __init__(self, database: Database, writer: Writer, node: str = "") -> None:
        self._database = database
        self._writer = writer
        self._node = {"node": node}
        self._own = [_COLUMNS.node == node] if database.backend.shared else []

    async def add(self, recording: Recording) -> None:
        """One that begins; durable on return."""
        row = row_of(storable(recording)) | self._node
        await in_time(self._database, lambda connection: connection.execute(insert(tables.recordings), row))

    async def finish(self, recording: Recording, notifications: Sequence[Notification]) -> bool:
        """It is complete: that, and what is to be sent about it, in one transaction.

        Returns:
            Whether it was running; else nothing was written.
        """
        values = {name: row_of(recording)[name] for name in ("complete", "added_at", "duration_ms", "octets")}
        chosen = _COLUMNS.recording_id == recording.recording_id, _COLUMNS.complete.is_(False)

        def work(connection: Connection) -> bool:
            if not connection.execute(update(tables.recordings).where(*chosen).values(values)).rowcount:
                return False
            for notification in notifications:
                connection.execute(insert(tables.outbox), row_of(storable(notification)) | self._node)
            return True

        await self._writer.flushed()  # earlier notifications of its call stand before these
        return await self._database.write(work)

    async def remove(self, recording_id: str) -> None:
        """Forget one."""
        chosen = _COLUMNS.recording_id == recording_id
        await in_time(self._database, lambda connection: connection.execute(delete(tables.recordings).where(chosen)))

    async def get(self, recording_id: str) -> Recording | None:
        """One that is complete."""
        return await one(self._database, Recording, tables.recordings, _COLUMNS.recording_id == recording_id, _COLUMNS.complete)

    async def of_account(
        self, auth_id: str, wanted: RecordingFilter, *, limit: int, offset: int, place: Place | None = None
    ) -> Page[Recording]:
        """Those of an account that are complete, the newest first.

        Args:
            place: the page begins (or, towards newer ones, ends) there, instead of at an offset from the newest.
        """
        # Those of one call are few, and found by the index of calls; the others by that of lists.
        owner = self._database.backend.unindexed(_COLUMNS.auth_id) if wanted.call_uuid is not None else _COLUMNS.auth_id
        conditions = [owner == auth_id, _COLUMNS.complete.is_(True), *_conditions(wanted)]
        columns = _COLUMNS.added_at, _COLUMNS.recording_id
        beyond = [] if place is None else [place.beyond(*columns)]
        chosen = select(_COLUMNS.recording_id).where(*conditions, *beyond).order_by(*order(place, *columns)).limit(limit + 1)
        count = select(func.count()).select_from(tables.recordings).where(*conditions)

        def read(connection: Connection) -> Page[Recording]:
            identities = connection.execute(chosen.offset(offset if place is None else 0)).scalars().all()
            shown, more = identities[:limit], len(identities) > limit
            # A piece that is not full is the last one: nothing has to be counted.
            is_end = place is None and not more and (identities or not offset)
            total: int = offset + len(shown) if is_end else connection.execute(count).scalar_one()
            rows = connection.execute(select(tables.recordings).where(_COLUMNS.recording_id.in_(shown))).mappings()
            found = {row["recording_id"]: value_of(Recording, row) for row in rows}
            ordered = shown if place is None or not place.newer else shown[::-1]
            return Page([found[each] for each in ordered], total, more)

        return await self._database.browse(read)

    async def running(self) -> list[Recording]:
        """Those that are not complete: of the last run, where the node has just begun."""
        return await self._all([_COLUMNS.complete.is_(False), *self._own])

    async def some_of(self, auth_id: str, limit: int) -> list[Recording]:
        """Some that are complete, of an account."""
        return await self._all([_COLUMNS.auth_id == auth_id, _COLUMNS.complete], limit)

    async def older(self, than: datetime, limit: int) -> list[Recording]:
        """Some of this node that were complete before a time, of whatever account."""
        return await self._all([_COLUMNS.added_at < utc(than), _COLUMNS.complete, *self._own], limit)

    async def _all(self, conditions: Sequence[Any], limit: int | None = None) -> list[Recording]:
        query = select(tables.recordings).where(*conditions).order_by(_COLUMNS.started_at).limit(limit)
        rows = await self._database.browse(lambda connection: connection.execute(query).mappings().all())
        return [value_of(Recording, row) for row in rows]


def _conditions(wanted: RecordingFilter) -> list[Any]:
    exact = ("call_uuid", "conference_name", "conference_uuid", "mpc_name", "mpc_uuid")
    conditions: list[Any] = [_COLUMNS[name] == getattr(wanted, name) for name in exact if getattr(wanted, name) is not None]
    numbers = {_COLUMNS.from_number: wanted.from_number, _COLUMNS.to_number: wanted.to_number}
    conditions += [_begins(column, value) for column, value in numbers.items() if value is not None]
    conditions += [compared(_COLUMNS.added_at, how, utc(moment)) for how, moment in wanted.added]
    return conditions


def _begins(column: Column[Any], number: str) -> Any:
    bare = number.lstrip("+")
    return or_(column.startswith(bare, autoescape=True), column.startswith("+" + bare, autoescape=True))
