"""Multiparty calls: live ones, and those that are over (reference ``api.md`` sections 7.1 and 7.2)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from offhook.api.context import Context, CountedMeta, Nothing
from offhook.api.errors import not_found
from offhook.api.forms import NO_MONEY, moment, zone_of
from offhook.api.reading import Ask, Line, Paged
from offhook.api.rooms import Mpc, MpcFilter, MpcRef
from offhook.api.routes import Route
from offhook.api.windows import bounds

Status = Literal["active", "initialized", "ended"]
Code = Annotated[int, msgspec.Meta(ge=0, le=99_999)]


class MultiPartyCall(msgspec.Struct):
    """A multiparty call. Times are told in the account's time zone; durations in seconds, null while it runs."""

    mpc_uuid: str
    friendly_name: str
    status: str
    creation_time: str | None
    start_time: str | None
    end_time: str | None
    duration: int | None
    billed_duration: int | None
    billed_amount: str | None
    max_participants: int
    max_duration: int
    stay_alone: bool
    recording: str
    participants: str
    termination_cause: str | None
    termination_cause_code: int | None
    sub_account: str | None
    resource_uri: str


class MultiPartyCallList(msgspec.Struct):
    """Multiparty calls, the newest first."""

    meta: CountedMeta
    objects: list[MultiPartyCall]


class ListMultiPartyCalls(Paged):
    """Which multiparty calls are wanted."""

    sub_account: Line | None = None
    subaccount: Line | None = None
    friendly_name: Line | None = None
    status: Status | None = None
    termination_cause_code: Code | None = None
    creation_time: Line | None = None
    creation_time__gt: Line | None = None
    creation_time__gte: Line | None = None
    creation_time__lt: Line | None = None
    creation_time__lte: Line | None = None
    end_time: Line | None = None
    end_time__gt: Line | None = None
    end_time__gte: Line | None = None
    end_time__lt: Line | None = None
    end_time__lte: Line | None = None


class ChangeMultiPartyCall(Ask):
    """The only change there is: it becomes active."""

    status: Literal["active"]


async def list_(context: Context, ask: ListMultiPartyCalls) -> MultiPartyCallList:
    """Multiparty calls of the account, live ones and those that are over."""
    owner = await context.owner(ask.sub_account or ask.subaccount)
    wanted = MpcFilter(
        friendly_name=ask.friendly_name,
        status=ask.status,
        termination_cause_code=ask.termination_cause_code,
        created=bounds(ask, "creation_time"),
        ended=bounds(ask, "end_time"),
    )
    found = await context.desk.multi_party_calls.browse(owner, wanted, limit=ask.limit, offset=ask.offset)
    meta = context.counted_meta(ask, found.total, "MultiPartyCall")
    return MultiPartyCallList(meta, [_shown(context, each) for each in found.items])


async def get(context: Context, _ask: Ask) -> MultiPartyCall:
    """One multiparty call: ``name_…`` while it is live, ``uuid_…`` always."""
    return _shown(context, await found_in(context))


async def start(context: Context, _ask: ChangeMultiPartyCall) -> Nothing:
    """Begin a multiparty call whose participants wait."""
    if not context.desk.multi_party_calls.start((await found_in(context)).mpc_uuid):
        raise no_such_call()
    return Nothing()


async def end(context: Context, _ask: Ask) -> Nothing:
    """End a multiparty call; participants go on with what their documents say."""
    if not context.desk.multi_party_calls.end((await found_in(context)).mpc_uuid):
        raise no_such_call()
    return Nothing()


def ref_of(context: Context) -> MpcRef:
    """Which one the path means.

    Raises:
        ApiError: 404, it says neither a name nor a UUID.
    """
    kind, _, value = context.path["mpc_ref"].partition("_")
    if not value or kind not in {"name", "uuid"}:
        raise no_such_call()
    return MpcRef("name", value) if kind == "name" else MpcRef("uuid", value.lower())


async def found_in(context: Context) -> Mpc:
    """The one that the path means.

    Raises:
        ApiError: 404, there is none that this path reaches.
    """
    found = await context.desk.multi_party_calls.find(context.account.auth_id, ref_of(context))
    if found is None or not await context.reaches(found.auth_id):
        raise no_such_call()
    return found


def no_such_call() -> Exception:
    """There is none; or it is somebody else's."""
    return not_found("multiparty call")


def _shown(context: Context, mpc: Mpc) -> MultiPartyCall:
    zone = zone_of(context.account.timezone)
    parts = "MultiPartyCall", f"uuid_{mpc.mpc_uuid}"
    return MultiPartyCall(
        mpc_uuid=mpc.mpc_uuid,
        friendly_name=mpc.friendly_name,
        status=mpc.status,
        creation_time=moment(mpc.creation_time, zone),
        start_time=moment(mpc.start_time, zone),
        end_time=moment(mpc.end_time, zone),
        duration=mpc.duration_s,
        billed_duration=mpc.billed_duration_s,
        billed_amount=NO_MONEY if mpc.end_time is not None else None,
        max_participants=mpc.max_participants,
        max_duration=mpc.max_duration_s,
        stay_alone=mpc.stay_alone,
        recording=mpc.recording,
        participants=context.uri(*parts, "Participant"),
        termination_cause=mpc.termination_cause,
        termination_cause_code=mpc.termination_cause_code,
        sub_account=context.sub_account(mpc.auth_id),
        resource_uri=context.uri(*parts),
    )


ONE = "MultiPartyCall/{mpc_ref}/"
ROUTES = (
    Route(
        method="GET",
        path="MultiPartyCall/",
        asks=ListMultiPartyCalls,
        answers=MultiPartyCallList,
        handler=list_,
        is_list=True,
    ),
    Route(method="GET", path=ONE, asks=Ask, answers=MultiPartyCall, handler=get),
    Route(method="POST", path=ONE, asks=ChangeMultiPartyCall, answers=Nothing, handler=start, status=204),
    Route(method="DELETE", path=ONE, asks=Ask, answers=Nothing, handler=end, status=204),
)
