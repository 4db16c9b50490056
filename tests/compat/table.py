"""What of Plivo's interface works here: one row for each method, element and request, and the test that proves it.

``docs/compatibility.md`` is made of this by ``python -m tests.compat.page``; ``test_page.py`` holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["works", "not yet", "in the sdk", "a slip"]


@dataclass(frozen=True)
class Row:
    """How it stands with one thing."""

    state: State
    note: str = ""
    test: str = ""
    """``api/test_sdk.py::test_…``, in the folder of tests."""


def works(test: str, note: str = "") -> Row:
    """It does what it does at Plivo, and this test shows it."""
    return Row("works", note, test)


def not_yet(why: str, test: str = "") -> Row:
    """It does not; the note says what is missing, or what happens instead, and the test, if there is one, shows that."""
    return Row("not yet", why, test)


def in_the_sdk(instead: str) -> Row:
    """It fails in the SDK itself, before anything is sent, at Plivo as well; the note says what can be called instead."""
    return Row("in the sdk", instead, "compat/test_python_sdk.py::test_what_fails_in_the_sdk_itself_sends_nothing")


def a_slip(what: str, test: str) -> Row:
    """The SDK sends something else than it was given, wherever it is sent; the note says what, the test shows it."""
    return Row("a slip", what, test)


_SDK = "api/test_sdk.py::"
_ACCOUNT = _SDK + "test_the_account_can_be_read_and_changed"
_SUBACCOUNTS = _SDK + "test_subaccounts_are_made_listed_changed_and_removed"
_APPLICATIONS = _SDK + "test_applications_are_made_read_changed_and_removed"
_ENDPOINTS = _SDK + "test_endpoints_are_made_read_changed_and_removed"
_NUMBERS = _SDK + "test_own_numbers_are_added_read_changed_and_given_up"
_POOL = _SDK + "test_numbers_of_the_pool_are_searched_rented_and_given_back"
_OWN = _SDK + "test_what_lists_and_gets_return_can_be_changed_by_its_own_methods"
_PLACED = "api/test_placing.py::test_a_call_rings_is_answered_and_transferred"
_RUNS = "api/test_calls.py::test_a_call_that_runs_is_listed_read_and_hung_up"
_OBJECTS = "compat/test_python_sdk.py::test_a_call_is_moved_read_and_ended_by_the_objects_of_the_sdk"
_CALLS = "compat/test_python_sdk.py::test_calls_have_two_names_for_the_same"
_QUEUE = "api/test_placing.py::test_many_at_once_start_one_after_another_and_the_rest_waits"

_HEARD = works("compat/test_python_sdk.py::test_what_a_call_hears_has_two_names_each")
_RECORDED = works("compat/test_python_sdk.py::test_a_recording_has_two_names_for_everything")
_LISTED = works("api/test_recordings.py::test_recordings_are_listed_found_and_removed")
_ROOMS = "api/test_rooms.py::"
_NOT_FOUND = _ROOMS + "test_what_does_not_run_is_not_found"
_NO_STREAMS = _ROOMS + "test_a_live_call_has_no_streams_and_gets_none"
_CONFERENCE = not_yet("none can run, so none is found", _NOT_FOUND)
_NO_CONFERENCES = not_yet("none can run: the list is empty, there is nobody to hang up", _ROOMS + "test_there_are_no_conferences")
_MPC = not_yet("none can run, so none is found", _NOT_FOUND)
_CALLER_IDS = "which caller ids may be shown is the trunk's business"
_UNTESTED = not_yet("none can run")

PYTHON: dict[str, Row] = {
    "account.get": works(_ACCOUNT),
    "account.update": works(_ACCOUNT),
    "Account.get": works("compat/test_python_sdk.py::test_the_account_object_reads_itself_and_changes_itself_wrongly"),
    "Account.update": a_slip(
        "sends the names of its arguments in place of their values; call `account.update(name=…)`",
        "compat/test_python_sdk.py::test_the_account_object_reads_itself_and_changes_itself_wrongly",
    ),
    "subaccounts.create": works(_SUBACCOUNTS),
    "subaccounts.get": works(_SUBACCOUNTS),
    "subaccounts.list": works(_SUBACCOUNTS),
    "subaccounts.update": works(_SUBACCOUNTS),
    "subaccounts.delete": works(_SUBACCOUNTS),
    "Subaccount.update": works(_OWN),
    "Subaccount.delete": works("compat/test_python_sdk.py::test_what_is_removed_by_its_own_method_is_gone"),
    "applications.create": works(_APPLICATIONS),
    "applications.get": works(_APPLICATIONS),
    "applications.list": works(_SDK + "test_lists_are_paged_and_can_be_walked"),
    "applications.update": works(_APPLICATIONS),
    "applications.delete": works(_SDK + "test_endpoints_of_a_removed_application_can_go_to_another"),
    "Application.get": in_the_sdk("`applications.get(app_id)`"),
    "Application.update": works(_OWN),
    "Application.delete": works(_OWN),
    "calls.create": works(_PLACED),
    "calls.list": works("api/test_calls.py::test_filters_are_kept_from_page_to_page"),
    "calls.get": works(_PLACED),
    "calls.transfer": works("api/test_both_legs.py::test_both_are_sent_elsewhere", "either leg, or both"),
    "calls.update": works(_CALLS, "the same as `transfer`"),
    "calls.hangup": works(_RUNS),
    "calls.delete": works(_CALLS, "the same as `hangup`"),
    "calls.cancel": works("api/test_placing.py::test_a_call_that_rings_is_cancelled"),
    "calls.live_call_list_ids": works(_RUNS),
    "calls.live_call_get": works(_RUNS),
    "calls.queued_call_list_ids": works(_RUNS),
    "calls.queued_call_get": works(_CALLS),
    "calls.play": works("api/test_live_sound.py::test_a_file_is_mixed_with_the_prompt_or_replaces_it_until_it_is_stopped"),
    "calls.start_playing": _HEARD,
    "calls.play_stop": _HEARD,
    "calls.stop_playing": _HEARD,
    "calls.speak": _HEARD,
    "calls.start_speaking": _HEARD,
    "calls.speak_stop": _HEARD,
    "calls.stop_speaking": _HEARD,
    "calls.send_digits": works("api/test_live_sound.py::test_keys_reach_the_far_end_during_a_prompt"),
    "calls.record": works(
        "api/test_recordings.py::test_both_parties_are_recorded_by_several_at_once_while_the_call_is_transferred"
    ),
    "calls.start_recording": _RECORDED,
    "calls.record_stop": works("api/test_recordings.py::test_a_talk_is_recorded_from_either_side"),
    "calls.stop_recording": _RECORDED,
    "calls.start_stream": not_yet("refused, nothing is started", _NO_STREAMS),
    "calls.get_all_streams": not_yet("there are none", _NO_STREAMS),
    "calls.get_details_of_specific_stream": not_yet("there are none", _NOT_FOUND),
    "calls.delete_specific_stream": not_yet("there are none", _NO_STREAMS),
    "calls.delete_all_streams": not_yet("there are none", _NO_STREAMS),
    "Call.get": works(_OBJECTS),
    "Call.update": works(_OBJECTS),
    "Call.hangup": works(_OBJECTS),
    "Call.delete": works(_OBJECTS),
    "Call.play": _HEARD,
    "Call.start_playing": _HEARD,
    "Call.stop_playing": _HEARD,
    "Call.speak": in_the_sdk("`calls.speak(call_uuid, text)`"),
    "Call.start_speaking": in_the_sdk("`calls.start_speaking(call_uuid, text)`"),
    "Call.stop_speaking": _HEARD,
    "Call.send_digits": in_the_sdk("`calls.send_digits(call_uuid, digits)`"),
    "Call.record": _RECORDED,
    "Call.start_recording": _RECORDED,
    "Call.stop_recording": in_the_sdk("`calls.record_stop(call_uuid)`"),
    "Call.start_stream": in_the_sdk("`calls.start_stream(call_uuid, service_url)`"),
    "Call.get_all_streams": in_the_sdk("`calls.get_all_streams(call_uuid)`"),
    "Call.get_details_of_specific_stream": in_the_sdk("`calls.get_details_of_specific_stream(call_uuid, stream_id)`"),
    "Call.delete_specific_stream": in_the_sdk("`calls.delete_specific_stream(call_uuid, stream_id)`"),
    "Call.delete_all_streams": in_the_sdk("`calls.delete_all_streams(call_uuid)`"),
    "live_calls.list_ids": works(_RUNS),
    "live_calls.get": works(_RUNS),
    "queued_calls.list_ids": works(_QUEUE),
    "queued_calls.get": works(_QUEUE),
    **{
        f"conferences.{each}": _CONFERENCE
        for each in (
            *("get", "delete", "hangup", "record", "record_stop"),
            *("member_hangup", "member_kick", "member_mute", "member_mute_stop", "member_deaf", "member_deaf_stop"),
            *("member_play", "member_play_stop", "member_speak", "member_speak_stop"),
        )
    },
    **{f"conferences.{each}": _NO_CONFERENCES for each in ("list", "delete_all", "hangup_all")},
    **{
        f"Conference.{each}": _UNTESTED
        for each in (
            *("hangup", "record", "record_stop"),
            *("member_hangup", "member_kick", "member_mute", "member_mute_stop", "member_deaf", "member_deaf_stop"),
            *("member_play", "member_play_stop", "member_speak_stop"),
        )
    },
    "Conference.member_speak": in_the_sdk("`conferences.member_speak(name, member_id, text)`"),
    **{
        f"multi_party_calls.{each}": _MPC
        for each in (
            *("get", "start", "stop", "list_participants", "get_participant", "update_participant"),
            *("kick_participant", "start_recording", "stop_recording", "pause_recording", "resume_recording"),
            *("start_participant_recording", "stop_participant_recording", "pause_participant_recording"),
            *("resume_participant_recording", "start_play_audio", "stop_play_audio"),
        )
    },
    "multi_party_calls.list": not_yet("empty", _ROOMS + "test_lists_of_multiparty_calls_have_both_counts"),
    "multi_party_calls.add_participant": not_yet(
        "refused, nobody is called", _ROOMS + "test_nobody_is_called_into_a_multiparty_call_that_cannot_be"
    ),
    **{
        f"MultiPartyCall.{each}": _UNTESTED
        for each in (
            *("get", "start", "stop", "update", "kick", "get_participant", "start_play_audio", "stop_play_audio"),
            *("start_recording", "stop_recording", "pause_recording", "resume_recording"),
        )
    },
    "MultiPartyCall.add_participant": in_the_sdk("`multi_party_calls.add_participant(role, uuid=…)`"),
    "MultiPartyCall.start_participant_recording": in_the_sdk("`multi_party_calls.start_participant_recording(…)`"),
    "MultiPartyCall.stop_participant_recording": in_the_sdk("`multi_party_calls.stop_participant_recording(…)`"),
    "MultiPartyCall.pause_participant_recording": in_the_sdk("`multi_party_calls.pause_participant_recording(…)`"),
    "MultiPartyCall.resume_participant_recording": in_the_sdk("`multi_party_calls.resume_participant_recording(…)`"),
    **{
        f"MultiPartyCallParticipant.{each}": _UNTESTED
        for each in (
            *("get", "update", "kick", "start_participant_recording", "stop_participant_recording"),
            *("pause_participant_recording", "resume_participant_recording"),
        )
    },
    "endpoints.create": works(_ENDPOINTS),
    "endpoints.get": works(_ENDPOINTS),
    "endpoints.list": works(_ENDPOINTS),
    "endpoints.update": works(_ENDPOINTS),
    "endpoints.delete": works(_ENDPOINTS),
    "Endpoint.update": works(_OWN),
    "Endpoint.delete": works(_OWN),
    "numbers.list": works(_NUMBERS),
    "numbers.get": works(_NUMBERS),
    "numbers.create": works(_NUMBERS),
    "numbers.update": works(_NUMBERS),
    "numbers.delete": works(_NUMBERS),
    "numbers.search": works(_POOL, "in the operator's pool"),
    "numbers.buy": works(_POOL, "of the operator's pool"),
    "Number.update": works(_OWN),
    "Number.delete": works(_OWN),
    "recordings.list": _LISTED,
    "recordings.get": _LISTED,
    "recordings.delete": _RECORDED,
    "Recording.delete": _LISTED,
    "transcriptions.create_transcription": not_yet("nothing transcribes", _NOT_FOUND),
    "transcriptions.get_transcription": not_yet("nothing transcribes", _NOT_FOUND),
    "transcriptions.delete_transcription": not_yet("nothing transcribes", _NOT_FOUND),
    "Transcription.create_transcription": in_the_sdk("`transcriptions.create_transcription(recording_id)`"),
    "Transcription.get_transcription": in_the_sdk("`transcriptions.get_transcription(recording_id)`"),
    "Transcription.delete_transcription": in_the_sdk("`transcriptions.delete_transcription(recording_id)`"),
    "pricing.get": works(_SDK + "test_nothing_costs_anything", "all amounts are zero"),
    "Pricing.get": works("compat/test_python_sdk.py::test_prices_read_themselves"),
    "token.create": works("api/test_small.py::test_a_token_is_made_for_an_endpoint", "browsers cannot use it yet"),
    "call_feedback.create": works("api/test_small.py::test_feedback_is_kept"),
    "verify_callerids.initiate_verify": not_yet(_CALLER_IDS, _ROOMS + "test_caller_ids_need_no_proof"),
    "verify_callerids.list_verified_caller_id": not_yet(_CALLER_IDS, _ROOMS + "test_caller_ids_need_no_proof"),
    **{
        f"verify_callerids.{each}": not_yet(_CALLER_IDS, _NOT_FOUND)
        for each in ("verify_caller_id", "get_verified_caller_id", "update_verified_caller_id", "delete_verified_caller_id")
    },
    **{
        f"VerifyCallerid.{each}": in_the_sdk(f"`verify_callerids.{each}(…)`")
        for each in (
            *("initiate_verify", "verify_caller_id", "list_verified_caller_id", "get_verified_caller_id"),
            *("update_verified_caller_id", "delete_verified_caller_id"),
        )
    },
}
"""``calls.create`` is a method of the client, ``Call.hangup`` one of what it returns."""

ELEMENTS: dict[str, Row] = {
    "Speak": works("calls/test_speak_and_play.py::test_the_text_is_spoken_with_its_voice_and_language"),
    "Play": works("e2e/test_first_call.py::test_a_caller_hears_the_prompt_presses_a_key_and_is_led_on"),
    "Wait": works("e2e/test_examples.py::test_a_caller_is_on_hold_until_somebody_is_free"),
    "DTMF": works("calls/test_dtmf.py::test_the_keys_are_pressed_towards_the_caller"),
    "GetDigits": works("e2e/test_examples.py::test_the_pin_is_asked_for_until_it_is_right"),
    "GetInput": not_yet("speech is not recognised; the call ends with 5010"),
    "Dial": works("e2e/test_dial_examples.py::test_all_phones_ring_and_the_first_has_the_call"),
    "Number": works("e2e/test_dial_examples.py::test_a_call_is_forwarded_to_a_number_and_from_there_to_a_phone"),
    "User": works("e2e/test_dial_examples.py::test_a_caller_types_an_extension"),
    "Redirect": works("e2e/test_first_call.py::test_a_caller_hears_the_prompt_presses_a_key_and_is_led_on"),
    "Hangup": works("e2e/test_dial_examples.py::test_who_is_written_down_is_rejected_from_the_next_call_on"),
    "PreAnswer": works("e2e/test_examples.py::test_the_announcement_is_heard_before_an_answer_that_never_comes"),
    "Record": not_yet("the call ends with 5010"),
    "Conference": not_yet("the call ends with 5010"),
    "MultiPartyCall": not_yet("the call ends with 5010"),
    "Stream": not_yet("the call ends with 5010"),
    "Message": not_yet("no matter of a voice platform: it is noted, and the document goes on"),
}

WEB_HOOKS: dict[str, Row] = {
    "answer URL, inbound": works("calls/test_requests.py::test_the_answer_request_carries_the_typical_inbound_set"),
    "answer URL, outbound": works(_PLACED),
    "fallback URL": works("calls/test_documents.py::test_the_fallback_gets_the_same_parameters_as_the_answer_url"),
    "ring URL": works("interop/test_placed_calls.py::test_it_rings_is_answered_and_runs_its_document"),
    "hangup URL": works("calls/test_requests.py::test_the_hangup_request_of_an_answered_call"),
    "machine detection URL": works("answering/test_over_rtp.py::test_a_url_of_its_own_is_told_while_the_document_runs"),
    "action URL of GetDigits": works("calls/test_get_digits.py::test_the_action_request_is_a_post_with_the_standard_parameters"),
    "action URL of Dial": works("interop/test_dial_matrix.py::test_the_action_url"),
    "callback URL of Dial": works("interop/test_dial_matrix.py::test_the_callbacks"),
    "confirm sound, dial music (sound documents)": works(
        "e2e/test_bridge.py::test_music_of_the_application_s_own_plays_until_the_answer"
    ),
    "Redirect target": works("calls/test_hangup.py::test_a_redirect_goes_by_its_method"),
    "transfer URL, A leg": works(_PLACED),
    "transfer URL, B leg": works("api/test_both_legs.py::test_the_b_leg_is_sent_elsewhere_and_the_a_leg_goes_on"),
    "recording callback (API)": works(
        "api/test_recordings.py::test_both_parties_are_recorded_by_several_at_once_while_the_call_is_transferred"
    ),
    "result of an API request with `callback_url`": works(
        "api/test_later.py::test_the_sdk_is_told_at_once_and_the_result_is_sent"
    ),
    "Record, GetInput, Conference, MultiPartyCall, Stream": not_yet("as the elements"),
    "signatures V2 and V3 of all these": works("api/test_signatures.py::test_of_calls_that_come_in"),
    "signature of a WebSocket upgrade": works(
        "hooks/test_signature.py::test_a_websocket_upgrade_is_signed_as_a_get_over_http", "nothing upgrades yet"
    ),
}
