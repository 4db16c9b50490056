"""Arrival, draining, and what a crash left (hangup-causes.md sections 6.4 and 6.5)."""

import asyncio
from datetime import timedelta

import pytest

from offhook import causes
from offhook.calls import DefaultApplication, Order, Placement
from offhook.records import Application, LiveCall
from offhook.testing import AUTH_ID, NUMBER, Page, Party, World, in_world

DEFAULT = Application("", AUTH_ID, "default", "https://default.example/answer")


@in_world()
async def test_an_unknown_number_is_refused_with_404_and_recorded(world: World) -> None:
    call = await world.dial_in("<Speak>No</Speak>", party=Party(to_number="999", to_user="999"))
    record = await call.over()
    assert call.signals == ["404"]
    assert (record.hangup_cause_code, record.hangup_cause, record.hangup_source) == (3050, "UNALLOCATED_NUMBER", "Plivo")
    assert (record.auth_id, record.app_id, record.to_number) == (AUTH_ID, None, "999")
    assert world.customer.requests == []
    assert "offhook number add" in call.story


@in_world(default=DefaultApplication(DEFAULT))
async def test_the_default_application_answers_numbers_that_have_none(world: World) -> None:
    pages = {"https://default.example/answer": "<Speak>Default</Speak>"}
    call = await world.dial_in(pages, party=Party(to_number="999", to_user="999"))
    record = await call.over()
    assert call.heard == ["speech: Default"]
    assert record.app_id is None
    assert world.customer.asked("hangup")[0].url == "https://default.example/answer"


@in_world(default=DefaultApplication(DEFAULT))
async def test_a_number_with_an_application_is_answered_by_that(world: World) -> None:
    call = await world.dial_in("<Speak>Own</Speak>")
    record = await call.over()
    assert call.heard == ["speech: Own"]
    assert record.app_id == world.application.app_id


@in_world()
async def test_an_invite_without_a_common_codec_is_refused_with_488(world: World) -> None:
    call = await world.dial_in("<Speak>No</Speak>", unusable=causes.NO_COMMON_CODEC)
    record = await call.over()
    assert call.signals == ["488"]
    assert (record.hangup_cause_code, record.hangup_cause) == (5020, "INCOMPATIBLE_DESTINATION")
    assert world.customer.requests == []


@in_world()
async def test_a_directory_that_cannot_be_read_refuses_the_call_with_500(world: World) -> None:
    world.ledger.unreadable = True
    call = await world.dial_in("<Speak>No</Speak>")
    record = await call.over()
    assert call.signals == ["500"]
    assert record.hangup_cause_code == 5010


