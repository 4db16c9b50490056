"""Dial as those called and the caller hear it (reference xml.md 9.3 to 9.5, 10): confirmation, ringback, music, keys."""

from __future__ import annotations

import pytest

from offhook.testing import Answers, World, in_world

ALICE, BOB = "14155550111", "14155550122"


def number(*numbers: str, **attributes: str) -> str:
    """``Number`` elements."""
    told = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return "".join(f"<Number{told}>{each}</Number>" for each in numbers)


# -- confirmation --------------------------------------------------------------------------------------------------

SOUND = "<Speak>Press one</Speak>"
CONFIRM = 'action="done" redirect="false" callbackUrl="cb" confirmSound="sound" '


@in_world()
async def test_the_right_key_accepts_the_call_and_the_caller_hears_it_ring_until_then(world: World) -> None:
    world.exchange.people[ALICE] = Answers(
        after_s=2, hangs_up_s=30, then=lambda callee: callee.press("21", after_s=1.5, every_s=2)
    )
    call = await world.dial_in({"answer": f'<Dial {CONFIRM} confirmKey="1">{number(ALICE)}</Dial>', "sound": SOUND})
    await call.over()
    alice = world.exchange.leg(ALICE)
    assert [heard.sound for heard in alice.heard] == ["speech: Press one"]
    answered_at, connected_at = (each.at_s for each in world.customer.asked("callback")[:2])
    assert connected_at - answered_at == pytest.approx(3.5, abs=0.1)
    assert call.signals == ["180", "200", "BYE"]
    assert [each["DialAction"] for each in world.customer.asked("callback")] == ["answer", "connected", "hangup"]
    assert world.customer.asked("confirmSound")[0].method == "POST"


@pytest.mark.parametrize(
    ("behaves", "at_s"),
    [
        (Answers(after_s=2), 22),
        (Answers(after_s=2, then=lambda callee: callee.press("234")), 22),
        (Answers(after_s=2, hangs_up_s=5), 7),
    ],
    ids=["no key", "wrong keys", "hangs up"],
)
@in_world()
async def test_without_the_key_nobody_is_connected(world: World, behaves: Answers, at_s: float) -> None:
    world.exchange.people[ALICE] = behaves
    dial = f'<Dial {CONFIRM} confirmKey="1" confirmTimeout="20" timeout="5">{number(ALICE)}</Dial>'
    call = await world.dial_in({"answer": dial, "sound": SOUND})
    await call.over()
    [asked] = world.customer.asked("action")
    assert (asked["DialStatus"], asked["DialHangupCause"], asked["DialRingStatus"]) == ("no-answer", "NO_ANSWER", "true")
    assert asked.at_s == pytest.approx(call.caller.began + at_s, abs=0.2)
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    assert (leg.hangup_cause_code, leg.hangup_cause_name) == (9110, "Confirm Key Challenge Failed")
    assert "200" not in call.signals


@in_world()
async def test_a_sound_alone_is_played_and_then_they_talk(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=2, hangs_up_s=10)
    call = await world.dial_in({"answer": f"<Dial {CONFIRM}>{number(ALICE)}</Dial>", "sound": "<Speak>One two three</Speak>"})
    await call.over()
    answered, connected, _ = world.customer.asked("callback")
    assert connected.at_s - answered.at_s == pytest.approx(3, abs=0.1)
    assert world.exchange.leg(ALICE).heard[0].for_ms == 3000


@in_world()
async def test_a_sound_that_cannot_be_had_connects_but_a_key_is_still_wanted(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=2, hangs_up_s=10)
    world.exchange.people[BOB] = Answers(after_s=2, hangs_up_s=100, then=lambda callee: callee.press("5", after_s=7))
    call = await world.dial_in(f'<Dial {CONFIRM}>{number(ALICE)}</Dial><Dial {CONFIRM} confirmKey="5">{number(BOB)}</Dial>')
    await call.over()
    gaps = [
        b.at_s - a.at_s
        for a, b in zip(*[iter(e for e in world.customer.asked("callback") if e["DialAction"] != "hangup")] * 2, strict=True)
    ]
    assert gaps == [pytest.approx(0, abs=0.1), pytest.approx(7, abs=0.1)]


@in_world()
async def test_a_key_without_a_sound_is_ignored(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=2, hangs_up_s=3)
    call = await world.dial_in(f'<Dial confirmKey="1">{number(ALICE)}</Dial>')
    await call.over()
    assert call.caller.talked_with == [world.exchange.leg(ALICE)]


@in_world()
async def test_of_several_the_first_that_confirms_is_connected(world: World) -> None:
    people = world.exchange.people
    people[ALICE] = Answers(after_s=1, then=lambda callee: callee.press("1", after_s=9))
    people[BOB] = Answers(after_s=3, hangs_up_s=30, then=lambda callee: callee.press("1", after_s=2))
    call = await world.dial_in({"answer": f'<Dial {CONFIRM} confirmKey="1">{number(ALICE, BOB)}</Dial>', "sound": SOUND})
    await call.over()
    assert call.caller.talked_with == [world.exchange.leg(BOB)]
    assert world.exchange.leg(ALICE).signals == ["BYE"]
    codes = {each.to_number: each.hangup_cause_code for each in world.ledger.records if each.parent_call_uuid}
    assert codes == {ALICE: 9000, BOB: 4000}


