"""Calls that are over, that run, and that wait (reference ``api.md`` sections 5.2 to 5.4 and 5.6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Annotated, Literal

import msgspec

from offhook.api import cursors
from offhook.api.context import Context, Meta, Nothing
from offhook.api.errors import not_found
from offhook.api.forms import NO_MONEY, bare_moment, moment, zone_of
from offhook.api.live import RunningCall
from offhook.api.reading import Ask, Line, Paged
from offhook.api.routes import Route
from offhook.api.windows import bounds, is_kept, windowed
from offhook.records import CallRecord
from offhook.store import CallFilter

Seconds = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Code = Annotated[int, msgspec.Meta(ge=0, le=99_999)]
QUEUED = "queued"


class Call(msgspec.Struct, kw_only=True):
    """The record of a call that is over. Times are told in the account's time zone."""

    call_uuid: str
    parent_call_uuid: str | None
    from_number: str
    to_number: str
    call_direction: str
    call_state: str
    initiation_time: str | None
    answer_time: str | None
    end_time: str | None
    call_duration: int
    bill_duration: int
    billed_duration: int
    hangup_cause_name: str
    hangup_cause_code: int
    hangup_source: str
    stir_verification: str
    stir_attestation: str
    source_ip: str
    resource_uri: str
    conference_uuid: str | None = None
    total_amount: str = NO_MONEY
    total_rate: str = NO_MONEY
    voice_network_group: str = ""
    cnam_lookup: str = ""


class CallList(msgspec.Struct):
    """Records of calls, the newest first."""

    meta: Meta
    objects: list[Call]


class LiveCall(msgspec.Struct, rename={"from_number": "from", "to_number": "to"}, kw_only=True):
    """A call that runs, or waits for its turn."""

    call_uuid: str
    request_uuid: str
    call_status: str
    caller_name: str
    direction: str
    from_number: str
    to_number: str
    session_start: str | None
    stir_verification: str
    stir_attestation: str


class LiveCallList(msgspec.Struct):
    """The UUIDs of calls that run or wait."""

    calls: list[str]


Status = Literal["live", "queued"]


class ListCalls(Paged):
    """Which calls are wanted. ``status`` asks for those that run or wait instead of records."""

    status: Status | None = None
    cursor: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    subaccount: Line | None = None
    call_direction: Literal["inbound", "outbound"] | None = None
    from_number: Line | None = None
    to_number: Line | None = None
    parent_call_uuid: Line | None = None
    bill_duration: Seconds | None = None
    bill_duration__gt: Seconds | None = None
    bill_duration__gte: Seconds | None = None
    bill_duration__lt: Seconds | None = None
    bill_duration__lte: Seconds | None = None
    end_time: Line | None = None
    end_time__gt: Line | None = None
    end_time__gte: Line | None = None
    end_time__lt: Line | None = None
    end_time__lte: Line | None = None
    hangup_cause_code: Code | None = None
    hangup_source: Line | None = None
    stir_verification: Line | None = None


class GetCall(Ask):
    """``status`` asks for a call that runs or waits."""

    status: Status | None = None


async def list_(context: Context, ask: ListCalls) -> CallList | LiveCallList:
    """Records of calls; with ``status=live`` or ``queued`` the UUIDs of calls that run or wait."""
    owner = await context.owner(ask.subaccount)
    if ask.status is not None:
        running = context.desk.live.running(owner)
        return LiveCallList([each.call_uuid for each in running if _is(each, ask.status) and _wanted(each, ask)])
    cursor = cursors.Cursor.read(ask.cursor) if ask.cursor else None
    offset, place = (ask.offset, None) if cursor is None else (0, cursor.place)
    found = await context.desk.store.history.calls(owner, _filter(context, ask), limit=ask.limit, offset=offset, place=place)
    zone = zone_of(context.account.timezone)
    return CallList(
        cursors.meta(context, ask, cursor, found, _edge, "Call"), [_shown(context, each, zone) for each in found.items]
    )


def _edge(record: CallRecord) -> tuple[datetime, str]:
    return record.end_time, record.call_uuid


