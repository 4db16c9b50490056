"""Conferences, multiparty calls and audio streams: what the API needs of them. The node hands in what implements it.

What is asked of something that is not there, or not any more, is answered with ``False`` or ``None``: the API says 404 then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from offhook.api.adding import AddParticipant
from offhook.errors import PeerFault
from offhook.store import Page

Members = frozenset[str] | None
"""Whose turn it is, by member ids; ``None``: everybody's."""
MemberAct = Literal["hangup", "kick", "mute", "unmute", "deaf", "undeaf", "stop-playing", "stop-speaking"]
RecordingAct = Literal["stop", "pause", "resume"]


class NotPossible(PeerFault):
    """What was asked cannot be done; the text says why, for whoever asked."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is to be said."""

    text: str
    voice: str
    language: str
    kind: str = "text"
    """``text`` or ``ssml``."""
    mix: bool = True
    """Over what is said meanwhile, or instead of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOrder:
    """How something is to be recorded, and who is told."""

    file_format: str
    callback_url: str | None
    callback_method: str
    time_limit_s: int | None = None
    track: str = "all"
    """Of a participant: ``all``, ``participant`` or ``both``."""
    transcription_type: str | None = None
    transcription_url: str | None = None
    transcription_method: str = "POST"


@dataclass(frozen=True, slots=True)
class Recorder:
    """A recording that has begun; the file is there when it has ended."""

    recording_id: str
    url: str


# -- conferences -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceMember:
    """Somebody in a conference (reference ``api.md`` section 6)."""

    member_id: str
    call_uuid: str
    from_number: str
    to_number: str
    caller_name: str
    direction: str
    muted: bool
    deaf: bool
    joined_s: int
    """Seconds since the beginning of the conference."""


@dataclass(frozen=True, slots=True)
class RunningConference:
    """A conference: it is there while somebody is in it."""

    name: str
    runs_s: int
    members: tuple[ConferenceMember, ...]


class Conferences(Protocol):
    """The conferences of this node, by account and name."""

    def names(self, auth_id: str) -> Sequence[str]:
        """Of those that run, in the order of their beginning."""

    def find(self, auth_id: str, name: str) -> RunningConference | None:
        """One that runs; names are case-sensitive."""

    def hang_up(self, auth_id: str, name: str | None) -> bool:
        """End one with the calls of its members; without a name all of the account. Does not wait for the end."""

    def act(self, auth_id: str, name: str, members: Members, act: MemberAct) -> bool:
        """Do something to members; false where there is no such conference or none of the members."""

    def play(self, auth_id: str, name: str, members: Members, url: str) -> bool:
        """Play a file to members."""

    def speak(self, auth_id: str, name: str, members: Members, spoken: Spoken) -> bool:
        """Say something to members."""

    def record(self, auth_id: str, name: str, order: RecordOrder) -> Recorder | None:
        """Begin to record a conference."""

    def stop_recording(self, auth_id: str, name: str) -> bool:
        """End all recordings of a conference; false where there is none."""


class NoConferences:
    """Of a node on which none can run."""

    def names(self, auth_id: str) -> Sequence[str]:  # noqa: ARG002
        """None."""
        return ()

    def find(self, auth_id: str, name: str) -> RunningConference | None:  # noqa: ARG002
        """None."""
        return None

    def hang_up(self, auth_id: str, name: str | None) -> bool:  # noqa: ARG002
        """Nothing to end: which is what was wanted, where all were."""
        return name is None

    def act(self, auth_id: str, name: str, members: Members, act: MemberAct) -> bool:  # noqa: ARG002
        """Nobody there."""
        return False

    def play(self, auth_id: str, name: str, members: Members, url: str) -> bool:  # noqa: ARG002
        """Nobody there."""
        return False

    def speak(self, auth_id: str, name: str, members: Members, spoken: Spoken) -> bool:  # noqa: ARG002
        """Nobody there."""
        return False

    def record(self, auth_id: str, name: str, order: RecordOrder) -> Recorder | None:  # noqa: ARG002
        """Nothing to record."""
        return None

    def stop_recording(self, auth_id: str, name: str) -> bool:  # noqa: ARG002
        """Nothing is recorded."""
        return False


# -- multiparty calls --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MpcRef:
    """Which one is meant: a live one of the account by its name, or any by its UUID (reference ``api.md`` section 7)."""

    kind: Literal["name", "uuid"]
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mpc:
    """A multiparty call, live or over. Times are aware; durations seconds, ``None`` while it runs."""

    mpc_uuid: str
    auth_id: str
    friendly_name: str
    status: Literal["Initialized", "Active", "Ended"]
    creation_time: datetime
    start_time: datetime | None
    end_time: datetime | None
    duration_s: int | None
    billed_duration_s: int | None
    max_participants: int
    max_duration_s: int
    stay_alone: bool
    recording: Literal["recording", "not-recording", "paused"]
    termination_cause: str | None
    termination_cause_code: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MpcParticipant:
    """Somebody in a multiparty call, now or before; the flags are ``None`` once it has left."""

    member_id: str
    call_uuid: str
    role: Literal["agent", "customer", "supervisor"]
    join_time: datetime
    exit_time: datetime | None
    duration_s: int | None
    billed_duration_s: int | None
    coach_mode: bool | None
    mute: bool | None
    hold: bool | None
    start_mpc_on_enter: bool | None
    end_mpc_on_exit: bool | None
    exit_cause: str | None
    member_address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MpcFilter:
    """Which ones are wanted; what is ``None`` or empty does not matter."""

    friendly_name: str | None = None
    status: str | None = None
    termination_cause_code: int | None = None
    created: tuple[tuple[str, datetime], ...] = ()
    """``gt``, ``gte``, ``lt`` or ``lte``, and a time."""
    ended: tuple[tuple[str, datetime], ...] = ()


@dataclass(frozen=True, slots=True)
class AddedCall:
    """A call that a participant is fetched by."""

    to_number: str
    from_number: str
    call_uuid: str


class MultiPartyCalls(Protocol):
    """Multiparty calls: those that run, and what is known of those that are over."""

    async def browse(self, auth_id: str, wanted: MpcFilter, *, limit: int, offset: int) -> Page[Mpc]:
        """Those of an account, the newest first."""

    async def find(self, auth_id: str, ref: MpcRef) -> Mpc | None:
        """One: by name among the live ones of the account, by UUID among all of everybody."""

    async def participants(self, mpc_uuid: str, call_uuid: str | None, *, limit: int, offset: int) -> Page[MpcParticipant]:
        """Who is or was in one; with ``call_uuid``, that call only."""

    async def participant(self, mpc_uuid: str, member_id: str) -> MpcParticipant | None:
        """One of them."""

    def add(self, auth_id: str, ref: MpcRef, order: AddParticipant) -> Sequence[AddedCall]:
        """Fetch a participant into one, which is made where none of the name is live. Does not wait for the network.

        Raises:
            NotPossible: nobody was called.
        """

    def start(self, mpc_uuid: str) -> bool:
        """Let those who wait hear each other; false where it has ended."""

    def end(self, mpc_uuid: str) -> bool:
        """End it; false where it has ended."""

    def update(self, mpc_uuid: str, members: Members, changes: Mapping[str, bool]) -> bool:
        """Set ``mute``, ``hold`` or ``coach_mode`` of members."""

    def kick(self, mpc_uuid: str, members: Members) -> bool:
        """Put members out."""

    def record(self, mpc_uuid: str, member_id: str | None, order: RecordOrder) -> Recorder | None:
        """Begin to record it, or a member."""

    def change_recording(self, mpc_uuid: str, member_id: str | None, act: RecordingAct) -> bool:
        """Stop, pause or resume what records it, or a member; false where nothing does."""

    def play(self, mpc_uuid: str, members: Members, url: str) -> bool:
        """Play a file to members."""

    def speak(self, mpc_uuid: str, members: Members, spoken: Spoken) -> bool:
        """Say something to members."""

    def hush(self, mpc_uuid: str, members: Members, what: Literal["play", "speak"]) -> bool:
        """End what is played or said to members."""


class NoMultiPartyCalls:
    """Of a node on which none can run, and none ever ran."""

    async def browse(self, auth_id: str, wanted: MpcFilter, *, limit: int, offset: int) -> Page[Mpc]:  # noqa: ARG002
        """None."""
        return Page([], 0)

    async def find(self, auth_id: str, ref: MpcRef) -> Mpc | None:  # noqa: ARG002
        """None."""
        return None

    async def participants(
        self,
        mpc_uuid: str,  # noqa: ARG002
        call_uuid: str | None,  # noqa: ARG002
        *,
        limit: int,  # noqa: ARG002
        offset: int,  # noqa: ARG002
    ) -> Page[MpcParticipant]:
        """None."""
        return Page([], 0)

    async def participant(self, mpc_uuid: str, member_id: str) -> MpcParticipant | None:  # noqa: ARG002
        """None."""
        return None

    def add(self, auth_id: str, ref: MpcRef, order: AddParticipant) -> Sequence[AddedCall]:  # noqa: ARG002
        """Nowhere to fetch them to."""
        raise NotPossible("this node runs no multiparty calls yet: nobody was called")

    def start(self, mpc_uuid: str) -> bool:  # noqa: ARG002
        """Nothing to start."""
        return False

    def end(self, mpc_uuid: str) -> bool:  # noqa: ARG002
        """Nothing to end."""
        return False

    def update(self, mpc_uuid: str, members: Members, changes: Mapping[str, bool]) -> bool:  # noqa: ARG002
        """Nobody there."""
        return False

    def kick(self, mpc_uuid: str, members: Members) -> bool:  # noqa: ARG002
        """Nobody there."""
        return False

    def record(self, mpc_uuid: str, member_id: str | None, order: RecordOrder) -> Recorder | None:  # noqa: ARG002
        """Nothing to record."""
        return None

    def change_recording(self, mpc_uuid: str, member_id: str | None, act: RecordingAct) -> bool:  # noqa: ARG002
        """Nothing is recorded."""
        return False

    def play(self, mpc_uuid: str, members: Members, url: str) -> bool:  # noqa: ARG002
        """Nobody there."""
        return False

    def speak(self, mpc_uuid: str, members: Members, spoken: Spoken) -> bool:  # noqa: ARG002
        """Nobody there."""
        return False

    def hush(self, mpc_uuid: str, members: Members, what: Literal["play", "speak"]) -> bool:  # noqa: ARG002
        """Nobody there."""
        return False


# -- audio streams -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOrder:
    """An audio stream to begin (reference ``api.md`` section 5.11)."""

    service_url: str
    bidirectional: bool
    audio_track: str
    content_type: str
    timeout_s: int
    status_callback_url: str | None
    status_callback_method: str
    extra_headers: Mapping[str, str]
    noise_cancellation_level: int | None
    """``None``: no noise is cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioStream:
    """The audio of a call, on its way to a WebSocket server; or that was."""

    stream_id: str
    call_uuid: str
    service_url: str
    bidirectional: bool
    audio_track: str
    content_type: str
    status: Literal["initiated", "in-progress", "completed", "failed"]
    status_callback_url: str | None
    created_at: datetime
    start_time: datetime | None
    end_time: datetime | None
    duration_s: int
    billed_duration_s: int


