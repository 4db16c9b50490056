"""B legs that the API sends elsewhere or hangs up alone (reference api.md 5.5 and 5.6): what becomes of either party."""

from __future__ import annotations

import pytest

from offhook.calls import NoBLeg, Onward
from offhook.calls.b_legs import BLeg
from offhook.records import CallRecord
from offhook.testing import Answers, World, in_world
from offhook.testing.world import Dialled

ALICE = "14155550111"
BOB = "14155550122"
THERE = Onward("https://app.example/there", "GET")
HERE = Onward("https://app.example/here")
PAGES = {
    "answer": f'<Dial callbackUrl="cb"><Number>{ALICE}</Number></Dial><Speak>Behind</Speak><Wait length="5"/>',
    "here": '<Speak>Here</Speak><Wait length="20"/>',
    "there": '<Speak>There</Speak><Wait length="10"/>',
    "done": "",
}


async def connected(world: World, pages: dict[str, str] | None = None) -> tuple[Dialled, BLeg]:
    """A call that talks with Alice, and her leg."""
    world.exchange.people[ALICE] = Answers(after_s=1)
    call = await world.dial_in(pages or PAGES)
    await world.sleep(5)
    [leg] = world.service.b_legs.values()
    assert call.running.partner is leg
    return call, leg


def record_of(world: World, leg: BLeg) -> CallRecord:
    """Its one record."""
    [record] = [each for each in world.ledger.records if each.call_uuid == leg.uuid]
    return record


@in_world()
async def test_the_b_leg_alone(world: World) -> None:
    call, leg = await connected(world)
    assert world.service.send_onward(call.uuid, b_leg=THERE)
    alice = world.exchange.leg(ALICE)
    await world.sleep(4)
    assert [each.sound for each in alice.heard] == ["speech: There"]
    assert call.heard == ["speech: Behind"]
    assert alice.signals == []
    assert leg.uuid in world.service.calls
    assert not world.service.b_legs
    assert (await call.over()).hangup_cause_code == 4010
    await world.sleep(10)
    assert alice.signals == ["BYE"]
    record = record_of(world, leg)
    assert (record.hangup_cause_code, record.parent_call_uuid, record.duration_s) == (4010, call.uuid, 15)
    [asked] = world.customer.asked("transfer")
    assert (asked.method, asked["CallUUID"], asked["ALegUUID"], asked["Event"]) == ("GET", leg.uuid, call.uuid, "Redirect")
    assert (asked["CallStatus"], asked["To"], asked["Direction"]) == ("in-progress", ALICE, "outbound")
    # What it did on its own is told to the Dial's callback when it is really over.
    reports = [(each["DialAction"], each.parameters.get("DialBLegDuration")) for each in world.customer.asked("callback")]
    assert reports == [("answer", None), ("connected", None), ("hangup", "15")]
    assert [each.call_uuid for each in world.ledger.hangups] == [call.uuid]


@in_world()
async def test_the_dial_is_over_for_its_action_url(world: World) -> None:
    pages = {**PAGES, "answer": f'<Dial action="done"><Number>{ALICE}</Number></Dial>'}
    call, leg = await connected(world, pages)
    world.service.send_onward(call.uuid, b_leg=THERE)
    await call.over()
    [asked] = world.customer.asked("action")
    assert (asked["DialStatus"], asked["DialHangupCause"], asked["DialBLegUUID"]) == ("completed", "NORMAL_CLEARING", leg.uuid)


@in_world()
async def test_both(world: World) -> None:
    call, leg = await connected(world)
    assert world.service.send_onward(call.uuid, a_leg=HERE, b_leg=THERE)
    await world.sleep(4)
    assert call.heard == ["speech: Here"]
    assert [each.sound for each in world.exchange.leg(ALICE).heard] == ["speech: There"]
    call.hang_up()
    await call.over()
    await world.sleep(1)
    assert leg.uuid in world.service.calls  # it lives on without the A leg
    await world.sleep(15)
    assert record_of(world, leg).hangup_cause_code == 4010


@in_world()
async def test_by_its_own_uuid(world: World) -> None:
    call, leg = await connected(world)
    assert world.service.send_onward(leg.uuid, a_leg=THERE)
    with pytest.raises(NoBLeg):
        world.service.send_onward(leg.uuid, b_leg=THERE)
    await world.sleep(4)
    assert call.heard == ["speech: Behind"]
    # From now on it is a call like others, and can be sent on as one.
    assert world.service.send_onward(leg.uuid, a_leg=HERE)
    await world.sleep(4)
    assert [each.sound for each in world.exchange.leg(ALICE).heard][-1] == "speech: Here"


