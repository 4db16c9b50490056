"""Documents as the vendor's own SDK writes them lint clean, and mean what was meant."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from plivo import plivoxml

from offhook import xml
from offhook.audio import BeepPattern


def document(*elements: Any) -> bytes:
    response = plivoxml.ResponseElement()
    for element in elements:
        response.add(element)
    return response.to_string().encode()


def clean(*elements: Any) -> tuple[xml.Element, ...]:
    found = xml.parse(document(*elements))
    assert found.problems == ()
    assert found.document is not None
    return found.document.elements


def test_a_menu_with_a_prompt_in_it() -> None:
    menu = plivoxml.GetDigitsElement(
        action="https://a.example/menu", method="POST", num_digits=1, timeout=7, retries=2, play_beep=True
    )
    menu.add(plivoxml.SpeakElement("Press one.", voice="Polly.Amy", language="en-GB"))
    menu.add(plivoxml.PlayElement("https://a.example/b.mp3"))
    menu.add(plivoxml.WaitElement(length=2))
    (digits,) = clean(menu)
    assert digits == xml.GetDigits(
        action="https://a.example/menu",
        num_digits=1,
        timeout=7,
        retries=2,
        play_beep=True,
        children=(
            xml.Speak(content=("Press one.",), voice="Polly.Amy", language="en-GB"),
            xml.Play(url="https://a.example/b.mp3"),
            xml.Wait(length=2),
        ),
    )


def test_speech_with_every_tag() -> None:
    speak = plivoxml.SpeakElement("Hello", voice="Polly.Joanna", language="en-US", loop=2)
    speak.add_break(strength="strong", time="2s")
    speak.add_emphasis("now", level="strong")
    speak.add_lang("bonjour", xmllang="fr-FR")
    speak.add_p("paragraph")
    speak.add_phoneme("pecan", ph="pɪˈkɑːn", alphabet="ipa")
    speak.add_prosody("slow", rate="slow", volume="loud", pitch="+10%")
    speak.add_s("sentence")
    speak.add_say_as("12345", interpret_as="digits", format="")
    speak.add_sub("W3C", alias="World Wide Web Consortium")
    speak.add_w("read", role="amazon:VBD")
    (element,) = xml.parse(document(speak)).document.elements  # type: ignore[union-attr]
    assert isinstance(element, xml.Speak)
    tags = [part.tag for part in element.content if isinstance(part, xml.Markup)]
    assert tags == ["break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"]


def test_a_dial_with_everything() -> None:
    dial = plivoxml.DialElement(
        action="https://a.example/done", method="POST", hangup_on_star=True, time_limit=60, timeout=20, caller_id="15550100",
        caller_name="Bob", confirm_sound="https://a.example/c", confirm_timeout=20, confirm_key="3", dial_music="real",
        callback_url="https://a.example/e", callback_method="GET", redirect=False, digits_match="12,34", digits_match_b_leg="5",
        sip_headers="a=b",
    )  # fmt: skip
    dial.add(plivoxml.NumberElement("15550101", send_digits="w1", send_on_preanswer=True))
    dial.add(plivoxml.UserElement("sip:bob@a.example", sip_headers="x=y"))
    (element,) = clean(dial)
    assert isinstance(element, xml.Dial)
    assert (element.digits_match, element.digits_match_b_leg, element.confirm_key, element.redirect) == (
        ("12", "34"),
        ("5",),
        "3",
        False,
    )
    assert [type(child) for child in element.children] == [xml.Number, xml.User]


URL, WHERE = "https://a.example/x", "https://a.example/"
EVERYTHING: dict[str, dict[str, Any]] = {
    "Speak": {"content": "Hello.", "voice": "Polly.Amy", "language": "en-GB", "loop": 2},
    "Play": {"content": URL, "loop": 2},
    "DTMF": {"content": "12w3", "async_": False},
    "Wait": {"length": 5, "silence": True, "min_silence": 500},
    "GetDigits": {
        "action": URL, "method": "GET", "timeout": 6, "digit_timeout": 3, "finish_on_key": "*", "num_digits": 4, "retries": 2,
        "redirect": False, "play_beep": True, "valid_digits": "123", "invalid_digits_sound": URL, "log": False,
    },
    "GetInput": {
        "action": URL, "method": "GET", "input_type": "dtmf speech", "execution_timeout": 20, "digit_end_timeout": 3,
        "speech_end_timeout": 4, "finish_on_key": "none", "num_digits": 5, "speech_model": "phone_call", "hints": "yes,no",
        "language": "en-GB", "interim_speech_results_callback": URL, "interim_speech_results_callback_method": "GET",
        "log": False, "redirect": False, "profanity_filter": True,
    },
    "Number": {"content": "15550101", "send_digits": "w1", "send_on_preanswer": True, "send_digits_mode": "rfc2833"},
    "User": {"content": "sip:bob@a.example", "send_digits": "1", "send_on_preanswer": True, "sip_headers": "a=b"},
    "Dial": {
        "action": URL, "method": "GET", "hangup_on_star": True, "time_limit": 60, "timeout": 20, "caller_id": "15550100",
        "caller_name": "Bob", "confirm_sound": URL, "confirm_timeout": 20, "confirm_key": "3", "dial_music": URL,
        "callback_url": URL, "callback_method": "GET", "redirect": False, "digits_match": "12,34", "digits_match_b_leg": "5",
        "sip_headers": "a=b,c=d",
    },
    "Hangup": {"reason": "busy", "schedule": 60},
    "Redirect": {"content": URL, "method": "GET"},
    "PreAnswer": {},
    "Record": {
        "action": URL, "method": "GET", "file_format": "wav", "redirect": False, "timeout": 5, "max_length": 30,
        "play_beep": False, "finish_on_key": "none", "record_session": True, "start_on_dial_answer": True,
        "transcription_type": "auto", "transcription_url": URL, "transcription_method": "GET",
        "transcription_report_type": "full", "callback_url": URL, "callback_method": "GET", "record_channel_type": "mono",
    },
    "Conference": {
        "content": "room", "muted": True, "enter_sound": "beep:1", "exit_sound": URL, "start_conference_on_enter": False,
        "end_conference_on_exit": True, "stay_alone": False, "wait_sound": URL, "max_members": 5, "record": True,
        "record_file_format": "wav", "time_limit": 600, "hangup_on_star": True, "action": URL, "method": "GET",
        "callback_url": URL, "callback_method": "GET", "digits_match": "1,2", "floor_event": True, "redirect": False,
        "relay_dtmf": False, "send_digits": "1", "record_when_alone": False, "transcription_type": "auto",
        "transcription_url": URL, "transcription_method": "GET",
    },
    "MultiPartyCall": {
        "content": "mpc", "role": "supervisor", "max_duration": 600, "max_participants": 3, "record_min_member_count": 2,
        "wait_music_url": WHERE, "wait_music_method": "POST", "wait_time": 30, "agent_hold_music_url": WHERE,
        "agent_hold_music_method": "POST", "customer_hold_music_url": WHERE, "customer_hold_music_method": "POST",
        "record": True, "record_participant_track": True, "record_file_format": "wav", "recording_callback_url": WHERE,
        "recording_callback_method": "GET", "status_callback_events": "mpc-state-changes,participant-speak-events",
        "status_callback_url": WHERE, "status_callback_method": "GET", "stay_alone": True, "coach_mode": False, "mute": True,
        "hold": True, "start_mpc_on_enter": False, "end_mpc_on_exit": True, "enter_sound": "none", "enter_sound_method": "POST",
        "exit_sound": "beep:1", "exit_sound_method": "POST", "on_exit_action_url": WHERE, "on_exit_action_method": "GET",
        "relay_dtmf_inputs": True, "start_recording_audio": WHERE, "start_recording_audio_method": "POST",
        "stop_recording_audio": WHERE, "stop_recording_audio_method": "POST", "transcript": True, "transcription_url": WHERE,
    },
    "Stream": {
        "content": "wss://a.example/s", "bidirectional": True, "audioTrack": "inbound", "streamTimeout": 60,
        "statusCallbackUrl": URL, "statusCallbackMethod": "GET", "contentType": "audio/x-mulaw;rate=8000",
        "extraHeaders": "a=b", "keepCallAlive": True,
    },
    "Message": {
        "content": "hi", "src": "15550100", "dst": "15550101<15550102", "type": "sms", "callback_url": URL,
        "callback_method": "GET",
    },
}  # fmt: skip
"""Per element: every argument that the SDK's constructor takes, at a value that is not the default where there is another."""