async def get(context: Context, ask: GetCall) -> Call | LiveCall:
    """The record of a call, once it is over; with ``status``, a call that runs or waits."""
    call_uuid = context.path["call_uuid"].lower()
    if ask.status is not None:
        running = await context.live_call()
        if not _is(running, ask.status):
            raise not_found("call")
        return _live(running)
    record = await context.desk.store.record(call_uuid)
    if record is None or not await context.reaches(record.auth_id) or not _is_kept(context, record):
        raise not_found("call")
    return _shown(context, record, zone_of(context.account.timezone))


async def hang_up(context: Context, _ask: Ask) -> Nothing:
    """End a call that runs, or take back one that waits."""
    running = await context.live_call()
    if not context.desk.live.hang_up(running.call_uuid):
        raise not_found("call")
    return Nothing()


def _is(call: RunningCall, status: Status) -> bool:
    return (call.status == QUEUED) == (status == QUEUED)


def _wanted(call: RunningCall, ask: ListCalls) -> bool:
    return (
        (ask.call_direction is None or call.direction == ask.call_direction)
        and (ask.from_number is None or _begins(call.from_number, ask.from_number))
        and (ask.to_number is None or _begins(call.to_number, ask.to_number))
    )


def _begins(number: str, wanted: str) -> bool:
    return number.lstrip("+").lower().startswith(wanted.lstrip("+").lower())


def _is_kept(context: Context, record: CallRecord) -> bool:
    return not context.desk.settings.windows or is_kept(record.end_time, context.desk.clock.wall())


def _filter(context: Context, ask: ListCalls) -> CallFilter:
    ended = bounds(ask, "end_time")
    if context.desk.settings.windows:
        ended = windowed("end_time", ended, context.desk.clock.wall())
    return CallFilter(
        direction=ask.call_direction,
        from_number=ask.from_number,
        to_number=ask.to_number,
        parent_call_uuid=ask.parent_call_uuid.lower() if ask.parent_call_uuid is not None else None,
        hangup_cause_code=ask.hangup_cause_code,
        hangup_source=ask.hangup_source,
        stir_verification=ask.stir_verification,
        ended=ended,
        lasted=tuple(_lasted(ask)),
    )


def _lasted(ask: ListCalls) -> Iterator[tuple[str, int]]:
    if ask.bill_duration is not None:
        yield "eq", ask.bill_duration
    for how in ("gt", "gte", "lt", "lte"):
        seconds = getattr(ask, f"bill_duration__{how}")
        if seconds is not None:
            yield how, seconds


def _shown(context: Context, record: CallRecord, zone: tzinfo) -> Call:
    return Call(
        call_uuid=record.call_uuid,
        parent_call_uuid=record.parent_call_uuid,
        from_number=record.from_number,
        to_number=record.to_number,
        call_direction=record.direction,
        call_state="ANSWER" if record.answer_time is not None else "HANGUP",
        initiation_time=moment(record.initiation_time, zone),
        answer_time=moment(record.answer_time, zone),
        end_time=moment(record.end_time, zone),
        call_duration=record.duration_s,
        bill_duration=record.duration_s,
        billed_duration=record.billed_duration_s,
        hangup_cause_name=record.hangup_cause_name,
        hangup_cause_code=record.hangup_cause_code,
        hangup_source=record.hangup_source,
        stir_verification=record.stir_verification,
        stir_attestation=record.stir_attestation,
        source_ip=record.source_ip or "",
        resource_uri=context.uri("Call", record.call_uuid),
    )


def _live(call: RunningCall) -> LiveCall:
    return LiveCall(
        call_uuid=call.call_uuid,
        request_uuid=call.request_uuid or call.call_uuid,
        call_status=call.status,
        caller_name=call.caller_name,
        direction=call.direction,
        from_number=call.from_number,
        to_number=call.to_number,
        session_start=None if call.status == QUEUED else bare_moment(call.began_at),
        stir_verification=call.stir_verification,
        stir_attestation=call.stir_attestation,
    )


_ONE = "Call/{call_uuid}/"
ROUTES = (
    Route(method="GET", path="Call/", asks=ListCalls, answers=CallList | LiveCallList, handler=list_, is_list=True),
    Route(method="GET", path=_ONE, asks=GetCall, answers=Call | LiveCall, handler=get),
    Route(method="DELETE", path=_ONE, asks=Ask, answers=Nothing, handler=hang_up, status=204),
    Route(method="DELETE", path="Request/{call_uuid}/", asks=Ask, answers=Nothing, handler=hang_up, status=204),
)
