"""Calls that we place (reference api.md 5.1, callbacks.md 4): what is told, when they end, what is written."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook import causes
from offhook.calls import Order, Placement
from offhook.records import CallRecord
from offhook.testing import Answers, Refuses, World, in_world

ALICE, BOB = "14155550111", "14155550122"
RING = "https://app.example/ring"


class Placed:
    """A call of ours, and what became of it."""

    def __init__(self, world: World, **wishes: Any) -> None:
        self.uuid = world.ids.call_uuid()
        self._world = world
        placement = Placement(
            **{
                "call_uuid": self.uuid,
                "request_uuid": self.uuid,
                "order": Order(kind="number", target=ALICE, from_number="14155550100"),
                "application": world.application,
                **wishes,
            }
        )
        self._task = asyncio.create_task(world.service.place(placement))

    async def over(self) -> CallRecord:
        """Wait for its record."""
        await self._task
        [record] = [each for each in self._world.ledger.records if each.call_uuid == self.uuid]
        return record

    def hang_up(self) -> None:
        """By the API."""
        self._world.service.calls[self.uuid].end_by_api()


def story(world: World) -> list[tuple[str, str, str]]:
    """Purpose, Event and CallStatus of each request."""
    return [(each.purpose, each["Event"], each["CallStatus"]) for each in world.customer.requests]


@in_world()
async def test_it_rings_is_answered_runs_its_document_and_ends(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=3, rings_s=1)
    world.serve("<Speak>Hello you</Speak>")
    call = Placed(world, ring_url=RING)
    record = await call.over()
    assert story(world) == [("ring", "Ring", "ringing"), ("answer", "StartApp", "in-progress"), ("hangup", "Hangup", "completed")]
    assert [heard.sound for heard in world.exchange.leg(ALICE).heard] == ["speech: Hello you"]
    assert (record.direction, record.from_number, record.to_number) == ("outbound", "14155550100", ALICE)
    assert (record.call_status, record.duration_s, record.hangup_cause_code) == ("completed", 2, 4010)
    for asked in world.customer.requests:
        assert {asked[name] for name in ("CallUUID", "ALegUUID", "ALegRequestUUID", "RequestUUID")} == {call.uuid}
        assert (asked["Direction"], asked["From"], asked["To"]) == ("outbound", "14155550100", ALICE)


@pytest.mark.parametrize(
    ("ending", "status", "code", "cause", "source"),
    [
        (causes.from_refusal(486), "busy", 3010, "USER_BUSY", "Callee"),
        (causes.from_refusal(603), "busy", 3110, "CALL_REJECTED", "Callee"),
        (causes.from_refusal(480), "no-answer", 3000, "NO_USER_RESPONSE", "Carrier"),
        (causes.from_refusal(404), "failed", 3050, "UNALLOCATED_NUMBER", "Carrier"),
        (causes.NO_REPLY, "timeout", 3070, "RECOVERY_ON_TIMER_EXPIRE", "Carrier"),
        (causes.NO_ROUTE, "failed", 5020, "EXCHANGE_ROUTING_ERROR", "Error"),
    ],
)
@in_world()
async def test_nobody_answers(world: World, ending: causes.Ending, status: str, code: int, cause: str, source: str) -> None:
    world.exchange.people[ALICE] = Refuses(ending)
    record = await Placed(world).over()
    [hangup] = world.customer.requests
    assert (hangup.purpose, hangup["CallStatus"], hangup["Duration"]) == ("hangup", status, "0")
    assert (hangup["HangupCauseCode"], hangup["HangupCause"], hangup["HangupSource"]) == (str(code), cause, source)
    assert (record.call_status, record.answer_time, record.hangup_cause_code) == (status, None, code)
    assert "AnswerTime" not in hangup.parameters


@pytest.mark.parametrize(
    ("wishes", "after_s"),
    [({"ring_timeout_s": 20}, 20), ({"hangup_on_ring_s": 5}, 7), ({"hangup_on_ring_s": 0}, 2), ({}, 120)],
)
@in_world()
async def test_it_rings_only_so_long(world: World, wishes: dict[str, int], after_s: float) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1000, rings_s=2)
    began = asyncio.get_running_loop().time()
    record = await Placed(world, **wishes).over()
    assert asyncio.get_running_loop().time() - began == pytest.approx(after_s, abs=0.2)
    assert (record.call_status, record.hangup_cause_code, record.hangup_source) == ("no-answer", 6010, "Plivo")
    assert world.exchange.leg(ALICE).signals == ["CANCEL"]


@in_world()
async def test_the_api_calls_it_off_while_it_rings(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1000)
    call = Placed(world)
    await world.sleep(5)
    call.hang_up()
    record = await call.over()
    assert (record.call_status, record.hangup_cause_code, record.hangup_cause, record.hangup_source) == (
        "cancel",
        1000,
        "ORIGINATOR_CANCEL",
        "API Request",
    )


@in_world()
async def test_the_api_hangs_it_up_and_the_time_is_limited(world: World) -> None:
    world.exchange.people[ALICE] = world.exchange.people[BOB] = Answers(after_s=1)
    world.serve('<Wait length="100" silence="true"/>')
    first, second = Placed(world), Placed(world, time_limit_s=30, order=Order(kind="number", target=BOB, from_number="1"))
    await world.sleep(5)
    first.hang_up()
    ended, limited = await first.over(), await second.over()
    assert (ended.call_status, ended.hangup_cause_code, ended.hangup_source) == ("completed", 4000, "API Request")
    assert (limited.hangup_cause_code, limited.hangup_source, limited.duration_s) == (6000, "Plivo", 30)
    assert world.exchange.leg(ALICE).signals == ["BYE"]


@in_world()
async def test_the_one_called_hangs_up(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1, hangs_up_s=7)
    world.serve('<Wait length="100" silence="true"/>')
    record = await Placed(world).over()
    assert (record.hangup_cause_code, record.hangup_source, record.duration_s) == (4000, "Callee", 7)


@in_world()
async def test_its_document_dials_somebody_else(world: World) -> None:
    world.exchange.people[ALICE], world.exchange.people[BOB] = Answers(after_s=1), Answers(after_s=1, hangs_up_s=5)
    world.serve(f"<Dial><Number>{BOB}</Number></Dial>")
    call = Placed(world)
    await call.over()
    assert world.exchange.leg(ALICE).talked_with == [world.exchange.leg(BOB)]
    assert world.exchange.leg(BOB).order.from_number == "14155550100"


@in_world()
async def test_keys_are_pressed_after_the_answer_or_before(world: World) -> None:
    world.exchange.people[ALICE] = world.exchange.people[BOB] = Answers(after_s=9, early_s=1)
    world.serve('<Wait length="20" silence="true"/>')
    first = Placed(world, keys="1w2@200")
    second = Placed(world, keys="34", keys_early=True, order=Order(kind="number", target=BOB, from_number="1"))
    await world.sleep(8)
    assert (world.exchange.leg(ALICE).keys_received, world.exchange.leg(BOB).keys_received) == ("", "34")
    await first.over()
    await second.over()
    assert (world.exchange.leg(ALICE).keys_received, world.exchange.leg(BOB).keys_received) == ("12", "34")


@in_world()
async def test_an_answer_url_that_fails_and_the_answered_call_ends(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1)
    record = await Placed(world).over()
    assert (record.hangup_cause_code, record.call_status) == (7011, "completed")


@in_world()
async def test_headers_come_back_in_all_requests_and_a_parent_is_written_down(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1)
    order = Order(kind="number", target=ALICE, from_number="14155550100", caller_name="Shop", headers={"Team": "red"})
    record = await Placed(world, order=order, parent_call_uuid="p" * 36).over()
    assert all(each["X-PH-Team"] == "red" and each["CallerName"] == "Shop" for each in world.customer.requests)
    assert record.parent_call_uuid == "p" * 36


@in_world()
async def test_a_node_that_is_torn_down_leaves_records(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1000)
    call = Placed(world)
    await world.sleep(3)
    call._task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call._task
    [record] = world.ledger.records
    assert (record.hangup_cause_code, record.call_status) == (5010, "failed")
