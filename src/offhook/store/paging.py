"""Lists that are read piece by piece."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Table, func, select

from offhook.store.database import Database
from offhook.store.rows import value_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A piece of a list."""

    items: list[T]
    total: int
    """Of the whole list."""
    more: bool = False
    """Whether records follow on the side that was read towards; of lists that have places."""


async def page(
    database: Database, kind: type[T], table: Table, conditions: Sequence[Any], order: Sequence[Any], limit: int, offset: int
) -> Page[T]:
    """Read ``limit`` rows from ``offset`` on, and count all; both in one transaction, so that they fit together."""
    rows = select(table).where(*conditions).order_by(*order).limit(limit).offset(offset)
    count = select(func.count()).select_from(table).where(*conditions)

    def read(connection: Any) -> Page[T]:
        found = [value_of(kind, row) for row in connection.execute(rows).mappings()]
        return Page(found, connection.execute(count).scalar_one())

    return await database.browse(read)


async def one(database: Database, kind: type[T], table: Table, *conditions: Any) -> T | None:
    """The row that fits, if there is one."""
    query = select(table).where(*conditions)
    row = await database.read(lambda connection: connection.execute(query).mappings().first())
    return None if row is None else value_of(kind, row)


_WAYS = {"eq": operator.eq, "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


def compared(column: Column[Any], how: str, value: Any) -> Any:
    """A column and a value, as filters write it: ``eq``, ``gt``, ``gte``, ``lt`` or ``lte``."""
    return _WAYS[how](column, value)
