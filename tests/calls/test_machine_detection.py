"""Calls that find out who has answered (reference api.md 5.1, callbacks.md 4.1 and 4.4, xml.md 2.10): what is told, and when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from offhook.calls import Detection, Order, Placement, Tuning
from offhook.records import CallRecord
from offhook.testing import Answers, World, in_world
from offhook.testing.exchange import Callee

ALICE, BOB = "14155550111", "14155550122"
FOUND = "https://app.example/found"


def person(callee: Callee) -> None:
    """Says hello and waits."""
    callee.talk(0.5, after_s=0.4)


def machine(callee: Callee) -> None:
    """Says a greeting of six seconds, and beeps."""
    callee.talk(6, after_s=0.5)
    callee.beep(400, after_s=6.8)


def beeps_only(callee: Callee) -> None:
    """Says hardly anything before its beep."""
    callee.talk(0.6, after_s=0.3)
    callee.beep(400, after_s=1.2)


def silent(callee: Callee) -> None:
    """Says nothing at all."""


class Placed:
    """A call of ours that looks for machines."""

    def __init__(self, world: World, then: Any, **wishes: Any) -> None:
        world.exchange.people[ALICE] = Answers(after_s=1, then=then)
        self.uuid = world.ids.call_uuid()
        self._world = world
        placement = Placement(
            call_uuid=self.uuid,
            request_uuid=self.uuid,
            order=Order(kind="number", target=ALICE, from_number="14155550100"),
            application=world.application,
            detection=Detection(**wishes),
        )
        self._task = asyncio.create_task(world.service.place(placement))

    async def over(self) -> CallRecord:
        """Wait for its record."""
        await self._task
        [record] = [each for each in self._world.ledger.records if each.call_uuid == self.uuid]
        return record

    @property
    def running(self) -> Any:
        """The call."""
        return self._world.service.calls[self.uuid]

    def verdicts(self) -> list[tuple[object, object]]:
        """Of its timeline."""
        rows = self._world.ledger.timeline(self.uuid)
        return [(row.facts["machine"], row.facts["why"]) for row in rows if row.kind == "answerer-judged"]


def told(world: World) -> list[tuple[str, str | None]]:
    """Purpose and ``Machine`` of each request."""
    return [(each.purpose, each.parameters.get("Machine")) for each in world.customer.requests]


# -- before the document -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("then", "verdict", "asked_s", "later"),
    [
        (person, (False, "a short greeting"), (1.9, 2.1), None),
        (machine, (True, "a long greeting"), (2.1, 2.4), "true"),
        (beeps_only, (True, "a beep"), (2.0, 2.2), "true"),
        (silent, (True, "silence"), (4.5, 4.6), "true"),
    ],
)
@in_world()
async def test_the_document_waits_for_the_verdict_and_its_request_says_it(
    world: World, then: Any, verdict: tuple[bool, str], asked_s: tuple[float, float], later: str | None
) -> None:
    world.serve({"answer": "<Redirect>/next</Redirect>", "/next": "<Speak>Hello you</Speak>"})
    world.customer.pages["https://app.example/next"] = "<Speak>Hello you</Speak>"
    call = Placed(world, then)
    record = await call.over()
    assert call.verdicts() == [verdict]
    asked = [row for row in world.ledger.timeline(call.uuid) if row.kind == "document-loaded"]
    answered = next(row for row in world.ledger.timeline(call.uuid) if row.kind == "call-answered")
    assert asked_s[0] <= (asked[0].offset_ms - answered.offset_ms) / 1000 <= asked_s[1]
    assert told(world) == [("answer", "true" if verdict[0] else "false"), ("redirect", later), ("hangup", later)]
    assert [heard.sound for heard in world.exchange.leg(ALICE).heard] == ["speech: Hello you"]
    assert (record.call_status, record.hangup_cause_code) == ("completed", 4010)


@in_world(fallback_url="https://app.example/fallback")
async def test_the_fallback_request_says_it_too(world: World) -> None:
    world.customer.pages["https://app.example/fallback"] = "<Hangup/>"
    await Placed(world, person).over()
    assert told(world)[-2:] == [("fallback", "false"), ("hangup", None)]


@in_world()
async def test_what_a_crash_leaves_behind_knows_of_the_machine(world: World) -> None:
    world.serve('<Wait length="60" silence="true"/>')
    call = Placed(world, machine)
    await world.sleep(2)
    assert "Machine" not in world.ledger.live[call.uuid].parameters
    await world.sleep(5)
    [left] = await world.ledger.leftovers()
    assert (left.parameters["Machine"], left.parameters["CallUUID"]) == ("true", call.uuid)
    assert left.answered_at is not None
    await call.over()
    assert await world.ledger.leftovers() == []


@in_world()
async def test_a_machine_is_hung_up_on_and_never_hears_a_document(world: World) -> None:
    world.serve("<Speak>Hello you</Speak>")
    call = Placed(world, machine, hangup=True)
    record = await call.over()
    [hangup] = world.customer.requests
    assert (hangup.purpose, hangup["Machine"], hangup["CallStatus"]) == ("hangup", "true", "completed")
    assert (hangup["HangupCauseCode"], hangup["HangupCauseName"]) == ("9100", "Machine Detected")
    assert (hangup["HangupCause"], hangup["HangupSource"]) == ("NORMAL_CLEARING", "Plivo")
    assert (record.hangup_cause_code, record.hangup_source) == (9100, "Plivo")
    assert world.exchange.leg(ALICE).heard == []
    assert world.exchange.leg(ALICE).signals == ["BYE"]


@in_world()
async def test_a_person_is_not_hung_up_on(world: World) -> None:
    world.serve("<Speak>Hello you</Speak>")
    record = await Placed(world, person, hangup=True).over()
    assert told(world) == [("answer", "false"), ("hangup", None)]
    assert record.hangup_cause_code == 4010


@in_world()
async def test_the_tuning_decides(world: World) -> None:
    world.serve("<Hangup/>")
    patient = Tuning(time_ms=10_000, speech_ms=6000, words=10, greeting_ms=5000)
    call = Placed(world, lambda callee: callee.talk(3, after_s=0.5), tuning=patient)
    await call.over()
    assert call.verdicts() == [(False, "a short greeting")]
    call = Placed(world, silent, tuning=Tuning(time_ms=2000))
    await call.over()
    assert call.verdicts() == [(False, "time")]


@in_world()
async def test_who_leaves_meanwhile_has_left(world: World) -> None:
    call = Placed(world, lambda callee: callee.hang_up(after_s=0.8))
    record = await call.over()
    assert told(world) == [("hangup", None)]
    assert (record.hangup_cause_code, record.hangup_source) == (4000, "Callee")
    assert call.verdicts() == []


@in_world()
async def test_the_api_hangs_up_or_sends_elsewhere_meanwhile(world: World) -> None:
    world.customer.pages["https://app.example/elsewhere"] = "<Speak>Over here</Speak>"
    call = Placed(world, machine)
    await world.sleep(2)
    call.running.end_by_api()
    assert ((await call.over()).hangup_cause_code, told(world)) == (4000, [("hangup", None)])
    world.customer.requests.clear()
    call = Placed(world, machine)
    await world.sleep(2)
    call.running.transfer("https://app.example/elsewhere", "POST")
    await call.over()
    assert told(world) == [("transfer", None), ("hangup", None)]
    assert call.verdicts() == []


# -- beside the document -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("then", "found"), [(machine, "true"), (person, "false")])
@in_world()
async def test_the_url_is_told_once_while_the_document_runs(world: World, then: Any, found: str) -> None:
    world.serve("<Speak>one two three four five six</Speak>")
    call = Placed(world, then, url=FOUND)
    await call.over()
    assert [purpose for purpose, _ in told(world)] == ["answer", "machine-detection", "hangup"]
    answer, report, hangup = world.customer.requests
    assert "Machine" not in answer.parameters
    assert report.url == FOUND
    assert (report["Event"], report["Machine"], report["IfMachine"]) == ("MachineDetection", found, "continue")
    assert (report["CallStatus"], report["Direction"]) == ("in-progress", "outbound")
    assert {report[name] for name in ("CallUUID", "ALegUUID", "RequestUUID", "ALegRequestUUID")} == {call.uuid}
    assert (report["From"], report["To"]) == ("14155550100", ALICE)
    assert hangup.parameters.get("Machine") == ("true" if found == "true" else None)
    assert [heard.sound for heard in world.exchange.leg(ALICE).heard] == ["speech: one two three four five six"]


@in_world()
async def test_the_url_is_told_and_then_the_machine_is_hung_up_on(world: World) -> None:
    world.serve('<Wait length="100" silence="true"/>')
    record = await Placed(world, machine, url=FOUND, method="GET", hangup=True).over()
    answer, report, hangup = world.customer.requests
    assert (report.purpose, report.method, report["IfMachine"], report["Machine"]) == (
        "machine-detection",
        "GET",
        "hangup",
        "true",
    )
    assert (hangup["Machine"], hangup["HangupCauseCode"]) == ("true", "9100")
    assert (record.hangup_cause_code, record.duration_s) == (9100, 2)
    assert answer["Event"] == "StartApp"


@in_world()
async def test_a_person_stays_although_machines_are_not_wanted(world: World) -> None:
    world.serve('<Wait length="20" silence="true"/>')
    record = await Placed(world, person, url=FOUND, hangup=True).over()
    assert told(world) == [("answer", None), ("machine-detection", "false"), ("hangup", None)]
    assert (record.hangup_cause_code, record.duration_s) == (4010, 20)


@in_world()
async def test_the_end_of_the_document_does_not_wait_for_a_verdict(world: World) -> None:
    world.serve("<Speak>Hi</Speak>")
    record = await Placed(world, silent, url=FOUND).over()
    assert told(world) == [("answer", None), ("hangup", None)]
    assert record.duration_s == 1


@in_world()
async def test_a_transfer_does_not_stop_it(world: World) -> None:
    world.serve('<Wait length="100" silence="true"/>')
    world.customer.pages["https://app.example/elsewhere"] = '<Wait length="10" silence="true"/>'
    call = Placed(world, silent, url=FOUND)
    await world.sleep(3)
    call.running.transfer("https://app.example/elsewhere", "POST")
    await call.over()
    assert told(world) == [("answer", None), ("transfer", None), ("machine-detection", "true"), ("hangup", "true")]


# -- the legs of a Dial --------------------------------------------------------------------------------------------------------


def dial(wanted: str, *numbers: str, more: str = "") -> str:
    """A ``Dial`` that is told of."""
    called = "".join(f"<Number>{each}</Number>" for each in numbers)
    return f'<Dial machineDetection="{wanted}" callbackUrl="/cb" action="/done" redirect="false" {more}>{called}</Dial>'


def reports(world: World) -> list[tuple[str, str, str | None]]:
    """Of which leg, what, and ``Machine``."""
    return [(each["DialBLegTo"], each["DialAction"], each.parameters.get("Machine")) for each in world.customer.asked("callback")]


@pytest.mark.parametrize(("then", "found"), [(machine, "true"), (person, "false")])
@in_world()
async def test_a_leg_is_connected_at_once_and_connected_says_who_it_is(world: World, then: Any, found: str) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1, then=then, hangs_up_s=20)
    call = await world.dial_in(dial("true", ALICE))
    await world.sleep(1.2)
    assert call.caller.talks_with is world.exchange.leg(ALICE)
    assert reports(world) == [(ALICE, "answer", None)]
    await world.sleep(5)
    assert reports(world)[1:] == [(ALICE, "connected", found)]
    await call.over()
    assert reports(world)[2:] == [(ALICE, "hangup", found)]
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    kinds = [row.kind for row in world.ledger.timeline(leg.call_uuid)]
    assert "answerer-judged" in kinds


@in_world()
async def test_what_follows_does_not_overtake_the_report_that_waits(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1, then=machine, hangs_up_s=1)
    world.exchange.people[BOB] = Answers(after_s=100)
    call = await world.dial_in(dial("true", ALICE, BOB))
    await call.over()
    mine = [each for each in reports(world) if each[0] == ALICE]
    assert mine == [(ALICE, "answer", None), (ALICE, "connected", None), (ALICE, "hangup", None)]


@in_world()
async def test_other_legs_do_not_hurry_the_report_that_waits(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1, then=person, hangs_up_s=9)
    world.exchange.people[BOB] = Answers(after_s=100)
    call = await world.dial_in(dial("true", ALICE, BOB))
    await call.over()
    assert (ALICE, "connected", "false") in reports(world)
    assert (BOB, "hangup", None) in reports(world)


@in_world()
async def test_a_machine_on_a_leg_is_dropped_and_counts_as_nobody(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1, then=machine)
    call = await world.dial_in(dial("hangup", ALICE) + "<Speak>Nobody</Speak>")
    await call.over()
    assert reports(world) == [(ALICE, "hangup", "true")]
    [hangup] = world.customer.asked("callback")
    assert (hangup["DialBLegHangupCauseCode"], hangup["DialBLegHangupSource"]) == ("9100", "Plivo")
    [done] = world.customer.asked("action")
    assert (done["DialStatus"], done["DialHangupCause"], done["DialBLegUUID"]) == ("no-answer", "NO_ANSWER", "")
    assert (call.caller.talked_with, call.heard) == ([], ["speech: Nobody"])
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid]
    assert (leg.call_status, leg.hangup_cause_code, leg.hangup_source) == ("no-answer", 9100, "Plivo")


@in_world()
async def test_where_a_machine_answers_first_the_person_behind_it_is_connected(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1, then=machine)
    world.exchange.people[BOB] = Answers(after_s=6, then=person, hangs_up_s=9)
    call = await world.dial_in(dial("hangup", ALICE, BOB))
    await world.sleep(7.2)
    assert call.caller.talks_with is None
    await call.over()
    assert call.caller.talked_with == [world.exchange.leg(BOB)]
    assert reports(world) == [
        (ALICE, "hangup", "true"),
        (BOB, "answer", "false"),
        (BOB, "connected", "false"),
        (BOB, "hangup", "false"),
    ]


@in_world()
async def test_only_a_person_is_asked_to_confirm(world: World) -> None:
    world.serve({"ask": "<Speak>Take the call</Speak>"})
    world.exchange.people[ALICE] = Answers(after_s=1, then=machine)
    call = await world.dial_in(dial("hangup", ALICE, more='confirmSound="/ask"'))
    await call.over()
    assert world.exchange.leg(ALICE).heard == []
    assert world.customer.asked("confirmSound") == []


@in_world()
async def test_everybody_may_leave_while_a_leg_is_judged(world: World) -> None:
    world.exchange.people[ALICE] = Answers(after_s=1, then=silent, hangs_up_s=2)
    call = await world.dial_in(dial("hangup", ALICE))
    await call.over()
    assert reports(world) == [(ALICE, "hangup", None)]
    world.customer.requests.clear()
    world.exchange.people[ALICE] = Answers(after_s=1, then=silent)
    call = await world.dial_in(dial("hangup", ALICE))
    call.hang_up(after_s=3)
    await call.over()
    assert reports(world) == [(ALICE, "hangup", None)]
    [leg] = [each for each in world.ledger.records if each.parent_call_uuid == call.uuid]
    assert (leg.call_status, leg.hangup_cause_code) == ("cancel", 1000)
