"""Whom a Dial reaches, and as whom: numbers by a trunk, numbers of the node itself, endpoints, addresses. sipp is called."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dialled.callees import Callee, listening
from strangers.programs import LOOPBACK, free_ports, needed

from offhook.testing.live import Customer, NodeProcess, Reply, Seen, document
from offhook.testing.live.phone import call

TALKS = ("180", "200", "ack", "wait:300", "bye")
ENDPOINT = Path(__file__).parent.parent / "e2e" / "baresip_endpoint.py"
PASSWORD = "open sesame 1"


@pytest.fixture
def somebody(tmp_path: Path) -> Iterator[Callable[..., Callee]]:
    """Start those who are called."""
    started: list[Callee] = []

    def start(name: str, *steps: str) -> Callee:
        started.append(Callee(needed("sipp", "sip-tester"), tmp_path, name, free_ports(), *(steps or TALKS)))
        listening(started[-1:])
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def other_node(_customer: Customer, tmp_path: Path) -> Iterator[NodeProcess]:
    """A node of this test's own."""
    _customer.forget()
    started = NodeProcess(
        tmp_path / "data",
        *("--answer-url", _customer.url("/answer"), "--hangup-url", _customer.url("/hangup")),
        drain_s="2",
    )
    yield started
    started.stop()


def test_a_number_goes_by_a_trunk_with_what_the_document_says(
    other_node: NodeProcess, _customer: Customer, somebody: Callable[..., Callee]
) -> None:
    carrier = somebody("carrier")
    other_node.command("trunk", "add", "carrier", "--host", f"{LOOPBACK}:{carrier.port}", "--prefixes", "49", "--options-s", "0")
    time.sleep(3)  # the node looks for new trunks every two seconds
    dials = (
        '<Dial callerId="+1 (415) 555-0177" callerName="Shop" sipHeaders="Team=red"><Number>+49 30 123456</Number></Dial>'
        '<Dial callerId="none"><Number>4930123456</Number></Dial>'
    )
    _customer.says("/answer", document(dials))
    call(other_node.uri(), limit_s=30)
    shown, withheld = carrier.invites()
    assert shown["target"].startswith("sip:+4930123456@")
    assert shown["From"].startswith('"Shop" <sip:+14155550177@')
    assert "+14155550177" in shown["P-Asserted-Identity"]
    assert shown["X-PH-Team"] == "red"
    assert withheld["From"].startswith('"Anonymous" <sip:anonymous@anonymous.invalid>')
    assert (withheld["Privacy"], "+14155550100" in withheld["P-Asserted-Identity"]) == ("id", True)


def test_a_number_of_the_node_itself_is_a_call_of_its_own(other_node: NodeProcess, _customer: Customer) -> None:
    _customer.says("/answer", document('<Dial action="/done"><Number>4930777</Number></Dial>'))
    _customer.says("/inner", document("<Speak>Hello</Speak>"))
    _customer.says("/done", document("<Hangup/>"))
    other_node.route("4930777", _customer.url("/inner"), hangup_url=_customer.url("/inner-hangup"))
    call(other_node.uri(), limit_s=30)
    [done], [inner] = _customer.wait_for("/done", timeout_s=30), _customer.wait_for("/inner")
    [ended] = _customer.wait_for("/inner-hangup")
    assert (done["DialStatus"], done["DialRingStatus"], done["DialHangupCause"]) == ("completed", "true", "NORMAL_CLEARING")
    assert (inner["From"], inner["To"], inner["Direction"], inner["CallStatus"]) == (
        "14155550100",
        "4930777",
        "inbound",
        "ringing",
    )
    assert inner["CallUUID"] not in {done["CallUUID"], done["DialBLegUUID"]}
    assert (ended["HangupCauseCode"], ended["CallStatus"]) == ("4010", "completed")
    other_node.record_number(3)


def test_numbers_that_dial_each_other_come_to_an_end(other_node: NodeProcess, _customer: Customer) -> None:
    def dials(other: str) -> Callable[[Seen], Reply]:
        return lambda _seen: document(f'<Dial callbackUrl="/told"><Number>{other}</Number></Dial>')

    _customer.says("/ping", dials("4930002"))
    _customer.says("/pong", dials("4930001"))
    other_node.route("4930001", _customer.url("/ping"))
    other_node.route("4930002", _customer.url("/pong"))
    call(other_node.uri("4930001"), limit_s=30)
    told = _customer.wait_for("/told", count=11, timeout_s=20)
    assert len(told) == 11
    assert told[0]["DialBLegHangupCauseCode"] == "2060"


