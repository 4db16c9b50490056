"""The SDKs in other languages: the same rows as ``table.py`` has for Python."""

from __future__ import annotations

from .table import Row, a_slip, not_yet, works

NODE_VERSION = "4.79.0"
NODE_ABOUT = """The tests drive the package from npm with [`plivo-here.js`](../examples/sdk/plivo-here.js). Methods that cannot
work anywhere (`get`, `list`, `create` inherited by interfaces that have no such resource) are left out.
"""
GO_VERSION = "7"
GO_ABOUT = """No Go module can be fetched where our tests run. So a Go program with [`plivohere.go`](../examples/sdk/plivohere.go)
sends, with Go's own `net/http`, what these methods send (paths without a slash at the end, `Host` and fields as the SDK's public
source has them), and decodes the answers into structs of the same field types, as strictly as `encoding/json` does.
"""
_NODE = "compat/test_node_sdk.py::"
_GO = "compat/test_go_sdk.py::"
_N_SETUP = _NODE + "test_what_an_application_needs_is_made_read_changed_and_removed"
_N_NUMBERS = _NODE + "test_numbers_are_added_searched_rented_and_given_up"
_N_CALL = _NODE + "test_a_call_is_placed_read_moved_and_hung_up"
_N_QUEUE = _NODE + "test_calls_that_wait_are_listed_and_cancelled"
_G_SETUP = _GO + "test_what_an_application_needs_is_made_read_changed_and_removed"
_G_CALL = _GO + "test_a_call_is_placed_read_moved_and_hung_up"
_G_QUEUE = _GO + "test_calls_that_wait_are_listed_and_cancelled"
_N_HEARD = _NODE + "test_a_call_hears_what_it_plays_and_says"
_G_HEARD = _GO + "test_a_call_hears_what_it_plays_and_says"
_N_RECORDED = _NODE + "test_a_call_is_recorded_and_the_recording_had"
_G_RECORDED = _GO + "test_a_call_is_recorded_and_the_recording_had"
_STREAM = not_yet("none can run; the answers are those that the Python SDK gets")
_CONFERENCE = not_yet("none can run; the answers are those that the Python SDK gets")
_MPC = not_yet("none can run; the answers are those that the Python SDK gets")
_CALLER_IDS = not_yet("which caller ids may be shown is the trunk's business")

