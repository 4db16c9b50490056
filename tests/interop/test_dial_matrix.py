"""Every way in which a Dial can end, alone, beside another target and before another Dial, with and without an action URL: over
real SIP, with sipp as the one called, and every parameter compared.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from dialled.callees import Callee, listening
from dialled.outcomes import OUTCOMES, Leg, Outcome
from strangers.programs import free_ports, needed

from offhook.errors import LegGone
from offhook.legs import NotAnswered
from offhook.testing.live import Customer, NodeProcess, Reply, Seen, document, sweep_wav
from offhook.testing.live.phone import Phone, a_phone

AT_ONCE = 10
"""Calls at a time."""
NOT_FOUND = Leg(3050, "Unallocated number", "UNALLOCATED_NUMBER", "Carrier", "failed")
SHAPES = ("single", "simultaneous", "sequential")
ACTIONS = {"none": "", "takes over": 'action="/action" ', "notified": 'action="/action" redirect="false" '}


SERVER_FAILED = {5000, 5020, 3080, 3090}
"""Beside somebody who is not known the action URL is told of that one: the earlier row of the table in xml.md 9.6."""


@dataclass(frozen=True)
class Case:
    """One call."""

    number: str
    outcome: Outcome
    shape: str
    action: str

    def __str__(self) -> str:
        return f"{self.outcome.name}, {self.shape}, {self.action}"

    @property
    def cause(self) -> str:
        """``DialHangupCause``."""
        outranked = self.shape == "simultaneous" and self.outcome.leg.code in SERVER_FAILED
        return NOT_FOUND.cause if outranked else self.outcome.dial_cause


CASES = [
    Case(f"1415556{position:04d}", outcome, shape, action)
    for position, (outcome, shape, action) in enumerate(
        (outcome, shape, action) for outcome in OUTCOMES for shape in SHAPES for action in ACTIONS
    )
]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Callee]]:
    """Everybody who is called, by name; and ``missing``, whom nobody knows."""
    folder, sipp = tmp_path_factory.mktemp("callees"), needed("sipp", "sip-tester")
    wanted = {each.name: each.steps for each in OUTCOMES if each.steps}
    wanted |= {"missing": ("404", "ack"), "second": ("200", "ack", "wait:200", "bye")}
    started = [Callee(sipp, folder, name, free_ports(), *steps) for name, steps in wanted.items()]
    try:
        listening(started)
        yield {each.name: each for each in started}
    finally:
        for each in started:
            each.close()


def document_of(case: Case, people: dict[str, Callee]) -> Reply:
    """The answer document of a case."""
    outcome = case.outcome
    target = outcome.target or f"<User {outcome.user_attributes}>{people[outcome.name].user}</User>"
    if case.shape == "simultaneous":
        target += f"<User>{people['missing'].user}</User>"
    attributes = f'callbackUrl="/callback" sipHeaders="Case={case.number}" {ACTIONS[case.action]}{outcome.attributes}'
    dial = f"<Dial {attributes}>{target}</Dial>"
    if case.shape == "sequential":
        dial += f'<Dial callbackUrl="/second"><User>{people["second"].user}</User></Dial>'
    return document(dial)


@pytest.fixture(scope="module")
def told(_customer: Customer, node: NodeProcess, people: dict[str, Callee]) -> dict[str, list[Seen]]:
    """Every call is made; what the customer was asked, by the number called."""
    cases = {case.number: case for case in CASES}
    _customer.forget()
    _customer.says("/sweep.wav", Reply(sweep_wav(1.0), content_type="audio/wav"))
    _customer.says("/sound", document('<Play loop="0">/sweep.wav</Play>'))
    _customer.says("/action", document('<Hangup reason="busy"/>'))
    _customer.says("/answer", lambda seen: document_of(cases[seen["To"]], people))
    asyncio.run(_call_all(node))
    _customer.wait_for("/hangup", count=len(CASES), timeout_s=120)
    seen: dict[str, list[Seen]] = {case.number: [] for case in CASES}
    for each in _customer.seen:
        if each.parameters.get("To") in seen:
            seen[each["To"]].append(each)
    return seen


async def _call_all(node: NodeProcess) -> None:
    turn = asyncio.Semaphore(AT_ONCE)
    async with a_phone() as phone, asyncio.TaskGroup() as group:
        for case in CASES:
            group.create_task(_call(phone, node, case, turn))


async def _call(phone: Phone, node: NodeProcess, case: Case, turn: asyncio.Semaphore) -> None:
    async with turn, asyncio.timeout(180):
        for _ in range(60):
            if not await _refused_as_busy(phone, node, case):
                return
            await asyncio.sleep(1)


async def _refused_as_busy(phone: Phone, node: NodeProcess, case: Case) -> bool:
    """Make the call; whether it has to be made again, because the machine is so busy that the node takes no more of them."""
    async with phone.dial(node.uri(case.number)) as leg:
        try:
            if case.outcome.caller == "leaves":
                await asyncio.wait(
                    [asyncio.ensure_future(leg.rang.wait()), asyncio.ensure_future(leg.ended())],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if leg.rang.is_set():
                    await asyncio.sleep(0.5)
                    return False
            await leg.wait_answered()
            if case.outcome.caller:
                await asyncio.sleep(0.5)
            if case.outcome.caller != "hangs up":
                await leg.send_digits(case.outcome.caller)
                await leg.ended()
        except NotAnswered as refused:
            return refused.status == 503
        except LegGone:
            pass
        return False


def dial_parameters(seen: Seen) -> dict[str, str]:
    """What a request says about the Dial."""
    return {name: value for name, value in seen.parameters.items() if name.startswith(("Dial", "X-PH"))}


def of(seen: list[Seen], path: str) -> list[Seen]:
    """Those of one path."""
    return [each for each in seen if each.path == path]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_action_url(case: Case, told: dict[str, list[Seen]], node: NodeProcess) -> None:
    seen, outcome = told[case.number], case.outcome
    asked = of(seen, "/action")
    if case.action == "none":
        assert asked == []
        return
    [action] = asked
    call_uuid, legs = action["CallUUID"], legs_of(node, action["CallUUID"])
    answered = [leg["call_uuid"] for leg in legs if leg["answer_time"] is not None]
    assert dial_parameters(action) == {
        "DialStatus": outcome.dial_status,
        "DialRingStatus": "true" if outcome.leg.rang else "false",
        "DialHangupCause": case.cause,
        "DialALegUUID": call_uuid,
        "DialBLegUUID": answered[0] if outcome.leg.answered else "",
    }
    gone = outcome.caller in {"leaves", "hangs up"}
    status = "completed" if gone else "in-progress" if outcome.leg.connected else "ringing"
    assert (action.method, action["Event"], action["CallStatus"], action["Direction"]) == ("POST", "Redirect", status, "inbound")
    assert ("HangupCause" in action.parameters) == gone


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_callbacks(case: Case, told: dict[str, list[Seen]], node: NodeProcess, people: dict[str, Callee]) -> None:
    seen, outcome = told[case.number], case.outcome
    callbacks = of(seen, "/callback")
    call_uuid = seen[0]["CallUUID"]
    by_position: dict[str, list[Seen]] = {"1": [], "2": []}
    for each in callbacks:
        by_position[each["DialBLegPosition"]].append(each)
    leg = outcome.leg
    wanted = ["answer"] * leg.answered + ["connected"] * leg.connected + ["hangup"]
    assert [each["DialAction"] for each in by_position["1"]] == wanted
    assert [each["DialAction"] for each in by_position["2"]] == ["hangup"] * (case.shape == "simultaneous")
    shown = people[outcome.name].user if outcome.steps else outcome.target.partition(">")[2].partition("<")[0].partition(";")[0]
    for each in by_position["1"]:
        check_callback(each, case, leg, call_uuid, shown)
    for each in by_position["2"]:
        check_callback(each, case, NOT_FOUND, call_uuid, people["missing"].user)


def check_callback(seen: Seen, case: Case, leg: Leg, call_uuid: str, shown: str) -> None:
    action = seen["DialAction"]
    told = dial_parameters(seen)
    uuid = told.pop("DialBLegUUID")
    assert (len(uuid) == 36) if leg.answered else (len(uuid) in {0, 36})
    wanted = {
        "DialAction": action,
        "DialBLegStatus": action,
        "DialALegUUID": call_uuid,
        "DialBLegFrom": "14155550100",
        "DialBLegTo": shown,
        "DialBLegPosition": seen["DialBLegPosition"],
        "DialBLegBillRate": "0.00000",
        "X-PH-Case": case.number,
    }
    if action == "hangup":
        duration = told.pop("DialBLegDuration")
        assert 0 <= int(duration) <= (5 if leg.answered else 0)
        wanted |= {
            "DialBLegBillDuration": "60" if int(duration) else "0",
            "DialBLegHangupCause": leg.cause,
            "DialBLegHangupCauseName": leg.name,
            "DialBLegHangupCauseCode": str(leg.code),
            "DialBLegHangupSource": leg.source,
        }
    assert told == wanted
    events = {"answer": "DialAnswer", "connected": "DialConnected", "hangup": "DialHangup"}
    assert (seen.method, seen["Event"], seen["CallUUID"]) == ("POST", events[action], call_uuid)
    assert seen["STIRVerification"] == "Not Applicable"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_end_of_the_call(case: Case, told: dict[str, list[Seen]], node: NodeProcess) -> None:
    seen, outcome = told[case.number], case.outcome
    [hangup] = of(seen, "/hangup")
    assert hangup["CallStatus"] == "completed"
    gone = outcome.caller in {"leaves", "hangs up"}
    second = of(seen, "/second")
    reached = case.shape == "sequential" and case.action != "takes over" and not gone
    assert [each["DialAction"] for each in second] == (["answer", "connected", "hangup"] if reached else [])
    if gone:
        cause = "ORIGINATOR_CANCEL" if outcome.caller == "leaves" else "NORMAL_CLEARING"
        wanted = ("4000", cause, "Caller")
    elif case.action == "takes over":
        wanted = ("3010", "USER_BUSY", "Answer XML")
    else:
        raw = (
            "NORMAL_CLEARING"
            if reached or outcome.leg.connected
            else NOT_FOUND.cause
            if case.cause == NOT_FOUND.cause
            else outcome.leg.cause
        )
        wanted = ("4010", raw, "Plivo")
    assert (hangup["HangupCauseCode"], hangup["HangupCause"], hangup["HangupSource"]) == wanted
    legs = legs_of(node, hangup["CallUUID"])
    assert len(legs) == 1 + (case.shape == "simultaneous") + reached
    first = (
        legs[0] if case.shape != "simultaneous" else next(each for each in legs if each["hangup_cause_code"] == outcome.leg.code)
    )
    said = (first["call_status"], first["hangup_cause_code"], first["hangup_cause_name"], first["hangup_source"])
    assert said == (outcome.leg.status, outcome.leg.code, outcome.leg.name, outcome.leg.source)
    assert all(each["direction"] == "outbound" for each in legs)


_legs: dict[str, dict[str, list[dict[str, object]]]] = {}


def legs_of(node: NodeProcess, call_uuid: str) -> list[dict[str, object]]:
    """The records of the B legs of a call, in the order of their beginning."""
    if str(node.data) not in _legs:
        found: dict[str, list[dict[str, object]]] = {}
        for record in node.records():
            if record.parent_call_uuid is not None:
                found.setdefault(record.parent_call_uuid, []).append({name: getattr(record, name) for name in record.__slots__})
        _legs[str(node.data)] = found
    return sorted(_legs[str(node.data)].get(call_uuid, []), key=lambda each: (each["initiation_time"], each["call_uuid"]))


def test_sipp_met_nothing_that_it_did_not_expect(told: dict[str, list[Seen]], people: dict[str, Callee]) -> None:
    assert {name: each.troubles()[-1000:] for name, each in people.items() if each.troubles()} == {}, json.dumps(len(told))
