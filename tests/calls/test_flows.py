"""Elements together, as the reference tells them (xml.md 1.7, 1.11, 2.12 and 12 to 15): which requests, in which order."""

from __future__ import annotations

import pytest

from offhook import causes
from offhook.testing import Answers, Page, Refuses, World, in_world

ALICE, BOB = "14155550111", "14155550122"


def dial(*numbers: str, **attributes: str) -> str:
    """A ``Dial``."""
    told = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<Dial{told}>{''.join(f'<Number>{each}</Number>' for each in numbers)}</Dial>"


def story(world: World) -> list[str]:
    """What the customer was asked, in order."""
    return [
        each.purpose + (" " + each["DialAction"] if each.purpose == "callback" else "") + " " + each["CallStatus"]
        for each in world.customer.requests
    ]


@in_world()
async def test_a_menu_whose_action_document_dials(world: World) -> None:
    world.exchange.people[ALICE] = Answers(hangs_up_s=5)
    call = await world.dial_in(
        {
            "answer": '<GetDigits action="menu"><Speak>Choose</Speak></GetDigits>',
            "menu": dial(ALICE, action="done", callbackUrl="cb"),
            "done": "<Hangup/>",
        }
    )
    call.press("1#", after_s=0.5)
    await call.over()
    assert story(world) == [
        "answer ringing",
        "action in-progress",
        "callback answer in-progress",
        "callback connected in-progress",
        "callback hangup in-progress",
        "action in-progress",
        "hangup completed",
    ]


@in_world()
async def test_the_caller_leaves_while_it_rings(world: World) -> None:
    world.exchange.people[ALICE] = world.exchange.people[BOB] = Answers(after_s=30)
    call = await world.dial_in(dial(ALICE, BOB, action="done", callbackUrl="cb"))
    call.hang_up(after_s=3)
    await call.over()
    assert story(world) == [
        "answer ringing",
        "callback hangup completed",
        "callback hangup completed",
        "action completed",
        "hangup completed",
    ]


@in_world()
async def test_wait_first_delays_what_follows_and_it_keeps_ringing(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1, hangs_up_s=2)
    call = await world.dial_in('<Wait length="4"/>' + dial(ALICE))
    await call.over()
    assert call.signals == ["180", "200", "BYE"]
    assert next(row.offset_ms for row in call.timeline if row.kind == "leg-placed") == pytest.approx(4000, abs=100)


@in_world()
async def test_pre_answer_and_then_dial(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=2, hangs_up_s=2)
    call = await world.dial_in("<PreAnswer><Speak>Please hold</Speak></PreAnswer>" + dial(ALICE))
    await call.over()
    assert call.signals == ["183", "200", "BYE"]
    assert call.heard == ["speech: Please hold"]


@in_world()
async def test_an_endless_pre_answer_before_a_dial_that_fails_and_what_follows(world: World) -> None:
    world.studio.add_file("https://app.example/ring.mp3", 2)
    world.exchange.people[ALICE] = Refuses(after_s=5)
    call = await world.dial_in(f'<PreAnswer><Play loop="0">ring.mp3</Play></PreAnswer>{dial(ALICE)}<Speak>Sorry</Speak>')
    await call.over()
    assert call.heard == [*["file: https://app.example/ring.mp3"] * 3, "speech: Sorry"]
    assert call.signals == ["183", "200", "BYE"]


@in_world()
async def test_nobody_hears_the_endless_sound_of_a_pre_answer_twice(world: World) -> None:
    world.studio.add_file("https://app.example/ring.mp3", 2)
    world.exchange.people[ALICE] = Refuses(after_s=1.5)
    world.exchange.people[BOB] = Answers(after_s=3, rings_s=0.5, hangs_up_s=1)
    call = await world.dial_in(f'<PreAnswer><Play loop="0">ring.mp3</Play></PreAnswer>{dial(ALICE)}{dial(BOB)}')
    await call.over()
    assert call.heard == ["file: https://app.example/ring.mp3"]


