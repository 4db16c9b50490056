"""Endpoints, their registrations, and trunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from offhook.records import Binding, SipEndpoint, Trunk
from offhook.store import tables
from offhook.store.database import Database
from offhook.store.rows import row_of, storable, utc, value_of


class TelephonyShelf:
    """What SIP needs to know. There are few changes, so that each is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def endpoints(self, auth_id: str | None = None) -> list[SipEndpoint]:
        """Those of an account, or all."""
        query = select(tables.sip_endpoints).order_by(tables.sip_endpoints.c.username)
        if auth_id is not None:
            query = query.where(tables.sip_endpoints.c.auth_id == auth_id)
        return [value_of(SipEndpoint, row) for row in await self._all(query)]

    async def endpoint(self, username: str) -> SipEndpoint | None:
        """One by its name."""
        rows = await self._all(select(tables.sip_endpoints).where(tables.sip_endpoints.c.username == username))
        return value_of(SipEndpoint, rows[0]) if rows else None

    async def set_endpoints(self, endpoints: Sequence[SipEndpoint]) -> None:
        """Add them, or replace those of the same name."""

        def change(connection: Connection) -> None:
            for endpoint in endpoints:
                row = row_of(endpoint)
                connection.execute(self._database.upsert(tables.sip_endpoints, "username", row))

        await self._database.write(change)

    async def reached(self, usernames: Sequence[str], now: datetime) -> dict[str, Binding]:
        """Where these users are registered now: of several contacts, the one that lasts longest."""
        columns = tables.sip_bindings.c
        query = select(tables.sip_bindings).where(columns.username.in_(usernames), columns.expires_at > utc(now))
        found = [value_of(Binding, row) for row in await self._all(query.order_by(columns.expires_at))]
        return {each.username: each for each in found}

    async def remove_endpoint(self, username: str) -> None:
        """Forget it and where it is registered."""
        await self._change(
            delete(tables.sip_bindings).where(tables.sip_bindings.c.username == username),
            delete(tables.sip_endpoints).where(tables.sip_endpoints.c.username == username),
        )

    async def bindings(self, now: datetime) -> list[Binding]:
        """All that have not expired; those that have are removed."""
        await self._change(delete(tables.sip_bindings).where(tables.sip_bindings.c.expires_at <= utc(now)))
        return [value_of(Binding, row) for row in await self._all(select(tables.sip_bindings))]

    async def set_bindings(self, changed: Mapping[str, Sequence[Binding]]) -> None:
        """Replace the bindings of these users."""

        def change(connection: Connection) -> None:
            for username, bindings in changed.items():
                connection.execute(delete(tables.sip_bindings).where(tables.sip_bindings.c.username == username))
                for binding in bindings:
                    connection.execute(insert(tables.sip_bindings), row_of(storable(binding)))

        await self._database.write(change)

    async def trunks(self) -> list[Trunk]:
        """All, by name."""
        return [value_of(Trunk, row) for row in await self._all(select(tables.trunks).order_by(tables.trunks.c.name))]

    async def set_trunk(self, trunk: Trunk) -> None:
        """Add it, or replace that of the same name."""
        row = row_of(trunk)
        await self._change(self._database.upsert(tables.trunks, "name", row))

    async def remove_trunk(self, name: str) -> None:
        """Forget it."""
        await self._change(delete(tables.trunks).where(tables.trunks.c.name == name))

    async def _all(self, query: Any) -> Sequence[Any]:
        return await self._database.read(lambda connection: connection.execute(query).mappings().all())

    async def _change(self, *statements: Any) -> None:
        def change(connection: Connection) -> None:
            for statement in statements:
                connection.execute(statement)

        await self._database.write(change)
