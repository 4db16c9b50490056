"""Call records by what they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Integer, func, literal_column, or_, select

from offhook.records import CallRecord
from offhook.store import tables
from offhook.store.database import Database
from offhook.store.paging import Page
from offhook.store.rows import utc, value_of

MOST_COUNTED = 1_000
"""Totals that are remembered."""
_ROW: Any = literal_column("call_records.rowid", Integer)
"""Grows with each record that is written."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which records are wanted; what is ``None`` does not matter."""

    direction: str | None = None
    from_number: str | None = None
    """Or how it begins, with or without ``+``."""
    to_number: str | None = None
    parent_call_uuid: str | None = None
    hangup_cause_code: int | None = None
    hangup_source: str | None = None
    """In any case of letters."""
    stir_verification: str | None = None
    ended: tuple[tuple[str, datetime], ...] = ()
    """``gt``, ``gte``, ``lt`` or ``lte``, and a time."""
    lasted: tuple[tuple[str, int], ...] = ()
    """``eq``, ``gt``, ``gte``, ``lt`` or ``lte``, and seconds from the answer."""


class History:
    """What calls have left behind."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counted: dict[tuple[str, CallFilter], tuple[int, int]] = {}
        """The last row that was counted, and how many there were; of the thread that browses."""

    async def calls(self, auth_id: str, wanted: CallFilter, *, limit: int, offset: int) -> Page[CallRecord]:
        """Records of an account, the newest first; those that end together, the one that was written last first.

        A total is counted once, then only what has come since: records are added, never changed or removed.
        """
        columns, more = tables.call_records.c, _conditions(wanted)
        # This order is that of the index as it stands: no row is read that is not wanted.
        ordered = select(tables.call_records).order_by(columns.end_time.desc(), _ROW.desc()).limit(limit).offset(offset)
        rows = ordered.where(columns.auth_id == auth_id, *more)

        def read(connection: Connection) -> Page[CallRecord]:
            found = [value_of(CallRecord, row) for row in connection.execute(rows).mappings()]
            return Page(found, self._count(connection, auth_id, wanted, more))

        return await self._database.browse(read)

    def _count(self, connection: Connection, auth_id: str, wanted: CallFilter, more: Sequence[Any]) -> int:
        newest = connection.execute(select(func.max(_ROW)).select_from(tables.call_records)).scalar() or 0
        seen, total = self._counted.get((auth_id, wanted), (0, 0))
        if newest > seen:
            owner = tables.call_records.c.auth_id
            count = select(func.count()).select_from(tables.call_records).where(*more)
            # What came since is found by its rows: an expression keeps SQLite from the index of all calls of the account.
            whose = owner.concat("") == auth_id if seen else owner == auth_id
            count = count.where(whose, _ROW > seen)  # noqa: SIM300 - a column
            total += connection.execute(count).scalar_one()
            if len(self._counted) >= MOST_COUNTED:
                self._counted.clear()
            self._counted[auth_id, wanted] = newest, total
        return total


def _conditions(wanted: CallFilter) -> list[Any]:
    columns = tables.call_records.c
    exact = {
        columns.direction: wanted.direction,
        columns.parent_call_uuid: wanted.parent_call_uuid,
        columns.hangup_cause_code: wanted.hangup_cause_code,
    }
    conditions: list[Any] = [column == value for column, value in exact.items() if value is not None]
    words = {columns.hangup_source: wanted.hangup_source, columns.stir_verification: wanted.stir_verification}
    conditions += [func.lower(column) == value.lower() for column, value in words.items() if value is not None]
    numbers = {columns.from_number: wanted.from_number, columns.to_number: wanted.to_number}
    conditions += [_begins(column, value) for column, value in numbers.items() if value is not None]
    conditions += [_compared(columns.end_time, how, utc(moment)) for how, moment in wanted.ended]
    conditions += [_compared(columns.duration_s, how, seconds) for how, seconds in wanted.lasted]
    return conditions


def _begins(column: Column[Any], number: str) -> Any:
    bare = number.lstrip("+")
    return or_(column.startswith(bare, autoescape=True), column.startswith("+" + bare, autoescape=True))


def _compared(column: Column[Any], how: str, value: Any) -> Any:
    ways = {"eq": column == value, "gt": column > value, "gte": column >= value, "lt": column < value, "lte": column <= value}
    return ways[how]
