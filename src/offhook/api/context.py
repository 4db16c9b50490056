"""What a request is answered with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from offhook.api.accounts import Accounts
from offhook.api.errors import ApiError, invalid, not_found
from offhook.api.live import LiveCalls, RunningCall
from offhook.api.reading import Paged
from offhook.api.rooms import Conferences, MultiPartyCalls, NoConferences, NoMultiPartyCalls, NoStreams, Streams
from offhook.calls import Recorder
from offhook.clock import Clock
from offhook.ids import Ids
from offhook.records import Application, Notification, Tenant
from offhook.store import Archive, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """What an operator decides about the API."""

    sip_realm: str = "offhook"
    sip_domain: str | None = None
    """What SIP addresses end in; ``None``: the host that the request was made to."""
    sip_port: int = 5060
    """Named in SIP addresses where no domain is set."""
    requests: int = 300
    """Of an account in five seconds; 0: no limit."""
    protect_recordings: bool = False
    """Whether files of recordings are given to their account only."""
    endpoint_suffix: bool = True
    """Whether new endpoints have twelve digits behind the name that was asked for."""
    windows: bool = False
    """Whether lists go back as far as Plivo's and no further (``offhook.api.windows``)."""


def _nobody_registered(_username: str) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all requests share."""

    store: Store
    accounts: Accounts
    live: LiveCalls
    recorder: Recorder
    archive: Archive
    notify: Callable[[Notification], Awaitable[None]]
    """Send something to a customer's server; it is kept on return."""
    clock: Clock
    ids: Ids
    settings: ApiSettings
    log_out: Callable[[str], None] = _nobody_registered
    """An endpoint, by its name, is registered nowhere any more: it was removed, or has another password."""
    conferences: Conferences = field(default_factory=NoConferences)
    multi_party_calls: MultiPartyCalls = field(default_factory=NoMultiPartyCalls)
    streams: Streams = field(default_factory=NoStreams)


class Meta(msgspec.Struct):
    """Which piece of a list this is."""

    limit: int
    offset: int
    total_count: int
    next: str | None
    """The next piece: a path with all filters."""
    previous: str | None


class CountedMeta(Meta):
    """Which piece of a list this is, where the total is called ``count`` as well."""

    count: int


class Done(msgspec.Struct):
    """Something was done."""

    message: str


class Nothing(msgspec.Struct):
    """There is nothing to say: status 204."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One request."""

    desk: Desk
    caller: Tenant
    """Whose credentials came with it."""
    account: Tenant
    """Whose path it is."""
    path: Mapping[str, str]
    """What stands in the places of the route, decoded."""
    given: Mapping[str, Any]
    """All parameters as they came."""
    host: str
    """The name that this node was reached by."""
    api_id: str
    """Of this request."""

    @property
    def is_main(self) -> bool:
        """Whether the path is that of a main account."""
        return self.account.parent_id is None

    def uri(self, *parts: str) -> str:
        """``resource_uri`` of something of this account."""
        return "/".join(["/v1/Account", self.account.auth_id, *(quote(part, safe="+") for part in parts), ""])

    def sub_account(self, auth_id: str) -> str | None:
        """How the owner of something is told: the URI of a subaccount, ``None`` for a main account."""
        if not auth_id.startswith("SA"):
            return None
        main = self.account.parent_id or self.account.auth_id
        return f"/v1/Account/{main}/Subaccount/{auth_id}/"

    def sip_uri(self, user: str) -> str:
        """The SIP address of an endpoint or application."""
        settings = self.desk.settings
        if settings.sip_domain is not None:
            return f"sip:{user}@{settings.sip_domain}"
        return f"sip:{user}@{self.host}" + ("" if settings.sip_port == 5060 else f":{settings.sip_port}")

    async def reaches(self, auth_id: str) -> bool:
        """Whether things of an account may be seen and changed by this path: its own, and its subaccounts'."""
        if auth_id == self.account.auth_id:
            return True
        owner = await self.desk.accounts.get(auth_id) if self.is_main else None
        return owner is not None and owner.parent_id == self.account.auth_id

    async def owner(self, subaccount: str | None) -> str:
        """Whose things are meant: the path's, or those of one of its subaccounts.

        Raises:
            ApiError: 400, it is none of its subaccounts.
        """
        if subaccount is None or subaccount == "":
            return self.account.auth_id
        if not await self.reaches(subaccount):
            raise invalid("subaccount")
        return subaccount

    async def application(self, app_id: str) -> Application:
        """An application by its id.

        Raises:
            ApiError: 404, there is none that this path reaches.
        """
        found = await self.desk.store.application(app_id)
        if found is None or not await self.reaches(found.auth_id):
            raise not_found()
        return found

    async def attached(self, app_id: str | None, name: str = "app_id") -> str | None:
        """An application to attach to something; empty: none.

        Raises:
            ApiError: 400, there is none that this path reaches.
        """
        if not app_id or app_id.lower() == "null":
            return None
        try:
            return (await self.application(app_id)).app_id
        except ApiError:
            raise invalid(name) from None

    async def live_call(self, call_uuid: str | None = None) -> RunningCall:
        """A call that runs or waits: that of the path, or another one.

        Raises:
            ApiError: 404, there is none that this path reaches.
        """
        found = self.desk.live.find((call_uuid or self.path["call_uuid"]).lower())
        if found is None or not await self.reaches(found.auth_id):
            raise not_found("call")
        return found

    async def owner_of_call(self, call_uuid: str) -> str | None:
        """Whose call it is, live or over; ``None``: there is none that this path reaches."""
        live = self.desk.live.find(call_uuid)
        if live is not None:
            owner = live.auth_id
        else:
            record = await self.desk.store.record(call_uuid)
            if record is None:
                return None
            owner = record.auth_id
        return owner if await self.reaches(owner) else None

    def list_path(self, ask: Paged, *resource: str, **place: object) -> str:
        """The path of a piece of a list, with all filters that were given; ``place`` says which piece."""
        known = {each.encode_name for each in msgspec.structs.fields(type(ask))} - {"limit", "offset", "cursor"}
        filters = {name: str(value) for name, value in self.given.items() if name in known and value not in {None, ""}}
        return self.uri(*resource) + "?" + urlencode({**filters, **place})

    def counted_meta(self, ask: Paged, total: int, *resource: str) -> CountedMeta:
        """Likewise, with ``count``."""
        meta = self.meta(ask, total, *resource)
        return CountedMeta(**msgspec.structs.asdict(meta), count=total)

    def meta(self, ask: Paged, total: int, *resource: str) -> Meta:
        """Where this piece of a list stands, and the paths of its neighbours."""

        def at(offset: int) -> str:
            return self.list_path(ask, *resource, limit=ask.limit, offset=offset)

        following, preceding = ask.offset + ask.limit, max(0, ask.offset - ask.limit)
        return Meta(
            limit=ask.limit,
            offset=ask.offset,
            total_count=total,
            next=at(following) if following < total else None,
            previous=at(preceding) if ask.offset else None,
        )
