"""Recordings: begun and ended on live calls, listed, removed (reference ``api.md`` sections 5.7 and 10)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from offhook.api import cursors
from offhook.api.context import Context, Meta, Nothing
from offhook.api.errors import ApiError, not_found
from offhook.api.forms import exact_moment, zone_of
from offhook.api.reading import Ask, Line, Method, Paged, Url
from offhook.api.routes import Route
from offhook.api.windows import bounds, windowed
from offhook.calls import Callback, RecordingTerms, begin_and_end_ms
from offhook.errors import LegGone, NoRoom
from offhook.records import Recording as Recorded
from offhook.store import RecordingFilter

BILLING_UNIT_S = 60
Days = Annotated[int, msgspec.Meta(ge=0, le=36_500)]


class Recording(msgspec.Struct, kw_only=True):
    """A recording that is complete. Its times are told in the account's time zone, or as milliseconds since 1970, UTC."""

    recording_id: str
    call_uuid: str
    conference_name: str
    from_number: str
    to_number: str
    add_time: str
    recording_format: str
    recording_type: str
    recording_url: str
    recording_duration_ms: str
    recording_start_ms: str
    recording_end_ms: str
    rounded_recording_duration: int
    recording_storage_duration: int
    resource_uri: str
    recording_storage_rate: float = 0.0
    monthly_recording_storage_amount: float = 0.0


class RecordingList(msgspec.Struct):
    """Recordings, the newest first."""

    meta: Meta
    objects: list[Recording]


class RecordingStarted(msgspec.Struct):
    """The file is at ``url`` as soon as the recording has ended."""

    message: str
    url: str
    recording_id: str


class StartRecording(Ask):
    """What is wanted of a recording. ``callback_url`` is told when the file is complete."""

    time_limit: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 60
    file_format: Literal["mp3", "wav"] = "mp3"
    record_channel_type: Literal["mono", "stereo"] = "stereo"
    callback_url: Url | None = None
    callback_method: Method = "POST"
    transcription_type: Line | None = None
    transcription_url: Url | None = None
    transcription_method: Method = "POST"
    transcription_report_type: Line | None = None


class StopRecording(Ask, rename={"url": "URL"}):
    """Which recording is to end; all of the call where none is named."""

    url: Annotated[str, msgspec.Meta(max_length=2048)] | None = None


class ListRecordings(Paged):
    """Which recordings are wanted."""

    cursor: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    subaccount: Line | None = None
    call_uuid: Line | None = None
    from_number: Line | None = None
    to_number: Line | None = None
    conference_name: Line | None = None
    conference_uuid: Line | None = None
    mpc_name: Line | None = None
    mpc_uuid: Line | None = None
    add_time: Line | None = None
    add_time__gt: Line | None = None
    add_time__gte: Line | None = None
    add_time__lt: Line | None = None
    add_time__lte: Line | None = None
    recording_storage_duration: Days | None = None
    recording_storage_duration__gt: Days | None = None
    recording_storage_duration__gte: Days | None = None
    recording_storage_duration__lt: Days | None = None
    recording_storage_duration__lte: Days | None = None


async def start(context: Context, ask: StartRecording) -> RecordingStarted:
    """Record a live call: what its party says on the left, what it hears on the right, or both mixed."""
    call_uuid = (await context.live_call()).call_uuid
    party = context.desk.live.party(call_uuid)
    if party is None:
        raise ApiError(400, "the call is not answered: there is nothing to record yet")
    told = {"api_id": context.api_id}
    transcribed = ask.transcription_url if ask.transcription_type else None
    terms = RecordingTerms(
        file_format=ask.file_format,
        stereo=ask.record_channel_type == "stereo",
        limit_s=ask.time_limit,
        callback=Callback(url=ask.callback_url, method=ask.callback_method, parameters=told) if ask.callback_url else None,
        transcription=Callback(url=transcribed, method=ask.transcription_method) if transcribed else None,
    )
    try:
        running = await context.desk.recorder.start(party, terms)
    except LegGone:
        raise not_found("call") from None
    except NoRoom as error:
        raise ApiError(503, str(error)) from None
    url = context.desk.recorder.url(running.recording)
    return RecordingStarted("call recording started", url, running.recording.recording_id)


async def stop(context: Context, ask: StopRecording) -> Nothing:
    """End the recordings of a live call, or the one of a ``URL``."""
    call_uuid = (await context.live_call()).call_uuid
    named = _recording_id(ask.url) if ask.url else None
    if not context.desk.recorder.stop(call_uuid, named) and named is not None:
        over = await context.desk.store.recordings.get(named)  # it may have come to its end just before
        if over is None or over.call_uuid != call_uuid:
            raise not_found("recording")
    return Nothing()