class Streams(Protocol):
    """Audio streams, by the calls that they belong to."""

    async def of_call(self, call_uuid: str, *, limit: int, offset: int) -> Page[AudioStream]:
        """Those of a call, the newest first."""

    async def find(self, call_uuid: str, stream_id: str) -> AudioStream | None:
        """One of them."""

    def start(self, call_uuid: str, order: StreamOrder) -> str:
        """Begin one; its id. Does not wait for the server.

        Raises:
            NotPossible: none was begun.
        """

    def stop(self, call_uuid: str, stream_id: str | None) -> bool:
        """End one, false where it does not run; without an id all of the call."""


class NoStreams:
    """Of a node that has none."""

    async def of_call(self, call_uuid: str, *, limit: int, offset: int) -> Page[AudioStream]:  # noqa: ARG002
        """None."""
        return Page([], 0)

    async def find(self, call_uuid: str, stream_id: str) -> AudioStream | None:  # noqa: ARG002
        """None."""
        return None

    def start(self, call_uuid: str, order: StreamOrder) -> str:  # noqa: ARG002
        """No way to send one."""
        raise NotPossible("this node has no audio streams yet: none was started")

    def stop(self, call_uuid: str, stream_id: str | None) -> bool:  # noqa: ARG002
        """Nothing to end: which is what was wanted, where all were."""
        return stream_id is None
