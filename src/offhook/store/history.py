"""Call records by what they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, func, or_

from offhook.records import CallRecord
from offhook.store import tables
from offhook.store.database import Database
from offhook.store.paging import Page, page
from offhook.store.rows import utc


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

    async def calls(self, auth_id: str, wanted: CallFilter, *, limit: int, offset: int) -> Page[CallRecord]:
        """Records of an account, the newest first."""
        columns = tables.call_records.c
        conditions = [columns.auth_id == auth_id, *_conditions(wanted)]
        order = columns.end_time.desc(), columns.call_uuid  # Calls that end together keep their order from page to page.
        return await page(self._database, CallRecord, tables.call_records, conditions, order, limit, offset)


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
