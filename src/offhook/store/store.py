"""The store of a node: SQLite in a file, or PostgreSQL, through SQLAlchemy; several processes may have it open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, false, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from offhook.clock import Clock
from offhook.errors import SettingsError
from offhook.ids import Ids
from offhook.records import Application, CallRecord, LiveCall, Notification, TimelineRow
from offhook.store import tables
from offhook.store.backend import StoreError
from offhook.store.batch import Heartbeat
from offhook.store.catalogue import Catalogue
from offhook.store.database import Database, backend_of, reason
from offhook.store.feedback import FeedbackShelf
from offhook.store.history import History
from offhook.store.migrate import migrate
from offhook.store.nodes import Nodes
from offhook.store.notices import Notices
from offhook.store.numbers import Numbers, digits_of
from offhook.store.recordings import RecordingShelf
from offhook.store.retention import Retention
from offhook.store.rows import row_of, utc, value_of
from offhook.store.shelf import OutboxShelf
from offhook.store.telephony import TelephonyShelf
from offhook.store.tenants import Tenants
from offhook.store.writer import Writer

ROUTES_FRESH_S = 1.0
"""A number that another process gives to another application is routed there within this time."""
MAX_CACHED_ROUTES = 10_000


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


class Store:
    """Reads are queries; what calls write is buffered and committed in groups (``Writer``)."""

    def __init__(self, database: Database, clock: Clock, node: str = "") -> None:
        self._database = database
        self._clock = clock
        self._writer = Writer(database, clock, node)
        self._routes: dict[str, tuple[Application | None, float]] = {}
        self._tokens: dict[str, str] = {}
        self._main = ""
        self.outbox = OutboxShelf(database, self._writer, node)
        """Where notifications wait."""
        self.notices = Notices(database, clock)
        """The same, and what was delivered or given up, as an operator looks at it."""
        self.telephony = TelephonyShelf(database)
        """Endpoints, registrations, trunks."""
        self.tenants = Tenants(database, clock, self._tokens, self._routes.clear)
        """Accounts and subaccounts, as the API shows and changes them."""
        self.catalogue = Catalogue(database, clock, self._routes.clear)
        """Applications and endpoints, likewise."""
        self.own_numbers = Numbers(database, clock, self._routes.clear)
        """Numbers and the pool that they are rented from."""
        self.history = History(database)
        """Call records, by what they are asked for."""
        self.recordings = RecordingShelf(database, self._writer, node)
        """What is known of recordings; their files are the business of an ``Archive``."""
        self.nodes = Nodes(database, node)
        """Who else uses the database."""
        self.feedback = FeedbackShelf(database)
        """What people thought of calls."""
        self.retention = Retention(database, self.history)
        """Removes what is old."""

    @classmethod
    async def open(cls, where: Path | str, *, clock: Clock, node: str = "") -> Store:
        """Open or make the database, and bring its tables to this version.

        Args:
            where: a file of SQLite, or a URL: ``sqlite:///…``, ``postgresql://user:password@host/database``.
            node: the id of the node whose store it is; empty for a command that looks in.

        Raises:
            StoreError: it cannot be opened; the message says where and why.
        """
        backend = backend_of(where)
        database = Database(backend)
        try:
            backend.prepare()
            await database.write(migrate, waits=True)
        except (SQLAlchemyError, OSError) as error:
            await database.aclose()
            raise StoreError(f"the database {backend.name} cannot be opened: {reason(error)}") from error
        except BaseException:
            await database.aclose()
            raise
        store = cls(database, clock, node)
        store._writer.start()
        await store._load_tokens()
        return store

    async def aclose(self) -> None:
        """Write what is buffered and close. Idempotent."""
        await self._writer.aclose()
        await self._database.aclose()

    @property
    def writing(self) -> Writer:
        """What is buffered and committed, in figures."""
        return self._writer

    async def check(self) -> None:
        """Raise ``StoreError`` unless the database takes something now."""
        if self._writer.trouble is not None:
            raise self._writer.trouble
        nothing = (
            update(tables.accounts).where(false()).values(name="")
        )  # takes the lock and the right to write, and changes nothing
        try:
            await self._database.write(lambda connection: connection.execute(nothing))
        except SQLAlchemyError as error:
            raise StoreError(f"the database takes nothing: {getattr(error, 'orig', None) or error}") from error

    # -- accounts --------------------------------------------------------------------------------------------------

    async def ensure_account(self, auth_id: str | None, auth_token: str | None) -> tuple[Account, bool]:
        """The main account: as given, as it stands, or made anew.

        Returns:
            The account, and whether its token was made just now and must be shown.

        Raises:
            SettingsError: the given id is another than the stored one.
        """
        given = Account(auth_id or "", auth_token or "")
        made_at = utc(self._clock.wall())
        account, is_new = await self._database.write(lambda connection: _ensure_account(connection, given, made_at))
        self._tokens[account.auth_id] = account.auth_token
        self._main = account.auth_id
        return account, is_new and not auth_token

    async def account(self, auth_id: str) -> Account | None:
        """An account by its id."""
        row = await self._one(select(tables.accounts).where(tables.accounts.c.auth_id == auth_id))
        return None if row is None else value_of(Account, row)

    def token(self, auth_id: str) -> str:
        """The token of an account, from memory; empty for an unknown one."""
        return self._tokens.get(auth_id, "")

    @property
    def main_token(self) -> str:
        """The token of the main account, from memory."""
        return self._tokens.get(self._main, "")

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
        row = row_of(application)
        made = {**row, "created_at": utc(self._clock.wall())}
        # Not delete and insert: that would take the application's numbers away from it.
        statement = self._database.upsert(tables.applications, "app_id", made, row)
        await self._change(statement)

    async def remove_application(self, app_id: str) -> None:
        """Remove one; its numbers are left without."""
        await self._change(
            update(tables.numbers).where(tables.numbers.c.app_id == app_id).values(app_id=None),
            delete(tables.applications).where(tables.applications.c.app_id == app_id),
        )

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
        row = {"number": bare, "auth_id": auth_id, "app_id": app_id}
        made = {**row, "added_at": utc(self._clock.wall())}
        await self._change(
            delete(tables.number_pool).where(tables.number_pool.c.number == bare),
            self._database.upsert(tables.numbers, "number", made, row),
        )

    async def remove_number(self, number: str) -> None:
        """Forget a number."""
        await self._change(delete(tables.numbers).where(tables.numbers.c.number == digits_of(number)))

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
        self._writer.begin(call)

    def add_event(self, row: TimelineRow) -> None:
        """A line of a timeline."""
        self._writer.event(row)

    async def begun(self, calls: Sequence[LiveCall]) -> None:
        """Calls that are going to run: as ``begin``; durable on return. Raises ``StoreError``."""
        for call in calls:
            self._writer.begin(call)
        await self._writer.flushed()

    def beat(self) -> None:
        """The node lives, and calls run: what is known of them, should it die."""
        self._writer.beat(self._clock.wall())

    async def last_beat(self) -> datetime | None:
        """When the node last lived, while calls ran."""
        own = [tables.heartbeats.c.node == self.nodes.own] if self.nodes.shared else []
        row = await self._one(select(tables.heartbeats).where(*own).order_by(tables.heartbeats.c.beat_at.desc()))
        return None if row is None else value_of(Heartbeat, row).beat_at

    async def finish(self, record: CallRecord, hangup: Notification | None) -> None:
        """A call is over: record, hangup request and the end of its life in one transaction; returns when that is committed."""
        await self._writer.finish(record, hangup)

    async def record(self, call_uuid: str) -> CallRecord | None:
        """A call's record, once it is over."""
        row = await self._one(select(tables.call_records).where(tables.call_records.c.call_uuid == call_uuid))
        return None if row is None else value_of(CallRecord, row)

    async def calls_beginning(self, begun: str) -> list[str]:
        """The CallUUIDs that begin so: two at most, of calls that run too."""
        columns = tables.timeline_events.c
        # Hexadecimal digits and hyphens: ``g`` comes behind them all.
        found = select(columns.call_uuid).distinct().where(columns.call_uuid >= begun, columns.call_uuid < begun + "g")
        rows = await self._all(found.where(columns.call_uuid.startswith(begun, autoescape=True)).limit(2))
        return [row["call_uuid"] for row in rows]

    async def records(self, auth_id: str | None, *, limit: int = 20, offset: int = 0) -> list[CallRecord]:
        """Records of an account, or of all, the newest first."""
        columns = tables.call_records.c
        newest_first = columns.end_time.desc(), columns.call_uuid  # Calls that end together keep their order from page to page.
        query = select(tables.call_records).order_by(*newest_first).limit(limit).offset(offset)
        query = query if auth_id is None else query.where(columns.auth_id == auth_id)
        return [value_of(CallRecord, row) for row in await self._all(query)]

    async def children(self, call_uuid: str) -> list[CallRecord]:
        """Records of the B legs of a call, in the order of their beginning."""
        columns = tables.call_records.c
        query = select(tables.call_records).where(columns.parent_call_uuid == call_uuid)
        return [value_of(CallRecord, row) for row in await self._all(query.order_by(columns.initiation_time, columns.call_uuid))]

    async def count_records(self, auth_id: str) -> int:
        """How many records an account has."""
        row = await self._one(select(func.count().label("n")).where(tables.call_records.c.auth_id == auth_id))
        return int(row["n"]) if row is not None else 0

    async def timeline(self, call_uuid: str) -> list[TimelineRow]:
        """A call's timeline, as far as it is committed."""
        columns = tables.timeline_events.c
        query = select(tables.timeline_events).where(columns.call_uuid == call_uuid).order_by(columns.sequence)
        return [value_of(TimelineRow, row) for row in await self._all(query)]

    async def timeline_end(self, call_uuid: str) -> tuple[int, datetime] | None:
        """The number of the last event of a call, and when the first one was; ``None`` when there is none."""
        await self._writer.flushed()
        columns = tables.timeline_events.c
        query = select(func.max(columns.sequence).label("last"), func.min(columns.at).label("began"))
        row = await self._one(query.where(columns.call_uuid == call_uuid))
        return None if row is None or row["last"] is None else (int(row["last"]), row["began"].replace(tzinfo=UTC))

    async def leftovers(self) -> list[LiveCall]:
        """Calls that ran when this node died: its own, where nodes share the database; all, where it belongs to one."""
        own = [tables.live_calls.c.node == self.nodes.own] if self.nodes.shared else []
        return [value_of(LiveCall, row) for row in await self._all(select(tables.live_calls).where(*own))]

    # -- queries ---------------------------------------------------------------------------------------------------

    async def _all(self, query: Any) -> Sequence[Any]:
        return await self._database.read(lambda connection: connection.execute(query).mappings().all())

    async def _one(self, query: Any) -> Any | None:
        return await self._database.read(lambda connection: connection.execute(query).mappings().first())

    async def _change(self, *statements: Any) -> None:
        """Run the statements in one transaction; what is remembered of the tables that they change is forgotten."""

        def change(connection: Connection) -> None:
            for statement in statements:
                connection.execute(statement)

        await self._database.write(change)
        self._routes.clear()


def _ensure_account(connection: Connection, given: Account, made_at: Any) -> tuple[Account, bool]:
    """Within one transaction, so that of two nodes that start at once on one folder, one makes the account."""
    row = connection.execute(select(tables.accounts).where(tables.accounts.c.is_main)).mappings().first()
    if row is None:
        ids = Ids()
        account = Account(given.auth_id or ids.auth_id(), given.auth_token or ids.auth_token())
        values = {"auth_id": account.auth_id, "auth_token": account.auth_token, "name": "main", "is_main": True}
        connection.execute(insert(tables.accounts), {**values, "created_at": made_at})
        return account, True
    if given.auth_id not in {"", row["auth_id"]}:
        raise SettingsError(
            f"OFFHOOK_AUTH_ID is {given.auth_id}, but this data folder belongs to {row['auth_id']}; unset one of them"
        )
    account = Account(row["auth_id"], given.auth_token or row["auth_token"])
    if account.auth_token != row["auth_token"]:
        changed = tables.accounts.c.auth_id == account.auth_id
        connection.execute(update(tables.accounts).where(changed).values(auth_token=account.auth_token))
    return account, False