@in_world()
async def test_hangup_with_a_reason_after_a_dial_that_failed_refuses_the_caller(world: World) -> None:
    world.exchange.people[ALICE] = Refuses(after_s=1)
    call = await world.dial_in(dial(ALICE) + '<Hangup reason="busy"/>')
    record = await call.over()
    assert call.signals == ["180", "486"]
    assert (record.hangup_cause_code, record.hangup_source) == (3010, "Answer XML")


@pytest.mark.parametrize(
    ("status", "sip", "q850"),
    [(486, "486", 17), (603, "603", 21), (404, "404", 1), (480, "480", 18), (503, "480", 41)],
)
@in_world()
async def test_a_caller_who_was_never_answered_learns_why(world: World, status: int, sip: str, q850: int) -> None:
    world.exchange.people[ALICE] = Refuses(causes.from_refusal(status), after_s=1, rings_s=None)
    call = await world.dial_in(dial(ALICE))
    record = await call.over()
    assert call.signals == [sip]
    assert call.caller.released_with is not None
    assert call.caller.released_with.q850 == q850
    assert record.hangup_cause_code == 4010


@in_world()
async def test_only_a_dial_right_before_the_end_gives_its_cause_to_the_call(world: World) -> None:
    world.exchange.people[ALICE] = Refuses(after_s=1)
    call = await world.dial_in(dial(ALICE) + "<Wait/>")
    assert (await call.over()).hangup_cause == "NORMAL_CLEARING"


@in_world()
async def test_dial_after_dial_redirect_after_redirect_is_caught(world: World) -> None:
    world.exchange.people[ALICE] = Refuses(after_s=0.1)
    pages = {"answer": dial(ALICE, action="again"), "again": "<Redirect>answer</Redirect>"}
    call = await world.dial_in(pages)
    record = await call.over()
    assert (record.hangup_cause_code, len(world.exchange.placed)) == (5010, 500)


@in_world()
async def test_the_document_of_an_action_may_dial_again(world: World) -> None:
    world.exchange.people[ALICE], world.exchange.people[BOB] = Refuses(after_s=1), Answers(after_s=1, hangs_up_s=3)
    call = await world.dial_in({"answer": dial(ALICE, action="next"), "next": dial(BOB) + "<Speak>Bye</Speak>"})
    await call.over()
    assert call.caller.talked_with == [world.exchange.leg(BOB)]
    assert call.heard == ["speech: Bye"]


@in_world()
async def test_a_caller_who_leaves_while_the_action_url_is_being_asked(world: World) -> None:
    world.exchange.people[ALICE] = Refuses(after_s=1)
    call = await world.dial_in({"answer": dial(ALICE, action="slow"), "slow": Page("<Speak>Never</Speak>", takes_s=5)})
    call.hang_up(after_s=3)
    await call.over()
    assert len(world.customer.asked("action")) == 1
    assert call.heard == []


@in_world()
async def test_what_a_crash_left_of_a_b_leg_gets_a_record_and_no_request(world: World) -> None:
    world.exchange.people[ALICE] = Answers()
    call = await world.dial_in(dial(ALICE))
    await world.sleep(5)
    left = dict(world.ledger.live)
    call.hang_up()
    await call.over()
    world.ledger.records.clear()
    world.ledger.live.update(left)
    asked = len(world.customer.requests)
    assert await world.service.recover() == 2
    await world.sleep(1)
    inbound, outbound = sorted(world.ledger.records, key=lambda record: record.direction)
    assert (inbound.call_status, inbound.hangup_cause_code) == ("completed", 5010)
    assert (outbound.call_status, outbound.hangup_cause_code, outbound.parent_call_uuid) == ("completed", 5010, inbound.call_uuid)
    assert outbound.answer_time is not None
    assert [each.purpose for each in world.customer.requests[asked:]] == ["hangup"]
