"""Endpoints: SIP users (reference ``api.md`` section 8.1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

import msgspec

from offhook.api.context import Context, Done, Meta, Nothing
from offhook.api.errors import ApiError, not_found
from offhook.api.reading import Ask, Line, Name, Paged
from offhook.api.routes import Route
from offhook.records import Binding, SipEndpoint
from offhook.sip import Secret

Username = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9]*$", max_length=50)]
Password = Annotated[str, msgspec.Meta(min_length=5, max_length=128)]
_TRIES = 20
"""Names within a second; each try takes the next second's digits."""


class Endpoint(msgspec.Struct, omit_defaults=True):
    """An endpoint; ``sip_contact``, ``sip_expires`` (seconds left) and ``sip_user_agent`` while it is registered."""

    alias: str
    application: str | None
    endpoint_id: str
    username: str
    sip_uri: str
    sip_registered: str
    sub_account: str | None
    resource_uri: str
    sip_contact: str | None = None
    sip_expires: str | None = None
    sip_user_agent: str | None = None


class EndpointList(msgspec.Struct):
    """Endpoints, the newest first."""

    meta: Meta
    objects: list[Endpoint]


class NewEndpoint(msgspec.Struct):
    """An endpoint was made; ``username`` is the name that it registers with."""

    message: str
    username: str
    alias: str
    endpoint_id: str


class ListEndpoints(Paged):
    """Which endpoints are wanted."""

    subaccount: Line | None = None


class MakeEndpoint(Ask):
    """An endpoint to make."""

    username: Username
    password: Password
    alias: Name
    app_id: Line | None = None


class ChangeEndpoint(Ask):
    """What of an endpoint can be changed."""

    password: Password | None = None
    alias: Name | None = None
    app_id: Line | None = None


async def make(context: Context, ask: MakeEndpoint) -> NewEndpoint:
    """Make an endpoint."""
    desk, owner = context.desk, context.account.auth_id
    if ask.app_id:
        app_id = await context.attached(ask.app_id)
    else:
        app_id = await desk.store.catalogue.default_application(owner, "endpoint")
    made = SipEndpoint(ask.username, owner, desk.ids.endpoint_id(), ask.alias, "", "", app_id)
    now = desk.clock.wall()
    for number in range(_TRIES if desk.settings.endpoint_suffix else 1):
        username = ask.username
        if desk.settings.endpoint_suffix:
            username += (now + timedelta(seconds=number)).strftime("%y%m%d%H%M%S")
        if await desk.store.catalogue.add_endpoint(_with_password(context, replace(made, username=username), ask.password)):
            return NewEndpoint("created", username, ask.alias, made.endpoint_id)
    raise ApiError(409, f"username {ask.username} is taken")


async def list_(context: Context, ask: ListEndpoints) -> EndpointList:
    """The endpoints."""
    owner = await context.owner(ask.subaccount)
    found = await context.desk.store.catalogue.endpoints(owner, limit=ask.limit, offset=ask.offset)
    return EndpointList(context.meta(ask, found.total, "Endpoint"), await _shown(context, found.items))


async def get(context: Context, _ask: Ask) -> Endpoint:
    """One endpoint."""
    (shown,) = await _shown(context, [await _found(context)])
    return shown


async def change(context: Context, ask: ChangeEndpoint) -> Done:
    """Change an endpoint: what is given. With another password it is registered nowhere until it proves that one."""
    found = await _found(context)
    values: dict[str, Any] = {}
    if ask.alias is not None:
        values["alias"] = ask.alias
    if ask.app_id is not None:
        values["app_id"] = await context.attached(ask.app_id)
    if ask.password is not None:
        proved = _with_password(context, found, ask.password)
        values |= {"ha1_md5": proved.ha1_md5, "ha1_sha256": proved.ha1_sha256}
    await context.desk.store.catalogue.change_endpoint(found.endpoint_id, values)
    if ask.password is not None:
        context.desk.log_out(found.username)
    return Done("changed")


async def remove(context: Context, _ask: Ask) -> Nothing:
    """Remove an endpoint: it is not called any more, wherever it is registered."""
    found = await _found(context)
    await context.desk.store.catalogue.remove_endpoint(found.username)
    context.desk.log_out(found.username)
    return Nothing()


async def _found(context: Context) -> SipEndpoint:
    found = await context.desk.store.catalogue.endpoint(context.path["endpoint_id"])
    if found is None or not await context.reaches(found.auth_id):
        raise not_found()
    return found


def _with_password(context: Context, endpoint: SipEndpoint, password: str) -> SipEndpoint:
    secret = Secret.of(endpoint.username, context.desk.settings.sip_realm, password)
    return replace(endpoint, ha1_md5=secret.md5, ha1_sha256=secret.sha256)


async def _shown(context: Context, endpoints: list[SipEndpoint]) -> list[Endpoint]:
    names = [each.username for each in endpoints]
    reached = await context.desk.store.telephony.reached(names, context.desk.clock.wall()) if names else {}
    return [_one(context, each, reached.get(each.username)) for each in endpoints]


def _one(context: Context, endpoint: SipEndpoint, binding: Binding | None) -> Endpoint:
    shown = Endpoint(
        alias=endpoint.alias,
        application=context.uri("Application", endpoint.app_id) if endpoint.app_id is not None else None,
        endpoint_id=endpoint.endpoint_id,
        username=endpoint.username,
        sip_uri=context.sip_uri(endpoint.username),
        sip_registered="false" if binding is None else "true",
        sub_account=context.sub_account(endpoint.auth_id),
        resource_uri=context.uri("Endpoint", endpoint.endpoint_id),
    )
    if binding is not None:
        left_s = (binding.expires_at - context.desk.clock.wall()).total_seconds()
        shown.sip_contact, shown.sip_expires, shown.sip_user_agent = binding.contact, str(int(left_s)), binding.user_agent
    return shown


_ONE = "Endpoint/{endpoint_id}/"
ROUTES = (
    Route(method="GET", path="Endpoint/", asks=ListEndpoints, answers=EndpointList, handler=list_, is_list=True),
    Route(method="POST", path="Endpoint/", asks=MakeEndpoint, answers=NewEndpoint, handler=make, status=201),
    Route(method="GET", path=_ONE, asks=Ask, answers=Endpoint, handler=get),
    Route(method="POST", path=_ONE, asks=ChangeEndpoint, answers=Done, handler=change, status=202),
    Route(method="DELETE", path=_ONE, asks=Ask, answers=Nothing, handler=remove, status=204),
)
