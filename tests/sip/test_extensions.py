"""Reliable provisional responses (RFC 3262), UPDATE (RFC 3311) and session timers (RFC 4028), both roles."""

from __future__ import annotations

import pytest

from offhook.sip import (
    Acknowledged,
    Answered,
    EarlyAnswer,
    Ended,
    IncomingInvite,
    Lost,
    NameAddr,
    Progressed,
    Rang,
    Refused,
    Reinvited,
    Request,
    Response,
    Uri,
)

CALLER = NameAddr.parse("<sip:alice@192.0.2.1>")
BOB_URI = Uri.parse("sip:bob@192.0.2.2")
CAN = "Supported: 100rel, timer\r\n"


def response(found: object) -> Response:
    assert isinstance(found, Response)
    return found


# -- 100rel as the one who is called -------------------------------------------------------------------------------


def test_early_media_is_said_again_until_its_prack(peer, offer, answer) -> None:
    peer.send(peer.request(body=offer, more=CAN))
    invite = peer.invites[-1]
    invite.progress(answer)
    peer.net.run(1.7)
    progressed = [each for each in peer.said() if isinstance(each, Response) and each.status == 183]
    assert len(progressed) == 3  # at once, after 0.5 s and after 1 s more
    assert {each.header("rseq") for each in progressed} == {progressed[0].header("rseq")}
    assert progressed[0].items("require") == ["100rel"]
    prack = f"RAck: {progressed[0].header('rseq')} 1 INVITE\r\n"
    assert (
        response(peer.send(peer.request("PRACK", branch="z9hG4bKp", cseq=2, to_tag=invite.local_tag, more=prack))[0]).status
        == 200
    )
    before = len(peer.net.log)
    peer.net.run(20)
    assert peer.said(before) == []
    assert (
        response(peer.send(peer.request("PRACK", branch="z9hG4bKq", cseq=3, to_tag=invite.local_tag, more=prack))[0]).status
        == 481
    )


def test_a_200_waits_for_the_prack_of_what_it_must_not_overtake(peer, offer, answer) -> None:
    peer.send(peer.request(body=offer, more=CAN))
    invite = peer.invites[-1]
    invite.progress(answer)
    invite.accept(answer)
    [progressed] = [each for each in peer.said() if isinstance(each, Response) and each.status == 183]
    prack = f"RAck: {progressed.header('rseq')} 1 INVITE\r\n"
    said = peer.send(peer.request("PRACK", branch="z9hG4bKp", cseq=2, to_tag=invite.local_tag, more=prack))
    assert sorted((response(each).status, response(each).cseq.method) for each in said) == [(200, "INVITE"), (200, "PRACK")]


def test_our_offer_goes_with_a_reliable_183_and_the_answer_comes_with_its_prack(peer, offer, answer) -> None:
    peer.send(peer.request(more=CAN))
    invite = peer.invites[-1]
    assert invite.reliable
    invite.progress(offer)
    [progressed] = [each for each in peer.said() if isinstance(each, Response) and each.status == 183]
    more = f"RAck: {progressed.header('rseq')} 1 INVITE\r\n"
    peer.send(peer.request("PRACK", branch="z9hG4bKp", cseq=2, to_tag=invite.local_tag, more=more, body=answer))
    assert invite.take_events() == [EarlyAnswer(answer)]


def test_who_never_acknowledges_is_told_so_and_the_call_is_over(peer, offer, answer) -> None:
    peer.send(peer.request(body=offer, more=CAN))
    invite = peer.invites[-1]
    invite.progress(answer)
    peer.net.run(40)
    assert response(peer.net.messages("504")[0]).cseq.method == "INVITE"
    peer.net.run(100)
    assert (peer.core.transactions, peer.core.dialogs) == ({}, {})


