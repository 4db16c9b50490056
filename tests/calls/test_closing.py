"""Every call ends with exactly one record and exactly one hangup request, whatever fails."""

import asyncio
from typing import Any

import pytest

from offhook.audio import Playlist
from offhook.calls.verbs import VERBS, Verb
from offhook.causes import Ending
from offhook.testing import NUMBER, Page, Party, World, in_world
from offhook.xml import Speak


@in_world()
async def test_a_store_that_fails_twice_is_tried_again(world: World) -> None:
    world.ledger.failures_left = 2
    call = await world.dial_in("<Speak>Hi</Speak>")
    await call.over()
    assert len(call.records) == 1
    assert len(world.customer.asked("hangup")) == 1


@in_world()
async def test_what_the_store_never_takes_stands_in_the_log_and_the_hangup_request_is_sent(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.ledger.failures_left = 99
    call = await world.dial_in("<Speak>Hi</Speak>")
    await asyncio.sleep(10)
    assert call.records == []
    assert "CallRecord(call_uuid=" in caplog.text
    assert len(world.customer.asked("hangup")) == 1


@in_world()
async def test_a_defect_in_a_verb_ends_its_call_with_5010_and_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(element: Any, call: Any) -> None:
        if "bad" in str(element.content):
            raise RuntimeError("what is this?")

    monkeypatch.setitem(VERBS, Speak, Verb(broken, VERBS[Speak].about))
    world.serve(lambda asked: f"<Speak>{asked['CallerName']}</Speak><Wait length='9'/>")
    good = await world.dial_in(party=Party(to_user=NUMBER, caller_name="good"))
    bad = await world.dial_in(party=Party(to_user=NUMBER, caller_name="bad"))
    record = await bad.over()
    assert (record.hangup_cause_code, record.hangup_cause_name, record.hangup_source) == (5010, "Internal Error", "Error")
    assert "what is this?" in bad.story
    assert bad.signals == ["500"]
    assert bad.uuid in caplog.text
    assert good.records == []
    await good.over()
    assert len(world.customer.asked("hangup")) == 2


@in_world()
async def test_a_defect_beside_the_document_ends_the_call_with_5010(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    call = await world.dial_in("<Wait/><DTMF>123</DTMF><Speak loop='0'>On</Speak>")

    async def broken(*_: object, **__: object) -> None:
        await asyncio.sleep(3)
        raise RuntimeError("no tones left")

    monkeypatch.setattr(call.caller, "send_digits", broken)
    record = await call.over()
    assert record.hangup_cause_code == 5010
    assert "no tones left" in call.story
    assert record.duration_s == 3


@pytest.mark.parametrize("at_s", [0, 0.5, 2.5, 4.5])
@in_world()
async def test_a_cancelled_call_is_closed_all_the_same(world: World, at_s: float) -> None:
    call = await world.dial_in(
        {"answer": Page("<Speak>One two</Speak><Redirect>next</Redirect>", takes_s=1), "next": Page("", takes_s=3)}
    )
    await asyncio.sleep(at_s)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.over()
    assert call.record.hangup_cause_code == 5010
    assert len(world.customer.asked("hangup")) == 1
    assert call.signals[-1] in {"BYE", "500"}


@in_world()
async def test_a_call_that_is_cancelled_again_and_again_while_it_closes_is_closed_once(world: World) -> None:
    world.ledger.writing_takes_s = 2
    call = await world.dial_in("<Speak>One</Speak>")
    for _ in range(20):
        await asyncio.sleep(0.25)
        call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.over()
    assert len(call.records) == 1
    assert len(world.customer.asked("hangup")) == 1


@in_world()
async def test_a_leg_that_cannot_be_released_does_not_cost_the_record(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    call = await world.dial_in("<Speak>One</Speak>")
    release = call.caller.release

    def broken(ending: Ending) -> None:
        release(ending)
        raise RuntimeError("no socket")

    monkeypatch.setattr(call.caller, "release", broken)
    await asyncio.sleep(9)
    assert call.record.hangup_cause_code == 4010
    monkeypatch.undo()
    assert len(world.customer.asked("hangup")) == 1


@in_world()
async def test_a_media_plane_that_says_nothing_more_does_not_hold_the_call_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await world.dial_in("<Speak>One</Speak>")

    async def silent() -> None:
        await asyncio.sleep(999)

    monkeypatch.setattr(call.caller, "statistics", silent)
    record = await call.over()
    assert (record.end_time - record.initiation_time).total_seconds() == 1
    assert len(call.records) == 1


@in_world()
async def test_a_playback_that_never_says_that_it_stopped_does_not_hold_the_call_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = await world.dial_in("<Speak>One two three</Speak>")
    play = call.caller.play

    def deaf(playlist: Playlist, *, stop_on_key: bool = False) -> Any:
        playback = play(playlist, stop_on_key=stop_on_key)
        monkeypatch.setattr(playback, "stop", lambda: None)
        return playback

    monkeypatch.setattr(call.caller, "play", deaf)
    call.hang_up(after_s=1)
    record = await call.over()
    assert (record.end_time - record.initiation_time).total_seconds() == pytest.approx(2, abs=0.1)


@in_world()
async def test_the_hangup_request_waits_for_the_earlier_notifications_of_its_call(world: World) -> None:
    world.customer.receiving_takes_s = 3
    call = await world.dial_in('<GetDigits action="menu" redirect="false" numDigits="1"/>')
    call.press("1", after_s=1)
    await call.over()
    await world.sleep(9)
    assert [request.purpose for request in world.customer.requests] == ["answer", "action", "hangup"]


@in_world()
async def test_it_waits_five_seconds_at_most(world: World) -> None:
    world.customer.receiving_takes_s = 30
    call = await world.dial_in('<GetDigits action="menu" redirect="false" numDigits="1"/>')
    call.press("1", after_s=1)
    await call.over()
    await world.sleep(40)
    arrived = [(request.purpose, round(request.at_s)) for request in world.customer.requests]
    assert arrived == [("answer", 0), ("action", 1 + 30), ("hangup", 1 + 5 + 30)]


@in_world()
async def test_the_record_is_written_before_the_hangup_request_leaves(world: World) -> None:
    world.ledger.writing_takes_s = 1
    call = await world.dial_in("<Speak>One</Speak>")
    await call.over()
    await world.sleep(1)
    assert world.customer.asked("hangup")[0].at_s == 2
    assert world.ledger.hangups[0].parameters == world.customer.asked("hangup")[0].parameters


@in_world()
async def test_a_running_call_is_known_to_the_store_until_its_record_is(world: World) -> None:
    call = await world.dial_in("<Speak>One</Speak>")
    (live,) = world.ledger.live.values()
    assert (live.call_uuid, live.hangup_url, live.direction) == (call.uuid, "https://app.example/hangup", "inbound")
    assert live.parameters["CallUUID"] == call.uuid
    await call.over()
    assert world.ledger.live == {}


@in_world()
async def test_what_the_rtp_went_through_is_on_the_timeline(world: World) -> None:
    call = await world.dial_in("<Speak>One</Speak>")
    await call.over()
    assert call.events("media-measured")[0]["packets_received"] == 50


@in_world()
async def test_a_call_without_audio_has_nothing_to_measure(world: World) -> None:
    call = await world.dial_in("<Wait/>")
    await call.over()
    assert call.events("media-measured") == []


@in_world()
async def test_the_end_stands_on_the_timeline_with_its_detail(world: World) -> None:
    call = await world.dial_in(Page(status=503))
    await call.over()
    (end,) = call.events("call-ended")
    assert (end["code"], end["name"], end["source"], end["call_status"]) == (
        7011,
        "Error Reaching Answer URL",
        "Error",
        "completed",
    )
    assert "HTTP 503" in str(end["detail"])