@in_world()
async def test_the_a_leg_alone_hangs_up_the_b_leg(world: World) -> None:
    call, leg = await connected(world)
    assert world.service.send_onward(call.uuid, a_leg=HERE)
    await world.sleep(4)
    assert call.heard == ["speech: Here"]
    assert world.exchange.leg(ALICE).signals == ["BYE"]
    assert record_of(world, leg).hangup_source == "API Request"


@in_world()
async def test_there_is_no_b_leg(world: World) -> None:
    call = await world.dial_in({"answer": '<Wait length="60"/>'})
    await world.sleep(1)
    for a_leg in (None, HERE):
        with pytest.raises(NoBLeg):
            world.service.send_onward(call.uuid, a_leg=a_leg, b_leg=THERE)
    assert call.running.transfers == 0  # both or none
    assert not world.service.send_onward("5b1f4f0e-0d6e-4f0f-9a35-2f6f5a3c9d11", a_leg=HERE)


@in_world()
async def test_a_leg_that_rings_runs_nothing(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=20)
    call = await world.dial_in(PAGES)
    await world.sleep(5)
    [leg] = world.service.b_legs.values()
    assert not world.service.send_onward(leg.uuid, a_leg=THERE)
    with pytest.raises(NoBLeg):
        world.service.send_onward(call.uuid, b_leg=THERE)
    leg.end_by_api()
    await world.sleep(2)
    assert record_of(world, leg).call_status == "cancel"
    assert call.heard == ["speech: Behind"]


@in_world()
async def test_the_b_leg_is_hung_up_and_the_a_leg_goes_on(world: World) -> None:
    call, leg = await connected(world)
    leg.end_by_api()
    await world.sleep(2)
    assert world.exchange.leg(ALICE).signals == ["BYE"]
    assert call.heard == ["speech: Behind"]
    record = record_of(world, leg)
    assert (record.hangup_cause_code, record.hangup_source, record.call_status) == (4000, "API Request", "completed")


@pytest.mark.parametrize(
    ("document", "code"), [(None, 7013), ("<Hangup/>", 4000), ("<Nonsense>", 8013), ('<Wait length="60"/>', 4000)]
)
@in_world()
async def test_how_its_own_life_ends(world: World, document: str | None, code: int) -> None:
    pages = {**PAGES, "there": document or ""}
    if document is None:
        del pages["there"]
    call, leg = await connected(world, pages)
    alice = world.exchange.leg(ALICE)
    world.service.send_onward(call.uuid, b_leg=THERE)
    await world.sleep(3)
    alice.hang_up()
    await world.sleep(3)
    record = record_of(world, leg)
    assert record.hangup_cause_code == code
    assert record.answer_time is not None
    if document is not None and "Wait" in document:
        assert record.hangup_source == "Callee"


@in_world()
async def test_it_dials_on(world: World) -> None:
    world.exchange.people[BOB] = Answers(after_s=1, hangs_up_s=5)
    call, leg = await connected(world, {**PAGES, "there": f"<Dial><Number>{BOB}</Number></Dial><Speak>There</Speak>"})
    world.service.send_onward(call.uuid, b_leg=THERE)
    await world.sleep(3)
    [second] = world.service.b_legs.values()
    assert (second.a_leg.uuid, second.live.parent_call_uuid) == (leg.uuid, leg.uuid)
    await world.sleep(10)
    assert [each.sound for each in world.exchange.leg(ALICE).heard][-1] == "speech: There"


@in_world()
async def test_who_leaves_in_the_same_moment(world: World) -> None:
    call, leg = await connected(world)
    world.service.send_onward(call.uuid, b_leg=THERE)
    call.hang_up()
    await call.over()
    await world.sleep(4)
    assert [each.sound for each in world.exchange.leg(ALICE).heard] == ["speech: There"]
    assert leg.uuid in world.service.calls


@in_world()
async def test_a_node_that_stops_ends_it(world: World) -> None:
    call, leg = await connected(world, {**PAGES, "there": '<Wait length="600"/>'})
    world.service.send_onward(call.uuid, b_leg=THERE)
    call.hang_up()
    await world.sleep(2)
    await world.service.drain(1.0)
    assert record_of(world, leg).hangup_cause_code == 5010
