"""Recordings of live calls: how each ends, what is written down, and who is told in which order."""

from __future__ import annotations

import pytest

from offhook.calls import Callback, Recorder, RecordingTerms
from offhook.errors import LegGone, NoRoom
from offhook.events import Observe
from offhook.testing import Answers, Dialled, World, in_world

ALICE = "14155550111"
STAY = '<Speak>Hello</Speak><Wait length="50"/>'
TOLD = RecordingTerms(callback=Callback(url="https://app.example/recorded", parameters={"api_id": "a1"}))


async def start(world: World, call: Dialled, terms: RecordingTerms = TOLD):  # type: ignore[no-untyped-def]
    """Record a call."""
    party = world.service.party(call.uuid)
    assert party is not None
    return await world.recorder.start(party, terms)


def ends(call: Dialled) -> list[tuple[object, object]]:
    """Why the recordings of a call ended, and how long they are."""
    return [(each["why"], each["duration_ms"]) for each in call.events("recording-ended")]


@in_world()
async def test_it_ends_with_the_call_and_is_told_before_the_hangup_request(world: World) -> None:
    call = await world.dial_in(STAY)
    await world.sleep(2)
    running = await start(world, call)
    assert world.shelves.running == {running.recording.recording_id: running.recording}
    call.hang_up(after_s=3)
    await call.over()
    [kept] = world.shelves.complete
    assert await running.wait() == kept
    assert (kept.duration_ms, kept.octets, kept.complete, kept.channels) == (
        3020,
        48_320,
        True,
        2,
    )  # the music stops a tick later
    assert [each.purpose for each in world.customer.requests] == ["answer", "recording", "hangup"]
    began_ms = round(kept.started_at.timestamp() * 1000)
    assert world.customer.asked("recording")[0].parameters == {
        "api_id": "a1",
        "call_uuid": call.uuid,
        "recording_id": kept.recording_id,
        "record_url": world.shelves.url(kept),
        "recording_duration": "3",
        "recording_duration_ms": "3020",
        "recording_start_ms": str(began_ms),
        "recording_end_ms": str(began_ms + 3020),
        "Event": "RecordStop",
    }
    assert [each.id for each in world.shelves.outbox] != []
    assert ends(call) == [("call over", 3020)]
    [cassette] = call.caller.cassettes
    assert (cassette.what, cassette.file_format, cassette.path.parent.name) == ("both", "mp3", kept.auth_id)


@in_world()
async def test_several_run_at_once_each_on_its_own_terms(world: World) -> None:
    call = await world.dial_in(STAY)
    await world.sleep(1)
    short = await start(world, call, RecordingTerms(limit_s=2, stereo=False, file_format="wav"))
    one, other = await start(world, call), await start(world, call)
    await world.sleep(5)
    assert short.recording.recording_id not in {each.recording.recording_id for each in world.recorder.of_call(call.uuid)}
    assert world.recorder.stop(call.uuid, one.recording.recording_id)
    await world.sleep(1)
    assert not world.recorder.stop(call.uuid, one.recording.recording_id)
    assert world.recorder.stop(call.uuid)
    await other.wait()
    assert not world.recorder.stop(call.uuid)
    assert ends(call) == [("limit", 2000), ("stopped", 5000), ("stopped", 6000)]
    assert [each.what for each in call.caller.cassettes] == ["mixed", "both", "both"]
    assert len(world.customer.asked("recording")) == 2


@in_world()
async def test_it_goes_on_while_the_call_goes_elsewhere(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1)
    pages = {"answer": STAY, "elsewhere": f"<Dial><Number>{ALICE}</Number></Dial>"}
    call = await world.dial_in(pages)
    await world.sleep(1)
    await start(world, call)
    call.running.transfer("https://app.example/elsewhere", "POST")
    await world.sleep(10)
    [b_leg] = world.service.b_legs
    party = world.service.party(b_leg)
    assert party is not None
    of_b_leg = await world.recorder.start(party, RecordingTerms())
    assert (of_b_leg.recording.call_uuid, of_b_leg.recording.to_number) == (b_leg, ALICE)
    world.exchange.leg(ALICE).hang_up(after_s=4)
    await call.over()
    await of_b_leg.wait()
    assert ends(call) == [("call over", 14_000)]
    assert [row.kind for row in world.ledger.timeline(b_leg)][-3:] == ["recording-ended", "media-measured", "call-ended"]
    assert sorted(each.duration_ms for each in world.shelves.complete) == [4000, 14_000]