NODE: dict[str, Row] = {
    "accounts.get": works(_N_SETUP),
    "accounts.update": works(_N_SETUP),
    **{f"subaccounts.{each}": works(_N_SETUP) for each in ("create", "get", "list", "update", "delete")},
    **{f"applications.{each}": works(_N_SETUP) for each in ("create", "get", "list", "update", "delete")},
    **{f"endpoints.{each}": works(_N_SETUP) for each in ("create", "get", "list", "update", "delete")},
    **{f"numbers.{each}": works(_N_NUMBERS) for each in ("addOwnNumber", "get", "list", "update", "unrent", "search", "buy")},
    "pricings.get": works(_N_SETUP),
    "calls.create": works(_N_CALL),
    "calls.get": works(_N_CALL),
    "calls.list": works(_N_CALL),
    "calls.listLiveCalls": works(_N_CALL),
    "calls.getLiveCall": works(_N_CALL),
    "calls.transfer": works(_N_CALL),
    "calls.hangup": works(_N_CALL),
    "calls.listQueuedCalls": works(_N_QUEUE),
    "calls.getQueuedCall": works(_N_QUEUE),
    "calls.cancel": works(_N_QUEUE),
    **{
        f"calls.{each}": works(_N_HEARD)
        for each in ("playMusic", "stopPlayingMusic", "speakText", "stopSpeakingText", "sendDigits")
    },
    **{f"calls.{each}": works(_N_RECORDED) for each in ("record", "stopRecording")},
    **{f"calls.{each}": _STREAM for each in ("stream", "stopStream", "stopAllStream", "getStream", "getAllStream")},
    **{f"recordings.{each}": works(_N_RECORDED) for each in ("get", "list", "delete")},
    "conferences.list": not_yet("none can run: the list is empty", _N_SETUP),
    **{
        f"conferences.{each}": _CONFERENCE
        for each in (
            *("get", "hangup", "hangupAll", "hangupMember", "kickMember", "muteMember", "unmuteMember", "deafMember"),
            *("undeafMember", "playAudioToMember", "stopPlayingAudioToMember", "speakTextToMember", "stopSpeakingTextToMember"),
            *("record", "startRecording", "stopRecording"),
        )
    },
    **{
        f"multiPartyCalls.{each}": _MPC
        for each in (
            *("list", "get", "addParticipant", "start", "stop", "startRecording", "stopRecording", "pauseRecording"),
            *("resumeRecording", "startParticipantRecording", "stopParticipantRecording", "pauseParticipantRecording"),
            *("resumeParticipantRecording", "listParticipants", "updateParticipant", "kickParticipant", "getParticipant"),
            *("startPlayAudio", "stopPlayAudio"),
        )
    },
    "token.create": works(_N_SETUP),
    "callFeedback.create": a_slip("sends a request without a body", _N_CALL),
    **{
        f"verify.{each}": _CALLER_IDS
        for each in (
            *("initiate", "verify", "updateVerifiedCallerId", "getVerifiedCallerId", "listVerifiedCallerId"),
            "deleteVerifiedCallerId",
        )
    },
    "Response": works(_NODE + "test_documents_as_its_xml_classes_write_them_run_here"),
    "validateV3Signature": works(_NODE + "test_its_validators_accept_our_requests"),
    "validateSignature": works(_NODE + "test_its_validators_accept_our_requests"),
}
NODE_LEFT_OUT: dict[str, frozenset[str]] = {
    "calls": frozenset(),
    "token": frozenset({"get", "list"}),
    "accounts": frozenset({"list", "create"}),
    "subaccounts": frozenset(),
    "applications": frozenset(),
    "conferences": frozenset({"create"}),
    "endpoints": frozenset(),
    "numbers": frozenset({"create"}),
    "pricings": frozenset({"list", "create"}),
    "recordings": frozenset({"create"}),
    "callFeedback": frozenset({"get", "list"}),
    "multiPartyCalls": frozenset({"create", "makeMpcId"}),
    "verify": frozenset({"get", "list", "create"}),
}
"""The voice interfaces, and what of their methods is inherited and has no resource."""

GO: dict[str, Row] = {
    "Accounts.Get": works(_G_SETUP),
    "Accounts.Update": works(_G_SETUP),
    **{f"Subaccounts.{each}": works(_G_SETUP) for each in ("Create", "Get", "List", "Update", "Delete")},
    **{f"Applications.{each}": works(_G_SETUP) for each in ("Create", "Get", "List", "Update", "Delete")},
    **{f"Endpoints.{each}": works(_G_SETUP) for each in ("Create", "Get", "List", "Update", "Delete")},
    **{f"Numbers.{each}": works(_G_SETUP) for each in ("Create", "Get", "List", "Update", "Delete")},
    **{f"PhoneNumbers.{each}": works(_G_SETUP) for each in ("List", "Create")},
    "Calls.Create": works(_G_CALL),
    "Calls.Get": works(_G_CALL),
    "Calls.List": works(_G_CALL),
    "Calls.Update": works(_G_CALL),
    "Calls.Delete": works(_G_CALL),
    "LiveCalls.IDList": works(_G_CALL),
    "LiveCalls.Get": works(_G_CALL),
    "QueuedCalls.IDList": works(_G_QUEUE),
    "QueuedCalls.Get": works(_G_QUEUE),
    "Calls.CancelRequest": works(_G_QUEUE),
    **{f"Calls.{each}": works(_G_HEARD) for each in ("Play", "StopPlaying", "Speak", "StopSpeaking", "SendDigits")},
    **{f"Calls.{each}": works(_G_RECORDED) for each in ("Record", "StopRecording")},
    **{
        f"Calls.{each}": _STREAM
        for each in ("Stream", "StopAllStreams", "StopSpecificStream", "GetAllStreams", "GetSpecificStream")
    },
    **{f"Recordings.{each}": works(_G_RECORDED) for each in ("Get", "List", "Delete")},
    "Conferences.IDList": not_yet("none can run: the list is empty", _G_SETUP),
    "Conferences, all others": _CONFERENCE,
    "MultiPartyCall.List": not_yet("none can run: the list is empty", _G_SETUP),
    "MultiPartyCall, all others": _MPC,
    "Token.Create": works(_G_SETUP),
    "CallFeedback.Create": works(_G_CALL),
}
