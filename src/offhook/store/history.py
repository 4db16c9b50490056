"""Call records by what they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, func, select

from offhook.causes import Source
from offhook.records import CallRecord, number_key
from offhook.store import tables
from offhook.store.database import Database
from offhook.store.paging import Page
from offhook.store.places import Place, order
from offhook.store.rows import utc, value_of

MOST_COUNTED = 1_000
"""Totals that are remembered."""
FEW = 1_000
"""Records with a number that begins so: up to as many are looked at one by one, rather than all of the account in their index."""
AHEAD = 500
"""How far beyond its page a list is looked at: where it ends there, its total is known without counting."""
_LAST = "\U0010ffff"
"""No text that begins in some way comes behind the beginning and this."""
_WORDS = {str(each).lower(): str(each) for each in Source} | {
    each.lower(): each for each in ("Verified", "Not Verified", "Not Applicable")
}
"""Words of our own, by how a caller may write them: those can be looked for as they stand."""

_COLUMNS = tables.call_records.c


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

    async def calls(
        self, auth_id: str, wanted: CallFilter, *, limit: int, offset: int, place: Place | None = None
    ) -> Page[CallRecord]:
        """Records of an account, the newest first; those that end together are in the order of their UUIDs.

        Which ones a page has is found in the index ``ix_call_records_listed`` alone; only those are read. Where the database can
        say what has come since, a total is counted once and kept up: records are never changed, and ``forget`` follows a removal.

        Args:
            place: the page begins (or, towards newer ones, ends) there, instead of at an offset from the newest.
        """

        def read(connection: Connection) -> Page[CallRecord]:
            conditions = self._conditions(connection, auth_id, wanted)
            total = self._known_total(connection, auth_id, wanted, conditions)
            if place is not None:
                total = _count(connection, conditions) if total is None else total
                found = _identities(
                    connection, [*conditions, place.beyond(_COLUMNS.end_time, _COLUMNS.call_uuid)], limit + 1, 0, place
                )
            elif total is None:
                found = _identities(connection, conditions, limit + AHEAD, offset)
                total = _end_of(found, limit + AHEAD, offset)
                total = _count(connection, conditions) if total is None else total
            else:  # The last ones are found without looking for more behind them.
                found = _identities(connection, conditions, min(limit, total - offset), offset)
            self._remember(connection, auth_id, wanted, total)
            more = offset + limit < total if place is None else len(found) > limit
            shown = found[:limit] if place is None or not place.newer else found[:limit][::-1]
            return Page(_records(connection, shown), total, more)

        return await self._database.browse(read)

    async def forget(self) -> None:
        """Count anew: records have been removed."""
        await self._database.browse(lambda _connection: self._counted.clear())

    def _conditions(self, connection: Connection, auth_id: str, wanted: CallFilter) -> list[Any]:
        """What the records have to be; put so that they are found by the index that is best for them."""
        columns, unindexed = tables.call_records.c, self._database.backend.unindexed
        numbers = [(columns.from_key, wanted.from_number), (columns.to_key, wanted.to_number)]
        asked = [(column, number) for column, number in numbers if number is not None]
        owner: Any = columns.auth_id
        rare: Any = None
        if unindexed(owner) is not owner:
            rare = next((column for column, number in asked if _few(connection, _begins(column, number))), None)
        if rare is not None or wanted.parent_call_uuid is not None:
            owner = unindexed(owner)  # Another index than that of the account's calls is the better one.
        conditions = [owner == auth_id, *_plain_conditions(wanted)]
        for column, number in asked:
            conditions += _begins(column if column is rare else unindexed(column), number)
        return conditions

    def _known_total(self, connection: Connection, auth_id: str, wanted: CallFilter, conditions: Sequence[Any]) -> int | None:
        """The total as remembered, and what has come since."""
        written = self._database.backend.written
        if written is None or (auth_id, wanted) not in self._counted:
            return None
        seen, total = self._counted[auth_id, wanted]
        if _newest(connection, written) == seen:
            return total
        # Few have come: they are found by their rows, whatever else there is an index for.
        unindexed = self._database.backend.unindexed
        owner = unindexed(tables.call_records.c.auth_id) == auth_id
        return total + _count(connection, [owner, *conditions[1:], written > seen])

    def _remember(self, connection: Connection, auth_id: str, wanted: CallFilter, total: int) -> None:
        written = self._database.backend.written
        if written is None:
            return
        if len(self._counted) >= MOST_COUNTED and (auth_id, wanted) not in self._counted:
            self._counted.clear()
        self._counted[auth_id, wanted] = _newest(connection, written), total  # of one moment: it is one transaction


def _identities(
    connection: Connection, conditions: Sequence[Any], limit: int, offset: int, place: Place | None = None
) -> list[str]:
    if limit <= 0:
        return []
    query = select(_COLUMNS.call_uuid).where(*conditions).order_by(*order(place, _COLUMNS.end_time, _COLUMNS.call_uuid))
    return list(connection.execute(query.limit(limit).offset(offset)).scalars())


def _records(connection: Connection, identities: Sequence[str]) -> list[CallRecord]:
    rows = connection.execute(select(tables.call_records).where(tables.call_records.c.call_uuid.in_(identities))).mappings()
    found = {row["call_uuid"]: value_of(CallRecord, row) for row in rows}
    return [found[each] for each in identities]


def _end_of(found: Sequence[str], asked: int, offset: int) -> int | None:
    """How many there are in all, where the list ended before as many were found as were asked for."""
    return offset + len(found) if len(found) < asked and (found or not offset) else None


def _count(connection: Connection, conditions: Sequence[Any]) -> int:
    return int(connection.execute(select(func.count()).select_from(tables.call_records).where(*conditions)).scalar_one())


def _newest(connection: Connection, written: Any) -> int:
    return int(connection.execute(select(func.max(written)).select_from(tables.call_records)).scalar() or 0)


def _few(connection: Connection, begun: Sequence[Any]) -> bool:
    some = select(tables.call_records.c.call_uuid).where(*begun).limit(FEW).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one()) < FEW


def _plain_conditions(wanted: CallFilter) -> list[Any]:
    columns = tables.call_records.c
    exact = {
        columns.direction: wanted.direction,
        columns.parent_call_uuid: wanted.parent_call_uuid,
        columns.hangup_cause_code: wanted.hangup_cause_code,
    }
    conditions: list[Any] = [column == value for column, value in exact.items() if value is not None]
    words = {columns.hangup_source: wanted.hangup_source, columns.stir_verification: wanted.stir_verification}
    conditions += [column == _WORDS.get(value.lower(), value) for column, value in words.items() if value is not None]
    conditions += [_compared(columns.end_time, how, utc(moment)) for how, moment in wanted.ended]
    conditions += [_compared(columns.duration_s, how, seconds) for how, seconds in wanted.lasted]
    return conditions


def _begins(column: Any, number: str) -> list[Any]:
    key = number_key(number)
    return [column >= key, column < key + _LAST]


def _compared(column: Column[Any], how: str, value: Any) -> Any:
    ways = {"eq": column == value, "gt": column > value, "gte": column >= value, "lt": column < value, "lte": column <= value}
    return ways[how]
