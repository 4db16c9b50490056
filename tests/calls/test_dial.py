"""Dial as calls see it (reference xml.md sections 9 to 11): who is connected, who hears what, what is reported."""

from __future__ import annotations

import pytest

from offhook import causes
from offhook.testing import Answers, Party, Refuses, World, in_world

ALICE, BOB, CAROL = "14155550111", "14155550122", "14155550133"
ACTION = '<Dial action="done" {}>{}</Dial>'


def number(*numbers: str, **attributes: str) -> str:
    """``Number`` elements."""
    told = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return "".join(f"<Number{told}>{each}</Number>" for each in numbers)


@in_world()
async def test_two_people_talk_until_the_one_called_hangs_up_and_the_document_goes_on(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=3, rings_s=1, hangs_up_s=10)
    call = await world.dial_in(f"<Dial>{number(ALICE)}</Dial><Speak>Bye</Speak>")
    record = await call.over()
    alice = world.exchange.leg(ALICE)
    assert call.signals == ["180", "200", "BYE"]
    assert alice.talked_with == [] or alice.talked_with == [call.caller]
    assert call.caller.talked_with == [alice]
    assert call.heard == ["speech: Bye"]
    assert (record.hangup_cause_code, record.hangup_cause) == (4010, "NORMAL_CLEARING")
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid == call.uuid]
    assert (leg.direction, leg.from_number, leg.to_number) == ("outbound", "14155550100", ALICE)
    assert (leg.call_status, leg.duration_s, leg.hangup_cause_code, leg.hangup_source) == ("completed", 10, 4000, "Callee")


@in_world()
async def test_what_the_action_url_is_told_of_a_talk(world: World) -> None:
    world.exchange.people[ALICE] = Answers(hangs_up_s=5)
    call = await world.dial_in({"answer": ACTION.format("", number(ALICE)) + "<Speak>Never</Speak>", "done": "<Hangup/>"})
    record = await call.over()
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    [asked] = world.customer.asked("action")
    told = {name: value for name, value in asked.parameters.items() if name.startswith("Dial")}
    assert told == {
        "DialStatus": "completed",
        "DialRingStatus": "true",
        "DialHangupCause": "NORMAL_CLEARING",
        "DialALegUUID": call.uuid,
        "DialBLegUUID": leg.call_uuid,
    }
    assert list(told) == ["DialStatus", "DialRingStatus", "DialHangupCause", "DialALegUUID", "DialBLegUUID"]
    assert (asked["Event"], asked["CallStatus"], asked["CallUUID"]) == ("Redirect", "in-progress", call.uuid)
    assert (record.hangup_source, record.hangup_cause_code) == ("Answer XML", 4000)
    assert call.heard == []


REFUSALS = [
    (causes.from_refusal(486), "busy", "USER_BUSY", "busy"),
    (causes.from_refusal(600), "busy", "USER_BUSY", "busy"),
    (causes.from_refusal(603), "busy", "CALL_REJECTED", "busy"),
    (causes.from_refusal(480), "no-answer", "NO_USER_RESPONSE", "no-answer"),
    (causes.from_refusal(408), "timeout", "RECOVERY_ON_TIMER_EXPIRE", "timeout"),
    (causes.NO_REPLY, "timeout", "RECOVERY_ON_TIMER_EXPIRE", "timeout"),
    (causes.from_refusal(403), "failed", "CALL_REJECTED", "failed"),
    (causes.from_refusal(404), "failed", "UNALLOCATED_NUMBER", "failed"),
    (causes.from_refusal(484), "failed", "INVALID_NUMBER_FORMAT", "failed"),
    (causes.from_refusal(604), "failed", "UNALLOCATED_NUMBER", "failed"),
    (causes.from_refusal(500), "failed", "NORMAL_TEMPORARY_FAILURE", "failed"),
    (causes.from_refusal(503), "failed", "SERVICE_UNAVAILABLE", "failed"),
    (causes.NETWORK_FAILED, "failed", "NETWORK_OUT_OF_ORDER", "failed"),
    (causes.OFFLINE, "failed", "USER_NOT_REGISTERED", "failed"),
    (causes.from_refusal(401), "failed", "sip_auth_failed", "failed"),
    (causes.SIP_AUTH_TIMEOUT, "timeout", "sip_auth_timeout", "timeout"),
]


