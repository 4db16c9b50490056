"""Answers, cancels, confirmations and hang-ups in the same instant: whatever comes first, every leg ends once and is told once.

Times lie on a coarse grid, so that things coincide all the time; the seed decides what happens. ``OFFHOOK_LOAD=full`` runs more.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from offhook import causes
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


async def scene(seed: int, met: Counter[str]) -> None:
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
        await call.over()
        await world.sleep(10)
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


@pytest.mark.parametrize("part", range(10))
def test_every_leg_ends_once(part: int) -> None:
    met: Counter[str] = Counter()
    for seed in range(part * RUNS // 10, (part + 1) * RUNS // 10):
        try:
            run(scene(seed, met))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    assert {"1000", "4000", "6000", "6010", "9000", "9110", "3010", "action completed", "action cancel"} <= set(met), met
