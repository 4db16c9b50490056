"""Applications and endpoints as the API shows and changes them: by account, piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from offhook.clock import Clock
from offhook.records import Application, SipEndpoint
from offhook.store import tables
from offhook.store.database import Database
from offhook.store.paging import Page, one, page
from offhook.store.patience import in_time
from offhook.store.rows import row_of, utc

T = TypeVar("T")
Use = Literal["number", "endpoint"]


class Catalogue:
    """What customers set up themselves.

    Args:
        changed: called after what calls are routed by has changed.
    """

    def __init__(self, database: Database, clock: Clock, changed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._changed = changed

    # -- applications ----------------------------------------------------------------------------------------------

    async def applications(self, auth_id: str, *, name: str = "", limit: int, offset: int) -> Page[Application]:
        """Those of an account whose names begin so, the newest first."""
        columns = tables.applications.c
        conditions = [columns.auth_id == auth_id]
        if name:
            conditions.append(columns.name.startswith(name, autoescape=True))
        order = columns.created_at.desc(), columns.app_id
        return await page(self._database, Application, tables.applications, conditions, order, limit, offset)

    async def default_application(self, auth_id: str, use: Use) -> str | None:
        """The id of the application that new numbers or endpoints of an account get."""
        columns = tables.applications.c
        flag = columns.default_number_app if use == "number" else columns.default_endpoint_app
        found = await one(self._database, Application, tables.applications, columns.auth_id == auth_id, flag)
        return None if found is None else found.app_id

    async def add_application(self, application: Application) -> None:
        """A new one; where it is a default, it is the only one of its account."""
        row = {**row_of(application), "created_at": utc(self._clock.wall())}

        def work(connection: Connection) -> None:
            _take_defaults(connection, application.auth_id, row)
            connection.execute(insert(tables.applications), row)

        await self._write(work)

    async def change_application(self, application: Application, values: dict[str, Any]) -> None:
        """Set columns of one; where it becomes a default, others of its account are none any more."""

        def work(connection: Connection) -> None:
            _take_defaults(connection, application.auth_id, values)
            chosen = tables.applications.c.app_id == application.app_id
            connection.execute(update(tables.applications).where(chosen).values(values))

        if values:
            await self._write(work)

    async def remove_application(self, app_id: str, *, cascade: bool, heir: str | None = None) -> list[str]:
        """Remove one; its numbers are left without.

        Returns:
            The names of the endpoints that were removed with it.

        Args:
            cascade: its endpoints are removed too.
            heir: else, the application that takes them over; without one they have none.
        """
        endpoints = tables.sip_endpoints

        def work(connection: Connection) -> list[str]:
            removed = remove_endpoints(connection, endpoints.c.app_id == app_id) if cascade else []
            for table, successor in ((endpoints, heir), (tables.numbers, None), (tables.trunks, None)):
                connection.execute(update(table).where(table.c.app_id == app_id).values(app_id=successor))
            connection.execute(delete(tables.applications).where(tables.applications.c.app_id == app_id))
            return removed

        return await self._write(work)

    # -- endpoints -------------------------------------------------------------------------------------------------

    async def endpoints(self, auth_id: str, *, limit: int, offset: int) -> Page[SipEndpoint]:
        """Those of an account, the newest first."""
        columns = tables.sip_endpoints.c
        order = columns.created_at.desc(), columns.username
        return await page(self._database, SipEndpoint, tables.sip_endpoints, [columns.auth_id == auth_id], order, limit, offset)

    async def endpoint(self, endpoint_id: str) -> SipEndpoint | None:
        """One by its id."""
        return await one(self._database, SipEndpoint, tables.sip_endpoints, tables.sip_endpoints.c.endpoint_id == endpoint_id)

    async def add_endpoint(self, endpoint: SipEndpoint) -> bool:
        """A new one; false where its name is taken already."""
        row = {**row_of(endpoint), "created_at": utc(self._clock.wall())}
        try:
            await in_time(self._database, lambda connection: connection.execute(insert(tables.sip_endpoints), row))
        except IntegrityError:
            return False
        return True

    async def change_endpoint(self, endpoint_id: str, values: dict[str, Any]) -> None:
        """Set columns of one."""
        chosen = update(tables.sip_endpoints).where(tables.sip_endpoints.c.endpoint_id == endpoint_id)
        if values:
            await in_time(self._database, lambda connection: connection.execute(chosen.values(values)))

    async def remove_endpoint(self, username: str) -> None:
        """Remove one, and where it is registered."""
        await in_time(
            self._database, lambda connection: remove_endpoints(connection, tables.sip_endpoints.c.username == username)
        )

    async def _write(self, work: Callable[[Connection], T]) -> T:
        result = await in_time(self._database, work)
        self._changed()
        return result


def remove_endpoints(connection: Connection, which: Any) -> list[str]:
    """Remove the endpoints of a condition and where they are registered. Returns their names."""
    chosen = select(tables.sip_endpoints.c.username).where(which)
    names = list(connection.execute(chosen).scalars())
    connection.execute(delete(tables.sip_bindings).where(tables.sip_bindings.c.username.in_(chosen)))
    connection.execute(delete(tables.sip_endpoints).where(which))
    return names


def _take_defaults(connection: Connection, auth_id: str, values: dict[str, Any]) -> None:
    """There is one default of each kind in an account at most."""
    for flag in ("default_number_app", "default_endpoint_app"):
        if values.get(flag):
            connection.execute(update(tables.applications).where(tables.applications.c.auth_id == auth_id).values({flag: False}))