async def list_(context: Context, ask: ListRecordings) -> RecordingList:
    """Recordings that are complete."""
    owner = await context.owner(ask.subaccount)
    now, zone = context.desk.clock.wall(), zone_of(context.account.timezone)
    cursor = cursors.Cursor.read(ask.cursor) if ask.cursor else None
    offset, place = (ask.offset, None) if cursor is None else (0, cursor.place)
    shelf, wanted = context.desk.store.recordings, _filter(context, ask, now)
    found = await shelf.of_account(owner, wanted, limit=ask.limit, offset=offset, place=place)
    meta = cursors.meta(context, ask, cursor, found, _edge, "Recording")
    return RecordingList(meta, [_shown(context, each, zone, now) for each in found.items])


def _edge(recording: Recorded) -> tuple[datetime, str]:
    return recording.added_at, recording.recording_id


async def get(context: Context, _ask: Ask) -> Recording:
    """One recording, as soon as it is complete."""
    return _shown(context, await _found(context), zone_of(context.account.timezone), context.desk.clock.wall())


async def remove(context: Context, _ask: Ask) -> Nothing:
    """Remove a recording and its file."""
    await context.desk.archive.discard(await _found(context))
    return Nothing()


async def _found(context: Context) -> Recorded:
    found = await context.desk.store.recordings.get(context.path["recording_id"].lower())
    if found is None or not await context.reaches(found.auth_id):
        raise not_found("recording")
    return found


def _recording_id(url: str) -> str:
    """Of a recording's URL, or the id by itself."""
    return posixpath.basename(urlsplit(url).path.rstrip("/")).partition(".")[0].lower()


def _filter(context: Context, ask: ListRecordings, now: datetime) -> RecordingFilter:
    stored, added = tuple(_stored(ask, now)), bounds(ask, "add_time")
    if stored and added:
        raise ApiError(400, "add_time and recording_storage_duration cannot be given together")
    if context.desk.settings.windows and not stored:
        added = windowed("add_time", added, now)
    return RecordingFilter(
        call_uuid=ask.call_uuid.lower() if ask.call_uuid is not None else None,
        from_number=ask.from_number,
        to_number=ask.to_number,
        conference_name=ask.conference_name,
        conference_uuid=ask.conference_uuid.lower() if ask.conference_uuid is not None else None,
        mpc_name=ask.mpc_name,
        mpc_uuid=ask.mpc_uuid.lower() if ask.mpc_uuid is not None else None,
        added=stored or added,
    )


def _stored(ask: ListRecordings, now: datetime) -> Iterator[tuple[str, datetime]]:
    """A recording is stored for as many days as are over since it was added, whole ones."""

    def ago(days: int) -> datetime:
        return now - timedelta(days=days)

    equal, more, least, fewer, most = (
        getattr(ask, f"recording_storage_duration{suffix}") for suffix in ("", "__gt", "__gte", "__lt", "__lte")
    )
    if equal is not None:
        yield "lte", ago(equal)
        yield "gt", ago(equal + 1)
    if more is not None:
        yield "lte", ago(more + 1)
    if least is not None:
        yield "lte", ago(least)
    if fewer is not None:
        yield "gt", ago(fewer)
    if most is not None:
        yield "gt", ago(most + 1)


def _shown(context: Context, recording: Recorded, zone: tzinfo, now: datetime) -> Recording:
    began_ms, ended_ms = begin_and_end_ms(recording)
    return Recording(
        recording_id=recording.recording_id,
        call_uuid=recording.call_uuid,
        conference_name=recording.conference_name,
        from_number=recording.from_number,
        to_number=recording.to_number,
        add_time=exact_moment(recording.added_at, zone),
        recording_format=recording.file_format,
        recording_type=recording.recording_type,
        recording_url=context.desk.archive.url(recording),
        recording_duration_ms=_milliseconds(recording.duration_ms),
        recording_start_ms=_milliseconds(began_ms),
        recording_end_ms=_milliseconds(ended_ms),
        rounded_recording_duration=-(-recording.duration_ms // (BILLING_UNIT_S * 1000)) * BILLING_UNIT_S,
        recording_storage_duration=max(0, (now - recording.added_at.astimezone(UTC)).days),
        resource_uri=context.uri("Recording", recording.recording_id),
    )


def _milliseconds(number: int) -> str:
    return f"{number}.00000"


_OF_CALL = "Call/{call_uuid}/Record/"
_ONE = "Recording/{recording_id}/"
ROUTES = (
    Route(method="POST", path=_OF_CALL, asks=StartRecording, answers=RecordingStarted, handler=start, status=202),
    Route(method="DELETE", path=_OF_CALL, asks=StopRecording, answers=Nothing, handler=stop, status=204),
    Route(method="GET", path="Recording/", asks=ListRecordings, answers=RecordingList, handler=list_, is_list=True),
    Route(method="GET", path=_ONE, asks=Ask, answers=Recording, handler=get),
    Route(method="DELETE", path=_ONE, asks=Ask, answers=Nothing, handler=remove, status=204),
)
