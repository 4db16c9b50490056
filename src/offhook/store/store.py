"""The store of a node: SQLite in a file by default, through SQLAlchemy; several processes may have it open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, create_engine, delete, event, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from offhook.clock import Clock
from offhook.errors import OffhookError, SettingsError
from offhook.ids import Ids
from offhook.records import Application, CallRecord, LiveCall, Notification, TimelineRow
from offhook.store import tables
from offhook.store.migrate import migrate
from offhook.store.rows import row_of, value_of
from offhook.store.shelf import OutboxShelf
from offhook.store.writer import Writer

ROUTES_FRESH_S = 1.0
"""A number that another process gives to another application is routed there within this time."""
MAX_CACHED_ROUTES = 10_000
BUSY_MS = 10_000
"""How long SQLite waits for another process's transaction."""


class StoreError(OffhookError):
    """The database cannot be opened or used."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account; its token signs what is sent for it, and opens the API."""

    auth_id: str
    auth_token: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number of this platform."""

    number: str
    auth_id: str
    app_id: str | None


def digits_of(number: str) -> str:
    """A number as it is looked up: without ``+`` and what people write between digits; other names in lower case."""
    bare = "".join(each for each in number if each not in "+ -().")
    return bare if bare.isdigit() else number.strip().lower()


class Store:
    """Reads are queries; what calls write is buffered and committed in groups (``Writer``)."""

    def __init__(self, engine: AsyncEngine, clock: Clock, at_once: Engine | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._at_once = at_once
        self._writer = Writer(engine, at_once)
        self._routes: dict[str, tuple[Application | None, float]] = {}
        self._tokens: dict[str, str] = {}
        self.outbox = OutboxShelf(engine, self._writer)
        """Where notifications wait."""

    @classmethod
    async def open(cls, where: Path | str, *, clock: Clock) -> Store:
        """Open or make the database, and bring its tables to this version.

        Args:
            where: a file for SQLite, or a SQLAlchemy URL.

        Raises:
            StoreError: it cannot be opened; the message says where and why.
        """
        url = where if isinstance(where, str) and "://" in where else f"sqlite+aiosqlite:///{where}"
        engine = create_async_engine(url, **_JSON)
        at_once = None
        if url.startswith("sqlite"):
            event.listen(engine.sync_engine, "connect", _prepare)
            at_once = create_engine(url.replace("+aiosqlite", ""), **_JSON)
            event.listen(at_once, "connect", _prepare)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(migrate)
        except (SQLAlchemyError, OSError) as error:
            await engine.dispose()
            raise StoreError(f"the database {where} cannot be opened: {getattr(error, 'orig', None) or error}") from error
        store = cls(engine, clock, at_once)
        store._writer.start()
        await store._load_tokens()
        return store

    async def aclose(self) -> None:
        """Write what is buffered and close. Idempotent."""
        await self._writer.aclose()
        await self._engine.dispose()
        if self._at_once is not None:
            self._at_once.dispose()

    # -- accounts --------------------------------------------------------------------------------------------------

    async def ensure_account(self, auth_id: str | None, auth_token: str | None) -> tuple[Account, bool]:
        """The main account: as given, as it stands, or made anew.

        Returns:
            The account, and whether its token was made just now and must be shown.

        Raises:
            SettingsError: the given id is another than the stored one.
        """
        query = select(tables.accounts).where(tables.accounts.c.is_main)
        async with self._engine.begin() as connection:
            row = (await connection.execute(query)).mappings().first()
            if row is not None and auth_id not in {None, row["auth_id"]}:
                raise SettingsError(
                    f"OFFHOOK_AUTH_ID is {auth_id}, but this data folder belongs to {row['auth_id']}; unset one of them"
                )
            if row is None:
                ids = Ids()
                account = Account(auth_id or ids.auth_id(), auth_token or ids.auth_token())
                values = {"auth_id": account.auth_id, "auth_token": account.auth_token, "name": "main", "is_main": True}
                await connection.execute(
                    insert(tables.accounts), {**values, "created_at": self._clock.wall().replace(tzinfo=None)}
                )
            else:
                account = Account(row["auth_id"], auth_token or row["auth_token"])
                if account.auth_token != row["auth_token"]:
                    await connection.execute(
                        update(tables.accounts).where(tables.accounts.c.auth_id == account.auth_id).values(auth_token=auth_token)
                    )
        self._tokens[account.auth_id] = account.auth_token
        return account, row is None and auth_token is None

    async def account(self, auth_id: str) -> Account | None:
        """An account by its id."""
        row = await self._one(select(tables.accounts).where(tables.accounts.c.auth_id == auth_id))
        return None if row is None else value_of(Account, row)

    def token(self, auth_id: str) -> str:
        """The token of an account, from memory; empty for an unknown one."""
        return self._tokens.get(auth_id, "")

    async def _load_tokens(self) -> None:
        for row in await self._all(select(tables.accounts.c.auth_id, tables.accounts.c.auth_token)):
            self._tokens[row["auth_id"]] = row["auth_token"]

    # -- applications and numbers ----------------------------------------------------------------------------------

    async def application(self, app_id: str) -> Application | None:
        """An application by its id."""
        row = await self._one(select(tables.applications).where(tables.applications.c.app_id == app_id))
        return None if row is None else value_of(Application, row)

    async def applications(self, auth_id: str) -> list[Application]:
        """The applications of an account."""
        query = select(tables.applications).where(tables.applications.c.auth_id == auth_id).order_by(tables.applications.c.name)
        return [value_of(Application, row) for row in await self._all(query)]

    async def add_application(self, application: Application) -> None:
        """Add one, or replace that of the same id."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.applications).where(tables.applications.c.app_id == application.app_id))
            await connection.execute(insert(tables.applications), row_of(application))
        self._routes.clear()

    async def remove_application(self, app_id: str) -> None:
        """Remove one; its numbers are left without."""
        async with self._engine.begin() as connection:
            await connection.execute(update(tables.numbers).where(tables.numbers.c.app_id == app_id).values(app_id=None))
            await connection.execute(delete(tables.applications).where(tables.applications.c.app_id == app_id))
        self._routes.clear()

    async def number(self, number: str) -> Number | None:
        """A number, however it is written."""
        row = await self._one(select(tables.numbers).where(tables.numbers.c.number == digits_of(number)))
        return None if row is None else value_of(Number, row)

    async def numbers(self) -> list[Number]:
        """All numbers."""
        return [value_of(Number, row) for row in await self._all(select(tables.numbers).order_by(tables.numbers.c.number))]

    async def set_number(self, number: str, auth_id: str, app_id: str | None) -> None:
        """Let an application run a number."""
        bare = digits_of(number)
        if not bare or len(bare) > 64:
            raise SettingsError(f"{number!r} is no number: it must have 1 to 64 characters")
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.numbers).where(tables.numbers.c.number == bare))
            await connection.execute(insert(tables.numbers), {"number": bare, "auth_id": auth_id, "app_id": app_id})
        self._routes.clear()

    async def remove_number(self, number: str) -> None:
        """Forget a number."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tables.numbers).where(tables.numbers.c.number == digits_of(number)))
        self._routes.clear()

    async def application_for(self, called: str) -> Application | None:
        """The application that runs a number; remembered for a second."""
        bare = digits_of(called)
        known = self._routes.get(bare)
        if known is not None and known[1] > self._clock.now():
            return known[0]
        query = (
            select(tables.applications)
            .join(tables.numbers, tables.numbers.c.app_id == tables.applications.c.app_id)
            .where(tables.numbers.c.number == bare)
        )
        row = await self._one(query)
        found = None if row is None else value_of(Application, row)
        if len(self._routes) >= MAX_CACHED_ROUTES:
            self._routes.clear()  # strangers may call any name
        self._routes[bare] = (found, self._clock.now() + ROUTES_FRESH_S)
        return found

    # -- calls -----------------------------------------------------------------------------------------------------

    def begin(self, call: LiveCall) -> None:
        """A call runs: if the node dies, its record is made from this."""
        self._writer.begin(row_of(call))

    def add_event(self, row: TimelineRow) -> None:
        """A line of a timeline."""
        self._writer.event(row_of(row))

    async def finish(self, record: CallRecord, hangup: Notification | None) -> None:
        """A call is over: record, hangup request and the end of its life in one transaction; returns when that is committed."""
        await self._writer.finish(row_of(record), row_of(hangup) if hangup is not None else None)

    async def record(self, call_uuid: str) -> CallRecord | None:
        """A call's record, once it is over."""
        row = await self._one(select(tables.call_records).where(tables.call_records.c.call_uuid == call_uuid))
        return None if row is None else value_of(CallRecord, row)

    async def records(self, auth_id: str, *, limit: int = 20, offset: int = 0) -> list[CallRecord]:
        """Records of an account, the newest first."""
        columns = tables.call_records.c
        query = select(tables.call_records).where(columns.auth_id == auth_id).order_by(columns.end_time.desc())
        return [value_of(CallRecord, row) for row in await self._all(query.limit(limit).offset(offset))]

    async def timeline(self, call_uuid: str) -> list[TimelineRow]:
        """A call's timeline, as far as it is committed."""
        columns = tables.timeline_events.c
        query = select(tables.timeline_events).where(columns.call_uuid == call_uuid).order_by(columns.sequence)
        return [value_of(TimelineRow, row) for row in await self._all(query)]

    async def leftovers(self) -> list[LiveCall]:
        """Calls that ran when the last node died."""
        return [value_of(LiveCall, row) for row in await self._all(select(tables.live_calls))]

    # -- queries ---------------------------------------------------------------------------------------------------

    async def _all(self, query: Any) -> Sequence[Any]:
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).mappings().all()

    async def _one(self, query: Any) -> Any | None:
        async with self._engine.connect() as connection:
            return (await connection.execute(query)).mappings().first()


_JSON: dict[str, Any] = {
    "json_serializer": lambda value: msgspec.json.encode(value).decode(),
    "json_deserializer": msgspec.json.decode,
}


def _prepare(connection: Any, _record: Any) -> None:
    """What each SQLite connection needs: readers beside the writer, one fsync a checkpoint, patience, real foreign keys."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_MS}", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
