"""What a participant of a multiparty call is added with (reference ``api.md`` section 7.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from offhook.api.errors import ApiError, invalid, missing
from offhook.api.reading import Ask, Line, Method, Url

MOST_DIALLED = 20
EVENTS = frozenset(
    {
        "mpc-state-changes",
        "participant-state-changes",
        "participant-speak-events",
        "participant-digit-input-events",
        "add-participant-api-events",
    }
)
SecondsEach = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,6}(<[0-9]{1,6}){0,19}$")]
"""Seconds: one figure for all destinations, or several with ``<`` between them."""
Sound = Annotated[str, msgspec.Meta(pattern=r"^([bB][eE][eE][pP]:[12]|[nN][oO][nN][eE]|[hH][tT][tT][pP][sS]?://\S+)$")]
DialMusic = Annotated[str, msgspec.Meta(pattern=r"^([rR][eE][aA][lL]|[nN][oO][nN][eE]|[hH][tT][tT][pP][sS]?://\S+)$")]
FileFormat = Literal["mp3", "wav"]


class AddParticipant(Ask, rename={"from_": "from"}, kw_only=True):
    """Whom to add and how: by dialling ``to``, or a call that is there already."""

    role: Literal["agent", "supervisor", "customer", "ai-agent"]
    from_: Line | None = None
    to: Annotated[str, msgspec.Meta(max_length=4000)] | None = None
    call_uuid: Line | None = None
    caller_name: Annotated[str, msgspec.Meta(max_length=50)] | None = None
    call_status_callback_url: Url | None = None
    call_status_callback_method: Method = "POST"
    sip_headers: Annotated[str, msgspec.Meta(max_length=10_000)] | None = None
    confirm_key: Annotated[str, msgspec.Meta(pattern="^[0-9#*]$")] | None = None
    confirm_key_sound_url: Url | None = None
    confirm_key_sound_method: Method = "GET"
    dial_music: DialMusic = "real"
    ring_timeout: SecondsEach = "45"
    delay_dial: SecondsEach = "0"
    max_duration: Annotated[int, msgspec.Meta(ge=300, le=28_800)] = 14_400
    max_participants: Annotated[int, msgspec.Meta(ge=2, le=10)] = 10
    record_min_member_count: Annotated[int, msgspec.Meta(ge=1, le=2)] = 1
    wait_music_url: Url | None = None
    wait_music_method: Method = "GET"
    agent_hold_music_url: Url | None = None
    agent_hold_music_method: Method = "GET"
    customer_hold_music_url: Url | None = None
    customer_hold_music_method: Method = "GET"
    recording_callback_url: Url | None = None
    recording_callback_method: Method = "GET"
    status_callback_url: Url | None = None
    status_callback_method: Method = "GET"
    status_callback_events: Line = "mpc-state-changes,participant-state-changes"
    on_exit_action_url: Url | None = None
    on_exit_action_method: Method = "POST"
    record: bool = False
    record_participant_track: bool = False
    record_file_format: FileFormat = "mp3"
    stay_alone: bool = False
    coach_mode: bool = True
    mute: bool = False
    hold: bool = False
    start_mpc_on_enter: bool = True
    end_mpc_on_exit: bool = False
    relay_dtmf_inputs: bool = False
    enter_sound: Sound = "beep:1"
    enter_sound_method: Method = "GET"
    exit_sound: Sound = "beep:2"
    exit_sound_method: Method = "GET"
    start_recording_audio: Url | None = None
    start_recording_audio_method: Method = "GET"
    stop_recording_audio: Url | None = None
    stop_recording_audio_method: Method = "GET"
    create_mpc_with_single_participant: bool = True
    send_digits: Line | None = None
    send_on_preanswer: bool = False
    transcript: bool = False
    transcription_url: Url | None = None
    ai_agent_stream_service_url: Annotated[str, msgspec.Meta(pattern=r"^([wW][sS][sS]?://\S+)?$", max_length=2048)] | None = None
    ai_agent_stream_content_type: Line | None = None
    ai_agent_stream_status_callback_url: Url | None = None
    ai_agent_stream_status_callback_method: Method = "POST"
    ai_agent_stream_extra_headers: Line | None = None

    @property
    def destinations(self) -> list[str]:
        """Who is dialled."""
        return [each.strip() for each in (self.to or "").split("<") if each.strip()]

    @property
    def events(self) -> frozenset[str]:
        """What is told to ``status_callback_url``."""
        return frozenset(each.strip().lower() for each in self.status_callback_events.split(",") if each.strip())

    def check(self) -> None:
        """What the types do not say.

        Raises:
            ApiError: 400, with the rule.
        """
        if self.role == "ai-agent":
            self._check_stream()
            return
        if self.call_uuid and (self.from_ or self.to):
            raise ApiError(400, "call_uuid should not be given together with from and to")
        if not self.call_uuid:
            self._check_dialled()
        if not self.events <= EVENTS:
            raise invalid("status_callback_events")

    def _check_stream(self) -> None:
        if not self.ai_agent_stream_service_url:
            raise missing("ai_agent_stream_service_url")

    def _check_dialled(self) -> None:
        for name, value in (("from", self.from_), ("to", self.to)):
            if not value:
                raise missing(name)
        count = len(self.destinations)
        if not count:
            raise invalid("to")
        if count > 1 and self.role != "agent":
            raise ApiError(400, f"to should hold one destination: only agents are hunted for, and the role is {self.role}")
        if count > MOST_DIALLED:
            raise ApiError(400, f"to should hold at most {MOST_DIALLED} destinations")
        for name, text in _each(("ring_timeout", self.ring_timeout), ("delay_dial", self.delay_dial)):
            if len(text) > max(count, 1):
                raise ApiError(400, f"{name} should hold at most as many figures as to has destinations")


def _each(*named: tuple[str, str]) -> Iterable[tuple[str, list[str]]]:
    return ((name, text.split("<")) for name, text in named)