def built(name: str) -> Any:
    element = getattr(plivoxml, f"{name}Element")(**EVERYTHING[name])
    for child in xml.ELEMENTS[name].children_allowed:
        if child in {"Number", "User", "Speak", "Play", "Wait"}:
            element.add(built(child))
    return element


@pytest.mark.parametrize("name", [each for each in EVERYTHING if each not in {"Number", "User"}])
def test_an_element_that_the_sdk_builds_with_every_attribute_is_read_completely(name: str) -> None:
    arguments = set(inspect.signature(getattr(plivoxml, f"{name}Element").__init__).parameters) - {"self"}
    assert set(EVERYTHING[name]) == arguments - ({"beep"} if name == "Wait" else set())  # it excludes the others
    found = xml.parse(document(built(name)))
    assert [problem.code for problem in found.problems] == (["not-voice"] if name == "Message" else [])
    (element,) = found.document.elements  # type: ignore[union-attr]
    fields = {attribute.name: field for field, attribute in xml.TABLE[type(element)].values()}
    for argument, value in EVERYTHING[name].items():
        camel = re.sub(r"_([a-z])", lambda match: match[1].upper(), argument.rstrip("_"))
        camel = camel.replace("Dtmf", "DTMF")
        if argument == "content":
            continue
        wanted = xml.TABLE[type(element)][camel][1].kind.read(str(value).lower() if isinstance(value, bool) else str(value))
        assert getattr(element, fields[camel]) == wanted, camel
    assert xml.parse(xml.serialise(found.document)).document == found.document  # type: ignore[arg-type]