@pytest.mark.parametrize(("ending", "status", "cause", "record_status"), REFUSALS)
@in_world()
async def test_how_a_refusal_is_told(world: World, ending: causes.Ending, status: str, cause: str, record_status: str) -> None:
    world.exchange.people[ALICE] = Refuses(ending, after_s=2, rings_s=None)
    call = await world.dial_in(ACTION.format('redirect="false"', number(ALICE)))
    record = await call.over()
    [asked] = world.customer.asked("action")
    assert (asked["DialStatus"], asked["DialHangupCause"]) == (status, cause)
    assert (asked["DialRingStatus"], asked["DialBLegUUID"], asked["CallStatus"]) == ("false", "", "ringing")
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    assert (leg.call_status, leg.hangup_cause_code, leg.answer_time) == (record_status, ending.cause.code, None)
    # The document runs out after a Dial that connected nobody: its cause's name is the call's (hangup-causes.md 6.4).
    assert (record.hangup_cause_code, record.hangup_cause, record.hangup_source) == (4010, ending.telephony, "Plivo")


@in_world()
async def test_it_rings_for_as_long_as_it_says(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=31, rings_s=1)
    call = await world.dial_in(ACTION.format('timeout="30" redirect="false"', number(ALICE)))
    await call.over()
    [asked] = world.customer.asked("action")
    assert (asked["DialStatus"], asked["DialHangupCause"], asked["DialRingStatus"]) == ("no-answer", "NO_ANSWER", "true")
    assert world.exchange.leg(ALICE).signals == ["CANCEL"]
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    assert (leg.hangup_cause_code, leg.call_status) == (6010, "no-answer")
    assert asked.at_s == pytest.approx(call.caller.began + 30, abs=0.1)


@in_world()
async def test_without_a_timeout_it_rings_for_two_minutes(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=200)
    call = await world.dial_in(ACTION.format('redirect="false"', number(ALICE)))
    await call.over()
    [asked] = world.customer.asked("action")
    assert asked.at_s == pytest.approx(call.caller.began + 120, abs=0.1)


@in_world()
async def test_the_first_of_several_is_connected_and_the_others_are_cancelled(world: World) -> None:
    people = world.exchange.people
    people[ALICE], people[BOB], people[CAROL] = Answers(5), Answers(2, hangs_up_s=4), Refuses(after_s=1)
    call = await world.dial_in(f'<Dial callbackUrl="/cb">{number(ALICE, BOB, CAROL)}</Dial>')
    await call.over()
    assert call.caller.talked_with == [world.exchange.leg(BOB)]
    assert world.exchange.leg(ALICE).signals == ["CANCEL"]
    told = [
        (each["DialAction"], each["DialBLegPosition"], each.parameters.get("DialBLegHangupCauseCode"))
        for each in world.customer.asked("callback")
    ]
    assert told == [
        ("hangup", "3", "3010"),
        ("answer", "2", None),
        ("hangup", "1", "9000"),
        ("connected", "2", None),
        ("hangup", "2", "4000"),
    ] or told == [
        ("hangup", "3", "3010"),
        ("answer", "2", None),
        ("connected", "2", None),
        ("hangup", "1", "9000"),
        ("hangup", "2", "4000"),
    ]


RANKS = [
    ([causes.from_refusal(404), causes.from_refusal(486)], "busy", "USER_BUSY"),
    ([causes.from_refusal(603), causes.from_refusal(600)], "busy", "USER_BUSY"),
    ([causes.from_refusal(480), causes.from_refusal(603)], "busy", "CALL_REJECTED"),
    ([causes.NO_REPLY, causes.from_refusal(480)], "no-answer", "NO_USER_RESPONSE"),
    ([causes.from_refusal(404), causes.NO_REPLY], "timeout", "RECOVERY_ON_TIMER_EXPIRE"),
    ([causes.from_refusal(503), causes.from_refusal(404)], "failed", "UNALLOCATED_NUMBER"),
]


@pytest.mark.parametrize(("endings", "status", "cause"), RANKS)
@in_world()
async def test_of_several_that_fail_the_most_telling_counts(
    world: World, endings: list[causes.Ending], status: str, cause: str
) -> None:
    for each, ending in zip((ALICE, BOB), endings, strict=True):
        world.exchange.people[each] = Refuses(ending)
    await (await world.dial_in(ACTION.format('redirect="false"', number(ALICE, BOB)))).over()
    [asked] = world.customer.asked("action")
    assert (asked["DialStatus"], asked["DialHangupCause"]) == (status, cause)


