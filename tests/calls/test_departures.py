"""Calls wait in line (reference api.md 1.1, 5.4 and 5.6): how fast they start, what is refused, what is taken back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from offhook import causes
from offhook.calls import Departures, NoMoreCalls, Order, Placement, TooManyCalls
from offhook.testing import Answers, World, in_world


def line(world: World, **wishes: object) -> Departures:
    """The way out of a world."""
    return Departures(
        world.service,
        lambda work, name: asyncio.create_task(work, name=name),
        world.clock,
        **wishes,  # type: ignore[arg-type]
    )


def calls(world: World, count: int, auth_id: str | None = None) -> list[Placement]:
    """So many calls to different people, who answer at once."""
    application = replace(world.application, auth_id=auth_id or world.application.auth_id)
    found = []
    for position in range(count):
        number = f"1415555{len(world.exchange.people):04d}"
        world.exchange.people[number] = Answers(after_s=0.1, hangs_up_s=10)
        uuid = world.ids.call_uuid()
        order = Order(kind="number", target=number, from_number=f"1{position}")
        found.append(Placement(call_uuid=uuid, request_uuid=uuid, order=order, application=application))
    world.serve('<Wait length="60"/>')
    return found


@in_world()
async def test_so_many_start_a_second_in_their_order(world: World) -> None:
    departures, wanted = line(world, starts_per_s=2.0), calls(world, 5)
    assert departures.ask(wanted) is True
    assert [each.call_uuid for each in departures.waiting(world.application.auth_id)] == [each.call_uuid for each in wanted[1:]]
    began = asyncio.get_running_loop().time()
    await world.sleep(5)
    starts = [round(leg.began - began, 2) for leg in world.exchange.placed]
    assert starts == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert [leg.order.target for leg in world.exchange.placed] == [each.order.target for each in wanted]
    assert departures.ask(calls(world, 1)) is False
    await world.sleep(30)


@in_world()
async def test_accounts_do_not_wait_for_each_other(world: World) -> None:
    departures = line(world, starts_per_s=1.0)
    departures.ask(calls(world, 10))
    assert departures.ask(calls(world, 1, "SAXXXXXXXXXXXXXXXXXX")) is False
    await world.sleep(60)


@in_world()
async def test_an_account_has_only_so_many_at_once(world: World) -> None:
    departures = line(world, starts_per_s=100.0, most=3)
    departures.ask(calls(world, 2))
    with pytest.raises(TooManyCalls):
        departures.ask(calls(world, 2))
    departures.ask(calls(world, 1))
    await world.sleep(1)
    assert len(world.exchange.placed) == 3
    await world.sleep(30)
    departures.ask(calls(world, 3))
    await world.sleep(30)


@in_world()
async def test_one_that_waits_is_taken_back_and_told(world: World) -> None:
    departures, wanted = line(world, starts_per_s=1.0), calls(world, 3)
    departures.ask(wanted)
    assert departures.withdraw(wanted[2].call_uuid) is True
    assert departures.withdraw(wanted[2].call_uuid) is False
    assert departures.withdraw(wanted[0].call_uuid) is False
    await world.sleep(30)
    assert len(world.exchange.placed) == 2
    [record] = [each for each in world.ledger.records if each.call_uuid == wanted[2].call_uuid]
    assert (record.call_status, record.hangup_cause_code, record.hangup_source) == ("cancel", 1000, "API Request")
    [hangup] = [each for each in world.customer.asked("hangup") if each["CallUUID"] == wanted[2].call_uuid]
    assert (hangup["CallStatus"], hangup["RequestUUID"]) == ("cancel", wanted[2].call_uuid)


@in_world()
async def test_a_node_that_stops_withdraws_what_waits(world: World) -> None:
    departures, wanted = line(world, starts_per_s=1.0), calls(world, 3)
    departures.ask(wanted)
    departures.close(causes.INTERNAL_ERROR)
    await world.sleep(30)
    assert len(world.ledger.records) == 3
    assert len(world.exchange.placed) == 1
    with pytest.raises(NoMoreCalls, match="is being stopped"):
        departures.ask(calls(world, 2))
    await world.sleep(30)
    assert (len(world.ledger.records), len(world.exchange.placed)) == (3, 1)


@in_world(max_calls=2)
async def test_callers_find_it_busy_beyond_the_limit_of_the_account(world: World) -> None:
    departures = line(world, starts_per_s=100.0, most=2)
    first = await world.dial_in('<Wait length="20"/>')
    departures.ask(calls(world, 1))
    await world.sleep(1)
    with pytest.raises(TooManyCalls, match="has 2 calls and may have 2"):
        departures.ask(calls(world, 1))
    second = await world.dial_in('<Wait length="20"/>')
    record = await second.over()
    assert (record.hangup_cause_code, record.hangup_cause, second.signals) == (5030, "CALL_REJECTED", ["486"])
    first.hang_up()
    await world.sleep(1)
    third = await world.dial_in("<Hangup/>")
    assert (await third.over()).hangup_cause_code == 4000
