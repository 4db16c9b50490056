"""Notifications as an operator sees them: what waits, what was delivered, what was given up and may be sent again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select

from offhook.clock import Clock
from offhook.errors import OffhookError
from offhook.records import Attempt
from offhook.store import tables
from offhook.store.database import Database
from offhook.store.rows import utc
from offhook.store.shelf import delivery_of, notification_of

_AT_ONCE = 500
"""Ids in one statement: databases bound how many values that may have."""


class State(StrEnum):
    """Where a notification stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification and what has become of it so far."""

    id: str
    state: State
    auth_id: str
    call_uuid: str
    purpose: str
    method: str
    url: str
    """As it was given: it may hold credentials."""
    created_at: datetime | None
    """``None`` of one that an earlier version has delivered; then there is no purpose and no URL either."""
    attempts: int
    status: int | None
    """Of the last attempt."""
    error: str | None
    """Why the last attempt, or all of it, failed."""
    finished_at: datetime | None
    due_at: datetime | None
    """When the next round of attempts begins, if that is put off."""
    parameters: Mapping[str, str] | None
    """``None`` once it is delivered."""
    log: tuple[Attempt, ...]
    body: str | None = None
    """Sent instead of the parameters; ``None`` once it is delivered."""


class CannotRetry(OffhookError):
    """A notification cannot be sent again; the message says which and why. Then none was."""


class Notices:
    """Looks at the outbox and the deliveries; several processes may."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list(self, states: Collection[State], *, call_uuid: str | None = None, limit: int = 100) -> Sequence[Notice]:
        """The newest ones in these states: what waits first, then what was finished last."""

        def read(connection: Connection) -> list[Notice]:
            found: list[Notice] = []
            if State.PENDING in states:
                waiting = select(tables.outbox).order_by(tables.outbox.c.position.desc())
                found += [_pending(row) for row in connection.execute(_of(waiting, call_uuid).limit(limit)).mappings()]
            wanted = [state is State.DELIVERED for state in (State.DELIVERED, State.GIVEN_UP) if state in states]
            if wanted and len(found) < limit:
                columns = tables.deliveries.c
                over = select(tables.deliveries).where(columns.delivered.in_(wanted)).order_by(columns.finished_at.desc())
                rows = connection.execute(_of(over, call_uuid).limit(limit - len(found))).mappings()
                found += [_finished(row) for row in rows]
            return found

        return await self._database.browse(read)

    async def find(self, notification_id: str) -> Notice | None:
        """One by its id."""

        def read(connection: Connection) -> Notice | None:
            waiting = connection.execute(select(tables.outbox).where(tables.outbox.c.id == notification_id)).mappings().first()
            if waiting is not None:
                return _pending(waiting)
            which = tables.deliveries.c.notification_id == notification_id
            over = connection.execute(select(tables.deliveries).where(which)).mappings().first()
            return None if over is None else _finished(over)

        return await self._database.read(read)

    async def retry(self, ids: Sequence[str]) -> None:
        """Put what was given up into the outbox again, as it was: all of them or none. Nodes that run deliver it soon.

        Raises:
            CannotRetry: one is not known, waits already, was delivered, or is of a version that kept no parameters.
        """
        wanted = list(dict.fromkeys(ids))

        def change(connection: Connection) -> None:
            self._put_back(connection, wanted, self._given_up(connection, wanted))

        await self._database.write(change)

    async def retry_failed(self, since: datetime | None = None) -> Sequence[str]:
        """Put all that was given up (since then) into the outbox again. Returns the ids, the oldest first."""

        def change(connection: Connection) -> list[str]:
            columns = tables.deliveries.c
            # Rows of earlier versions have no parameters, and so nothing that could be sent.
            query = select(tables.deliveries).where(columns.delivered.is_(False), columns.parameters.is_not(None))
            if since is not None:
                query = query.where(columns.finished_at >= utc(since))
            rows = connection.execute(query.order_by(columns.created_at)).mappings().all()
            found = {row["notification_id"]: row for row in rows}
            self._put_back(connection, list(found), found)
            return list(found)

        return await self._database.write(change)

    def _given_up(self, connection: Connection, ids: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for begin in range(0, len(ids), _AT_ONCE):
            some = tables.deliveries.c.notification_id.in_(ids[begin : begin + _AT_ONCE])
            found |= {row["notification_id"]: row for row in connection.execute(select(tables.deliveries).where(some)).mappings()}
        for each in ids:
            row = found.get(each)
            if row is None:
                waits = connection.execute(select(tables.outbox.c.id).where(tables.outbox.c.id == each)).first()
                raise CannotRetry(f"{each} waits already" if waits else f"there is no notification {each}")
            if row["delivered"]:
                raise CannotRetry(f"{each} was delivered at {row['finished_at']:%Y-%m-%d %H:%M:%S} UTC; what it said is not kept")
            if row["parameters"] is None:
                raise CannotRetry(f"{each} was given up by an earlier version, which did not keep what it said")
        return found

    def _put_back(self, connection: Connection, ids: Sequence[str], rows: Mapping[str, Any]) -> None:
        now = utc(self._clock.wall())
        names = ("auth_id", "call_uuid", "purpose", "url", "method", "parameters", "body", "created_at", "log")
        values = [{"id": each, "rounds": 0, "asked_at": now, **{name: rows[each][name] for name in names}} for each in ids]
        if values:
            connection.execute(insert(tables.outbox), values)
        for begin in range(0, len(ids), _AT_ONCE):
            some = tables.deliveries.c.notification_id.in_(ids[begin : begin + _AT_ONCE])
            connection.execute(delete(tables.deliveries).where(some))


def _of(query: Select[Any], call_uuid: str | None) -> Select[Any]:
    return query if call_uuid is None else query.where(query.selected_columns.call_uuid == call_uuid)


def _pending(row: Mapping[Any, Any]) -> Notice:
    found = notification_of(row)
    last = found.log[-1] if found.log else None
    return Notice(
        id=found.id,
        state=State.PENDING,
        auth_id=found.auth_id,
        call_uuid=found.call_uuid,
        purpose=found.purpose,
        method=found.method,
        url=found.url,
        created_at=found.created_at,
        attempts=last.number if last else 0,
        status=last.status if last else None,
        error=(last.error or None) if last else None,
        finished_at=None,
        due_at=found.due_at,
        parameters=found.parameters,
        log=found.log,
        body=found.body,
    )


def _finished(row: Mapping[Any, Any]) -> Notice:
    found = delivery_of(row)
    return Notice(
        id=found.notification_id,
        state=State.DELIVERED if found.delivered else State.GIVEN_UP,
        auth_id=found.auth_id,
        call_uuid=found.call_uuid,
        purpose=found.purpose,
        method=found.method,
        url=found.url,
        created_at=found.created_at,
        attempts=found.attempts,
        status=found.status,
        error=found.error,
        finished_at=found.finished_at,
        due_at=None,
        parameters=found.parameters,
        log=found.log,
        body=found.body,
    )
