"""How the values that every call writes become rows: the statements, and what each of their columns wants.

The statements are compiled from the tables once, and the rows go to the driver as tuples: a call writes some twenty of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import JSON, DateTime, Table, bindparam, delete, update
from sqlalchemy.dialects import sqlite

from offhook.records import Notification
from offhook.store import tables
from offhook.store.rows import utc

_JSON = msgspec.json.Encoder(enc_hook=str)
_DIALECT = sqlite.dialect(paramstyle="qmark")

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Insertion:
    """Puts values of one kind into one table; a row whose key is there already is left as it is, or replaced."""

    sql: str
    _pick: Callable[[Any], tuple[Any, ...]]
    _conversions: tuple[tuple[int, Callable[[Any], Any]], ...]

    @classmethod
    def into(cls, table: Table, *, without: Sequence[str] = (), replacing: bool = False) -> Insertion:
        """Make it for a table whose columns bear the names of the values' fields."""
        columns = [column for column in table.columns if column.name not in without]
        names = [column.name for column in columns]
        statement = sqlite.insert(table).values(dict.fromkeys(names))
        keys = [column.name for column in table.primary_key.columns]
        if replacing:
            others = {name: statement.excluded[name] for name in names if name not in keys}
            statement = statement.on_conflict_do_update(index_elements=keys, set_=others)
        else:
            statement = statement.on_conflict_do_nothing()
        compiled = statement.compile(dialect=_DIALECT, column_keys=names)
        order: list[str] = list(compiled.positiontup or names)
        types = {column.name: column.type for column in columns}
        conversions = [(place, _conversion(types[name])) for place, name in enumerate(order)]
        kept = tuple((place, convert) for place, convert in conversions if convert is not None)
        return cls(str(compiled), attrgetter(*order), kept)

    def row(self, value: Any) -> Row:
        """A value as the statement wants it."""
        if not self._conversions:
            return self._pick(value)
        row = list(self._pick(value))
        for place, convert in self._conversions:
            row[place] = convert(row[place])
        return tuple(row)

    def rows(self, values: Iterable[Any]) -> list[Row]:
        """Several values."""
        return [self.row(value) for value in values]


def _conversion(kind: Any) -> Callable[[Any], Any] | None:
    if isinstance(kind, DateTime):
        return _moment
    return _json if isinstance(kind, JSON) else None


def _moment(value: Any) -> str | None:
    """As SQLAlchemy's ``DateTime`` reads it back."""
    if value is None:
        return None
    text: str = (value if value.tzinfo is UTC else utc(value)).isoformat(" ", "microseconds")
    return text[:26]  # without the zone


def _json(value: Any) -> str | None:
    return None if value is None else _JSON.encode(value).decode("utf-8")


def _deletion(table: Table, column: str) -> str:
    return str(delete(table).where(table.c[column] == "").compile(dialect=_DIALECT))


def _update(table: Table, key: str, *names: str) -> str:
    """Sets columns of one row: their values in this order, then the key's."""
    bound: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    statement = update(table).where(table.c[key] == bindparam("which")).values(bound)
    compiled = statement.compile(dialect=_DIALECT)
    assert list(compiled.positiontup or ()) == [*(f"new_{name}" for name in names), "which"]
    return str(compiled)


LIVE_CALL = Insertion.into(tables.live_calls, replacing=True)
EVENT = Insertion.into(tables.timeline_events)
RECORD = Insertion.into(tables.call_records)
NOTIFICATION = Insertion.into(tables.outbox, without=["position", "asked_at"])
HEARTBEAT = Insertion.into(tables.heartbeats, replacing=True)
DELIVERY = Insertion.into(tables.deliveries)

CALL_OVER = _deletion(tables.live_calls, "call_uuid")
NOTIFICATION_DONE = _deletion(tables.outbox, "id")
NOTIFICATION_POSTPONED = _update(tables.outbox, "id", "rounds", "due_at", "log")


def postponed(notification: Notification) -> Row:
    """What ``NOTIFICATION_POSTPONED`` wants of a notification."""
    return notification.rounds, _moment(notification.due_at), _json(notification.log), notification.id