def test_without_100rel_nothing_changes_and_who_insists_gets_it_for_180_too(peer, offer, answer) -> None:
    invite = peer.dial()
    assert not invite.reliable
    invite.progress(answer)
    assert response(peer.said()[-1]).header("rseq") is None
    peer.send(peer.request(body=offer, call_id="c2", branch="z9hG4bKb2", more="Require: 100rel\r\n"))
    peer.invites[-1].ring()
    assert response(peer.said()[-1]).header("rseq") is not None


# -- 100rel as the one who calls, with the other side ours too -----------------------------------------------------


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_two_of_us_agree_on_early_media_and_the_call_over_a_network_that_loses(
    make_net, faults, alice, bob, offer, answer, loss
) -> None:
    net = make_net(faults(loss=loss), seed=7)
    calls: list[IncomingInvite] = []
    net.core(bob, calls.append)
    out = net.core(alice).invite(BOB_URI, caller=CALLER, body=offer)
    net.run(5)
    [call] = calls
    assert call.reliable
    call.ring()
    call.progress(answer)
    net.run(10)
    call.accept(answer)
    net.run(20)
    events = out.take_events()
    assert [type(each) for each in events if not isinstance(each, Rang)] == [Progressed, Answered]
    assert any(isinstance(each, Acknowledged) for each in call.take_events())
    assert net.messages("PRACK")
    call.bye()
    net.run(10)
    assert out.take_events() == [Ended(None)]
    net.run(100)
    assert all(not core.transactions and not core.dialogs for core in net.cores.values())


# -- UPDATE --------------------------------------------------------------------------------------------------------


def test_an_update_with_an_offer_is_answered_and_moves_the_target(peer, answer, offer) -> None:
    invite = peer.answered()
    peer.send(peer.request("UPDATE", branch="z9hG4bKu", cseq=3, to_tag=invite.local_tag, body=offer))
    assert invite.take_events() == [Reinvited(offer)]
    before = len(peer.net.log)
    invite.answer_reinvite(answer)
    [done] = peer.said(before)
    assert (response(done).status, done.body, response(done).cseq.method) == (200, answer, "UPDATE")
    peer.net.run(3)
    assert len(peer.said(before)) == 1  # no ACK is waited for


def test_an_update_without_a_body_is_a_sign_of_life(peer) -> None:
    invite = peer.answered()
    [done] = peer.send(peer.request("UPDATE", branch="z9hG4bKu", cseq=3, to_tag=invite.local_tag))
    assert response(done).status == 200
    assert done.contact is not None
    assert invite.take_events() == []


def test_an_update_is_refused_while_something_else_is_open(peer, offer) -> None:
    invite = peer.answered(acked=False)
    [glare] = peer.send(peer.request("UPDATE", branch="z9hG4bKu", cseq=3, to_tag=invite.local_tag, body=offer))
    assert response(glare).status == 491
    peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
    peer.send(peer.request("UPDATE", branch="z9hG4bKv", cseq=4, to_tag=invite.local_tag, body=offer))
    [second] = peer.send(peer.request("UPDATE", branch="z9hG4bKw", cseq=5, to_tag=invite.local_tag, body=offer))
    assert (response(second).status, second.header("retry-after") is not None) == (500, True)


# -- session timers ------------------------------------------------------------------------------------------------


def test_too_short_an_interval_is_refused_with_the_least_that_is_allowed(peer, offer) -> None:
    [refused] = peer.send(peer.request(body=offer, more="Supported: timer\r\nSession-Expires: 60\r\n"))
    assert (response(refused).status, refused.header("min-se")) == (422, "90")


@pytest.mark.parametrize(
    ("more", "told", "required"),
    [
        ("Supported: timer\r\nSession-Expires: 600\r\n", "600;refresher=uac", True),
        ("Supported: timer\r\nSession-Expires: 600;refresher=uas\r\n", "600;refresher=uas", False),
        ("Session-Expires: 600\r\n", "600;refresher=uas", False),
        ("Supported: timer\r\n", "1800;refresher=uac", True),
    ],
)
def test_what_is_agreed_to(peer, offer, answer, more, told, required) -> None:
    peer.send(peer.request(body=offer, more=more))
    peer.invites[-1].accept(answer)
    done = response(peer.said()[-1])
    assert (done.header("session-expires"), done.items("require") == ["timer"]) == (told, required)


