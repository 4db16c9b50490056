"""What the API makes of conferences, multiparty calls and streams that do run, for whom Plivo's SDK asks.

Behind the API stands a book that says what is there and writes down what was asked: the rooms themselves are others' work.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import plivo
import pytest
from aiohttp import web
from plivo import exceptions

from offhook.api import Accounts, Api, ApiSettings, Desk, NoLiveCalls, NotPossible, RunningCall
from offhook.api.adding import AddParticipant
from offhook.api.errors import ApiError
from offhook.api.resources.multi_party_call import MultiPartyCall
from offhook.api.rooms import (
    AddedCall,
    AudioStream,
    ConferenceMember,
    MemberAct,
    Members,
    Mpc,
    MpcFilter,
    MpcParticipant,
    MpcRef,
    Recorder,
    RecordingAct,
    RecordOrder,
    RunningConference,
    Spoken,
    StreamOrder,
)
from offhook.clock import Clock
from offhook.ids import Ids
from offhook.records import Notification
from offhook.store import Page, Store, StoreBusy
from offhook.testing.live import database_in

from .conftest import MAIN, TOKEN, Raw, plivo_here

AT = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
CALL, MPC, STREAM = ("00000000-0000-4000-8000-00000000000" + digit for digit in "123")
RECORDER = Recorder("00000000-0000-4000-8000-000000000009", "http://node/recording.mp3")


class Book:
    """There is a conference "My Room/1" with member 10, a multiparty call "sales" with participant 10, a call with a stream."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.full = False
        self.trouble: Exception | None = None

    def _note(self, *what: Any) -> bool:
        self.asked.append(what)
        return True

    @staticmethod
    def _has(members: Members) -> bool:
        return members is None or "10" in members


class Rooms(Book):
    def names(self, auth_id: str) -> Sequence[str]:
        if self.trouble is not None:
            raise self.trouble
        return ["My Room/1"] if auth_id == MAIN else []

    def find(self, auth_id: str, name: str) -> RunningConference | None:
        if name not in self.names(auth_id):
            return None
        member = ConferenceMember(
            member_id="10",
            call_uuid=CALL,
            from_number="14155550100",
            to_number="14155550199",
            caller_name="",
            direction="inbound",
            muted=False,
            deaf=True,
            joined_s=59,
        )
        return RunningConference(name, 590, (member,))

    def hang_up(self, auth_id: str, name: str | None) -> bool:
        return (name is None or name in self.names(auth_id)) and self._note("hang up", name)

    def act(self, auth_id: str, name: str, members: Members, act: MemberAct) -> bool:
        return self._has(members) and self._note(act, name, members)

    def play(self, auth_id: str, name: str, members: Members, url: str) -> bool:
        return self._has(members) and self._note("play", members, url)

    def speak(self, auth_id: str, name: str, members: Members, spoken: Spoken) -> bool:
        return self._has(members) and self._note("speak", members, spoken)

    def record(self, auth_id: str, name: str, order: RecordOrder) -> Recorder | None:
        self._note("record", name, order)
        return RECORDER

    def stop_recording(self, auth_id: str, name: str) -> bool:
        return self._note("stop recording", name)


