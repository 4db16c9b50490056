"""Calls that move to another party: a phone's REFER, an INVITE that replaces a dialog, and trunks by their address."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.sip import Answered, Ended, NameAddr, Refused, Stack
from offhook.testing.live import Customer, NodeProcess, document, free_port

HERE = Path(__file__).parent
Start = Callable[..., NodeProcess]
OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"


def _node(start_node: Start, customer: Customer, host: str) -> NodeProcess:
    """A node that knows one trunk, on this machine, and nobody else."""
    node = start_node("--answer-url", customer.url("/answer"), "--hangup-url", customer.url("/hangup"), strangers="refuse")
    node.command("trunk", "add", "carrier", "--host", host, "--from", "127.0.0.1", "--options-s", "0")
    time.sleep(2.5)  # a running node looks for new trunks every two seconds
    return node


@pytest.mark.interop
def test_a_phone_transfers_its_caller_blindly_and_the_call_goes_on_with_the_other(
    start_node: Start, customer: Customer, sipp: str, tmp_path: Path
) -> None:
    port = free_port()
    node = _node(start_node, customer, f"127.0.0.1:{port}")
    customer.says("/answer", document('<Speak>Hello.</Speak><Wait length="2"/>'))
    common = ["-i", "127.0.0.1", "-mi", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "30", "-timeout_error"]
    with subprocess.Popen(
        [sipp, *common, "-sn", "uas", "-p", str(port), "-mp", "31000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as other:
        done = subprocess.run(
            [
                *(sipp, f"127.0.0.1:{node.sip_port}", *common, "-sf", str(HERE / "sipp" / "refer.xml"), "-s", "14155550199"),
                *("-p", str(free_port()), "-mp", "31100", "-trace_err"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        errors = "".join(each.read_text() for each in tmp_path.glob("*errors.log"))
        assert done.returncode == 0, done.stdout[-1500:] + errors + node.log.read_text()[-3000:]
        assert customer.requests("/hangup") == []  # the call lives
        assert other.wait(30) == 0  # the document has ended, and the platform hung up on whom the call had moved to
    record = node.record_number(1)
    notes = [str(row.facts.get("text", "")) for row in node.timeline(record.call_uuid)]
    assert any(note.startswith("transferred: the party is now") for note in notes), notes


def test_an_invite_that_replaces_a_dialog_takes_its_place_with_the_call_behind_it(start_node: Start, customer: Customer) -> None:
    node = _node(start_node, customer, "127.0.0.1")
    customer.says("/answer", document('<Speak>Hello.</Speak><Wait length="20"/>'))

    async def scene() -> None:
        async with AsyncExitStack() as opened, asyncio.timeout(20):
            phones = []
            for _ in range(2):
                phone = Stack(host="127.0.0.1", port=0, ids=Ids(), clock=Clock(), on_invite=lambda invite: invite.refuse(486))
                await phone.start()
                opened.push_async_callback(phone.aclose)
                phones.append(phone)
            caller = NameAddr.parse("<sip:14155550100@127.0.0.1>")
            first = phones[0].invite(node.uri(), caller=caller, body=OFFER.format(port=31200).encode())
            await _answered(first)
            unknown = phones[1].invite(
                node.uri(), caller=caller, body=OFFER.format(port=31300).encode(), headers=[("Replaces", "x;to-tag=1;from-tag=2")]
            )
            refused = [event async for event in unknown][-1]
            assert isinstance(refused, Refused)
            assert refused.response.status == 481
            replaces = f"{first.call_id};to-tag={first.remote_tag};from-tag={first.local_tag}"
            second = phones[1].invite(
                node.uri(), caller=caller, body=OFFER.format(port=31300).encode(), headers=[("Replaces", replaces)]
            )
            await _answered(second)
            assert isinstance([event async for event in first][-1], Ended)
            assert len(customer.requests("/answer")) == 1  # the same call
            assert customer.requests("/hangup") == []
            second.bye()
            await asyncio.to_thread(customer.wait_for, "/hangup")

    asyncio.run(scene())
    record = node.record_number(1)
    assert record.hangup_cause == "NORMAL_CLEARING"


async def _answered(out) -> None:
    async for event in out:
        if isinstance(event, Answered):
            return
    raise AssertionError("it was not answered")
