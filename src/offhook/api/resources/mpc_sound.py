"""What is recorded of multiparty calls, and played and said to their participants (reference ``api.md`` section 7.1)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from offhook.api.adding import FileFormat
from offhook.api.context import Context, Nothing
from offhook.api.errors import missing, not_found
from offhook.api.reading import Ask, Line, Method, Url
from offhook.api.resources.conference import GivenUrl, Text, members_of
from offhook.api.resources.multi_party_call import ONE, found_in
from offhook.api.rooms import Mpc, RecordingAct, RecordOrder, Spoken
from offhook.api.routes import Route


class RecordMpc(Ask, kw_only=True):
    """How a multiparty call is recorded; ``recording_callback_url`` is told when the file is ready."""

    file_format: FileFormat = "mp3"
    recording_callback_url: Url | None = None
    recording_callback_method: Method = "POST"
    transcript: bool = False
    transcription_url: Url | None = None


class RecordParticipant(RecordMpc, kw_only=True):
    """How a participant is recorded."""

    record_track_type: Literal["all", "participant", "both"] = "all"


class MpcRecording(msgspec.Struct):
    """A recording has begun; the file is there when it has ended."""

    message: str
    recording_id: str
    recording_url: str


class PlayToParticipant(Ask):
    """What is played; one of the two names must be given."""

    url: GivenUrl | None = None
    urls: GivenUrl | None = None


class SpeakToParticipant(Ask):
    """What is said."""

    text: Text
    voice: Line = "WOMAN"
    language: Line = "en-US"
    mix: bool = True
    type: Literal["text", "ssml"] = "text"


class MpcQueued(msgspec.Struct, rename="camel"):
    """Something is played or said to participants."""

    message: str
    mpc_member_id: list[str]
    mpc_name: str


async def record(context: Context, ask: RecordMpc) -> MpcRecording:
    """Begin to record a multiparty call."""
    return await _record(context, ask, None, "all")


async def record_participant(context: Context, ask: RecordParticipant) -> MpcRecording:
    """Begin to record a participant of a multiparty call."""
    return await _record(context, ask, context.path["participant_id"], ask.record_track_type)


async def _record(context: Context, ask: RecordMpc, member_id: str | None, track: str) -> MpcRecording:
    mpc = await found_in(context)
    order = RecordOrder(
        file_format=ask.file_format,
        callback_url=ask.recording_callback_url or None,
        callback_method=ask.recording_callback_method,
        track=track,
        transcription_type="auto" if ask.transcript else None,
        transcription_url=ask.transcription_url or None,
    )
    begun = context.desk.multi_party_calls.record(mpc.mpc_uuid, member_id, order)
    if begun is None:
        raise not_found("participant" if member_id is not None else "multiparty call")
    whom = f"MPC: {mpc.friendly_name}" + ("" if member_id is None else " participant")
    return MpcRecording(f"{whom} record started", begun.recording_id, begun.url)


async def play(context: Context, ask: PlayToParticipant) -> MpcQueued:
    """Play a file to participants."""
    url = ask.url or ask.urls
    if url is None:
        raise missing("url")
    mpc = await found_in(context)
    members = members_of(context.path["participant_id"])
    return _queued(context, mpc, context.desk.multi_party_calls.play(mpc.mpc_uuid, members, url), "play queued into MPC")


async def speak(context: Context, ask: SpeakToParticipant) -> MpcQueued:
    """Say something to participants."""
    mpc = await found_in(context)
    members = members_of(context.path["participant_id"])
    spoken = Spoken(ask.text, ask.voice, ask.language, ask.type, ask.mix)
    return _queued(context, mpc, context.desk.multi_party_calls.speak(mpc.mpc_uuid, members, spoken), "speak queued into MPC")


def _queued(context: Context, mpc: Mpc, is_done: bool, message: str) -> MpcQueued:
    if not is_done:
        raise not_found("participant")
    return MpcQueued(message, context.path["participant_id"].split(","), mpc.friendly_name)


def _hushing(what: Literal["play", "speak"], about: str) -> Any:
    async def handler(context: Context, _ask: Ask) -> Nothing:
        mpc = await found_in(context)
        if not context.desk.multi_party_calls.hush(mpc.mpc_uuid, members_of(context.path["participant_id"]), what):
            raise not_found("participant")
        return Nothing()

    handler.__doc__ = about
    return handler


def _recording(act: RecordingAct, about: str) -> Any:
    async def handler(context: Context, _ask: Ask) -> Nothing:
        mpc = await found_in(context)
        if not context.desk.multi_party_calls.change_recording(mpc.mpc_uuid, context.path.get("participant_id"), act):
            raise not_found("recording")
        return Nothing()

    handler.__doc__ = about
    return handler


_MEMBER, _PARTICIPANT = ONE + "Member/{participant_id}/", ONE + "Participant/{participant_id}/"
_TRACK = _PARTICIPANT + "Record/"


def _also(path: str) -> tuple[str, ...]:
    """The same with the other word for the same thing."""
    if path.startswith(_MEMBER):
        return (path.replace(_MEMBER, _PARTICIPANT),)
    return (path.replace(_PARTICIPANT, _MEMBER),) if path.startswith(_PARTICIPANT) else ()


def _nothing(method: str, path: str, handler: Any) -> Route:
    return Route(method=method, path=path, also=_also(path), asks=Ask, answers=Nothing, handler=handler, status=204)


def _post(path: str, asks: type[Ask], answers: type[msgspec.Struct], handler: Any) -> Route:
    return Route(method="POST", path=path, also=_also(path), asks=asks, answers=answers, handler=handler, status=202)


ROUTES = (
    _post(ONE + "Record/", RecordMpc, MpcRecording, record),
    _nothing("DELETE", ONE + "Record/", _recording("stop", "End the recording of a multiparty call.")),
    _nothing("POST", ONE + "Record/Pause/", _recording("pause", "Interrupt the recording of a multiparty call.")),
    _nothing("POST", ONE + "Record/Resume/", _recording("resume", "Go on with the recording of a multiparty call.")),
    _post(_TRACK, RecordParticipant, MpcRecording, record_participant),
    _nothing("DELETE", _TRACK, _recording("stop", "End the recording of a participant.")),
    _nothing("POST", _TRACK + "Pause/", _recording("pause", "Interrupt the recording of a participant.")),
    _nothing("POST", _TRACK + "Resume/", _recording("resume", "Go on with the recording of a participant.")),
    _post(_MEMBER + "Play/", PlayToParticipant, MpcQueued, play),
    _nothing("DELETE", _MEMBER + "Play/", _hushing("play", "End what is played to participants.")),
    _post(_MEMBER + "Speak/", SpeakToParticipant, MpcQueued, speak),
    _nothing("DELETE", _MEMBER + "Speak/", _hushing("speak", "End what is said to participants.")),
)