class Parties(Book):
    mpc = Mpc(
        mpc_uuid=MPC,
        auth_id=MAIN,
        friendly_name="sales",
        status="Active",
        creation_time=AT,
        start_time=AT,
        end_time=None,
        duration_s=None,
        billed_duration_s=None,
        max_participants=10,
        max_duration_s=14_400,
        stay_alone=False,
        recording="not-recording",
        termination_cause=None,
        termination_cause_code=None,
    )
    somebody = MpcParticipant(
        member_id="10",
        call_uuid=CALL,
        role="agent",
        join_time=AT,
        exit_time=AT,
        duration_s=5,
        billed_duration_s=60,
        coach_mode=None,
        mute=None,
        hold=None,
        start_mpc_on_enter=None,
        end_mpc_on_exit=None,
        exit_cause="Participant Call Hangup",
        member_address="14155550100",
    )

    async def browse(self, auth_id: str, wanted: MpcFilter, *, limit: int, offset: int) -> Page[Mpc]:
        self._note("browse", wanted, limit, offset)
        return Page([self.mpc], 41)

    async def find(self, auth_id: str, ref: MpcRef) -> Mpc | None:
        return self.mpc if ref in {MpcRef("name", "sales"), MpcRef("uuid", MPC)} else None

    async def participants(self, mpc_uuid: str, call_uuid: str | None, *, limit: int, offset: int) -> Page[MpcParticipant]:
        return Page([self.somebody] if call_uuid in {None, CALL} else [], 1)

    async def participant(self, mpc_uuid: str, member_id: str) -> MpcParticipant | None:
        return self.somebody if member_id == "10" else None

    def add(self, auth_id: str, ref: MpcRef, order: AddParticipant) -> Sequence[AddedCall]:
        if self.full:
            raise NotPossible("the multiparty call is full")
        self._note("add", ref, order)
        return [AddedCall(each, order.from_ or "", CALL) for each in order.destinations or [""]]

    def start(self, mpc_uuid: str) -> bool:
        return self._note("start", mpc_uuid)

    def end(self, mpc_uuid: str) -> bool:
        return self._note("end", mpc_uuid)

    def update(self, mpc_uuid: str, members: Members, changes: Mapping[str, bool]) -> bool:
        return self._has(members) and self._note("update", members, changes)

    def kick(self, mpc_uuid: str, members: Members) -> bool:
        return self._has(members) and self._note("kick", members)

    def record(self, mpc_uuid: str, member_id: str | None, order: RecordOrder) -> Recorder | None:
        self._note("record", member_id, order)
        return RECORDER

    def change_recording(self, mpc_uuid: str, member_id: str | None, act: RecordingAct) -> bool:
        return self._note(act, member_id)

    def play(self, mpc_uuid: str, members: Members, url: str) -> bool:
        return self._has(members) and self._note("play", members, url)

    def speak(self, mpc_uuid: str, members: Members, spoken: Spoken) -> bool:
        return self._has(members) and self._note("speak", members, spoken)

    def hush(self, mpc_uuid: str, members: Members, what: Literal["play", "speak"]) -> bool:
        return self._has(members) and self._note("hush", members, what)


class Wires(Book):
    stream = AudioStream(
        stream_id=STREAM,
        call_uuid=CALL,
        service_url="wss://h.example/",
        bidirectional=True,
        audio_track="inbound",
        content_type="audio/x-mulaw;rate=8000",
        status="in-progress",
        status_callback_url=None,
        created_at=AT,
        start_time=AT,
        end_time=None,
        duration_s=0,
        billed_duration_s=0,
    )

    async def of_call(self, call_uuid: str, *, limit: int, offset: int) -> Page[AudioStream]:
        return Page([self.stream], 1)

    async def find(self, call_uuid: str, stream_id: str) -> AudioStream | None:
        return self.stream if stream_id == STREAM else None

    def start(self, call_uuid: str, order: StreamOrder) -> str:
        self._note("start", call_uuid, order)
        return STREAM

    def stop(self, call_uuid: str, stream_id: str | None) -> bool:
        return stream_id in {None, STREAM} and self._note("stop", stream_id)


class Live(NoLiveCalls):
    def find(self, call_uuid: str) -> RunningCall | None:
        return RunningCall(CALL, MAIN, "inbound", "1", "2", "in-progress", AT) if call_uuid == CALL else None


