"""A domain with several servers: the next one is called where one fails (RFC 3263 section 4.3)."""

from __future__ import annotations

from offhook.sip import Address, IncomingInvite, Lost, NameAddr, Refused, Uri

CALLER = NameAddr.parse('"Alice" <sip:alice@a.example>')


def _three_servers(net, alice, offer, *, alive: int, status: int | None = None):
    """A caller whose DNS has three servers; only one of them takes calls, the others refuse or say nothing."""
    servers = [Address(f"192.0.2.{10 + number}", 5060) for number in range(3)]
    taken: list[tuple[int, IncomingInvite]] = []

    def take(number: int, invite: IncomingInvite) -> None:
        if number == alive:
            taken.append((number, invite))
        elif status is not None:
            invite.refuse(status)

    for number, server in enumerate(servers):
        if number == alive or status is not None:
            net.core(server, lambda invite, number=number: take(number, invite))
    caller = net.core(alice, candidates=lambda _address, _choose, then: then(servers, ""))
    return caller, taken


def test_a_server_that_says_503_is_passed_over_and_comes_last_the_next_time(net, alice, offer) -> None:
    caller, taken = _three_servers(net, alice, offer, alive=2, status=503)
    for _ in range(2):
        out = caller.invite(Uri.parse("sip:bob@example.com"), caller=CALLER, body=offer)
        net.run(1)
        assert not [each for each in out.take_events() if isinstance(each, (Refused, Lost))]
    assert len(taken) == 2
    branches = {each.via.branch for each in net.messages("INVITE")}
    assert len(net.messages("INVITE")) == len(branches) == 4  # three the first time, one the second


def test_a_server_that_never_answers_is_given_up_for_the_next_one(net, alice, offer) -> None:
    caller, taken = _three_servers(net, alice, offer, alive=1)
    caller.invite(Uri.parse("sip:bob@example.com"), caller=CALLER, body=offer)
    net.run(31)
    assert taken == []
    net.run(2)
    assert len(taken) == 1


def test_what_is_said_of_the_number_is_not_asked_elsewhere_and_a_cancelled_call_neither(net, alice, offer) -> None:
    caller, _taken = _three_servers(net, alice, offer, alive=2, status=486)
    out = caller.invite(Uri.parse("sip:bob@example.com"), caller=CALLER, body=offer)
    net.run(1)
    [refused] = out.take_events()
    assert isinstance(refused, Refused)
    assert refused.response.status == 486
    assert len(net.messages("INVITE")) == 1
