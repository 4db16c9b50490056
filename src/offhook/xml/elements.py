"""The elements. Each field carries its attribute's name, kind, default and meaning once; everything else derives from that.

Source: the reference page ``xml.md``, sections 3 to 20 and appendix A.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import ClassVar

from offhook.audio import BeepPattern
from offhook.xml.kinds import (
    Beep,
    Boolean,
    Choice,
    EndTimeout,
    FinishKey,
    Hints,
    Integer,
    Key,
    Keys,
    KeySequences,
    KeySet,
    Method,
    Schedule,
    SipHeaders,
    Target,
    Text,
    Url,
    Words,
)
from offhook.xml.table import Attribute, Content, Element, Markup, attribute, body_text

POST = "POST"
FORMATS = Choice(("mp3", "wav"))
STREAM_TYPES = Choice(
    ("audio/x-l16;rate=8000", "audio/x-l16;rate=16000", "audio/x-l16;rate=24000", "audio/x-mulaw;rate=8000"),
    (
        ("audio/x-l16; rate=8000", "audio/x-l16;rate=8000"),
        ("audio/x-l16; rate=16000", "audio/x-l16;rate=16000"),
        ("audio/x-l16; rate=24000", "audio/x-l16;rate=24000"),
        ("audio/x-mulaw; rate=8000", "audio/x-mulaw;rate=8000"),
    ),
)
MPC_EVENTS = (
    "mpc-state-changes",
    "participant-state-changes",
    "participant-speak-events",
    "participant-digit-input-events",
    "add-participant-api-events",
    "participant-audio-events",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speak(Element):
    summary: ClassVar[str] = "Turns text into speech and plays it to the caller."
    section: ClassVar[str] = "4"
    ignored: ClassVar[tuple[str, ...]] = ("legs",)

    content: tuple[str | Markup, ...] = field(default=(), metadata={"markup": True})
    """Text and SSML, white space collapsed."""
    voice: str = attribute("voice", Text(100), "WOMAN", "`WOMAN`, `MAN` or `Polly.<Name>`.")
    language: str = attribute("language", Text(40), "en-US", "Language of the text; a `Polly.` voice decides by itself.")
    loop: int = attribute("loop", Integer(0), 1, "How often; 0 = again and again until the call ends.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Play(Element):
    summary: ClassVar[str] = "Plays an audio file (MP3 or WAV) to the caller."
    section: ClassVar[str] = "5"

    url: str = body_text(Url(), "URL of the file")
    loop: int = attribute("loop", Integer(0), 1, "How often; 0 = again and again until the call ends.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DTMF(Element):
    summary: ClassVar[str] = "Presses keys towards the other end."
    section: ClassVar[str] = "6"

    digits: str = body_text(Keys(), "`0-9 * # A-D`, `w` = 0.5 s, `W` = 1 s; `@ms` at the end sets the tone length")
    async_: bool = attribute("async", Boolean(), True, "Go on with the next element while the keys are being sent.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Element):
    summary: ClassVar[str] = "Pauses the document; before the answer it lets the call ring on."
    section: ClassVar[str] = "14"

    length: int = attribute("length", Integer(1, unit="s"), 1, "The longest time to wait, in s.")
    silence: bool = attribute("silence", Boolean(), False, "Silence instead of hold music.")
    min_silence: int | None = attribute(
        "minSilence", Integer(1, unit="ms"), None, "End early when the far end was silent that long, in ms; with `silence`."
    )
    beep: BeepPattern | None = attribute("beep", Beep(), None, "End early at an answering machine's beep.")


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDigits(Element):
    summary: ClassVar[str] = "Collects keys, optionally while prompting, and hands them to the action URL."
    section: ClassVar[str] = "7"
    children_allowed: ClassVar[tuple[str, ...]] = ("Speak", "Play", "Wait")

    action: str | None = attribute("action", Url(), None, "Gets the digits.")
    method: str = attribute("method", Method(takes_over=True), POST, "For `action`.")
    timeout: int = attribute("timeout", Integer(1, unit="s"), 5, "Wait for the first key after the prompt, in s.")
    digit_timeout: int = attribute("digitTimeout", Integer(1, unit="s"), 2, "Wait between keys, in s.")
    finish_on_key: str = attribute("finishOnKey", FinishKey(), "#", "Submits; never part of the digits.")
    num_digits: int = attribute("numDigits", Integer(1, 99), 99, "Collection ends at once when reached.")
    retries: int = attribute("retries", Integer(1), 1, "Attempts in all, while nothing is entered.")
    redirect: bool = attribute("redirect", Boolean(), True, "The document that `action` returns takes over.")
    play_beep: bool = attribute("playBeep", Boolean(), False, "Beep after the prompt.")
    valid_digits: str = attribute("validDigits", KeySet(), "1234567890*#", "What may be pressed.")
    invalid_digits_sound: str | None = attribute("invalidDigitsSound", Url(), None, "Played after an invalid key.")
    log: bool = attribute("log", Boolean(), True, "Whether the keys may appear in logs.")
    children: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GetInput(Element):
    summary: ClassVar[str] = "Collects speech, keys, or whichever comes first."
    section: ClassVar[str] = "8"
    children_allowed: ClassVar[tuple[str, ...]] = ("Speak", "Play", "Wait")

    action: str | None = attribute("action", Url(), None, "Gets the result.", required=True)
    method: str = attribute("method", Method(takes_over=True), POST, "For `action`.")
    input_type: str = attribute(
        "inputType", Choice(("dtmf", "speech", "dtmf speech"), (("speech dtmf", "dtmf speech"),)), "dtmf", "What to listen for."
    )
    execution_timeout: int = attribute("executionTimeout", Integer(5, 60, "s"), 15, "Longest wait after the prompt, in s.")
    digit_end_timeout: int | None = attribute("digitEndTimeout", EndTimeout(), None, "Gap that ends the keys, in s.")
    speech_end_timeout: int | None = attribute("speechEndTimeout", EndTimeout(), None, "Silence that ends speech, in s.")
    finish_on_key: str = attribute("finishOnKey", FinishKey(), "#", "Submits the keys.")
    num_digits: int = attribute("numDigits", Integer(1, 32), 32, "Ends the keys when reached.")
    speech_model: str = attribute(
        "speechModel", Choice(("default", "command_and_search", "phone_call")), "default", "Recogniser profile."
    )
    hints: tuple[str, ...] = attribute("hints", Hints(), (), "Phrases to expect.")
    language: str = attribute("language", Text(40), "en-US", "Of the speech.")
    profanity_filter: bool = attribute("profanityFilter", Boolean(), False, "Mask profane words.")
    interim_speech_results_callback: str | None = attribute(
        "interimSpeechResultsCallback", Url(), None, "Gets partial transcripts."
    )
    interim_speech_results_callback_method: str = attribute(
        "interimSpeechResultsCallbackMethod", Method(), POST, "For `interimSpeechResultsCallback`."
    )
    log: bool = attribute("log", Boolean(), True, "Whether the input may appear in logs.")
    redirect: bool = attribute("redirect", Boolean(), True, "The document that `action` returns takes over.")
    start_input_timeout: int | None = attribute("startInputTimeout", Integer(1, unit="s"), None, "Wait for the caller to start.")
    retries: int = attribute("retries", Integer(1), 1, "Attempts in all, while nothing is entered.")
    children: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Element):
    summary: ClassVar[str] = "A phone number that `Dial` calls."
    section: ClassVar[str] = "10"

    number: str = body_text(Target(r"\+?[0-9][0-9 ().\-]{0,30}", "digits, with or without +"), "E.164, with or without `+`")
    send_digits: str | None = attribute("sendDigits", Keys(), None, "Keys sent after the answer; `w` = 0.5 s.")
    send_on_preanswer: bool = attribute("sendOnPreanswer", Boolean(), False, "Send them during early media.")
    send_digits_mode: str | None = attribute("sendDigitsMode", Choice(("rfc2833", "inband")), None, "How they are sent.")
    sip_headers: str | None = attribute("sipHeaders", SipHeaders(), None, "Headers for this leg.")
    caller_id: str | None = attribute("callerId", Text(200), None, "Overrides that of `Dial`.")
    caller_name: str | None = attribute("callerName", Text(50), None, "Overrides that of `Dial`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Element):
    summary: ClassVar[str] = "A SIP endpoint that `Dial` calls."
    section: ClassVar[str] = "11"

    target: str = body_text(
        Target(r"(sips?:)?([^@\s<>\"]+@)?[^@\s<>\"]+", "sip:user@domain, or the name of an endpoint"),
        "`sip:user@domain`, or the name of an endpoint of this platform",
    )
    send_digits: str | None = attribute("sendDigits", Keys(), None, "Keys sent after the answer; `w` = 0.5 s.")
    send_on_preanswer: bool = attribute("sendOnPreanswer", Boolean(), False, "Send them during early media.")
    send_digits_mode: str | None = attribute("sendDigitsMode", Choice(("rfc2833", "inband")), None, "How they are sent.")
    sip_headers: str | None = attribute("sipHeaders", SipHeaders(), None, "Headers for this leg.")
    sip_auth_username: str | None = attribute("sipAuthUsername", Text(200), None, "Digest user name for a challenge.")
    sip_auth_password: str | None = attribute("sipAuthPassword", Text(200), None, "8 to 128 characters; goes with the name.")
    caller_id: str | None = attribute("callerId", Text(200), None, "Overrides that of `Dial`.")
    caller_name: str | None = attribute("callerName", Text(50), None, "Overrides that of `Dial`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial(Element):
    summary: ClassVar[str] = "Calls others and connects the first that answers."
    section: ClassVar[str] = "9"
    children_allowed: ClassVar[tuple[str, ...]] = ("Number", "User")

    action: str | None = attribute("action", Url(), None, "Told the result.")
    method: str = attribute("method", Method(takes_over=True), POST, "For `action`.")
    redirect: bool = attribute("redirect", Boolean(), True, "The document that `action` returns takes over.")
    timeout: int | None = attribute("timeout", Integer(1, unit="s"), None, "How long it may ring, in s; 120 without it.")
    time_limit: int = attribute("timeLimit", Integer(1, unit="s"), 14400, "Longest connected time, in s; at most 24 h.")
    caller_id: str | None = attribute("callerId", Text(200), None, "Shown to those called; `none` withholds it.")
    caller_name: str | None = attribute("callerName", Text(50), None, "Display name; `none` is empty.")
    hangup_on_star: bool = attribute("hangupOnStar", Boolean(), False, "The caller may press `*` to drop the other side.")
    dial_music: str = attribute("dialMusic", Url(("real", "none")), "real", "What the caller hears while it rings.")
    confirm_sound: str | None = attribute("confirmSound", Url(), None, "Played to the one called, on answer.")
    confirm_key: str | None = attribute("confirmKey", Key(), None, "To be pressed to accept; with `confirmSound`.")
    confirm_timeout: int = attribute("confirmTimeout", Integer(1, unit="s"), 120, "Limit of the confirmation, in s.")
    callback_url: str | None = attribute("callbackUrl", Url(), None, "Told what happens, as it happens.")
    callback_method: str = attribute("callbackMethod", Method(), POST, "For `callbackUrl`.")
    digits_match: tuple[str, ...] = attribute("digitsMatch", KeySequences(), (), "Keys of the caller to report.")
    digits_match_b_leg: tuple[str, ...] = attribute("digitsMatchBLeg", KeySequences(), (), "Keys of the one called to report.")
    sip_headers: str | None = attribute("sipHeaders", SipHeaders(), None, "Custom headers on every leg: `k=v,k2=v2`.")
    call_type: str = attribute("callType", Choice(("voice", "whatsapp")), "voice", "`whatsapp`: by trunks of that kind.")
    machine_detection: str | None = attribute("machineDetection", Choice(("true", "hangup")), None, "Look for machines.")
    children: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect(Element):
    summary: ClassVar[str] = "Goes on with the document of another URL."
    section: ClassVar[str] = "12"

    url: str = body_text(Url(), "URL of the document")
    method: str = attribute("method", Method(takes_over=True), POST, "For the URL.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup(Element):
    summary: ClassVar[str] = "Ends the call, refuses it, or schedules its end."
    section: ClassVar[str] = "13"

    note: str = body_text(Text(1000), "a note for whoever reads the document; nobody hears it", required=False)
    reason: str | None = attribute("reason", Choice(("rejected", "busy")), None, "What the caller is told.")
    schedule: int | None = attribute("schedule", Schedule(), None, "Hang up that many seconds from now.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreAnswer(Element):
    summary: ClassVar[str] = "Runs its children as early media, before the call is answered."
    section: ClassVar[str] = "15"
    children_allowed: ClassVar[tuple[str, ...]] = ("Speak", "Play", "Wait", "GetDigits", "Redirect", "DTMF", "Message")

    children: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Element):
    summary: ClassVar[str] = "Records a message, the session, or a dialled conversation."
    section: ClassVar[str] = "16"

    action: str | None = attribute("action", Url(), None, "Gets the result.")
    method: str = attribute("method", Method(takes_over=True), POST, "For `action`.")
    redirect: bool = attribute("redirect", Boolean(), True, "The document that `action` returns takes over.")
    file_format: str = attribute("fileFormat", FORMATS, "mp3", "Of the file.")
    timeout: int = attribute("timeout", Integer(1, unit="s"), 15, "Silence that ends a message, in s.")
    max_length: int | None = attribute(
        "maxLength", Integer(1, unit="s"), None, "Longest recording, in s; 60 for a message, else without limit."
    )
    finish_on_key: str = attribute("finishOnKey", FinishKey(), "#", "Ends a message.")
    play_beep: bool = attribute("playBeep", Boolean(), True, "Beep before a message.")
    record_session: bool = attribute("recordSession", Boolean(), False, "Record the whole call in the background.")
    start_on_dial_answer: bool = attribute("startOnDialAnswer", Boolean(), False, "Record from the next connected `Dial`.")
    record_channel_type: str = attribute("recordChannelType", Choice(("stereo", "mono")), "stereo", "One party a channel.")
    callback_url: str | None = attribute("callbackUrl", Url(), None, "Told when the file is ready.")
    callback_method: str = attribute("callbackMethod", Method(), POST, "For `callbackUrl`.")
    transcription_type: str | None = attribute("transcriptionType", Text(40), None, "Ask for a transcript.")
    transcription_url: str | None = attribute("transcriptionUrl", Url(), None, "Gets the transcript.")
    transcription_method: str = attribute("transcriptionMethod", Method(), POST, "For `transcriptionUrl`.")
    transcription_report_type: str = attribute(
        "transcriptionReportType", Choice(("compact", "full")), "compact", "Of the transcript."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Conference(Element):
    summary: ClassVar[str] = "Puts the caller into a named room."
    section: ClassVar[str] = "17"
    ignored: ClassVar[tuple[str, ...]] = ("beep",)

    name: str = body_text(Text(200), "name of the room")
    muted: bool = attribute("muted", Boolean(), False, "Join muted.")
    enter_sound: str | None = attribute("enterSound", Url(("beep:1", "beep:2")), None, "Played when this member enters.")
    exit_sound: str | None = attribute("exitSound", Url(("beep:1", "beep:2")), None, "Played when this member leaves.")
    start_conference_on_enter: bool = attribute("startConferenceOnEnter", Boolean(), True, "Joining starts the room.")
    end_conference_on_exit: bool = attribute("endConferenceOnExit", Boolean(), False, "Leaving ends the room.")
    stay_alone: bool = attribute("stayAlone", Boolean(), True, "May stay as the only member.")
    wait_sound: str | None = attribute("waitSound", Url(), None, "For a member who waits or is alone.")
    max_members: int = attribute("maxMembers", Integer(1, 20), 20, "Limit of the room.")
    time_limit: int = attribute("timeLimit", Integer(1, unit="s"), 86400, "Longest life of the room, in s.")
    hangup_on_star: bool = attribute("hangupOnStar", Boolean(), False, "`*` leaves without hanging up.")
    record: bool = attribute("record", Boolean(), False, "Record the room.")
    record_file_format: str = attribute("recordFileFormat", FORMATS, "mp3", "Of the file.")
    record_when_alone: bool = attribute("recordWhenAlone", Boolean(), True, "Also with fewer than two members.")
    transcription_type: str | None = attribute("transcriptionType", Text(40), None, "Ask for a transcript.")
    transcription_url: str | None = attribute("transcriptionUrl", Url(), None, "Gets the transcript.")
    transcription_method: str = attribute("transcriptionMethod", Method(), POST, "For `transcriptionUrl`.")
    action: str | None = attribute("action", Url(), None, "Asked when the member leaves.")
    method: str = attribute("method", Method(takes_over=True), POST, "For `action`.")
    redirect: bool = attribute("redirect", Boolean(), True, "The document that `action` returns takes over.")
    callback_url: str | None = attribute("callbackUrl", Url(), None, "Told what happens.")
    callback_method: str = attribute("callbackMethod", Method(), POST, "For `callbackUrl`.")
    digits_match: tuple[str, ...] = attribute("digitsMatch", KeySequences(), (), "Keys to report.")
    floor_event: bool = attribute("floorEvent", Boolean(), False, "Report when this member holds the floor.")
    relay_dtmf: bool = attribute("relayDTMF", Boolean(), True, "Pass keys to the others.")
    send_digits: str | None = attribute("sendDigits", Keys(), None, "Keys sent into the room after joining.")


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiPartyCall(Element):
    summary: ClassVar[str] = "Puts the caller into a multi-party call with a role."
    section: ClassVar[str] = "18"
    children_allowed: ClassVar[tuple[str, ...]] = ("AgentHoldMusic", "CustomerHoldMusic")

    name: str = body_text(Text(200), "name of the multi-party call")
    role: str = attribute(
        "role", Choice(("Agent", "Supervisor", "Customer", "ai-agent")), "Customer", "Cannot change later.", required=True
    )
    max_duration: int = attribute("maxDuration", Integer(300, 28800, "s"), 14400, "Of the whole, in s.")
    max_participants: int = attribute("maxParticipants", Integer(2, 10), 10, "Limit.")
    record: bool = attribute("record", Boolean(), False, "Record it.")
    record_file_format: str = attribute("recordFileFormat", FORMATS, "mp3", "Of the file.")
    record_min_member_count: int = attribute("recordMinMemberCount", Integer(1, 2), 1, "Recording starts with so many.")
    record_coach_voice: bool | None = attribute("recordCoachVoice", Boolean(), None, "Whether a coach is recorded.")
    record_participant_track: bool = attribute("recordParticipantTrack", Boolean(), False, "Also record this one alone.")
    wait_for_agent: bool = attribute("waitForAgent", Boolean(), False, "Start only when an agent joins.")
    wait_time: int | None = attribute("waitTime", Integer(0, 1800, "s"), None, "Longest wait for the start, in s.")
    wait_music_url: str | None = attribute("waitMusicUrl", Url(), None, "For those who wait.")
    wait_music_method: str = attribute("waitMusicMethod", Method(), "GET", "For `waitMusicUrl`.")
    agent_hold_music_url: str | None = attribute("agentHoldMusicUrl", Url(), None, "For agents on hold.")
    agent_hold_music_method: str = attribute("agentHoldMusicMethod", Method(), "GET", "For `agentHoldMusicUrl`.")
    customer_hold_music_url: str | None = attribute("customerHoldMusicUrl", Url(), None, "For customers on hold.")
    customer_hold_music_method: str = attribute("customerHoldMusicMethod", Method(), "GET", "For `customerHoldMusicUrl`.")
    start_recording_audio: str | None = attribute(
        "startRecordingAudio", Url(), None, "Played when recording starts.", aliases=("StartRecordingAudio",)
    )
    start_recording_audio_method: str = attribute(
        "startRecordingAudioMethod", Method(), "GET", "For `startRecordingAudio`.", aliases=("StartRecordingAudioMethod",)
    )
    stop_recording_audio: str | None = attribute(
        "stopRecordingAudio", Url(), None, "Played when recording stops.", aliases=("StopRecordingAudio",)
    )
    stop_recording_audio_method: str = attribute(
        "stopRecordingAudioMethod", Method(), "GET", "For `stopRecordingAudio`.", aliases=("StopRecordingAudioMethod",)
    )
    recording_callback_url: str | None = attribute("recordingCallbackUrl", Url(), None, "Recording events.")
    recording_callback_method: str = attribute("recordingCallbackMethod", Method(), POST, "For `recordingCallbackUrl`.")
    status_callback_url: str | None = attribute("statusCallbackUrl", Url(), None, "Events.")
    status_callback_method: str = attribute("statusCallbackMethod", Method(), POST, "For `statusCallbackUrl`.")
    status_callback_events: tuple[str, ...] = attribute(
        "statusCallbackEvents", Words(MPC_EVENTS), ("mpc-state-changes", "participant-state-changes"), "Which events."
    )
    transcript: bool = attribute("transcript", Boolean(), False, "Transcribe the recording.")
    transcription_url: str | None = attribute("transcriptionUrl", Url(), None, "Gets the transcript.")
    mute: bool = attribute("mute", Boolean(), False, "Join muted.")
    hold: bool = attribute("hold", Boolean(), False, "Join on hold.")
    coach_mode: bool = attribute("coachMode", Boolean(), True, "Supervisors: not heard by customers.")
    stay_alone: bool = attribute("stayAlone", Boolean(), False, "May stay as the only one.")
    start_mpc_on_enter: bool = attribute("startMpcOnEnter", Boolean(), True, "Joining starts it.")
    end_mpc_on_exit: bool = attribute("endMpcOnExit", Boolean(), False, "Leaving ends it.")
    enter_sound: str = attribute("enterSound", Url(("none", "beep:1", "beep:2")), "beep:1", "To all on entering.")
    enter_sound_method: str = attribute("enterSoundMethod", Method(), "GET", "For `enterSound`.")
    exit_sound: str = attribute("exitSound", Url(("none", "beep:1", "beep:2")), "beep:2", "To all on leaving.")
    exit_sound_method: str = attribute("exitSoundMethod", Method(), "GET", "For `exitSound`.")
    on_exit_action_url: str | None = attribute("onExitActionUrl", Url(), None, "Document to run after leaving.")
    on_exit_action_method: str = attribute("onExitActionMethod", Method(takes_over=True), POST, "For `onExitActionUrl`.")
    relay_dtmf_inputs: bool = attribute(
        "relayDTMFInputs", Boolean(), False, "Pass keys to the others.", aliases=("relayDtmfInputs",)
    )
    ai_agent_stream_service_url: str | None = attribute(
        "aiAgentStreamServiceUrl",
        Url(schemes=("wss", "ws"), absolute=True, maximum=2048),
        None,
        "`ai-agent`: WebSocket of the agent.",
    )
    ai_agent_stream_content_type: str = attribute(
        "aiAgentStreamContentType", STREAM_TYPES, "audio/x-l16;rate=8000", "`ai-agent`: codec on the socket."
    )
    ai_agent_stream_status_callback_url: str | None = attribute(
        "aiAgentStreamStatusCallbackUrl", Url(), None, "`ai-agent`: stream events."
    )
    ai_agent_stream_status_callback_method: str = attribute(
        "aiAgentStreamStatusCallbackMethod", Method(), POST, "For `aiAgentStreamStatusCallbackUrl`."
    )
    ai_agent_stream_sampling_rate: int | None = attribute(
        "aiAgentStreamSamplingRate", Integer(8000, 24000, "Hz"), None, "`ai-agent`: rate on the socket, Hz."
    )
    ai_agent_stream_extra_headers: str | None = attribute("aiAgentStreamExtraHeaders", Text(512), None, "`ai-agent`: metadata.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream(Element):
    summary: ClassVar[str] = "Sends the call's audio to a WebSocket, and plays what comes back."
    section: ClassVar[str] = "19"

    url: str = body_text(Url(schemes=("wss", "ws"), absolute=True, maximum=2048), "`wss://` or `ws://` URL", strict=True)
    bidirectional: bool = attribute("bidirectional", Boolean(), False, "The server may send audio back.")
    audio_track: str = attribute("audioTrack", Choice(("inbound", "outbound", "both")), "inbound", "Which audio.")
    stream_timeout: int = attribute("streamTimeout", Integer(1, unit="s"), 86400, "The stream stops then, in s.")
    content_type: str = attribute("contentType", STREAM_TYPES, "audio/x-l16;rate=8000", "Codec on the socket.")
    keep_call_alive: bool = attribute("keepCallAlive", Boolean(), False, "Wait for the stream's end.")
    extra_headers: str | None = attribute("extraHeaders", Text(), None, "Metadata, `k=v,k2=v2`, at most 512 bytes.")
    status_callback_url: str | None = attribute("statusCallbackUrl", Url(), None, "Stream events.")
    status_callback_method: str = attribute("statusCallbackMethod", Method(), POST, "For `statusCallbackUrl`.")
    noise_cancellation: bool = attribute("noiseCancellation", Boolean(), False, "Filter noise.")
    noise_cancellation_level: int = attribute("noiseCancellationLevel", Integer(60, 100), 85, "How strongly.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Element):
    summary: ClassVar[str] = "A text message: not sent by a voice platform, noted and passed over."
    section: ClassVar[str] = "20"

    text: str = body_text(Text(), "the message", required=False)
    src: str | None = attribute("src", Text(200), None, "Sender.")
    dst: str | None = attribute("dst", Text(4096), None, "Receivers, joined with `<`.")
    type: str | None = attribute("type", Text(20), None, "`sms`.")
    callback_url: str | None = attribute("callbackUrl", Url(), None, "Delivery events.")
    callback_method: str = attribute("callbackMethod", Method(), POST, "For `callbackUrl`.")


TOP_LEVEL: tuple[type[Element], ...] = (
    Speak,
    Play,
    DTMF,
    GetDigits,
    GetInput,
    Dial,
    Redirect,
    Hangup,
    Wait,
    PreAnswer,
    Record,
    Conference,
    MultiPartyCall,
    Stream,
    Message,
)
NESTED: tuple[type[Element], ...] = (Number, User)
ELEMENTS: dict[str, type[Element]] = {each.__name__: each for each in (*TOP_LEVEL, *NESTED)}
TABLE: dict[type[Element], dict[str, tuple[str, Attribute]]] = {}
"""Per element: attribute name, and each alias → (field name, attribute)."""
CONTENT: dict[type[Element], tuple[str, Content]] = {}
"""Per element that has a text: field name, rule."""
REQUIRED: dict[type[Element], tuple[tuple[str, Attribute], ...]] = {}
"""Per element: its required attributes, each with its field name."""
for _element in ELEMENTS.values():
    TABLE[_element] = {}
    for _field in fields(_element):
        _attribute: Attribute | None = _field.metadata.get("attribute")
        if _attribute is not None:
            TABLE[_element].update(dict.fromkeys((_attribute.name, *_attribute.aliases), (_field.name, _attribute)))
        if "content" in _field.metadata:
            CONTENT[_element] = (_field.name, _field.metadata["content"])
    REQUIRED[_element] = tuple(row for name, row in TABLE[_element].items() if row[1].required and name == row[1].name)


@dataclass(frozen=True, slots=True)
class Document:
    """A whole ``Response``."""

    elements: tuple[Element, ...] = ()