@in_world()
async def test_everything_that_callbacks_say(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1, hangs_up_s=66)
    call = await world.dial_in(
        f'<Dial callbackUrl="/cb" callbackMethod="GET" digitsMatch="12" sipHeaders="Team=red">{number(ALICE)}</Dial>'
    )
    call.press("12", after_s=5)
    await call.over()
    answer, connected, digits, hangup = world.customer.asked("callback")
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    common = {
        "DialALegUUID": call.uuid,
        "DialBLegUUID": leg.call_uuid,
        "DialBLegFrom": "14155550100",
        "DialBLegTo": ALICE,
        "DialBLegPosition": "1",
        "STIRVerification": "Not Applicable",
        "CallUUID": call.uuid,
        "Direction": "inbound",
        "X-PH-Team": "red",
    }
    for each in (answer, connected, digits, hangup):
        assert each.method == "GET"
        assert common.items() <= dict(each.parameters).items()
    states = [(each["DialAction"], each["DialBLegStatus"], each["Event"]) for each in (answer, connected, digits, hangup)]
    assert states == [
        ("answer", "answer", "DialAnswer"),
        ("connected", "connected", "DialConnected"),
        ("digits", "connected", "DialDigitsMatch"),
        ("hangup", "hangup", "DialHangup"),
    ]
    assert [each["CallStatus"] for each in (answer, connected, hangup)] == ["ringing", "in-progress", "in-progress"]
    assert (digits["DialDigitsMatch"], digits["DialDigitsPressedBy"]) == ("12", "ALeg")
    assert (hangup["DialBLegDuration"], hangup["DialBLegBillDuration"]) == ("66", "120")
    assert hangup["DialBLegHangupCause"] == "NORMAL_CLEARING"
    assert (hangup["DialBLegHangupCauseName"], hangup["DialBLegHangupCauseCode"]) == ("Normal Hangup", "4000")
    assert hangup["DialBLegHangupSource"] == "Callee"


@in_world()
async def test_the_caller_leaves_while_it_rings(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=20)
    call = await world.dial_in(
        {"answer": '<Dial action="done" callbackUrl="cb">' + number(ALICE) + "</Dial>", "done": "<Speak>No</Speak>"}
    )
    call.hang_up(after_s=5)
    record = await call.over()
    assert world.exchange.leg(ALICE).signals == ["CANCEL"]
    assert [each.purpose for each in world.customer.requests] == ["answer", "callback", "action", "hangup"]
    [told], [asked] = world.customer.asked("callback"), world.customer.asked("action")
    assert (told["DialBLegHangupCauseCode"], told["DialBLegHangupSource"], told["DialBLegUUID"]) == ("1000", "Caller", "")
    assert (asked["DialStatus"], asked["DialHangupCause"], asked["CallStatus"]) == ("cancel", "ORIGINATOR_CANCEL", "completed")
    assert (asked["HangupCause"], asked["Duration"], asked["Event"]) == ("ORIGINATOR_CANCEL", "0", "Redirect")
    assert record.hangup_cause == "ORIGINATOR_CANCEL"
    assert call.heard == []


@in_world()
async def test_the_caller_leaves_the_talk(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1)
    call = await world.dial_in({"answer": ACTION.format("", number(ALICE)), "done": "<Speak>No</Speak>"})
    call.hang_up(after_s=11)
    await call.over()
    assert world.exchange.leg(ALICE).signals == ["BYE"]
    [asked] = world.customer.asked("action")
    assert (asked["DialStatus"], asked["DialHangupCause"], asked["CallStatus"]) == ("completed", "NORMAL_CLEARING", "completed")
    assert (asked["Duration"], asked["HangupSource"]) == ("10", "Caller")
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    assert (leg.hangup_cause_code, leg.hangup_source, leg.duration_s) == (4000, "Caller", 10)


@in_world()
async def test_the_api_hangs_up_during_the_talk(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1)
    call = await world.dial_in(ACTION.format("", number(ALICE)))
    await world.sleep(5)
    call.running.hang_up(causes.API_HANGUP)
    await call.over()
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    assert (leg.hangup_cause_code, leg.hangup_source) == (4000, "API Request")


