"""Calls that a node places, over real SIP: sipp is called, a customer's web server says what is done and is told how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dialled.callees import Callee, listening
from strangers.programs import LOOPBACK, free_ports, needed

from offhook.calls import Order, Placement
from offhook.ids import Ids
from offhook.node import Node, running
from offhook.records import Application, CallRecord
from offhook.settings import load
from offhook.testing.live import Customer, Seen, document

LIMIT_S = 60


@pytest.fixture
def somebody(tmp_path: Path) -> Iterator[Callable[..., Callee]]:
    """Start those who are called."""
    started: list[Callee] = []

    def start(name: str, *steps: str) -> Callee:
        started.append(Callee(needed("sipp", "sip-tester"), tmp_path, name, free_ports(), *steps))
        listening(started[-1:])
        return started[-1]

    yield start
    for each in started:
        each.close()


def place(folder: Path, customer: Customer, *targets: str, **wishes: object) -> list[CallRecord]:
    """Place calls, wait until all are over: their records in the order of their beginning."""

    async def story() -> list[CallRecord]:
        ports = free_ports()
        flags = {
            "data": str(folder / "data"),
            "sip": f"{LOOPBACK}:0",
            "http": f"{LOOPBACK}:0",
            "rtp_ports": f"{ports}-{ports + 7}",
        }
        async with asyncio.timeout(LIMIT_S), running(load(environment={}, flags={**flags, "allow_private_urls": "true"})) as node:
            node.parts.departures.ask([_placement(node, customer, target, wishes) for target in targets])
            found: list[CallRecord] = []
            while len(found) < len(targets):
                await asyncio.sleep(0.05)
                found = await node.parts.store.records(node.account.auth_id)
            return sorted(found, key=lambda record: record.initiation_time)

    return asyncio.run(story())


def _placement(node: Node, customer: Customer, target: str, wishes: dict[str, object]) -> Placement:
    uuid = Ids().call_uuid()
    application = Application(
        "", node.account.auth_id, "api", customer.url("/answer"), hangup_url=customer.url("/hangup"), fallback_url=None
    )
    order = Order(kind="user", target=target, from_number="14155550100", caller_name="Shop", headers={"Team": "red"})
    return Placement(
        call_uuid=uuid,
        request_uuid=uuid,
        order=order,
        application=application,
        ring_url=customer.url("/ring"),
        **wishes,  # type: ignore[arg-type]
    )


def told(seen: Seen) -> tuple[str, str, str]:
    """Event, CallStatus and Direction."""
    return seen["Event"], seen["CallStatus"], seen["Direction"]


def test_it_rings_is_answered_and_runs_its_document(tmp_path: Path, _customer: Customer, somebody: Callable[..., Callee]) -> None:
    _customer.forget()
    alice = somebody("alice", "180", "wait:200", "200", "ack", "bye?")
    _customer.says("/answer", document("<DTMF>12</DTMF>"))
    [record] = place(tmp_path, _customer, alice.user)
    [ring], [answer], [hangup] = (_customer.wait_for(path) for path in ("/ring", "/answer", "/hangup"))
    assert told(ring) == ("Ring", "ringing", "outbound")
    assert told(answer) == ("StartApp", "in-progress", "outbound")
    assert told(hangup) == ("Hangup", "completed", "outbound")
    assert {each["X-PH-Team"] for each in (ring, answer, hangup)} == {"red"}
    assert (record.direction, record.call_status, record.hangup_cause_code) == ("outbound", "completed", 4010)
    [invite] = alice.invites()
    assert (invite["From"].startswith('"Shop" <sip:14155550100@'), invite["X-PH-Team"]) == (True, "red")
    assert alice.troubles() == ""


def test_who_is_busy_does_not_answer_or_hangs_up(tmp_path: Path, _customer: Customer, somebody: Callable[..., Callee]) -> None:
    _customer.forget()
    busy, rings = somebody("busy", "486", "ack"), somebody("rings", "180", "cancelled")
    leaves = somebody("leaves", "180", "200", "ack", "wait:1200", "bye")
    _customer.says("/answer", document('<Wait length="30" silence="true"/>'))
    records = place(tmp_path, _customer, busy.user, rings.user, leaves.user, ring_timeout_s=2)
    ended = [(each.call_status, each.hangup_cause_code, each.hangup_cause, each.hangup_source) for each in records]
    assert ended == [
        ("busy", 3010, "USER_BUSY", "Callee"),
        ("no-answer", 6010, "NO_ANSWER", "Plivo"),
        ("completed", 4000, "NORMAL_CLEARING", "Callee"),
    ]
    assert sorted(each["CallStatus"] for each in _customer.wait_for("/hangup", count=3)) == ["busy", "completed", "no-answer"]
    assert len(_customer.requests("/answer")) == 1
    assert [each.troubles() for each in (busy, rings, leaves)] == ["", "", ""]


def test_an_answered_call_dials_somebody_and_the_two_talk(
    tmp_path: Path, _customer: Customer, somebody: Callable[..., Callee]
) -> None:
    _customer.forget()
    alice = somebody("alice", "180", "200", "ack", "bye?")
    bob = somebody("bob", "180", "200", "ack", "wait:800", "bye")
    _customer.says("/answer", document(f'<Dial action="/done" callerId="14155550177"><User>{bob.user}</User></Dial>'))
    _customer.says("/done", document("<Hangup/>"))
    place(tmp_path, _customer, alice.user)
    [done] = _customer.wait_for("/done")
    assert (done["DialStatus"], done["DialRingStatus"], done["Direction"]) == ("completed", "true", "outbound")
    assert bob.invites()[0]["From"].split("@")[0].endswith("sip:14155550177")
    assert (alice.troubles(), bob.troubles()) == ("", "")