def test_a_caller_that_promised_to_refresh_and_does_not_is_hung_up_on(peer, offer, answer) -> None:
    peer.send(peer.request(body=offer, more="Supported: timer\r\nSession-Expires: 90\r\n"))
    invite = peer.invites[-1]
    invite.accept(answer)
    peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
    invite.take_events()
    peer.net.run(50)
    peer.send(
        peer.request(
            "UPDATE", branch="z9hG4bKu", cseq=3, to_tag=invite.local_tag, more="Supported: timer\r\nSession-Expires: 90\r\n"
        )
    )
    peer.net.run(50)
    assert invite.take_events() == []
    peer.net.run(20)
    [lost] = invite.take_events()
    assert isinstance(lost, Lost)
    assert "session timer" in lost.why
    assert isinstance(peer.net.messages("BYE")[0], Request)


@pytest.mark.parametrize(("allow", "method"), [("INVITE, ACK, BYE, UPDATE", "UPDATE"), ("INVITE, ACK, BYE", "INVITE")])
def test_we_refresh_half_way_by_update_or_by_a_reinvite_with_the_same_description(peer, offer, answer, allow, method) -> None:
    peer.send(peer.request(body=offer, more=f"Session-Expires: 100\r\nAllow: {allow}\r\n"))
    invite = peer.invites[-1]
    invite.accept(answer)
    peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
    peer.net.run(49)
    assert peer.net.messages(method) == []
    peer.net.run(2)
    request = peer.net.messages(method)[0]
    assert request.body == (answer if method == "INVITE" else b"")
    assert (request.header("session-expires") or "").startswith(("100", "1800"))


def test_a_peer_that_knows_no_timers_is_looked_after_as_long_as_the_call_lives(peer, offer, answer) -> None:
    """Its 200 to a refresh says nothing of the timer, which we have promised to keep."""
    peer.send(peer.request(body=offer, more="Session-Expires: 100\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n"))
    invite = peer.invites[-1]
    invite.accept(answer)
    peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
    invite.take_events()
    for turn in range(1, 4):
        peer.net.run(51)
        updates = {each.cseq.number: each for each in peer.net.messages("UPDATE")}
        assert len(updates) == turn
        last = updates[max(updates)]
        fields = "".join(f"{name}: {last.header(name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
        peer.send(f"SIP/2.0 200 OK\r\n{fields}Content-Length: 0\r\n\r\n".encode())
    assert invite.take_events() == []
    peer.net.run(120)  # and now it is dead
    assert [type(each) for each in invite.take_events()] == [Lost]


def test_a_callee_that_wants_more_time_gets_it_and_the_call_lives(net, alice, bob, offer, answer) -> None:
    calls: list[IncomingInvite] = []
    callee = net.core(bob, calls.append)
    out = net.core(alice, session_s=120).invite(BOB_URI, caller=CALLER, body=offer)
    invite = parse_first(net)
    assert (invite.header("session-expires"), invite.header("min-se")) == ("120", "90")
    net.run(1)
    calls[0].refuse(422, headers=[("Min-SE", "300")])
    net.run(1)
    assert [each.header("session-expires") for each in net.messages("INVITE")][-1] == "300"
    calls[1].accept(answer)
    net.run(1)
    net.run(3600)
    assert [type(each) for each in out.take_events()] == [Answered]
    assert len(net.messages("UPDATE")) >= 20
    assert len(callee.dialogs) == 1
    refused = net.core(alice, session_s=120).invite(BOB_URI, caller=CALLER, body=offer)
    net.run(1)
    calls[2].refuse(422, headers=[("Min-SE", "100")])  # less than we asked for: nonsense
    net.run(1)
    assert isinstance(refused.take_events()[-1], Refused)


def parse_first(net) -> Request:
    found = net.messages("INVITE")[0]
    assert isinstance(found, Request)
    return found
