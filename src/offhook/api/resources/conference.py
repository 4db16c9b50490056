"""Conferences that run, and their members (reference ``api.md`` section 6)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec

from offhook.api.adding import FileFormat
from offhook.api.context import Context, Done, Nothing
from offhook.api.errors import invalid, not_found
from offhook.api.reading import Ask, Line, Method, Url
from offhook.api.rooms import ConferenceMember, MemberAct, Members, RecordOrder, Spoken
from offhook.api.routes import Route

_IDS = re.compile(r"[0-9]{1,20}(,[0-9]{1,20}){0,99}")
GivenUrl = Annotated[str, msgspec.Meta(pattern=r"^[hH][tT][tT][pP][sS]?://\S+$", max_length=2048)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=10**6)]


class ConferenceList(msgspec.Struct):
    """The names of the conferences that run."""

    conferences: list[str]


class Member(msgspec.Struct, rename={"from_number": "from", "to_number": "to"}):
    """A member of a conference; ``join_time`` in seconds from its beginning."""

    member_id: str
    call_uuid: str
    from_number: str
    to_number: str
    caller_name: str
    direction: str
    muted: bool
    deaf: bool
    join_time: str


class Conference(msgspec.Struct):
    """A conference that runs; figures are told as texts."""

    conference_name: str
    conference_run_time: str
    conference_member_count: str
    members: list[Member]


class MemberDone(msgspec.Struct):
    """Something was done to members: those that the path names."""

    message: str
    member_id: str


class ConferenceRecording(msgspec.Struct):
    """A recording has begun; the file is there when it has ended."""

    message: str
    recording_id: str
    url: str


class PlayToMember(Ask):
    """What is played."""

    url: GivenUrl


class SpeakToMember(Ask):
    """What is said."""

    text: Text
    voice: Line = "WOMAN"
    language: Line = "en-US"
    type: Literal["text", "ssml"] = "text"


class RecordConference(Ask):
    """How a conference is recorded; ``callback_url`` is told when the file is ready."""

    file_format: FileFormat = "mp3"
    time_limit: Seconds | None = None
    transcription_type: Literal["auto", "hybrid"] | None = None
    transcription_url: Url | None = None
    transcription_method: Method = "POST"
    callback_url: Url | None = None
    callback_method: Method = "POST"


async def list_(context: Context, _ask: Ask) -> ConferenceList:
    """The names of the conferences that run."""
    return ConferenceList(list(context.desk.conferences.names(context.account.auth_id)))


async def get(context: Context, _ask: Ask) -> Conference:
    """One conference that runs, with its members."""
    found = context.desk.conferences.find(context.account.auth_id, context.path["conference_name"])
    if found is None:
        raise _no_conference()
    members = [_member(each) for each in found.members]
    return Conference(found.name, str(found.runs_s), str(len(members)), members)


async def hang_up(context: Context, _ask: Ask) -> Done:
    """End a conference and the calls of its members."""
    if not context.desk.conferences.hang_up(context.account.auth_id, context.path["conference_name"]):
        raise _no_conference()
    return Done("conference hung up")


async def hang_up_all(context: Context, _ask: Ask) -> Done:
    """End all conferences of the account and the calls of their members."""
    context.desk.conferences.hang_up(context.account.auth_id, None)
    return Done("all conferences hung up")


async def record(context: Context, ask: RecordConference) -> ConferenceRecording:
    """Begin to record a conference."""
    order = RecordOrder(
        file_format=ask.file_format,
        time_limit_s=ask.time_limit,
        callback_url=ask.callback_url or None,
        callback_method=ask.callback_method,
        transcription_type=ask.transcription_type,
        transcription_url=ask.transcription_url or None,
        transcription_method=ask.transcription_method,
    )
    begun = context.desk.conferences.record(context.account.auth_id, context.path["conference_name"], order)
    if begun is None:
        raise _no_conference()
    return ConferenceRecording("conference recording started", begun.recording_id, begun.url)


async def stop_recording(context: Context, _ask: Ask) -> Nothing:
    """End the recordings of a conference."""
    if not context.desk.conferences.stop_recording(context.account.auth_id, context.path["conference_name"]):
        raise _no_conference()
    return Nothing()


async def play(context: Context, ask: PlayToMember) -> MemberDone:
    """Play a file to members."""
    auth_id, name, members = _whom(context)
    return _told(context, context.desk.conferences.play(auth_id, name, members, ask.url), "play queued into conference")


async def speak(context: Context, ask: SpeakToMember) -> MemberDone:
    """Say something to members."""
    auth_id, name, members = _whom(context)
    spoken = Spoken(ask.text, ask.voice, ask.language, ask.type)
    return _told(context, context.desk.conferences.speak(auth_id, name, members, spoken), "speak queued into conference")


def _whom(context: Context) -> tuple[str, str, Members]:
    """Account, name and members of a path. The conference is looked for first: without it no member is wrong."""
    auth_id, name = context.account.auth_id, context.path["conference_name"]
    if context.desk.conferences.find(auth_id, name) is None:
        raise _no_conference()
    return auth_id, name, members_of(context.path["member_ids"])


def members_of(text: str) -> Members:
    """The members that a path names: one, several with commas between them, or ``all``.

    Raises:
        ApiError: 400, they are no numbers.
    """
    if text.lower() == "all":
        return None
    if not _IDS.fullmatch(text):
        raise invalid("member_id")
    return frozenset(text.split(","))


def _told(context: Context, is_done: bool, message: str) -> MemberDone:
    if not is_done:
        raise not_found("member")
    return MemberDone(message, context.path["member_ids"])


def _no_conference() -> Exception:
    return not_found("conference")


def _member(member: ConferenceMember) -> Member:
    return Member(
        member_id=member.member_id,
        call_uuid=member.call_uuid,
        from_number=member.from_number,
        to_number=member.to_number,
        caller_name=member.caller_name,
        direction=member.direction,
        muted=member.muted,
        deaf=member.deaf,
        join_time=str(member.joined_s),
    )


def _acting(act: MemberAct, message: str, about: str) -> Any:
    """A handler that does one thing to members and says so."""

    async def handler(context: Context, _ask: Ask) -> MemberDone:
        auth_id, name, members = _whom(context)
        return _told(context, context.desk.conferences.act(auth_id, name, members, act), message)

    handler.__doc__ = about
    return handler


_ONE = "Conference/{conference_name}/"
_MEMBERS = _ONE + "Member/{member_ids}/"


def _act(method: str, path: str, act: MemberAct, message: str, about: str) -> Route:
    status = 202 if method == "POST" else 200
    return Route(method=method, path=path, asks=Ask, answers=MemberDone, handler=_acting(act, message, about), status=status)


ROUTES = (
    Route(method="GET", path="Conference/", asks=Ask, answers=ConferenceList, handler=list_),
    Route(method="DELETE", path="Conference/", asks=Ask, answers=Done, handler=hang_up_all),
    Route(method="GET", path=_ONE, asks=Ask, answers=Conference, handler=get),
    Route(method="DELETE", path=_ONE, asks=Ask, answers=Done, handler=hang_up),
    Route(method="POST", path=_ONE + "Record/", asks=RecordConference, answers=ConferenceRecording, handler=record, status=202),
    Route(method="DELETE", path=_ONE + "Record/", asks=Ask, answers=Nothing, handler=stop_recording, status=204),
    _act("DELETE", _MEMBERS, "hangup", "hangup", "End the calls of members."),
    _act("POST", _MEMBERS + "Kick/", "kick", "kicked", "Put members out; their calls go on."),
    _act("POST", _MEMBERS + "Mute/", "mute", "muted", "Let members not be heard."),
    _act("DELETE", _MEMBERS + "Mute/", "unmute", "unmuted", "Let members be heard again."),
    _act("POST", _MEMBERS + "Deaf/", "deaf", "deaf", "Let members not hear."),
    _act("DELETE", _MEMBERS + "Deaf/", "undeaf", "undeaf", "Let members hear again."),
    Route(method="POST", path=_MEMBERS + "Play/", asks=PlayToMember, answers=MemberDone, handler=play, status=202),
    _act("DELETE", _MEMBERS + "Play/", "stop-playing", "playing in conference stopped", "End what is played to members."),
    Route(method="POST", path=_MEMBERS + "Speak/", asks=SpeakToMember, answers=MemberDone, handler=speak, status=202),
    _act("DELETE", _MEMBERS + "Speak/", "stop-speaking", "speak stopped", "End what is said to members."),
)
