"""Answers, cancels, confirmations and hang-ups in the same instant: whatever comes first, every leg ends once and is told once.

Times lie on a coarse grid, so that things coincide all the time; the seed decides what happens. ``OFFHOOK_LOAD=full`` runs more.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections import Counter

import pytest

from offhook import causes
from offhook.calls import NoBLeg, Onward
from offhook.testing import Answers, Dialled, Page, Refuses, World, run

RUNS = 10_000 if os.environ.get("OFFHOOK_LOAD") == "full" else 1_500
PEOPLE = ["14155550111", "14155550122", "14155550133"]
GRID = [0.0, 0.5, 1.0, 1.5, 2.0]


def behaviour(dice: random.Random) -> Answers | Refuses:
    if dice.random() < 0.25:
        return Refuses(causes.from_refusal(dice.choice([486, 404, 480, 603])), dice.choice(GRID), dice.choice([None, 0.0]))
    pressed, after_s = dice.choice(["", "1", "21"]), dice.choice(GRID)
    return Answers(
        after_s=dice.choice(GRID),
        rings_s=dice.choice([None, 0.0, 0.5]),
        early_s=dice.choice([None, None, 0.0, 0.5]),
        hangs_up_s=dice.choice([None, *GRID]),
        then=lambda callee: callee.press(pressed, after_s=after_s, every_s=0.5),
    )


def document(dice: random.Random) -> str:
    attributes = ['callbackUrl="cb"', f'timeout="{dice.choice([1, 2])}"']
    attributes += [f'action="done" redirect="{dice.choice(["true", "false"])}"'] * (dice.random() < 0.7)
    attributes += ['confirmSound="sound"'] * (dice.random() < 0.4)
    attributes += ['confirmKey="1"', f'confirmTimeout="{dice.choice([1, 2])}"'] * (dice.random() < 0.7)
    attributes += [f'timeLimit="{dice.choice([1, 2])}"'] * (dice.random() < 0.3)
    attributes += ['hangupOnStar="true"'] * (dice.random() < 0.3)
    targets = "".join(f"<Number>{each}</Number>" for each in PEOPLE[: dice.randint(1, 3)])
    dials = f"<Dial {' '.join(attributes)}>{targets}</Dial>" * dice.choice([1, 1, 2])
    return dice.choice(["", "", '<Hangup schedule="2"/>']) + dials


async def meddle(world: World, call: Dialled, dice: random.Random) -> None:
    """The API sends legs elsewhere and hangs them up, whatever they are doing."""
    pages = ["", '<Wait length="1"/>', f"<Dial timeLimit='2' callbackUrl='cb'><Number>{PEOPLE[2]}</Number></Dial>", "<Hangup/>"]
    for name in ("here", "there"):
        world.serve({name: Page(dice.choice(pages), takes_s=dice.choice([0.0, 0.5]))})
    for _ in range(dice.randint(1, 3)):
        await world.sleep(dice.choice(GRID))
        known = [call.uuid, *world.service.calls, *world.service.b_legs]
        here = Onward("https://app.example/here") if dice.random() < 0.5 else None
        there = Onward("https://app.example/there") if here is None or dice.random() < 0.5 else None
        with contextlib.suppress(NoBLeg):
            world.service.send_onward(dice.choice(known), a_leg=here, b_leg=there)
        for leg in list(world.service.b_legs.values()):
            if dice.random() < 0.1:
                leg.end_by_api()


async def scene(seed: int, met: Counter[str], *, meddled: bool = False) -> None:
    dice = random.Random(seed)
    async with World(seed=seed) as world:
        for each in PEOPLE:
            world.exchange.people[each] = behaviour(dice)
        pages = {
            "answer": document(dice),
            "done": "<Hangup/>",
            "sound": Page("<Speak>One</Speak>", takes_s=dice.choice([0.0, 0.5])),
        }
        call = await world.dial_in(pages)
        call.press("*", after_s=dice.choice(GRID) + 1)
        leaves = dice.choice(["person", "api", "nobody", "nobody"])
        if leaves == "person":
            call.hang_up(after_s=dice.choice([*GRID, 3.0]))
        elif leaves == "api":
            await world.sleep(dice.choice([*GRID, 3.0]))
            if world.service.calls:
                call.running.hang_up(causes.API_HANGUP)
        if meddled:
            await meddle(world, call, dice)
        await call.over()
        await world.sleep(10)
        if meddled:
            await world.service.drain(30)
            check_every_leg(world, met)
        else:
            check(world, call, met)


def check(world: World, call: Dialled, met: Counter[str]) -> None:
    asked = world.customer
    (hangup,) = asked.asked("hangup")
    assert asked.requests[-1] is hangup
    legs = [each for each in world.ledger.records if each.parent_call_uuid]
    assert len(call.records) == 1
    assert len(legs) == len({each.call_uuid for each in legs}) == len(call.events("leg-placed")) == len(call.events("leg-ended"))
    told = asked.asked("callback")
    assert sum(each["DialAction"] == "hangup" for each in told) == len(legs)
    assert sum(each["DialAction"] == "connected" for each in told) == len(call.events("legs-bridged"))
    connected = [each["DialBLegUUID"] for each in told if each["DialAction"] == "connected"]
    assert {each.call_uuid for each in legs if each.call_status == "completed"} == set(connected)
    assert not world.ledger.live
    assert all(leg.talks_with is None for leg in world.exchange.placed)
    for leg in world.exchange.placed:
        # Whoever was not told that it is over has left himself: not both, and never twice.
        assert len(leg.signals) <= 1
        assert bool(leg.signals) == (leg.released_with is not None)
        if leg.answered and leg.released_with is not None:
            codes = {each.hangup_cause_code for each in legs if each.to_number == leg.order.target}
            assert leg.released_with.cause.code in codes
    assert 5010 not in {each.hangup_cause_code for each in world.ledger.records}
    met.update(str(each.hangup_cause_code) for each in legs)
    met.update("action " + each["DialStatus"] for each in asked.asked("action"))


def check_every_leg(world: World, met: Counter[str]) -> None:
    """Whatever was sent where: each leg has one record, and each that was reported has one report of its end."""
    records = world.ledger.records
    placed = {str(row.facts["leg_uuid"]) for row in world.ledger.rows if row.kind == "leg-placed"}
    assert sorted(each.call_uuid for each in records if each.parent_call_uuid) == sorted(placed)
    told = Counter(each["DialBLegUUID"] for each in world.customer.asked("callback") if each["DialAction"] == "hangup")
    assert sum(told.values()) == len(placed)
    assert all(count == 1 for uuid, count in told.items() if uuid), told
    assert len(world.customer.asked("hangup")) == 1
    assert not world.ledger.live
    assert not world.service.b_legs
    assert 5010 not in {each.hangup_cause_code for each in records}
    met.update(str(each.hangup_cause_code) for each in records if each.parent_call_uuid)
    met.update("transfer" for _ in world.customer.asked("transfer"))


def play(part: int, met: Counter[str], **how: bool) -> None:
    for seed in range(part * RUNS // 10, (part + 1) * RUNS // 10):
        try:
            run(scene(seed, met, **how))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


@pytest.mark.parametrize("part", range(10))
def test_every_leg_ends_once(part: int) -> None:
    met: Counter[str] = Counter()
    play(part, met)
    assert {"1000", "4000", "6000", "6010", "9000", "9110", "3010", "action completed", "action cancel"} <= set(met), met


@pytest.mark.parametrize("part", range(4))
def test_legs_that_are_sent_elsewhere(part: int) -> None:
    met: Counter[str] = Counter()
    play(part, met, meddled=True)
    assert {"transfer", "4000", "4010"} <= set(met), met
