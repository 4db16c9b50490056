"""Accounts and subaccounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from offhook.clock import Clock
from offhook.records import Tenant
from offhook.store import tables
from offhook.store.catalogue import remove_endpoints
from offhook.store.database import Database
from offhook.store.paging import Page, one, page
from offhook.store.patience import in_time
from offhook.store.rows import row_of, utc

_OVERLAP = timedelta(seconds=30)
"""Clocks of two processes that share the database may differ by this much."""


class Tenants:
    """Who may use the node.

    Args:
        tokens: by account; kept up to date for those who sign with them.
        changed: called after what calls are routed by has changed.
    """

    def __init__(self, database: Database, clock: Clock, tokens: dict[str, str], changed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._tokens = tokens
        self._changed = changed
        self._seen: datetime | None = None

    async def get(self, auth_id: str) -> Tenant | None:
        """One account."""
        return await one(self._database, Tenant, tables.accounts, tables.accounts.c.auth_id == auth_id)

    async def subaccounts(self, parent_id: str, *, limit: int, offset: int) -> Page[Tenant]:
        """Those of a main account, the newest first."""
        columns = tables.accounts.c
        order = columns.created_at.desc(), columns.auth_id
        return await page(self._database, Tenant, tables.accounts, [columns.parent_id == parent_id], order, limit, offset)

    async def add(self, tenant: Tenant) -> None:
        """A new subaccount."""
        row = {**row_of(tenant), "is_main": False}
        await in_time(self._database, lambda connection: connection.execute(insert(tables.accounts), row))
        self._tokens[tenant.auth_id] = tenant.auth_token

    async def change(self, auth_id: str, **values: Any) -> None:
        """Set columns of an account."""
        row = {**values, "modified_at": utc(self._clock.wall())}
        statement = update(tables.accounts).where(tables.accounts.c.auth_id == auth_id).values(row)
        await in_time(self._database, lambda connection: connection.execute(statement))
        if "auth_token" in values:
            self._tokens[auth_id] = values["auth_token"]

    async def remove(self, auth_id: str, heir: str, *, cascade: bool) -> list[str]:
        """Remove a subaccount.

        Returns:
            The names of the endpoints that were removed with it.

        Args:
            heir: the account that gets its trunks; and, without ``cascade``, its applications, endpoints, numbers and
                recordings.
            cascade: they are removed with it; numbers of the pool go back there.
        """

        def work(connection: Connection) -> list[str]:
            removed: list[str] = []
            held = [tables.sip_endpoints, tables.numbers, tables.applications]
            for table in [tables.trunks] if cascade else [tables.trunks, *held, tables.recordings]:
                values: dict[str, Any] = {"auth_id": heir}
                if table is tables.applications:  # The heir's own defaults stay what they are.
                    values |= {"default_number_app": False, "default_endpoint_app": False}
                connection.execute(update(table).where(table.c.auth_id == auth_id).values(values))
            if cascade:
                _to_pool(connection, auth_id)
                removed = remove_endpoints(connection, tables.sip_endpoints.c.auth_id == auth_id)
                for table in held:
                    connection.execute(delete(table).where(table.c.auth_id == auth_id))
            connection.execute(delete(tables.accounts).where(tables.accounts.c.auth_id == auth_id))
            return removed

        removed = await in_time(self._database, work)
        self._tokens.pop(auth_id, None)
        self._changed()
        return removed

    async def refresh(self) -> None:
        """Read the tokens that another process has changed since the last time."""
        columns = tables.accounts.c
        query = select(columns.auth_id, columns.auth_token, columns.modified_at, columns.created_at)
        if self._seen is not None:
            since = self._seen - _OVERLAP
            query = query.where((columns.modified_at >= since) | (columns.created_at >= since))
        now = utc(self._clock.wall())
        for row in await self._database.read(lambda connection: connection.execute(query).all()):
            self._tokens[row.auth_id] = row.auth_token
        self._seen = now


def _to_pool(connection: Connection, auth_id: str) -> None:
    """Numbers of an account that came from the pool stand there again."""
    names = [column.name for column in tables.number_pool.columns]
    chosen = select(*(tables.numbers.c[name] for name in names)).where(
        tables.numbers.c.auth_id == auth_id, tables.numbers.c.pooled
    )
    connection.execute(insert(tables.number_pool).from_select(names, chosen))