@in_world()
async def test_a_scheduled_hangup_ends_both_legs(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1)
    call = await world.dial_in(f'<Hangup schedule="10"/><Dial>{number(ALICE)}</Dial>')
    record = await call.over()
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    assert (record.hangup_cause_code, record.hangup_source) == (6000, "Answer XML")
    assert (leg.hangup_cause_code, leg.hangup_source) == (6000, "Answer XML")


@in_world()
async def test_the_time_limit_ends_the_b_leg_and_the_document_goes_on(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1)
    call = await world.dial_in(ACTION.format('timeLimit="30" redirect="false"', number(ALICE)) + "<Speak>Over</Speak>")
    await call.over()
    [asked] = world.customer.asked("action")
    assert (asked["DialStatus"], asked["DialHangupCause"]) == ("completed", "ALLOTTED_TIMEOUT")
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    assert (leg.hangup_cause_code, leg.hangup_source, leg.duration_s, leg.call_status) == (6000, "Plivo", 30, "completed")
    assert call.heard == ["speech: Over"]


@pytest.mark.parametrize("limit", ["86400", "999999"])
@in_world()
async def test_no_talk_is_longer_than_a_day(world: World, limit: str) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1)
    call = await world.dial_in(f'<Dial timeLimit="{limit}">{number(ALICE)}</Dial>')
    await call.over()
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    assert leg.duration_s == 86400


@in_world()
async def test_a_star_drops_the_other_side(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1)
    call = await world.dial_in(f'<Dial hangupOnStar="true" digitsMatch="*1">{number(ALICE)}</Dial><Speak>Back</Speak>')
    call.press("1*", after_s=5)
    await call.over()
    alice = world.exchange.leg(ALICE)
    assert alice.signals == ["BYE"]
    assert alice.keys_received == "1"
    assert call.heard == ["speech: Back"]


@in_world()
async def test_a_star_is_a_key_like_any_other_without_hangup_on_star(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1, hangs_up_s=10)
    call = await world.dial_in(f"<Dial>{number(ALICE)}</Dial>")
    call.press("*", after_s=5)
    await call.over()
    assert world.exchange.leg(ALICE).keys_received == "*"


@in_world()
async def test_keys_go_both_ways_and_the_one_called_has_patterns_of_his_own(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1, hangs_up_s=20, then=lambda callee: callee.press("457", after_s=3))
    call = await world.dial_in(f'<Dial callbackUrl="cb" digitsMatch="9" digitsMatchBLeg="57,7,45">{number(ALICE)}</Dial>')
    call.press("89", after_s=8)
    await call.over()
    pressed = [
        (each["DialDigitsMatch"], each["DialDigitsPressedBy"])
        for each in world.customer.asked("callback")
        if each["DialAction"] == "digits"
    ]
    assert pressed == [("45", "BLeg"), ("7", "BLeg"), ("9", "ALeg")]
    assert call.caller.keys_received == "457"
    assert world.exchange.leg(ALICE).keys_received == "89"


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


# -- who is called, as whom ----------------------------------------------------------------------------------------


@in_world()
async def test_number_name_and_headers(world: World) -> None:
    world.exchange.people[ALICE] = world.exchange.people["sip:bob@example.org"] = Answers(hangs_up_s=1)
    await (
        await world.dial_in(
            '<Dial callerId="+1 (415) 555-0177" callerName="Shop" sipHeaders="a=1,b=2">'
            f'<Number sipHeaders="b=3">+{ALICE}</Number></Dial>'
            '<Dial><User sipHeaders="Plivo-x=1,c=4" sipAuthUsername="u" sipAuthPassword="secret-word">'
            "sip:bob@example.org</User></Dial>"
            '<Dial callerId="none" callerName="none"><Number>0</Number></Dial>',
            party=Party(to_number="14155550199", to_user="14155550199", caller_name="Ann", auth_user="ann"),
        )
    ).over()
    first, second, third = (leg.order for leg in world.exchange.placed)
    assert (first.kind, first.target, first.from_number, first.caller_name) == ("number", ALICE, "14155550177", "Shop")
    assert (dict(first.headers), first.raw_headers) == ({"a": "1", "b": "3"}, True)
    assert (second.kind, second.from_number, second.caller_name) == ("user", "14155550100", "Ann")
    assert (second.username, second.password, dict(second.headers)) == ("u", "secret-word", {"c": "4"})
    assert (third.withheld, third.caller_name) == (True, "")
    assert [each.from_number for each in world.ledger.records if each.parent_call_uuid][-1] == "anonymous"
    assert "secret-word" not in repr(second)


