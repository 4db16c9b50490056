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