# -- what the caller hears -----------------------------------------------------------------------------------------


@in_world()
async def test_early_media_of_the_far_end_is_passed_on(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=6, rings_s=None, early_s=2, hangs_up_s=3)
    call = await world.dial_in(f"<Dial>{number(ALICE)}</Dial>")
    await world.sleep(4)
    assert call.caller.talks_with is world.exchange.leg(ALICE)
    assert world.exchange.leg(ALICE).talks_with is None
    await call.over()
    assert call.signals == ["183", "200", "BYE"]


@in_world()
async def test_a_caller_who_was_answered_before_hears_a_ringing_tone(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=6, rings_s=1, hangs_up_s=3)
    call = await world.dial_in(f"<Speak>Hi</Speak><Dial>{number(ALICE)}</Dial>")
    await call.over()
    assert call.heard[:3] == ["speech: Hi", "tone (440.0, 480.0)", "silence"]


@in_world()
async def test_music_while_it_rings_is_repeated_as_early_media(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=7, early_s=3, hangs_up_s=3)
    call = await world.dial_in(
        {"answer": f'<Dial dialMusic="music">{number(ALICE)}</Dial>', "music": "<Speak>La la</Speak><Hangup/>"}
    )
    await call.over()
    assert call.signals == ["183", "200", "BYE"]
    assert call.heard == ["speech: La la"] * 4
    assert world.customer.asked("dialMusic")[0].method == "POST"


@in_world()
async def test_silence_while_it_rings(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=7, early_s=3, hangs_up_s=3)
    call = await world.dial_in(f'<Dial dialMusic="none">{number(ALICE)}</Dial>')
    await call.over()
    assert call.signals == ["200", "BYE"]
    assert call.heard == []


@in_world()
async def test_music_that_cannot_be_had_does_no_harm(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=3, hangs_up_s=3)
    call = await world.dial_in(f'<Dial dialMusic="nowhere">{number(ALICE)}</Dial>')
    await call.over()
    assert call.caller.talked_with == [world.exchange.leg(ALICE)]


@in_world()
async def test_an_endless_pre_answer_is_the_music_of_the_dial_behind_it(world: World) -> None:
    world.studio.add_file("https://app.example/ring.mp3", 2)
    world.exchange.people[ALICE] = Answers(after_s=5, hangs_up_s=3)
    call = await world.dial_in(
        f'<PreAnswer><Speak>Wait</Speak><Play loop="0">ring.mp3</Play></PreAnswer><Dial>{number(ALICE)}</Dial><Speak>Bye</Speak>'
    )
    await call.over()
    assert call.signals == ["183", "200", "BYE"]
    assert call.heard == ["speech: Wait", *["file: https://app.example/ring.mp3"] * 3, "speech: Bye"]


@in_world()
async def test_whom_the_other_puts_on_hold_hears_music(world: World) -> None:
    def holds(callee: object) -> None:
        callee.hold(True, after_s=5)  # type: ignore[attr-defined]
        callee.hold(False, after_s=9)  # type: ignore[attr-defined]

    world.exchange.people[ALICE] = Answers(after_s=1, hangs_up_s=20, then=holds)
    call = await world.dial_in(f"<Dial>{number(ALICE)}</Dial>")
    await call.over()
    [music] = call.caller.heard
    assert (music.sound, music.for_ms) == ("hold music", pytest.approx(4000, abs=50))
    assert world.exchange.leg(ALICE).heard == []


# -- keys after the answer -----------------------------------------------------------------------------------------


@in_world()
async def test_keys_are_sent_after_the_answer_while_they_talk_already(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=2, hangs_up_s=10)
    call = await world.dial_in(f'<Dial callbackUrl="cb">{number(ALICE, sendDigits="1w2W#")}</Dial>')
    await call.over()
    assert world.exchange.leg(ALICE).keys_received == "12#"
    answered, connected, _ = world.customer.asked("callback")
    assert connected.at_s == pytest.approx(answered.at_s, abs=0.1)


@in_world()
async def test_keys_are_sent_during_early_media_and_only_then(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=5, early_s=1, hangs_up_s=10)
    call = await world.dial_in(f"<Dial>{number(ALICE, sendDigits='77', sendOnPreanswer='true')}</Dial>")
    await world.sleep(3)
    assert world.exchange.leg(ALICE).keys_received == "77"
    await call.over()
    assert world.exchange.leg(ALICE).keys_received == "77"


@in_world()
async def test_keys_come_before_the_confirmation_and_as_tones_where_that_is_wanted(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1, hangs_up_s=20)
    call = await world.dial_in(
        {"answer": f"<Dial {CONFIRM}>{number(ALICE, sendDigits='5', sendDigitsMode='inband')}</Dial>", "sound": SOUND}
    )
    await call.over()
    assert [each.sound for each in world.exchange.leg(ALICE).heard] == ["tone (770.0, 1336.0)", "silence", "speech: Press one"]


@in_world()
async def test_the_length_of_the_keys_is_none_of_them(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1, hangs_up_s=20)
    await (await world.dial_in(f"<Dial>{number(ALICE, sendDigits='1w2a@500')}</Dial>")).over()
    assert world.exchange.leg(ALICE).keys_received == "12A"