def test_a_caller_who_has_proved_who_it_is_has_its_headers_sent_raw(
    other_node: NodeProcess, _customer: Customer, somebody: Callable[..., Callee]
) -> None:
    bob = somebody("bob")
    user = f'<User sipHeaders="CustomerId=123">{bob.user}</User>'
    _customer.says("/alice", document(f'<Dial callbackUrl="/told" sipHeaders="Team=red,PH-x=1,Twilio-y=2">{user}</Dial>'))
    app = other_node.command("app", "add", "alice's", "--answer-url", _customer.url("/alice"))
    other_node.command("endpoint", "add", "alice", "--password", PASSWORD, "--app", app)
    server = f"{LOOPBACK}:{other_node.sip_port}"
    done = subprocess.run(
        [sys.executable, str(ENDPOINT), "alice", PASSWORD, server, "udp", f"sip:1@{server}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert '"answered": true' in done.stdout, done.stdout + done.stderr[-2000:]
    [invite] = bob.invites()
    assert (invite["X-CustomerId"], invite["X-Team"]) == ("123", "red")
    assert not any(name.startswith(("X-PH", "X-Twilio")) for name in invite)
    [*_, hangup] = _customer.wait_for("/told", count=3)
    assert (hangup["DialAction"], hangup["X-PH-CustomerId"], hangup["X-PH-Team"]) == ("hangup", "123", "red")


def test_an_address_shows_the_caller_as_it_is(
    other_node: NodeProcess, _customer: Customer, somebody: Callable[..., Callee]
) -> None:
    bob, carol = somebody("bob"), somebody("carol")
    _customer.says("/answer", document(f"<Dial><User>{bob.user}</User><User>{carol.user.removeprefix('sip:')}</User></Dial>"))
    call(other_node.uri(), limit_s=30)
    for each in (bob, carol):
        [invite] = each.invites()
        assert invite["target"] == each.user
        assert "sip:14155550100@" in invite["From"]
        assert "Privacy" not in invite


@pytest.mark.load
@pytest.mark.skipif(os.environ.get("OFFHOOK_LOAD") != "full", reason="waits 32 s for Timer B; make load does")
def test_a_far_end_that_does_not_answer_our_credentials(
    other_node: NodeProcess, _customer: Customer, somebody: Callable[..., Callee]
) -> None:
    mute = somebody("mute", "407", "ack", "again", "wait:40000", "603", "ack")
    user = f'<User sipAuthUsername="far" sipAuthPassword="far away 1">{mute.user}</User>'
    _customer.says("/answer", document(f'<Dial action="/done" callbackUrl="/told">{user}</Dial>'))
    _customer.says("/done", document("<Hangup/>"))
    call(other_node.uri(), limit_s=60)
    [done], [told] = _customer.wait_for("/done"), _customer.wait_for("/told")
    assert (done["DialStatus"], done["DialHangupCause"]) == ("timeout", "sip_auth_timeout")
    assert (told["DialBLegHangupCauseCode"], told["DialBLegHangupCauseName"]) == ("4250", "sip_auth_timeout")


def test_an_address_may_send_us_on(other_node: NodeProcess, _customer: Customer, somebody: Callable[..., Callee]) -> None:
    last = somebody("last")
    busy = somebody("busy", "486", "ack")
    elsewhere = f"302:<{last.user}>;q=0.2,<{busy.user}>;q=0.8"
    first = somebody("first", elsewhere, "ack")
    _customer.says("/answer", document(f'<Dial action="/done"><User>{first.user}</User></Dial>'))
    _customer.says("/done", document("<Hangup/>"))
    call(other_node.uri(), limit_s=60)
    [done] = _customer.wait_for("/done", timeout_s=60)
    assert (done["DialStatus"], done["DialRingStatus"]) == ("completed", "true")
    assert [len(each.invites()) for each in (first, busy, last)] == [1, 1, 1]
    assert [each.troubles() for each in (first, busy, last)] == ["", "", ""]


def test_an_address_that_sends_us_on_and_on(
    other_node: NodeProcess, _customer: Customer, somebody: Callable[..., Callee]
) -> None:
    fickle = somebody("fickle", "302:<sip:[call_number]@[local_ip]:[local_port]>", "ack")
    _customer.says("/answer", document(f'<Dial action="/done"><User>{fickle.user}</User></Dial>'))
    _customer.says("/done", document("<Hangup/>"))
    call(other_node.uri(), limit_s=60)
    [done] = _customer.wait_for("/done", timeout_s=60)
    assert (done["DialStatus"], len(fickle.invites())) == ("no-answer", 6)
