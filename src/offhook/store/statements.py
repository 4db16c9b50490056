"""How the values that every call writes become rows: the statements, and what each of their columns wants.

The statements are compiled from the tables once, and the rows go to the driver as tuples: a call writes some twenty of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import JSON, DateTime, Table, bindparam, delete, update

from offhook.records import Notification
from offhook.store import tables
from offhook.store.backend import Backend
from offhook.store.rows import storable, utc

_JSON = msgspec.json.Encoder(enc_hook=str)

Row = tuple[Any, ...]
Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Insertion:
    """Puts values of one kind into one table; a row whose key is there already is left as it is, or replaced."""

    sql: str
    _pick: Callable[[Any], tuple[Any, ...]]
    _conversions: tuple[tuple[int, Convert], ...]
    _fittings: tuple[tuple[int, Convert], ...]
    _constants: tuple[tuple[int, Any], ...]

    @classmethod
    def into(
        cls,
        backend: Backend,
        table: Table,
        *,
        without: Sequence[str] = (),
        constants: Mapping[str, Any] | None = None,
        replacing: bool = False,
    ) -> Insertion:
        """Make it for a table whose columns bear the names of the values' fields.

        Args:
            without: columns that the database fills.
            constants: columns that have the same value in every row.
            replacing: whether a row whose key is there already gets the new values.
        """
        fixed = constants or {}
        columns = [column for column in table.columns if column.name not in without]
        names = [column.name for column in columns]
        statement = backend.insert(table).values(dict.fromkeys(names))
        keys = [column.name for column in table.primary_key.columns]
        if replacing:
            others = {name: statement.excluded[name] for name in names if name not in keys}
            statement = statement.on_conflict_do_update(index_elements=keys, set_=others)
        else:
            statement = statement.on_conflict_do_nothing()
        compiled = statement.compile(dialect=backend.dialect, column_keys=names)
        order: list[str] = list(compiled.positiontup or names)
        of_values = [table.columns[name] for name in order if name not in fixed]
        return cls(
            str(compiled),
            _picker([column.name for column in of_values]),
            _steps(_conversion(column.type) for column in of_values),
            _steps(backend.fitting(column) for column in of_values),
            tuple((place, fixed[name]) for place, name in enumerate(order) if name in fixed),
        )

    def row(self, value: Any) -> Row:
        """A value as the statement wants it."""
        if not self._conversions and not self._constants:
            return self._pick(value)
        return self._finished(list(self._pick(value)))

    def rows(self, values: Iterable[Any]) -> list[Row]:
        """Several values."""
        return [self.row(value) for value in values]

    def fitted(self, value: Any) -> Row:
        """A value that the database has refused, made to fit as far as that can be."""
        row = list(self._pick(storable(value)))
        for place, fit in self._fittings:
            row[place] = fit(row[place])
        return self._finished(row)

    def _finished(self, row: list[Any]) -> Row:
        for place, convert in self._conversions:
            row[place] = convert(row[place])
        for place, constant in self._constants:
            row.insert(place, constant)
        return tuple(row)


class Statements:
    """What a node writes of calls.

    Args:
        node: whose live calls and notifications they are.
    """

    def __init__(self, backend: Backend, node: str) -> None:
        own = {"node": node}
        self.live_call = Insertion.into(backend, tables.live_calls, constants=own, replacing=True)
        self.event = Insertion.into(backend, tables.timeline_events)
        self.record = Insertion.into(backend, tables.call_records)
        self.notification = Insertion.into(backend, tables.outbox, without=["position", "asked_at"], constants=own)
        self.delivery = Insertion.into(backend, tables.deliveries)
        self.heartbeat = Insertion.into(backend, tables.heartbeats, constants=own, replacing=True)
        self.call_over = _deletion(backend, tables.live_calls, "call_uuid")
        self.notification_done = _deletion(backend, tables.outbox, "id")
        self.notification_postponed = _update(backend, tables.outbox, "id", "rounds", "due_at", "log")


def postponed(notification: Notification) -> Row:
    """What ``Statements.notification_postponed`` wants of a notification."""
    return notification.rounds, _moment(notification.due_at), _json(notification.log), notification.id


def _picker(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    pick = attrgetter(*names)
    return pick if len(names) > 1 else lambda value: (pick(value),)


def _steps(each: Iterable[Convert | None]) -> tuple[tuple[int, Convert], ...]:
    return tuple((place, convert) for place, convert in enumerate(each) if convert is not None)


def _conversion(kind: Any) -> Convert | None:
    if isinstance(kind, DateTime):
        return _moment
    return _json if isinstance(kind, JSON) else None


def _moment(value: Any) -> str | None:
    """As SQLAlchemy's ``DateTime`` reads it back from SQLite, and as PostgreSQL reads it."""
    if value is None:
        return None
    text: str = (value if value.tzinfo is UTC else utc(value)).isoformat(" ", "microseconds")
    return text[:26]  # without the zone


def _json(value: Any) -> str | None:
    return None if value is None else _JSON.encode(value).decode("utf-8")


def _deletion(backend: Backend, table: Table, column: str) -> str:
    return str(delete(table).where(table.c[column] == "").compile(dialect=backend.dialect))


def _update(backend: Backend, table: Table, key: str, *names: str) -> str:
    """Sets columns of one row: their values in this order, then the key's."""
    bound: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    statement = update(table).where(table.c[key] == bindparam("which")).values(bound)
    compiled = statement.compile(dialect=backend.dialect)
    assert list(compiled.positiontup or ()) == [*(f"new_{name}" for name in names), "which"]
    return str(compiled)