class Scene:
    """The API on loopback, and whom it asks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rooms, self.parties, self.wires = Rooms(), Parties(), Wires()
        self.told: list[Notification] = []
        self.kept = threading.Event()
        """Notifications are kept as soon as this is set."""
        self.kept.set()

    def run(self, work: Callable[[plivo.RestClient, Raw], None]) -> None:
        """Do something with the SDK, or by hand."""
        asyncio.run(self._serve(work))

    async def _serve(self, work: Callable[[plivo.RestClient, Raw], None]) -> None:
        store = await Store.open(database_in(self.folder), clock=Clock())
        await store.ensure_account(MAIN, TOKEN)
        app = web.Application()
        Api(self._desk(store)).mount(app)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        plivo_here.use(f"http://127.0.0.1:{port}")
        try:
            await asyncio.to_thread(work, plivo.RestClient(MAIN, TOKEN, timeout=30), Raw(port))
        finally:
            await runner.cleanup()
            await store.aclose()

    def _desk(self, store: Store) -> Desk:
        async def notify(notification: Notification) -> None:
            await asyncio.to_thread(self.kept.wait)
            self.told.append(notification)

        return Desk(
            store=store,
            accounts=Accounts(store, Clock()),
            live=Live(),
            recorder=cast(Any, None),  # nothing here records calls
            archive=cast(Any, None),
            notify=notify,
            clock=Clock(),
            ids=Ids(),
            settings=ApiSettings(),
            conferences=self.rooms,
            multi_party_calls=self.parties,
            streams=self.wires,
        )


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_conferences_as_the_sdk_sees_them(scene: Scene) -> None:
    def work(client: plivo.RestClient, raw: Raw) -> None:
        name = "My%20Room%2F1"  # the SDK puts a name into the path as it is
        conferences = client.conferences
        assert conferences.list().conferences == ["My Room/1"]
        found = conferences.get(name)
        assert (found.conference_name, found.conference_run_time, found.conference_member_count) == ("My Room/1", "590", "1")
        (member,) = found.members
        assert (member["member_id"], member["from"], member["muted"], member["deaf"]) == ("10", "14155550100", False, True)
        assert member["join_time"] == "59"
        for ask, said in (
            (conferences.member_kick, "kicked"),
            (conferences.member_mute, "muted"),
            (conferences.member_mute_stop, "unmuted"),
            (conferences.member_deaf, "deaf"),
            (conferences.member_deaf_stop, "undeaf"),
            (conferences.member_play_stop, "playing in conference stopped"),
            (conferences.member_speak_stop, "speak stopped"),
            (conferences.member_hangup, "hangup"),
        ):
            done = ask(name, "10,11")
            assert (done.message, done.member_id) == (said, "10,11")
        assert conferences.member_play(name, "all", "http://h.example/a.mp3").message == "play queued into conference"
        assert conferences.member_speak(name, "10", "hello", voice="MAN").message == "speak queued into conference"
        begun = conferences.record(name, file_format="wav", callback_url="http://h.example/r")
        assert (begun.message, begun.recording_id, begun.url) == (
            "conference recording started",
            RECORDER.recording_id,
            RECORDER.url,
        )
        conferences.record_stop(name)
        assert conferences.hangup(name).message == "conference hung up"
        with pytest.raises(exceptions.ResourceNotFoundError, match="member not found"):
            conferences.member_kick(name, "11")
        assert raw.ask("POST", f"Conference/{name}/Member/ten/Kick/").status == 400
        assert [raw.ask(*each).status for each in (("DELETE", f"Conference/{name}/"), ("DELETE", "Conference/"))] == [200, 200]
        assert raw.ask("POST", f"Conference/{name}/Member/10/Mute/").status == 202
        assert raw.ask("DELETE", f"Conference/{name}/Member/10/Mute/").status == 200

    scene.run(work)
    asked = scene.rooms.asked
    assert asked[0] == ("kick", "My Room/1", frozenset({"10", "11"}))
    assert ("play", None, "http://h.example/a.mp3") in asked
    assert ("speak", frozenset({"10"}), Spoken("hello", "MAN", "en-US")) in asked
    (order,) = (each[2] for each in asked if each[0] == "record")
    assert (order.file_format, order.callback_url, order.callback_method) == ("wav", "http://h.example/r", "POST")


def test_what_was_not_done_is_said_at_once_and_a_defect_of_ours_is_told(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    path = "Conference/?callback_url=http://h.example/told"

    def work(client: plivo.RestClient, raw: Raw) -> None:
        for trouble in (StoreBusy("it is locked"), ApiError(503, "the disk is full")):
            scene.rooms.trouble = trouble
            answer = raw.ask("GET", path)
            assert answer.status == 503, answer.body
        assert scene.told == []
        scene.rooms.trouble = ValueError("a defect")
        answer = raw.ask("GET", path)
        assert (answer.status, answer.body["message"]) == (202, "async api spawned")
        (told,) = scene.told
        assert json.loads(told.body or "") == {"api_id": answer.body["api_id"], "error": "internal error"}
        assert (told.url, told.method, told.purpose) == ("http://h.example/told", "POST", "api-result")

    scene.run(work)
    assert "met a defect of ours" in caplog.text


def test_an_answer_does_not_wait_for_a_result_that_cannot_be_kept(scene: Scene) -> None:
    def work(client: plivo.RestClient, raw: Raw) -> None:
        scene.kept.clear()
        answer = raw.ask("DELETE", "Conference/?callback_url=http://h.example/told")
        assert (answer.status, scene.told, scene.rooms.asked) == (202, [], [("hang up", None)])
        scene.kept.set()
        deadline = time.monotonic() + 120
        while not scene.told:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    scene.run(work)
    assert [each.purpose for each in scene.told] == ["api-result"]


def test_multiparty_calls_as_the_sdk_sees_them(scene: Scene) -> None:
    def work(client: plivo.RestClient, raw: Raw) -> None:
        calls, sales = client.multi_party_calls, {"friendly_name": "sales"}
        page = calls.list(status="Active", termination_cause_code=1000, end_time__gte="2026-03-01 12:30", limit=20)
        assert (page.meta.count, page.meta.total_count, len(page.objects)) == (41, 41, 1)
        assert page.meta.next.endswith("limit=20&offset=20")
        found = calls.get(**sales)
        assert (found.mpc_uuid, found.status, found.creation_time) == (MPC, "Active", "2026-03-01 12:30:15+00:00")
        assert found.participants == f"/v1/Account/{MAIN}/MultiPartyCall/uuid_{MPC}/Participant/"
        assert raw.ask("GET", f"MultiPartyCall/uuid_{MPC.upper()}/").body["friendly_name"] == "sales"
        msgspec.convert({**raw.ask("GET", "MultiPartyCall/name_sales/").body}, MultiPartyCall, strict=True)
        calls.start(**sales)
        listed = calls.list_participants(**sales)
        assert (listed.meta.count, listed.objects[0].member_id) == (1, "10")
        somebody = calls.get_participant("10", **sales)
        assert (somebody.role, somebody.mute, somebody.exit_cause) == ("agent", None, "Participant Call Hangup")
        added = calls.add_participant("Agent", from_="+14155550100", to_="14155550101<14155550102", ring_timeout="10<20", **sales)
        assert (added.message, len(added.calls)) == ("add participant action initiated", 2)
        assert added.request_uuid != CALL
        pulled = calls.add_participant("customer", call_uuid=CALL, **sales)
        assert pulled.request_uuid == pulled.calls[0]["call_uuid"] == CALL
        changed = calls.update_participant("10", mute=True, coach_mode=False, **sales)
        assert changed.mute == "MPC: sales mute/unmute member(s) succeeded"
        assert changed.coach_mode == "MPC: sales coach_mode enable/disable succeeded"
        assert not hasattr(changed, "hold")
        calls.kick_participant("10", **sales)
        assert raw.ask("GET", "MultiPartyCall/name_sales/Member/11/").status == 404
        calls.stop(**sales)
        scene.parties.full = True
        with pytest.raises(exceptions.ValidationError, match="is full"):
            calls.add_participant("agent", from_="14155550100", to_="14155550101", **sales)

    scene.run(work)
    asked = scene.parties.asked
    wanted = MpcFilter(status="active", termination_cause_code=1000, ended=(("gte", datetime(2026, 3, 1, 12, 30, tzinfo=UTC)),))
    assert asked[0] == ("browse", wanted, 20, 0)
    assert asked[1] == ("start", MPC)
    order = asked[2][2]
    assert (order.role, order.destinations, order.ring_timeout) == ("agent", ["14155550101", "14155550102"], "10<20")
    assert asked[-1] == ("end", MPC)


def test_sound_of_multiparty_calls_as_the_sdk_asks_for_it(scene: Scene) -> None:
    def work(client: plivo.RestClient, raw: Raw) -> None:
        calls, sales = client.multi_party_calls, {"friendly_name": "sales"}
        begun = calls.start_recording(file_format="wav", **sales)
        assert (begun.message, begun.recording_url) == ("MPC: sales record started", RECORDER.url)
        calls.pause_recording(**sales)
        calls.resume_recording(**sales)
        calls.stop_recording(**sales)
        calls.start_participant_recording("10", **sales)
        calls.pause_participant_recording("10", **sales)
        calls.resume_participant_recording("10", **sales)
        calls.stop_participant_recording("10", **sales)
        queued = calls.start_play_audio("10", url="http://h.example/a.mp3", **sales)
        assert (queued.message, queued.mpcMemberId, queued.mpcName) == ("play queued into MPC", ["10"], "sales")
        calls.stop_play_audio("10", **sales)
        # What the SDK has no method for, and the other word for each.
        for word in ("Member", "Participant"):
            one = f"MultiPartyCall/name_sales/{word}/all"
            spoken = raw.ask("POST", f"{one}/Speak/", {"text": "hello", "mix": "false"})
            assert (spoken.status, spoken.body["message"]) == (202, "speak queued into MPC")
            assert raw.ask("DELETE", f"{one}/Speak/").status == 204
            played = raw.ask("POST", f"{one}/Play/", {"urls": ["http://h.example/b.mp3"]})
            assert (played.status, played.body["mpcMemberId"]) == (202, ["all"])
        refused = raw.ask("POST", "MultiPartyCall/name_sales/Participant/all/", {"coach_mode": True})
        assert (refused.status, refused.body["error"]) == (400, "coach_mode should not be given for all")

    scene.run(work)
    asked = scene.parties.asked
    assert [each for each in asked if each[0] in {"stop", "pause", "resume"}] == [
        *(("pause", None), ("resume", None), ("stop", None)),
        *(("pause", "10"), ("resume", "10"), ("stop", "10")),
    ]
    assert ("speak", None, Spoken("hello", "WOMAN", "en-US", "text", mix=False)) in asked


def test_streams_as_the_sdk_sees_them(scene: Scene) -> None:
    def work(client: plivo.RestClient, raw: Raw) -> None:
        headers = {"a": "1", "b-c": "x y"}
        started = client.calls.start_stream(
            CALL, "wss://h.example/", bidirectional=True, stream_timeout=60, extra_headers=headers
        )
        assert (started.message, started.stream_id) == ("audio streaming started", STREAM)
        listed = client.calls.get_all_streams(CALL)
        assert (listed.meta["count"], listed.objects[0]["stream_id"]) == (1, STREAM)
        found = client.calls.get_details_of_specific_stream(CALL, STREAM)
        assert (found.status, found.start_time, found.end_time) == ("in-progress", "2026-03-01 12:30:15+00:00", None)
        assert (found.plivo_auth_id, found.status_callback_url) == (MAIN, "")
        assert found.resource_uri == f"/v1/Account/{MAIN}/Call/{CALL}/Stream/{STREAM}/"
        client.calls.delete_specific_stream(CALL, STREAM)
        client.calls.delete_all_streams(CALL)
        by_hand = {"service_url": "ws://h.example/x", "extra_headers": "a=1, b=2", "noise_cancellation": "true"}
        assert raw.ask("POST", f"Call/{CALL}/Stream/", by_hand).status == 202
        as_text = {"service_url": "ws://h.example/x", "extra_headers": '{"a": "1"}'}
        assert raw.ask("POST", f"Call/{CALL}/Stream/", as_text).status == 202

    scene.run(work)
    first, *_, third, fourth = scene.wires.asked
    assert first[2] == StreamOrder(
        service_url="wss://h.example/",
        bidirectional=True,
        audio_track="inbound",
        content_type="audio/x-l16;rate=8000",
        timeout_s=60,
        status_callback_url=None,
        status_callback_method="POST",
        extra_headers={"a": "1", "b-c": "x y"},
        noise_cancellation_level=None,
    )
    assert scene.wires.asked[1:3] == [("stop", STREAM), ("stop", None)]
    assert (third[2].extra_headers, third[2].noise_cancellation_level) == ({"a": "1", "b": "2"}, 85)
    assert fourth[2].extra_headers == {"a": "1"}