@pytest.mark.parametrize(
    ("target", "code", "name"),
    [
        ("<Number>12345678901234567</Number>", 2000, "INVALID_NUMBER_FORMAT"),
        ("<Number>hello</Number>", 2000, "INVALID_NUMBER_FORMAT"),
        ("<Number>+1 415 555 0199</Number>", 2060, "EXCHANGE_ROUTING_ERROR"),
        ("<User>sip:a b@c</User>", 2000, "INVALID_NUMBER_FORMAT"),
    ],
)
@in_world()
async def test_who_cannot_be_called(world: World, target: str, code: int, name: str) -> None:
    call = await world.dial_in(f'<Dial action="done" redirect="false">{target}</Dial>')
    await call.over()
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    assert leg.hangup_cause_code == code
    [asked] = world.customer.asked("action")
    assert (asked["DialStatus"], asked["DialHangupCause"]) == ("failed", name)
    assert world.exchange.placed == []


@in_world(max_dial_targets=2)
async def test_too_many_at_once(world: World) -> None:
    for each in (ALICE, BOB, CAROL):
        world.exchange.people[each] = Answers(hangs_up_s=1)
    await (await world.dial_in(f"<Dial>{number(ALICE, BOB, CAROL)}</Dial>")).over()
    codes = {each.to_number: each.hangup_cause_code for each in world.ledger.records if each.parent_call_uuid}
    assert codes[CAROL] == 1020


@pytest.mark.parametrize(
    "credentials",
    ['sipAuthUsername="u"', 'sipAuthPassword="longenough"', 'sipAuthUsername="u" sipAuthPassword="short"'],
)
@in_world()
async def test_half_of_the_credentials_is_none(world: World, credentials: str) -> None:
    call = await world.dial_in(f"<Dial><User {credentials}>sip:bob@example.org</User></Dial>")
    await call.over()
    assert world.exchange.placed[0].order.username is None
    [loaded] = call.events("document-loaded")
    assert "sipAuth" in str(loaded["warnings"])


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


# -- sequences -----------------------------------------------------------------------------------------------------


@in_world()
async def test_one_after_another_with_redirect_false(world: World) -> None:
    people = world.exchange.people
    people[ALICE], people[BOB] = Refuses(after_s=1), Answers(after_s=1, hangs_up_s=3)
    dial = '<Dial action="done" redirect="false">{}</Dial>'
    call = await world.dial_in(dial.format(number(ALICE)) + dial.format(number(BOB)) + "<Speak>End</Speak>")
    await call.over()
    assert [each["DialStatus"] for each in world.customer.asked("action")] == ["busy", "completed"]
    assert call.heard == ["speech: End"]


@pytest.mark.parametrize(
    ("attributes", "code"),
    [('action="ftp://x.example/"', 7022), ('action="done" method="PUT"', 7032), ('action="missing"', 7012)],
)
@in_world()
async def test_an_action_url_that_is_none_ends_the_call(world: World, attributes: str, code: int) -> None:
    world.exchange.people[ALICE] = Refuses(after_s=1)
    call = await world.dial_in(f"<Dial {attributes}>{number(ALICE)}</Dial>")
    assert (await call.over()).hangup_cause_code == code


@in_world()
async def test_a_dial_without_anybody_to_call_is_no_document(world: World) -> None:
    call = await world.dial_in("<Dial></Dial>")
    assert (await call.over()).hangup_cause_code == 8011


@in_world()
async def test_whatsapp_is_an_order_of_its_own(world: World) -> None:
    await (await world.dial_in(f'<Dial callType="whatsapp"><User>+{ALICE}</User></Dial>')).over()
    [leg] = world.exchange.placed
    assert (leg.order.whatsapp, leg.order.kind, leg.order.target) == (True, "number", ALICE)


@in_world()
async def test_machine_detection_is_noted_and_not_done(world: World) -> None:
    world.exchange.people[ALICE] = Answers(hangs_up_s=1)
    call = await world.dial_in(f'<Dial machineDetection="hangup">{number(ALICE)}</Dial>')
    await call.over()
    assert call.caller.talked_with == [world.exchange.leg(ALICE)]
    assert any("machineDetection" in str(each["text"]) for each in call.events("note"))