def test_a_wait_for_a_beep_as_the_sdk_builds_it() -> None:
    assert clean(plivoxml.WaitElement(length=30, beep=True)) == (xml.Wait(length=30, beep=BeepPattern()),)


def test_early_media_as_the_sdk_builds_it() -> None:
    pre = plivoxml.PreAnswerElement()
    for name in ("Speak", "Play", "Wait", "GetDigits", "DTMF", "Redirect"):
        pre.add(built(name))
    (element,) = clean(pre)
    assert [type(child).__name__ for child in element.children] == [  # type: ignore[attr-defined]
        "Speak", "Play", "Wait", "GetDigits", "DTMF", "Redirect",
    ]  # fmt: skip


def test_every_attribute_that_the_sdk_can_write_is_known() -> None:
    """The SDK's own sources name the attributes that its elements write."""
    unknown: list[tuple[str, str]] = []
    checked = 0
    for name, kind in inspect.getmembers(plivoxml, inspect.isclass):
        element = xml.ELEMENTS.get(name.removesuffix("Element").replace("Dtmf", "DTMF"))
        if element is None:
            continue
        written = set(re.findall(r"_update_attributes|'([a-z][A-Za-z]+)'\s*:", inspect.getsource(kind))) - {""}
        checked += len(written)
        unknown += [(name, each) for each in written if each not in xml.TABLE[element] and each not in element.ignored]
    assert checked > 150
    assert unknown == []
