"""Subaccounts of a main account (reference ``api.md`` section 3)."""

from __future__ import annotations

import msgspec

from offhook.api.context import Context, Done, Meta, Nothing
from offhook.api.errors import ApiError, not_found
from offhook.api.forms import day, zone_of
from offhook.api.reading import Ask, Name, Paged
from offhook.api.routes import Route
from offhook.records import Tenant


class Subaccount(msgspec.Struct):
    """A subaccount."""

    account: str
    auth_id: str
    auth_token: str
    new_auth_token: str
    name: str
    enabled: bool
    created: str | None
    modified: str | None
    resource_uri: str


class SubaccountList(msgspec.Struct):
    """Subaccounts, the newest first."""

    meta: Meta
    objects: list[Subaccount]


class NewSubaccount(msgspec.Struct):
    """A subaccount was made; this is its token."""

    message: str
    auth_id: str
    auth_token: str


class MakeSubaccount(Ask):
    """A subaccount to make."""

    name: Name
    enabled: bool = False


class ChangeSubaccount(Ask):
    """What of a subaccount can be changed."""

    name: Name
    enabled: bool | None = None


class RemoveSubaccount(Ask):
    """How a subaccount is removed."""

    cascade: bool = False


async def make(context: Context, ask: MakeSubaccount) -> NewSubaccount:
    """Make a subaccount."""
    _main_only(context)
    desk = context.desk
    made = Tenant(
        auth_id=desk.ids.subaccount_id(),
        auth_token=desk.ids.auth_token(),
        name=ask.name,
        parent_id=context.account.auth_id,
        enabled=ask.enabled,
        created_at=desk.clock.wall(),
        timezone=context.account.timezone,
    )
    await desk.store.tenants.add(made)
    return NewSubaccount("created", made.auth_id, made.auth_token)


async def list_(context: Context, ask: Paged) -> SubaccountList:
    """The subaccounts."""
    _main_only(context)
    found = await context.desk.store.tenants.subaccounts(context.account.auth_id, limit=ask.limit, offset=ask.offset)
    return SubaccountList(context.meta(ask, found.total, "Subaccount"), [_shown(context, each) for each in found.items])


async def get(context: Context, _ask: Ask) -> Subaccount:
    """One subaccount."""
    return _shown(context, await _found(context))


async def change(context: Context, ask: ChangeSubaccount) -> Done:
    """Change a subaccount; a disabled one's credentials open nothing."""
    found = await _found(context)
    enabled = found.enabled if ask.enabled is None else ask.enabled
    await context.desk.store.tenants.change(found.auth_id, name=ask.name, enabled=enabled)
    context.desk.accounts.forget(found.auth_id)
    return Done("changed")


async def remove(context: Context, ask: RemoveSubaccount) -> Nothing:
    """Remove a subaccount; with ``cascade`` its applications, endpoints, numbers and recordings too, else the main account gets
    them.
    """
    found = await _found(context)
    if ask.cascade:
        await context.desk.archive.clear(found.auth_id)
    for username in await context.desk.store.tenants.remove(found.auth_id, context.account.auth_id, cascade=ask.cascade):
        context.desk.log_out(username)
    context.desk.accounts.forget(found.auth_id)
    return Nothing()


def _main_only(context: Context) -> None:
    if not context.is_main:
        raise ApiError(403, "subaccounts have no subaccounts")


async def _found(context: Context) -> Tenant:
    _main_only(context)
    found = await context.desk.store.tenants.get(context.path["sub_auth_id"])
    if found is None or found.parent_id != context.account.auth_id:
        raise not_found()
    return found


def _shown(context: Context, tenant: Tenant) -> Subaccount:
    zone = zone_of(context.account.timezone)
    return Subaccount(
        account=context.uri(),
        auth_id=tenant.auth_id,
        auth_token=tenant.auth_token,
        new_auth_token=tenant.auth_token,
        name=tenant.name,
        enabled=tenant.enabled,
        created=day(tenant.created_at, zone),
        modified=day(tenant.modified_at, zone),
        resource_uri=context.uri("Subaccount", tenant.auth_id),
    )


_ONE = "Subaccount/{sub_auth_id}/"
ROUTES = (
    Route(method="GET", path="Subaccount/", asks=Paged, answers=SubaccountList, handler=list_, is_list=True),
    Route(method="POST", path="Subaccount/", asks=MakeSubaccount, answers=NewSubaccount, handler=make, status=201),
    Route(method="GET", path=_ONE, asks=Ask, answers=Subaccount, handler=get),
    Route(method="POST", path=_ONE, asks=ChangeSubaccount, answers=Done, handler=change, status=202),
    Route(method="DELETE", path=_ONE, asks=RemoveSubaccount, answers=Nothing, handler=remove, status=204),
)