@in_world()
async def test_nobody_is_recorded_before_the_answer_and_after_the_end(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=5)
    call = await world.dial_in(f"<Dial><Number>{ALICE}</Number></Dial>")
    await world.sleep(2)
    assert world.service.party(call.uuid) is None
    assert [world.service.party(each) for each in world.service.b_legs] == [None]
    await world.sleep(5)
    party = world.service.party(call.uuid)
    assert party is not None
    call.hang_up()
    with pytest.raises(LegGone):
        await world.recorder.start(party, TOLD)
    await call.over()
    assert (world.shelves.running, world.shelves.complete) == ({}, [])
    assert world.service.party(call.uuid) is None


@in_world()
async def test_a_full_disk_ends_the_recording_and_not_the_call(world: World) -> None:
    call = await world.dial_in(STAY)
    await world.sleep(1)
    running = await start(world, call)
    await world.sleep(12)
    world.shelves.full = True
    kept = await running.wait()
    assert kept is not None
    assert kept.duration_ms == 15_000
    assert ends(call) == [("no room", 15_000)]
    assert "nearly full" in call.story
    with pytest.raises(NoRoom, match="delete recordings"):
        await start(world, call)
    assert not call.running.leg.gone


@pytest.mark.parametrize("found", [(800, 12_844), None])
@in_world()
async def test_of_a_file_that_could_not_be_written_on_what_is_there_is_kept(world: World, found: tuple[int, int] | None) -> None:
    call = await world.dial_in(STAY)
    await world.sleep(1)
    running = await start(world, call)
    world.shelves.in_files = found
    await world.sleep(1)
    call.caller.cassettes[0].fail("No space left on device")
    kept = await running.wait()
    assert "No space left on device" in call.story
    assert world.shelves.running == {}
    if found is None:
        assert (kept, world.shelves.complete) == (None, [])
    else:
        assert kept is not None
        assert (kept.duration_ms, kept.octets) == found
    assert len(world.customer.asked("recording")) == (found is not None)


@in_world()
async def test_a_store_that_fails_is_tried_again(world: World) -> None:
    call = await world.dial_in(STAY)
    await world.sleep(1)
    running = await start(world, call)
    world.shelves.failures_left = 3
    running.stop()
    assert await running.wait() is not None
    await world.sleep(1)
    assert len(world.customer.asked("recording")) == 1


@in_world()
async def test_what_a_crash_left_is_completed_at_the_next_start(world: World) -> None:
    call = await world.dial_in(STAY)
    await world.sleep(1)
    running = await start(world, call)
    again = Recorder(world.shelves, world.customer, world.clock, world.ids)
    seen: list[object] = []
    world.shelves.in_files = 4200, 70_000

    async def reopen(call_uuid: str) -> Observe:
        assert call_uuid == call.uuid
        return seen.append

    assert await again.recover(reopen) == 1
    [kept] = world.shelves.complete
    assert (kept.recording_id, kept.duration_ms) == (running.recording.recording_id, 4200)
    await world.sleep(1)
    assert len(world.customer.asked("recording")) == 1
    assert len(seen) == 2
    await again.settled()
    call.hang_up()
    await call.over()
    assert len(world.customer.asked("recording")) == 1  # nobody knows it as running any more


@in_world()
async def test_who_wants_a_transcript_is_told_that_there_is_none(world: World) -> None:
    call = await world.dial_in(STAY)
    await world.sleep(1)
    running = await start(world, call, RecordingTerms(transcription=Callback(url="https://app.example/text", method="GET")))
    call.hang_up(after_s=1.6)
    await call.over()
    [asked] = world.customer.asked("transcription")
    assert asked.method == "GET"
    error = asked.parameters.pop("error")  # type: ignore[attr-defined]
    assert "no transcription engine" in error
    assert asked.parameters == {
        "transcription": "",
        "transcription_charge": "0.00000",
        "transcription_rate": "0.00000",
        "duration": "2",
        "call_uuid": call.uuid,
        "recording_id": running.recording.recording_id,
    }


@in_world()
async def test_an_element_gets_its_own_parameters(world: World) -> None:
    call = await world.dial_in(STAY)
    await world.sleep(1)
    callback = Callback(url="https://app.example/recorded", style="element", parameters=call.running.standard())
    running = await start(world, call, RecordingTerms(only_party=True, callback=callback))
    await world.sleep(1)
    running.stop()
    kept = await running.wait()
    assert kept is not None
    assert (kept.channels, call.caller.cassettes[0].what) == (1, "received")
    await world.sleep(1)
    [asked] = world.customer.asked("recording")
    assert (asked["CallUUID"], asked["CallStatus"], asked["Event"]) == (call.uuid, "in-progress", "RecordStop")
    assert (asked["RecordUrl"], asked["RecordFile"]) == (world.shelves.url(kept),) * 2
    assert (asked["RecordingDuration"], asked["RecordingDurationMs"]) == ("1", "1000")
