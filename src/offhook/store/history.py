"""Call records by what they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from offhook.causes import Source
from offhook.records import CallRecord, number_key
from offhook.store import tables
from offhook.store.database import Database
from offhook.store.paging import Page, compared
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

_COLUMNS: Any = tables.call_records.c


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
        """Up to which record is settled, and how many there are to there; of the thread that browses."""

    async def calls(
        self, auth_id: str, wanted: CallFilter, *, limit: int, offset: int, place: Place | None = None
    ) -> Page[CallRecord]:
        """Records of an account, the newest first; those that end together are in the order of their UUIDs.

        What a page has, and how many there are, is found in indices alone; only the records of the page are read. A total is
        counted once and kept up by what has come since: records are never changed, and ``forget`` follows a removal.

        Args:
            place: the page begins (or, towards newer ones, ends) there, instead of at an offset from the newest.
        """

        def read(connection: Connection) -> Page[CallRecord]:
            conditions = self._conditions(auth_id, wanted, self._listed_by(connection, wanted))
            total = self._known_total(connection, auth_id, wanted)
            if place is not None:
                if total is None:
                    total = self._counted_anew(connection, auth_id, wanted)
                beyond = place.beyond(_COLUMNS.end_time, _COLUMNS.call_uuid)
                found = _identities(connection, [*conditions, beyond], limit + 1, 0, place)
            elif total is None:
                found = _identities(connection, conditions, limit + AHEAD, offset)
                total = self._counted_anew(connection, auth_id, wanted, _end_of(found, limit + AHEAD, offset))
            else:  # The last ones are found without looking for more behind them.
                found = _identities(connection, conditions, min(limit, total - offset), offset)
            more = offset + limit < total if place is None else len(found) > limit
            shown = found[:limit] if place is None or not place.newer else found[:limit][::-1]
            return Page(_records(connection, shown), total, more)

        return await self._database.browse(read)

    async def forget(self) -> None:
        """Count anew: records have been removed."""
        await self._database.browse(lambda _connection: self._counted.clear())

    def _listed_by(self, connection: Connection, wanted: CallFilter) -> Any:
        """The column whose index finds the records of a page: the account's, which has their order, unless another has few."""
        if wanted.parent_call_uuid is not None:
            return _COLUMNS.parent_call_uuid
        if self._database.backend.unindexed(_COLUMNS.auth_id) is _COLUMNS.auth_id:
            return _COLUMNS.auth_id  # The planner of this database finds out by itself.
        rare = (column for column, number in _numbers(wanted) if _few(connection, _begins(column, number)))
        return next(rare, _COLUMNS.auth_id)

    def _conditions(self, auth_id: str, wanted: CallFilter, by: Any) -> list[Any]:
        """What the records have to be, put so that they are found by the index of a column; ``None``: by their rows."""

        def shown(column: Any) -> Any:
            return column if column is by else self._database.backend.unindexed(column)

        conditions = [shown(_COLUMNS.auth_id) == auth_id, *_plain_conditions(wanted)]
        for column, number in _numbers(wanted):
            conditions += _begins(shown(column), number)
        return conditions

    def _known_total(self, connection: Connection, auth_id: str, wanted: CallFilter) -> int | None:
        """The total as remembered, and what has come since."""
        if (auth_id, wanted) not in self._counted:
            return None
        seen, settled = self._counted[auth_id, wanted]
        horizon = self._horizon(connection)
        come, stays = self._come_since(connection, auth_id, wanted, seen, horizon)
        self._counted[auth_id, wanted] = horizon, settled + stays
        return settled + come

    def _counted_anew(self, connection: Connection, auth_id: str, wanted: CallFilter, total: int | None = None) -> int:
        """Count, unless the total is found out already, and remember it."""
        if total is None:
            total = _count(connection, self._conditions(auth_id, wanted, _counted_by(wanted)))
        if len(self._counted) >= MOST_COUNTED:
            self._counted.clear()
        horizon = self._horizon(connection)
        come, _ = self._come_since(connection, auth_id, wanted, horizon, horizon)
        self._counted[auth_id, wanted] = horizon, total - come
        return total

    def _horizon(self, connection: Connection) -> int:
        return int(connection.execute(select(self._database.backend.settled)).scalar() or 0)

    def _come_since(self, connection: Connection, auth_id: str, wanted: CallFilter, seen: int, horizon: int) -> tuple[int, int]:
        """How many there are behind ``seen``, and how many of those are settled."""
        written = self._database.backend.written
        conditions = [*self._conditions(auth_id, wanted, None), written > seen]
        counts = func.count(), func.count().filter(written <= horizon)
        come, stays = connection.execute(select(*counts).select_from(tables.call_records).where(*conditions)).one()
        return int(come), int(stays)


def _identities(
    connection: Connection, conditions: Sequence[Any], limit: int, offset: int, place: Place | None = None
) -> list[str]:
    if limit <= 0:
        return []
    query = select(_COLUMNS.call_uuid).where(*conditions).order_by(*order(place, _COLUMNS.end_time, _COLUMNS.call_uuid))
    return list(connection.execute(query.limit(limit).offset(offset)).scalars())


def _records(connection: Connection, identities: Sequence[str]) -> list[CallRecord]:
    rows = connection.execute(select(tables.call_records).where(_COLUMNS.call_uuid.in_(identities))).mappings()
    found = {row["call_uuid"]: value_of(CallRecord, row) for row in rows}
    return [found[each] for each in identities]


def _end_of(found: Sequence[str], asked: int, offset: int) -> int | None:
    """How many there are in all, where the list ended before as many were found as were asked for."""
    return offset + len(found) if len(found) < asked and (found or not offset) else None


def _count(connection: Connection, conditions: Sequence[Any]) -> int:
    return int(connection.execute(select(func.count()).select_from(tables.call_records).where(*conditions)).scalar_one())


def _few(connection: Connection, begun: Sequence[Any]) -> bool:
    some = select(_COLUMNS.call_uuid).where(*begun).limit(FEW).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one()) < FEW


def _numbers(wanted: CallFilter) -> list[tuple[Any, str]]:
    both = (_COLUMNS.from_key, wanted.from_number), (_COLUMNS.to_key, wanted.to_number)
    return [(column, number) for column, number in both if number is not None]


def _counted_by(wanted: CallFilter) -> Any:
    """The column whose index has the fewest to count."""
    if wanted.parent_call_uuid is not None:
        return _COLUMNS.parent_call_uuid
    return next((column for column, _ in _numbers(wanted)), _COLUMNS.auth_id)


def _plain_conditions(wanted: CallFilter) -> list[Any]:
    columns = _COLUMNS
    exact = {
        columns.direction: wanted.direction,
        columns.parent_call_uuid: wanted.parent_call_uuid,
        columns.hangup_cause_code: wanted.hangup_cause_code,
    }
    conditions: list[Any] = [column == value for column, value in exact.items() if value is not None]
    words = {columns.hangup_source: wanted.hangup_source, columns.stir_verification: wanted.stir_verification}
    conditions += [column == _WORDS.get(value.lower(), value) for column, value in words.items() if value is not None]
    conditions += [compared(columns.end_time, how, utc(moment)) for how, moment in wanted.ended]
    conditions += [compared(columns.duration_s, how, seconds) for how, seconds in wanted.lasted]
    return conditions


def _begins(column: Any, number: str) -> list[Any]:
    key = number_key(number)
    return [column >= key, column < key + _LAST]