@in_world()
async def test_a_call_that_is_cancelled_while_its_number_is_looked_up_is_recorded_too(world: World) -> None:
    world.ledger.reading_takes_s = 1
    call = await world.dial_in("<Speak>No</Speak>")
    await world.sleep(0.5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.over()
    (record,) = world.ledger.records
    assert record.hangup_cause_code == 5010
    assert call.signals == ["500"]


@in_world()
async def test_a_refusal_is_recorded_even_when_the_store_fails_at_first(world: World) -> None:
    world.ledger.failures_left = 1
    call = await world.dial_in(party=Party(to_number="999", to_user="999"))
    assert (await call.over()).hangup_cause_code == 3050


@in_world()
async def test_a_thousand_calls_at_once_keep_apart(world: World) -> None:
    world.serve(lambda asked: f'<GetDigits action="menu?{asked["CallUUID"]}" numDigits="4"><Speak>Press</Speak></GetDigits>')
    calls = []
    for number in range(1000):
        call = await world.dial_in(party=Party(f"1415{number:07}", NUMBER, NUMBER))
        call.press(f"{number:04}", after_s=0.5 + number / 1000)
        calls.append(call)
    assert len(world.service.calls) == 1000
    for call in calls:
        await call.over()
    assert world.service.calls == {}
    pressed = {request["From"]: request["Digits"] for request in world.customer.asked("action")}
    assert pressed == {f"1415{number:07}": f"{number:04}" for number in range(1000)}
    assert len(world.ledger.records) == len({record.call_uuid for record in world.ledger.records}) == 1000
    assert len(world.customer.asked("hangup")) == 1000


# -- drain ---------------------------------------------------------------------------------------------------------


@in_world()
async def test_an_idle_service_drains_at_once(world: World) -> None:
    await world.service.drain(60)
    assert world.clock.now() == 0


@in_world()
async def test_drain_waits_for_running_calls(world: World) -> None:
    call = await world.dial_in("<Speak>One two three</Speak>")
    await world.service.drain(60)
    assert world.clock.now() == 3
    assert call.record.hangup_cause_code == 4010


@in_world()
async def test_after_its_limit_drain_hangs_up(world: World) -> None:
    calls = [await world.dial_in("<Speak loop='0'>On</Speak>") for _ in range(3)]
    await world.service.drain(10)
    assert world.clock.now() == pytest.approx(10, abs=0.1)
    assert [call.record.hangup_cause_code for call in calls] == [5010] * 3
    assert {call.signals[-1] for call in calls} == {"BYE"}
    assert len(world.customer.asked("answer")) == 3
    assert "being stopped" in calls[0].story


@in_world()
async def test_drain_waits_for_calls_that_are_being_refused(world: World) -> None:
    world.ledger.writing_takes_s = 2
    await world.dial_in(party=Party(to_number="999", to_user="999"))
    await world.service.drain(60)
    assert len(world.ledger.records) == 1


# -- recovery ------------------------------------------------------------------------------------------------------


@in_world()
async def test_what_a_crash_left_gets_its_record_and_its_hangup_request(world: World) -> None:
    call = await world.dial_in("<Speak loop='0'>On</Speak>")
    await world.sleep(30)
    (live,) = world.ledger.live.values()
    call.hang_up()
    await call.over()
    world.ledger.records.clear()
    world.customer.requests.clear()
    world.ledger.live[live.call_uuid] = live  # as if the node had died in the middle of it
    rows_before = len(call.timeline)

    assert await world.service.recover() == 1
    await world.sleep(1)
    record = call.record
    assert (record.hangup_cause_code, record.hangup_cause, record.hangup_source) == (5010, "NORMAL_TEMPORARY_FAILURE", "Error")
    assert record.initiation_time == live.began_at
    (hangup,) = world.customer.requests
    assert (hangup["Event"], hangup["CallStatus"], hangup["HangupCauseCode"]) == ("Hangup", "completed", "5010")
    assert (hangup["CallUUID"], hangup["From"]) == (call.uuid, record.from_number)
    added = call.timeline[rows_before:]
    assert [row.kind for row in added][:2] == ["note", "call-ended"]
    assert len({row.sequence for row in call.timeline}) == len(call.timeline)
    assert added[0].offset_ms >= 30_000
    assert await world.service.recover() == 0


@in_world()
async def test_a_call_that_was_answered_is_recorded_up_to_when_its_node_was_last_known_to_live(world: World) -> None:
    call = await world.dial_in("<Speak loop='0'>On</Speak>")
    await world.sleep(30)
    (live,) = world.ledger.live.values()
    answered_at = call.running.answered_at
    assert answered_at is not None
    assert live.answered_at == answered_at
    call.hang_up()
    await call.over()
    world.ledger.records.clear()
    world.customer.requests.clear()
    world.ledger.live[live.call_uuid] = live
    world.ledger.beat_at = answered_at + timedelta(seconds=28.9)
    await world.sleep(3600)
    assert await world.service.recover() == 1
    await world.sleep(1)
    record = call.record
    assert (record.call_status, record.hangup_cause_code, record.duration_s) == ("completed", 5010, 28)
    assert (record.answer_time, record.end_time) == (answered_at, world.ledger.beat_at)
    (hangup,) = world.customer.requests
    assert (hangup["Duration"], hangup["BillDuration"], hangup["AnswerTime"][:10]) == ("28", "60", f"{answered_at:%Y-%m-%d}")


@pytest.mark.parametrize(
    ("answered_s", "beat_s", "status", "duration_s"),
    [(None, 50, "failed", 0), (10, None, "completed", 0), (10, 5, "completed", 0)],
)
def test_what_a_crash_left_of_a_placed_call(answered_s: int | None, beat_s: int | None, status: str, duration_s: int) -> None:
    @in_world()
    async def scene(world: World) -> None:
        began = world.clock.wall()
        answered = None if answered_s is None else began + timedelta(seconds=answered_s)
        world.ledger.begin(LiveCall("uuid", AUTH_ID, "outbound", "1", "2", began, answered_at=answered))
        world.ledger.beat_at = None if beat_s is None else began + timedelta(seconds=beat_s)
        await world.sleep(100)
        await world.service.recover()
        (record,) = world.ledger.records
        assert (record.call_status, record.duration_s, record.answer_time) == (status, duration_s, answered)
        assert began <= record.end_time <= began + timedelta(seconds=50)

    scene()


@in_world()
async def test_calls_that_wait_to_be_placed_are_written_down_with_what_their_hangup_request_says(world: World) -> None:
    placement = Placement(
        call_uuid="uuid",
        request_uuid="request",
        order=Order(kind="number", target="14155550177", from_number="14155550100", headers={"Team": "red"}),
        application=world.application,
    )
    await world.service.announce([placement])
    world.ledger.beat_at = None
    assert await world.service.recover() == 1
    await world.sleep(1)
    (record,) = world.ledger.records
    assert (record.call_status, record.direction, record.to_number) == ("failed", "outbound", "14155550177")
    (hangup,) = world.customer.asked("hangup")
    assert (hangup["RequestUUID"], hangup["X-PH-Team"], hangup["CallStatus"]) == ("request", "red", "failed")


@in_world()
async def test_one_leftover_that_cannot_be_closed_does_not_keep_the_others(world: World) -> None:
    began = world.clock.wall()
    for number in range(3):
        world.ledger.begin(
            LiveCall(f"uuid-{number}", AUTH_ID, "inbound", "1", "2", began, hangup_url="https://app.example/hangup")
        )
    world.ledger.refuses.add("uuid-0")
    assert await world.service.recover() == 3
    await world.sleep(1)
    assert len(world.ledger.records) == 2
    assert len(world.customer.asked("hangup")) == 3


@in_world(hangup_url=None, hangup_defaults_to_answer=False)
async def test_a_leftover_without_a_hangup_url_is_only_recorded(world: World) -> None:
    world.ledger.begin(LiveCall("uuid", AUTH_ID, "inbound", "1", "2", world.clock.wall()))
    await world.service.recover()
    assert len(world.ledger.records) == 1
    assert world.customer.requests == []


@in_world()
async def test_live_calls_can_be_seen_and_are_gone_when_they_are_over(world: World) -> None:
    call = await world.dial_in(Page("<Speak>One</Speak>", takes_s=1))
    assert list(world.service.calls) == [call.uuid]
    assert call.running.status == "ringing"
    await asyncio.sleep(1.5)
    assert call.running.status == "in-progress"
    await call.over()
    assert world.service.calls == {}
