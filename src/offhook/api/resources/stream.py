"""Audio streams of calls (reference ``api.md`` section 5.11)."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from offhook.api.context import Context, CountedMeta, Nothing
from offhook.api.errors import ApiError, invalid, not_found
from offhook.api.forms import NO_MONEY, moment, zone_of
from offhook.api.reading import Ask, Method, Paged, Url
from offhook.api.rooms import AudioStream, NotPossible, StreamOrder
from offhook.api.routes import Route

MOST_HEADERS = 512
"""Octets of all extra headers together."""
_NAME = re.compile(r"[A-Za-z0-9_.\-]+")
ContentType = Literal["audio/x-l16;rate=8000", "audio/x-l16;rate=16000", "audio/x-l16;rate=24000", "audio/x-mulaw;rate=8000"]


class Stream(msgspec.Struct):
    """An audio stream. Times are told in the account's time zone; durations in seconds."""

    stream_id: str
    call_uuid: str
    service_url: str
    bidirectional: bool
    audio_track: str
    content_type: str
    status: str
    status_callback_url: str
    start_time: str | None
    end_time: str | None
    created_at: str | None
    bill_duration: int
    rounded_bill_duration: int
    plivo_auth_id: str
    resource_uri: str
    billed_amount: str = NO_MONEY


class StreamList(msgspec.Struct):
    """Audio streams of a call."""

    meta: CountedMeta
    objects: list[Stream]


class StreamStarted(msgspec.Struct):
    """An audio stream begins."""

    message: str
    stream_id: str


class StartStream(Ask, kw_only=True):
    """An audio stream to begin."""

    service_url: Annotated[str, msgspec.Meta(pattern=r"^[wW][sS][sS]?://[^\s/?#]\S*$", max_length=2048)]
    bidirectional: bool = False
    audio_track: Literal["inbound", "outbound", "both"] = "inbound"
    stream_timeout: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 86_400
    content_type: ContentType = "audio/x-l16;rate=8000"
    status_callback_url: Url | None = None
    status_callback_method: Method = "POST"
    extra_headers: str | dict[str, str] | None = None
    noise_cancellation: bool = False
    noise_cancellation_level: Annotated[int, msgspec.Meta(ge=60, le=100)] = 85


async def start(context: Context, ask: StartStream) -> StreamStarted:
    """Send the audio of a live call to a WebSocket server."""
    if ask.bidirectional and ask.audio_track != "inbound":
        raise ApiError(400, "audio_track should be inbound where bidirectional is true")
    order = StreamOrder(
        service_url=ask.service_url,
        bidirectional=ask.bidirectional,
        audio_track=ask.audio_track,
        content_type=ask.content_type,
        timeout_s=ask.stream_timeout,
        status_callback_url=ask.status_callback_url or None,
        status_callback_method=ask.status_callback_method,
        extra_headers=_headers(ask.extra_headers),
        noise_cancellation_level=ask.noise_cancellation_level if ask.noise_cancellation else None,
    )
    call_uuid = (await context.live_call()).call_uuid
    try:
        stream_id = context.desk.streams.start(call_uuid, order)
    except NotPossible as error:
        raise ApiError(400, str(error)) from None
    return StreamStarted("audio streaming started", stream_id)


async def list_(context: Context, ask: Paged) -> StreamList:
    """The audio streams of a call, live or over."""
    call_uuid, owner = await _known(context)
    found = await context.desk.streams.of_call(call_uuid, limit=ask.limit, offset=ask.offset)
    meta = context.counted_meta(ask, found.total, "Call", call_uuid, "Stream")
    return StreamList(meta, [_shown(context, each, owner) for each in found.items])


async def get(context: Context, _ask: Ask) -> Stream:
    """One audio stream of a call."""
    call_uuid, owner = await _known(context)
    found = await context.desk.streams.find(call_uuid, context.path["stream_id"].lower())
    if found is None:
        raise not_found("stream")
    return _shown(context, found, owner)


async def stop(context: Context, _ask: Ask) -> Nothing:
    """End an audio stream."""
    if not context.desk.streams.stop((await context.live_call()).call_uuid, context.path["stream_id"].lower()):
        raise not_found("stream")
    return Nothing()


async def stop_all(context: Context, _ask: Ask) -> Nothing:
    """End all audio streams of a live call."""
    context.desk.streams.stop((await context.live_call()).call_uuid, None)
    return Nothing()


async def _known(context: Context) -> tuple[str, str]:
    """A call, live or over, and whose it is."""
    call_uuid = context.path["call_uuid"].lower()
    owner = await context.owner_of_call(call_uuid)
    if owner is None:
        raise not_found("call")
    return call_uuid, owner


def _headers(given: str | dict[str, str] | None) -> dict[str, str]:
    """``k=v,k2=v2``, a JSON object, or one as a text."""
    if not given:
        return {}
    if isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            given = msgspec.json.decode(given, type=dict[str, str])
        except (msgspec.MsgspecError, ValueError):
            raise invalid("extra_headers") from None
    if isinstance(given, str):
        pairs = [pair.partition("=") for pair in given.split(",") if pair.strip()]
        if not all(equals for _, equals, _ in pairs):
            raise invalid("extra_headers")
        given = {name.strip(): value.strip() for name, _, value in pairs}
    size = sum(len(name.encode()) + len(value.encode("utf-8", "replace")) for name, value in given.items())
    if size > MOST_HEADERS:
        raise ApiError(400, f"extra_headers should be at most {MOST_HEADERS} octets")
    if not all(_NAME.fullmatch(name) and value.isprintable() for name, value in given.items()):
        raise invalid("extra_headers")
    return given


def _shown(context: Context, stream: AudioStream, owner: str) -> Stream:
    zone = zone_of(context.account.timezone)
    return Stream(
        stream_id=stream.stream_id,
        call_uuid=stream.call_uuid,
        service_url=stream.service_url,
        bidirectional=stream.bidirectional,
        audio_track=stream.audio_track,
        content_type=stream.content_type,
        status=stream.status,
        status_callback_url=stream.status_callback_url or "",
        start_time=moment(stream.start_time, zone),
        end_time=moment(stream.end_time, zone),
        created_at=moment(stream.created_at, zone),
        bill_duration=stream.duration_s,
        rounded_bill_duration=stream.billed_duration_s,
        plivo_auth_id=owner,
        resource_uri=context.uri("Call", stream.call_uuid, "Stream", stream.stream_id),
    )


_ALL = "Call/{call_uuid}/Stream/"
_ONE = _ALL + "{stream_id}/"
ROUTES = (
    Route(method="POST", path=_ALL, asks=StartStream, answers=StreamStarted, handler=start, status=202),
    Route(method="GET", path=_ALL, asks=Paged, answers=StreamList, handler=list_, is_list=True),
    Route(method="DELETE", path=_ALL, asks=Ask, answers=Nothing, handler=stop_all, status=204),
    Route(method="GET", path=_ONE, asks=Ask, answers=Stream, handler=get),
    Route(method="DELETE", path=_ONE, asks=Ask, answers=Nothing, handler=stop, status=204),
)
