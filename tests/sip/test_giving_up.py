"""How long a request goes on from one server of a domain to the next, in virtual time."""

from __future__ import annotations

import pytest

from offhook.sip import Address, Answered, IncomingInvite, Lost, NameAddr, Refused, Uri
from offhook.sip.locating import LAST_TRY_S
from offhook.sip.transaction import TIMEOUT

CALLER = NameAddr.parse("<sip:alice@a.example>")
TARGET = Uri.parse("sip:bob@example.com")
SERVERS = [Address(f"192.0.2.{n}", 5060) for n in range(10, 15)]


@pytest.fixture
def caller(net, alice):
    """Somebody who knows five servers of example.com."""
    return net.core(alice, candidates=lambda _address, _choose, then: then(SERVERS, ""))


def asked(net) -> list[Address]:
    """The servers that an INVITE was sent to, in order."""
    return list(dict.fromkeys(to for _, _, to, data in net.log if data.startswith(b"INVITE")))


def test_two_servers_may_say_nothing_then_the_caller_is_told(net, caller, offer) -> None:
    out = caller.invite(TARGET, caller=CALLER, body=offer)
    net.run(2 * TIMEOUT - 1)
    assert out.take_events() == []
    net.run(2)
    [lost] = out.take_events()
    assert isinstance(lost, Lost)
    assert lost.why.startswith("timeout")
    assert "no time to try 3 more" in lost.why
    assert asked(net) == SERVERS[:2]
    assert not caller.transactions


def test_the_next_call_begins_with_those_that_have_not_failed(net, caller, offer) -> None:
    taken: list[IncomingInvite] = []
    net.core(SERVERS[3], lambda invite: (taken.append(invite), invite.accept(b"answer")))
    caller.invite(TARGET, caller=CALLER, body=offer)
    net.run(2 * TIMEOUT + 1)
    second = caller.invite(TARGET, caller=CALLER, body=offer)
    net.run(TIMEOUT + 1)
    assert asked(net) == SERVERS[:4]
    assert len(taken) == 1
    assert [type(event) for event in second.take_events()] == [Answered]


def test_all_that_refuse_at_once_are_tried(net, caller, offer) -> None:
    for server in SERVERS:
        net.core(server, lambda invite: invite.refuse(503))
    out = caller.invite(TARGET, caller=CALLER, body=offer)
    net.run(1)
    assert asked(net) == SERVERS
    [refused] = out.take_events()
    assert isinstance(refused, Refused)


@pytest.mark.parametrize(("rang_s", "servers"), [(LAST_TRY_S - 1, 2), (LAST_TRY_S + 1, 1)])
def test_a_server_that_rang_long_and_then_gives_up_is_the_last_one(net, caller, offer, rang_s, servers) -> None:
    calls: list[IncomingInvite] = []
    net.core(SERVERS[0], lambda invite: (calls.append(invite), invite.ring()))
    net.core(SERVERS[1], lambda invite: invite.accept(b"answer"))
    out = caller.invite(TARGET, caller=CALLER, body=offer)
    net.run(rang_s)
    calls[0].refuse(503)
    net.run(1)
    assert len(asked(net)) == servers
    assert isinstance(out.take_events()[-1], Answered if servers == 2 else Refused)


def test_no_request_waits_longer_than_one_more_silence_after_the_last_try(net, caller, offer) -> None:
    """The worst that can happen: the first server fails just in time for another to be begun with, and that one is silent."""
    calls: list[IncomingInvite] = []
    net.core(SERVERS[0], lambda invite: (calls.append(invite), invite.ring()))
    out = caller.invite(TARGET, caller=CALLER, body=offer)
    net.run(LAST_TRY_S - 1)
    calls[0].refuse(503)
    net.run(TIMEOUT + 1)
    assert isinstance(out.take_events()[-1], Lost)
    assert asked(net) == SERVERS[:2]
