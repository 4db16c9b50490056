"""Applications: the web hooks that run calls (reference ``api.md`` section 4)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from offhook.api.context import Context, Done, Meta, Nothing
from offhook.api.reading import Ask, Line, Method, Name, Paged, Url
from offhook.api.routes import Route
from offhook.records import Application as Stored

SipAuth = Literal["", "ip_acl", "credential", "ip_acl_and_credential"]


class Application(msgspec.Struct):
    """An application."""

    app_id: str
    app_name: str
    answer_url: str
    answer_method: str
    fallback_answer_url: str
    fallback_method: str
    hangup_url: str
    hangup_method: str
    message_url: str
    message_method: str
    default_app: bool
    default_endpoint_app: bool
    enabled: bool
    public_uri: bool
    sip_uri: str
    sub_account: str | None
    log_incoming_messages: bool
    sip_auth_type: str
    ip_acl_uuid: str
    credential_uuid: str
    resource_uri: str


class ApplicationList(msgspec.Struct):
    """Applications, the newest first."""

    meta: Meta
    objects: list[Application]


class NewApplication(msgspec.Struct):
    """An application was made."""

    message: str
    app_id: str


class ListApplications(Paged):
    """Which applications are wanted."""

    subaccount: Line | None = None
    app_name: Line | None = None


class ChangeApplication(Ask):
    """What of an application can be changed."""

    answer_url: Url | None = None
    answer_method: Method | None = None
    hangup_url: Url | None = None
    hangup_method: Method | None = None
    fallback_answer_url: Url | None = None
    fallback_method: Method | None = None
    message_url: Url | None = None
    message_method: Method | None = None
    default_number_app: bool | None = None
    default_endpoint_app: bool | None = None
    subaccount: Line | None = None
    log_incoming_messages: bool | None = None
    public_uri: bool | None = None
    sip_auth_type: SipAuth | None = None
    ip_acl_uuid: Line | None = None
    credential_uuid: Line | None = None


class MakeApplication(ChangeApplication, kw_only=True):
    """An application to make."""

    app_name: Name


class RemoveApplication(Ask):
    """What becomes of the endpoints of an application that is removed."""

    cascade: bool = True
    new_endpoint_application: Line | None = None


async def make(context: Context, ask: MakeApplication) -> NewApplication:
    """Make an application."""
    owner = await context.owner(ask.subaccount)
    values = {"answer_url": "", **_columns(ask)}
    made = Stored(app_id=context.desk.ids.app_id(), auth_id=owner, name=ask.app_name, **values)
    await context.desk.store.catalogue.add_application(made)
    return NewApplication("created", made.app_id)


async def list_(context: Context, ask: ListApplications) -> ApplicationList:
    """The applications; by the beginning of their names, if one is given."""
    owner = await context.owner(ask.subaccount)
    catalogue = context.desk.store.catalogue
    found = await catalogue.applications(owner, name=ask.app_name or "", limit=ask.limit, offset=ask.offset)
    return ApplicationList(context.meta(ask, found.total, "Application"), [_shown(context, each) for each in found.items])


async def get(context: Context, _ask: Ask) -> Application:
    """One application."""
    return _shown(context, await context.application(context.path["app_id"]))


async def change(context: Context, ask: ChangeApplication) -> Done:
    """Change an application: what is given; calls that run stay with what they began with."""
    found = await context.application(context.path["app_id"])
    values = _columns(ask)
    if ask.subaccount:
        values["auth_id"] = await context.owner(ask.subaccount)
    await context.desk.store.catalogue.change_application(found, values)
    return Done("changed")


async def remove(context: Context, ask: RemoveApplication) -> Nothing:
    """Remove an application: with its endpoints, or another takes them over; its numbers are left without."""
    found = await context.application(context.path["app_id"])
    heir = await context.attached(ask.new_endpoint_application, "new_endpoint_application")
    for username in await context.desk.store.catalogue.remove_application(found.app_id, cascade=ask.cascade, heir=heir):
        context.desk.log_out(username)
    return Nothing()


_RENAMED = {"fallback_answer_url": "fallback_url"}
_OPTIONAL = {"fallback_url", "hangup_url", "message_url", "ip_acl_uuid", "credential_uuid"}
"""Columns that hold ``None`` for nothing."""


def _columns(ask: ChangeApplication) -> dict[str, Any]:
    """What was given, by the names of the store."""
    columns: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(ask).items():
        if value is not None and name not in {"app_name", "subaccount"}:
            column = _RENAMED.get(name, name)
            columns[column] = None if value == "" and column in _OPTIONAL else value
    return columns


def _shown(context: Context, stored: Stored) -> Application:
    return Application(
        app_id=stored.app_id,
        app_name=stored.name,
        answer_url=stored.answer_url,
        answer_method=stored.answer_method,
        fallback_answer_url=stored.fallback_url or "",
        fallback_method=stored.fallback_method,
        hangup_url=stored.hangup_url or stored.answer_url,
        hangup_method=stored.hangup_method,
        message_url=stored.message_url or "",
        message_method=stored.message_method,
        default_app=stored.default_number_app,
        default_endpoint_app=stored.default_endpoint_app,
        enabled=stored.enabled,
        public_uri=stored.public_uri,
        sip_uri=context.sip_uri(stored.app_id),
        sub_account=context.sub_account(stored.auth_id),
        log_incoming_messages=stored.log_incoming_messages,
        sip_auth_type=stored.sip_auth_type,
        ip_acl_uuid=stored.ip_acl_uuid or "",
        credential_uuid=stored.credential_uuid or "",
        resource_uri=context.uri("Application", stored.app_id),
    )


_ONE = "Application/{app_id}/"
ROUTES = (
    Route(method="GET", path="Application/", asks=ListApplications, answers=ApplicationList, handler=list_, is_list=True),
    Route(method="POST", path="Application/", asks=MakeApplication, answers=NewApplication, handler=make, status=201),
    Route(method="GET", path=_ONE, asks=Ask, answers=Application, handler=get),
    Route(method="POST", path=_ONE, asks=ChangeApplication, answers=Done, handler=change, status=202),
    Route(method="DELETE", path=_ONE, asks=RemoveApplication, answers=Nothing, handler=remove, status=204),
)
