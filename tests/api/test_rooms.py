"""Conferences, multiparty calls and audio streams on a node where none can run: the SDK gets empty lists and the right errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import plivo
import pytest
from plivo import exceptions

from offhook.testing.live import Customer, NodeProcess, a_desk, document

from .conftest import Raw

Asked = Callable[[plivo.RestClient], Any]


def test_there_are_no_conferences(client: plivo.RestClient) -> None:
    assert client.conferences.list().conferences == []
    assert client.conferences.delete_all().message == "all conferences hung up"
    assert client.conferences.hangup_all().message == "all conferences hung up"


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.conferences.get("My Room"),
        lambda client: client.conferences.hangup("My Room"),
        lambda client: client.conferences.delete("My Room"),
        lambda client: client.conferences.record("My Room", callback_url="http://h.example/"),
        lambda client: client.conferences.record_stop("My Room"),
        lambda client: client.conferences.member_hangup("My Room", "10"),
        lambda client: client.conferences.member_kick("My Room", "10,11"),
        lambda client: client.conferences.member_mute("My Room", "all"),
        lambda client: client.conferences.member_mute_stop("My Room", "10"),
        lambda client: client.conferences.member_deaf("My Room", "10"),
        lambda client: client.conferences.member_deaf_stop("My Room", "10"),
        lambda client: client.conferences.member_play("My Room", "10", "http://h.example/a.mp3"),
        lambda client: client.conferences.member_play_stop("My Room", "10"),
        lambda client: client.conferences.member_speak("My Room", "10", "hello", voice="MAN", language="en-GB"),
        lambda client: client.conferences.member_speak_stop("My Room", "10"),
        lambda client: client.multi_party_calls.get(friendly_name="sales"),
        lambda client: client.multi_party_calls.get(uuid=str(uuid4())),
        lambda client: client.multi_party_calls.start(friendly_name="sales"),
        lambda client: client.multi_party_calls.stop(uuid=str(uuid4())),
        lambda client: client.multi_party_calls.list_participants(friendly_name="sales"),
        lambda client: client.multi_party_calls.get_participant("10", friendly_name="sales"),
        lambda client: client.multi_party_calls.update_participant("10", friendly_name="sales", mute=True),
        lambda client: client.multi_party_calls.kick_participant("10", uuid=str(uuid4())),
        lambda client: client.multi_party_calls.start_recording(friendly_name="sales"),
        lambda client: client.multi_party_calls.stop_recording(friendly_name="sales"),
        lambda client: client.multi_party_calls.pause_recording(friendly_name="sales"),
        lambda client: client.multi_party_calls.resume_recording(friendly_name="sales"),
        lambda client: client.multi_party_calls.start_participant_recording("10", friendly_name="sales"),
        lambda client: client.multi_party_calls.stop_participant_recording("10", friendly_name="sales"),
        lambda client: client.multi_party_calls.pause_participant_recording("10", friendly_name="sales"),
        lambda client: client.multi_party_calls.resume_participant_recording("10", friendly_name="sales"),
        lambda client: client.multi_party_calls.start_play_audio("10", friendly_name="sales", url="http://h.example/a.mp3"),
        lambda client: client.multi_party_calls.stop_play_audio("10", friendly_name="sales"),
        lambda client: client.multi_party_calls.add_participant(
            "agent", uuid=str(uuid4()), from_="14155550100", to_="14155550101"
        ),
        lambda client: client.multi_party_calls.add_participant("customer", friendly_name="sales", call_uuid=str(uuid4())),
        lambda client: client.calls.start_stream(str(uuid4()), "wss://h.example/"),
        lambda client: client.calls.get_all_streams(str(uuid4())),
        lambda client: client.calls.get_details_of_specific_stream(str(uuid4()), str(uuid4())),
        lambda client: client.calls.delete_specific_stream(str(uuid4()), str(uuid4())),
        lambda client: client.calls.delete_all_streams(str(uuid4())),
        lambda client: client.verify_callerids.get_verified_caller_id("14155550100"),
        lambda client: client.verify_callerids.update_verified_caller_id("14155550100", alias="x"),
        lambda client: client.verify_callerids.delete_verified_caller_id("14155550100"),
        lambda client: client.verify_callerids.verify_caller_id(str(uuid4()), otp="123456"),
        lambda client: client.transcriptions.create_transcription(str(uuid4())),
        lambda client: client.transcriptions.get_transcription(str(uuid4()), type="raw"),
        lambda client: client.transcriptions.delete_transcription(str(uuid4())),
    ],
)
def test_what_does_not_run_is_not_found(client: plivo.RestClient, ask: Asked) -> None:
    with pytest.raises(exceptions.ResourceNotFoundError, match="not found"):
        ask(client)


def test_lists_of_multiparty_calls_have_both_counts(client: plivo.RestClient) -> None:
    found = client.multi_party_calls.list(status="Active", end_time__gt="2026-01-01 00:00", limit=5, offset=10)
    assert found.objects == []
    assert (found.meta.count, found.meta.total_count, found.meta.next) == (0, 0, None)
    assert found.meta.previous.endswith("/MultiPartyCall/?status=active&end_time__gt=2026-01-01+00%3A00&limit=5&offset=5")
    with pytest.raises(exceptions.ValidationError):
        client.multi_party_calls.list(creation_time__lt="2026-13-01 00:00")


def test_nobody_is_called_into_a_multiparty_call_that_cannot_be(client: plivo.RestClient) -> None:
    with pytest.raises(exceptions.ValidationError, match="nobody was called"):
        client.multi_party_calls.add_participant(
            "agent", friendly_name="sales", from_="14155550100", to_="14155550101<14155550102"
        )
    assert client.multi_party_calls.list().objects == []
    assert client.live_calls.list_ids().calls == []


ADDED = {"role": "agent", "from": "14155550100", "to": "14155550101"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"role": None}, "role parameter is missing"),
        ({"role": "guest"}, "role parameter is invalid"),
        ({"to": None}, "to parameter is missing"),
        ({"from": None}, "from parameter is missing"),
        ({"call_uuid": "x"}, "call_uuid should not be given together with from and to"),
        (
            {"to": "1<2", "role": "Customer"},
            "to should hold one destination: only agents are hunted for, and the role is customer",
        ),
        ({"to": "<".join(map(str, range(21)))}, "to should hold at most 20 destinations"),
        ({"to": "<"}, "to parameter is invalid"),
        ({"ring_timeout": "1<2"}, "ring_timeout should hold at most as many figures as to has destinations"),
        ({"ring_timeout": "soon"}, "ring_timeout parameter is invalid"),
        ({"delay_dial": "1<2<3"}, "delay_dial should hold at most as many figures as to has destinations"),
        ({"max_duration": 299}, "max_duration should be between 300 and 28800"),
        ({"max_participants": "11"}, "max_participants should be between 2 and 10"),
        ({"record_min_member_count": 3}, "record_min_member_count should be between 1 and 2"),
        ({"status_callback_events": "mpc-state-changes,weather"}, "status_callback_events parameter is invalid"),
        ({"confirm_key": "11"}, "confirm_key parameter is invalid"),
        ({"dial_music": "jazz"}, "dial_music parameter is invalid"),
        ({"enter_sound": "beep:3"}, "enter_sound parameter is invalid"),
        ({"record_file_format": "ogg"}, "record_file_format parameter is invalid"),
        ({"role": "ai-agent"}, "ai_agent_stream_service_url parameter is missing"),
        # Right, in the ways that clients write it: that none can run is all that is wrong.
        ({"ring_timeout": 30, "delay_dial": "5", "dial_music": "Real", "exit_sound": "NONE"}, "runs no multiparty calls yet"),
        ({"to": "1<2", "ring_timeout": "1<2", "status_callback_events": "MPC-State-Changes"}, "runs no multiparty calls yet"),
        ({"record": "True", "mute": 1, "hold": "0", "record_file_format": "WAV"}, "runs no multiparty calls yet"),
    ],
)
def test_a_participant_is_checked_before_anything_else(raw: Raw, changes: dict[str, Any], said: str) -> None:
    for word in ("Participant", "Member"):
        answer = raw.ask("POST", f"MultiPartyCall/name_a%2Fb%20c/{word}/", {**ADDED, **changes})
        assert answer.status == 400
        assert said in answer.body["error"]


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("POST", "Conference/x/Member/1/Play/", {}, "url parameter is missing"),
        ("POST", "Conference/x/Member/1/Play/", {"url": "ftp://h"}, "url parameter is invalid"),
        ("POST", "Conference/x/Member/1/Speak/", {"text": ""}, "text parameter is missing"),
        ("POST", "Conference/x/Record/", {"file_format": "ogg"}, "file_format parameter is invalid"),
        ("POST", "Conference/x/Record/", {"callback_url": "nowhere"}, "callback_url parameter is invalid"),
        ("POST", "MultiPartyCall/name_x/", {}, "status parameter is missing"),
        ("POST", "MultiPartyCall/name_x/", {"status": ["ended"]}, "status parameter is invalid"),
        ("POST", "MultiPartyCall/name_x/Participant/1/", {}, "one of mute, hold and coach_mode should be given"),
        ("POST", "MultiPartyCall/name_x/Participant/1/", {"mute": "perhaps"}, "mute parameter is invalid"),
        ("POST", "MultiPartyCall/name_x/Member/1/Play/", {}, "url parameter is missing"),
        (
            "POST",
            "MultiPartyCall/name_x/Participant/1/Record/",
            {"record_track_type": "left"},
            "record_track_type parameter is invalid",
        ),
        ("POST", "Call/x/Stream/", {}, "service_url parameter is missing"),
        ("POST", "Call/x/Stream/", {"service_url": "https://h/"}, "service_url parameter is invalid"),
        (
            "POST",
            "Call/x/Stream/",
            {"service_url": "wss://h/", "bidirectional": "True", "audio_track": "both"},
            "audio_track should be inbound where bidirectional is true",
        ),
        ("POST", "Call/x/Stream/", {"service_url": "wss://h/", "content_type": "audio/mp3"}, "content_type parameter is invalid"),
        ("POST", "Call/x/Stream/", {"service_url": "wss://h/", "extra_headers": "a"}, "extra_headers parameter is invalid"),
        ("POST", "Call/x/Stream/", {"service_url": "wss://h/", "extra_headers": '{"a":'}, "extra_headers parameter is invalid"),
        (
            "POST",
            "Call/x/Stream/",
            {"service_url": "wss://h/", "extra_headers": {"a": "x" * 512}},
            "extra_headers should be at most 512 octets",
        ),
        (
            "POST",
            "Call/x/Stream/",
            {"service_url": "wss://h/", "noise_cancellation_level": 59},
            "noise_cancellation_level should be between 60 and 100",
        ),
        ("POST", "VerifiedCallerId/", {"phone_number": "14155550100"}, "this node verifies no caller IDs"),
    ],
)
def test_parameters_are_checked(raw: Raw, method: str, path: str, body: dict[str, Any], said: str) -> None:
    answer = raw.ask(method, path, body)
    assert answer.status == 400, answer.body
    assert said in answer.body["error"]


@pytest.mark.parametrize("ref", ["sales", "name_", "uuid_", "NAME_sales", "_", "uuid"])
def test_a_multiparty_call_is_meant_by_name_or_uuid(raw: Raw, ref: str) -> None:
    answer = raw.ask("GET", f"MultiPartyCall/{ref}")
    assert (answer.status, answer.body["error"]) == (404, "multiparty call not found")


def test_caller_ids_need_no_proof(client: plivo.RestClient) -> None:
    assert client.verify_callerids.list_verified_caller_id(alias="x").objects == []
    with pytest.raises(exceptions.ValidationError, match="for their trunks to say"):
        client.verify_callerids.initiate_verify(phone_number="14155550100", channel="call", alias="x")


def test_a_live_call_has_no_streams_and_gets_none(node: NodeProcess, customer: Customer, client: plivo.RestClient) -> None:
    customer.says("/stay", document("<Speak>Stay.</Speak>", "<Wait length='60'/>"))
    app = client.applications.create("streams", answer_url=customer.url("/stay")).app_id
    client.numbers.create("14155550161", "mine", "here", app_id=app)

    def ask() -> None:
        (call_uuid,) = client.live_calls.list_ids().calls
        listed = client.calls.get_all_streams(call_uuid)
        assert (listed.objects, listed.meta["count"], listed.meta["total_count"]) == ([], 0, 0)
        with pytest.raises(exceptions.ValidationError, match="none was started"):
            client.calls.start_stream(
                call_uuid, "wss://h.example/", extra_headers={"a": "1"}, content_type="audio/x-mulaw;rate=8000"
            )
        with pytest.raises(exceptions.ResourceNotFoundError, match="stream not found"):
            client.calls.delete_specific_stream(call_uuid, str(uuid4()))
        client.calls.delete_all_streams(call_uuid)  # there are none: done
        client.calls.hangup(call_uuid)

    async def run() -> None:
        async with a_desk() as desk, desk.dial(node.uri("14155550161")) as leg:
            await leg.wait_answered()
            await asyncio.to_thread(ask)
            async with asyncio.timeout(120):
                await leg.ended()

    asyncio.run(run())
    client.numbers.delete("14155550161")
