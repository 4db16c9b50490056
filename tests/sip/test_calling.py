"""The client side of the core: challenges, forks, CANCEL, late offers, glare (RFC 3261 sections 9.1, 13.2, 14.1, 22)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import pytest

from offhook.sip import (
    Acknowledged,
    Address,
    Answered,
    Cancelled,
    Core,
    Credentials,
    Ended,
    IncomingInvite,
    Lost,
    NameAddr,
    OutgoingInvite,
    Progressed,
    Rang,
    Reanswered,
    Refused,
    Reinvited,
    Request,
    Uri,
    parse_message,
)

CALLER = NameAddr.parse('"Alice" <sip:alice@a.example>')
TARGET = Uri.parse("sip:bob@192.0.2.2")
SDP = b"v=0\r\n"


class Caller:
    """Our core, and a far end played by the test: it answers the last request by hand."""

    def __init__(self, net, alice, **more) -> None:
        self.net = net
        self.core: Core = net.core(alice, **more)

    def dial(self, **more) -> OutgoingInvite:
        return self.core.invite(**{"target": TARGET, "caller": CALLER, "body": SDP, **more})

    def sent(self, method: str = "") -> list[Request]:
        messages = [parse_message(data) for _, _, _, data in self.net.log]
        return [each for each in messages if isinstance(each, Request) and each.method.startswith(method)]

    def reply(self, status: int, *, tag: str | None = "b", to: Request | None = None, body: bytes = b"", more: str = "") -> bytes:
        request = to or self.sent("INVITE")[-1]
        target = request.header("to") or ""
        shown = target if tag is None or ";tag=" in target else f"{target};tag={tag}"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        data = (
            f"SIP/2.0 {status} Because\r\nVia: {request.header('via')}\r\nFrom: {request.header('from')}\r\nTo: {shown}\r\n"
            f"Call-ID: {request.call_id}\r\nCSeq: {request.cseq}\r\nContact: <sip:bob-{tag}@192.0.2.2:5060>\r\n{more}{kind}"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self.core.receive(data, Address("192.0.2.2", 5060, request.via.transport.lower()))
        return data


@pytest.fixture
def caller(net, alice) -> Caller:
    return Caller(net, alice)


def test_a_call_rings_progresses_and_is_answered(caller) -> None:
    invite = caller.dial()
    caller.reply(100, tag=None)
    caller.reply(180)
    caller.reply(180)
    caller.reply(183, body=b"early")
    caller.reply(200, body=b"answer")
    rang, progressed, answered = invite.take_events()
    assert (rang, progressed) == (Rang(180), Progressed(183, b"early"))
    assert isinstance(answered, Answered)
    assert answered.body == b"answer"
    (ack,) = caller.sent("ACK")
    assert ack.uri_text == "sip:bob-b@192.0.2.2:5060"
    assert ack.cseq.number == 1
    assert ack.via.branch != caller.sent("INVITE")[0].via.branch
    assert ack.to.tag == invite.remote_tag == "b"


def test_the_ack_is_sent_again_for_each_repeat_of_the_200(caller) -> None:
    invite = caller.dial()
    caller.reply(200)
    caller.reply(200)
    first, second = caller.sent("ACK")
    assert first.to_bytes() == second.to_bytes()
    assert len(invite.take_events()) == 1


def test_the_answers_of_other_forks_are_acknowledged_and_hung_up(caller) -> None:
    invite = caller.dial()
    caller.reply(180, tag="one")
    caller.reply(180, tag="two")
    caller.reply(200, tag="two")
    caller.reply(200, tag="one")
    caller.reply(200, tag="one")  # repeated: only the ACK again
    assert [ack.to.tag for ack in caller.sent("ACK")] == ["two", "one", "one"]
    (bye,) = caller.sent("BYE")
    assert bye.to.tag == "one"
    assert bye.uri_text == "sip:bob-one@192.0.2.2:5060"
    caller.reply(200, to=bye)
    assert not invite.over
    assert invite.remote_tag == "two"
    assert len(caller.core.dialogs) == 1


def test_a_refusal_is_terminal_and_acknowledged(caller, net) -> None:
    invite = caller.dial()
    caller.reply(486)
    (refused,) = invite.take_events()
    assert isinstance(refused, Refused)
    assert refused.response.status == 486
    assert len(caller.sent("ACK")) == 1
    net.run(40)
    assert not caller.core.transactions
    assert not caller.core.dialogs


def test_nobody_there_is_lost_after_32_s(caller, net) -> None:
    invite = caller.dial()
    net.run(33)
    assert invite.take_events() == [Lost("timeout: no response came")]
    assert not caller.core.transactions


def test_a_cancel_waits_for_the_first_provisional_response(caller, net) -> None:
    invite = caller.dial()
    invite.cancel()
    invite.cancel()
    net.run(1)
    assert caller.sent("CANCEL") == []
    caller.reply(100, tag=None)
    caller.reply(180)
    (cancel,) = caller.sent("CANCEL")
    original = caller.sent("INVITE")[0]
    assert cancel.via.branch == original.via.branch
    assert cancel.cseq.number == original.cseq.number
    assert cancel.header("to") == original.header("to")
    caller.reply(200, to=cancel)
    caller.reply(487)
    assert invite.take_events() == [Cancelled()]
    net.run(40)
    assert not caller.core.transactions


def test_an_answer_that_crosses_the_cancel_is_hung_up(caller) -> None:
    invite = caller.dial()
    caller.reply(180)
    invite.cancel()
    caller.reply(200)
    assert [each.method for each in caller.sent()] == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert invite.take_events() == [Rang(180), Cancelled()]


def test_a_peer_that_never_sends_487_does_not_keep_the_invite(caller, net) -> None:
    invite = caller.dial()
    caller.reply(180)
    invite.cancel()
    net.run(33)
    assert invite.take_events()[-1] == Cancelled()
    net.run(40)
    assert not caller.core.transactions
    assert not caller.core.dialogs


def test_cancelling_an_answered_call_hangs_up(caller) -> None:
    invite = caller.dial()
    caller.reply(200)
    invite.cancel()
    assert len(caller.sent("BYE")) == 1


def test_a_challenge_is_answered_once_with_the_next_cseq(caller) -> None:
    invite = caller.dial(credentials=Credentials("alice", "secret"))
    caller.reply(180)
    caller.reply(407, more='Proxy-Authenticate: Digest realm="r", nonce="n1", qop="auth,auth-int", algorithm=MD5\r\n')
    first, second = caller.sent("INVITE")
    assert (second.cseq.number, second.call_id, second.from_.tag) == (2, first.call_id, first.from_.tag)
    assert second.to.tag is None
    assert second.via.branch != first.via.branch
    pairs = dict(re.findall(r'(\w+)="?([^",]+)"?', second.header("proxy-authorization") or ""))
    ha1 = hashlib.md5(b"alice:r:secret").hexdigest()
    ha2 = hashlib.md5(b"INVITE:sip:bob@192.0.2.2").hexdigest()
    text = f"{ha1}:n1:00000001:{pairs['cnonce']}:auth:{ha2}"
    assert pairs["response"] == hashlib.md5(text.encode()).hexdigest()
    caller.reply(200)
    assert caller.sent("ACK")[-1].header("proxy-authorization") == second.header("proxy-authorization")
    assert isinstance(invite.take_events()[-1], Answered)


def test_wrong_credentials_are_refused_and_a_stale_nonce_tried_once_more(caller) -> None:
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n{}", algorithm=SHA-256{}\r\n'
    invite = caller.dial(credentials=Credentials("alice", "secret"))
    caller.reply(401, more=challenge.format(1, ""))
    caller.reply(401, more=challenge.format(2, ", stale=true"))
    caller.reply(401, more=challenge.format(3, ", stale=true"))
    assert len(caller.sent("INVITE")) == 3
    assert isinstance(invite.take_events()[-1], Refused)


def test_a_challenge_without_credentials_is_a_refusal(caller) -> None:
    invite = caller.dial()
    caller.reply(401, more='WWW-Authenticate: Digest realm="r", nonce="n"\r\n')
    assert isinstance(invite.take_events()[0], Refused)


def test_a_challenged_bye_is_sent_with_credentials(caller) -> None:
    invite = caller.dial(credentials=Credentials("alice", "secret"))
    caller.reply(200)
    invite.bye()
    caller.reply(401, to=caller.sent("BYE")[0], more='WWW-Authenticate: Digest realm="r", nonce="n"\r\n')
    first, second = caller.sent("BYE")
    assert second.header("authorization")
    assert second.cseq.number == first.cseq.number + 1
    caller.reply(200, to=second)
    assert not caller.core.dialogs


def test_an_invite_without_offer_is_acknowledged_with_the_answer(caller, net) -> None:
    invite = caller.dial(body=b"")
    caller.reply(200, body=b"their offer")
    caller.reply(200, body=b"their offer")
    assert caller.sent("ACK") == []
    (answered,) = invite.take_events()
    assert isinstance(answered, Answered)
    invite.ack(b"our answer")
    invite.ack(b"again")
    (ack,) = caller.sent("ACK")
    assert ack.body == b"our answer"
    assert ack.header("content-type") == "application/sdp"


def test_hanging_up_before_that_answer_still_acknowledges(caller) -> None:
    invite = caller.dial(body=b"")
    caller.reply(200, body=b"their offer")
    invite.bye()
    assert [each.method for each in caller.sent()] == ["INVITE", "ACK", "BYE"]


def test_glare_is_tried_again_after_a_while(caller, net) -> None:
    invite = caller.dial()
    caller.reply(200)
    invite.reinvite(b"hold")
    caller.reply(491)
    before = net.now
    net.run(2)
    assert len(caller.sent("INVITE")) == 2
    net.run(2.1)
    third = caller.sent("INVITE")[2]
    at = next(at for at, _, _, data in net.log if parse_message(data).to_bytes() == third.to_bytes())
    assert 2.1 <= at - before <= 4.0  # the owner of the Call-ID (section 14.1)
    assert third.body == b"hold"
    caller.reply(200, body=b"held")
    assert invite.take_events()[-1] == Reanswered(200, b"held")


def test_glare_for_ever_is_told_in_the_end(caller, net) -> None:
    invite = caller.dial()
    caller.reply(200)
    invite.reinvite(b"hold")
    for _ in range(5):
        caller.reply(491)
        net.run(5)
    assert invite.take_events()[-1] == Reanswered(491, b"")
    assert not invite.over


def test_a_reinvite_to_a_dead_dialog_ends_it(caller, net) -> None:
    for status in (481, 408, 0):
        invite = caller.dial()
        caller.reply(200)
        invite.reinvite(b"hold")
        if status:
            caller.reply(status)
        else:
            net.run(33)
        assert isinstance(invite.take_events()[-1], Lost)
        assert caller.sent("BYE")[-1].call_id == invite.call_id


def test_a_bye_of_the_callee_ends_the_call(caller) -> None:
    invite = caller.dial()
    caller.reply(180)
    caller.reply(200)
    invite.take_events()
    lines = [
        "BYE sip:alice@192.0.2.1 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKx",
        "From: <sip:bob@192.0.2.2>;tag=b",
        f"To: <sip:alice@a.example>;tag={invite.local_tag}",
        f"Call-ID: {invite.call_id}",
        "CSeq: 9 BYE",
    ]
    bye = "\r\n".join([*lines, "Content-Length: 0", "", ""])
    caller.core.receive(bye.encode(), Address("192.0.2.2", 5060))
    assert invite.take_events() == [Ended(None)]
    assert not caller.core.dialogs


def test_a_long_request_goes_by_tcp_and_back_to_udp_when_nobody_listens_there(caller, net, bob) -> None:
    invite = caller.dial(body=b"x" * 1400)
    assert net.log[-1][2] == replace(bob, transport="tcp")
    assert caller.sent("INVITE")[0].via.transport == "TCP"
    caller.core.transport_failed(replace(bob, transport="tcp"), "transport: refused")
    assert net.log[-1][2] == bob
    assert caller.sent("INVITE")[1].via.transport == "UDP"
    assert invite.take_events() == []
    caller.core.transport_failed(bob, "transport: no route")
    assert invite.take_events() == [Lost("transport: no route")]


def test_a_named_transport_is_kept_however_long_the_request(caller, net) -> None:
    caller.dial(body=b"x" * 1400, transport="udp")
    caller.dial(body=b"x" * 1400, target=Uri.parse("sip:bob@192.0.2.2;transport=udp"))
    caller.dial(transport="tcp")
    assert [each.via.transport for each in caller.sent("INVITE")] == ["UDP", "UDP", "TCP"]


@pytest.mark.parametrize(
    "target", ["sips:bob@192.0.2.2", "sip:bob@192.0.2.2;transport=ws", "tel:+15550100", "mailto:bob@b.example"]
)
def test_what_cannot_be_reached_is_lost_at_once(caller, target) -> None:
    invite = caller.dial(target=Uri.parse(target))
    (lost,) = invite.take_events()
    assert isinstance(lost, Lost)
    assert "transport" in lost.why


def test_a_name_that_is_looked_up_can_be_cancelled_meanwhile(net, alice) -> None:
    waiting = []
    caller = Caller(net, alice, locate=lambda address, then: waiting.append((address, then)))
    invite = caller.dial(target=Uri.parse("sip:bob@b.example"))
    invite.cancel()
    assert invite.take_events() == [Cancelled()]
    waiting[0][1](Address("192.0.2.2", 5060), "")
    assert caller.sent() == []
    invite = caller.dial(target=Uri.parse("sip:bob@b.example"))
    waiting[1][1](None, "transport: the name b.example is not known")
    assert invite.take_events() == [Lost("transport: the name b.example is not known")]


def test_the_timeline_shows_each_message_of_the_call_and_its_repeats(caller) -> None:
    invite = caller.dial()
    caller.reply(180)
    seen = []
    invite.observe = seen.append
    caller.reply(180)
    caller.reply(200)
    caller.reply(200)
    invite.bye()
    caller.reply(200, to=caller.sent("BYE")[0])
    messages = [(each.message, each.repeat) for each in seen]
    assert messages[:4] == [("INVITE", None), ("180 Because", None), ("200 Because", None), ("ACK", None)]
    assert messages[4:] == [("200 Because", 1), ("BYE", None), ("200 Because", None)]


def test_an_invite_that_nobody_answers_is_on_the_timeline_as_often_as_it_was_sent(caller, net) -> None:
    invite = caller.dial()
    seen = []
    invite.observe = seen.append
    net.run(32.1)  # at 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s (section 17.1.1.2)
    assert [each.repeat for each in seen if each.message == "INVITE"] == [None, 1, 2, 3, 4, 5, 6]


def test_a_refusal_that_comes_again_is_on_the_timeline_again(caller) -> None:
    invite = caller.dial()
    seen = []
    invite.observe = seen.append
    caller.reply(486)
    caller.reply(486)
    assert [(each.message, each.repeat) for each in seen] == [
        ("INVITE", None),
        ("486 Because", None),
        ("ACK", None),
        ("486 Because", 1),
    ]


def test_a_200_without_a_usable_to_is_lost(caller) -> None:
    invite = caller.dial()
    caller.core.receive(
        caller.reply(180).replace(b"180 Because", b"200 OK").replace(b"To: <", b"To: <<"), Address("192.0.2.2", 5060)
    )
    assert isinstance(invite.take_events()[-1], Lost)


def test_two_cores_reinvite_at_once_and_both_get_through(net, alice, bob, offer, answer) -> None:
    incoming: list[IncomingInvite] = []
    net.core(bob, incoming.append)
    outgoing = net.core(alice).invite(TARGET, caller=CALLER, body=offer)
    net.run(0.1)
    incoming[0].accept(answer)
    net.run(0.1)
    outgoing.take_events(), incoming[0].take_events()
    outgoing.reinvite(b"hold")
    incoming[0].reinvite(b"move")
    answers = []
    for _ in range(100):
        net.run(0.1)
        for usage in (outgoing, incoming[0]):
            for event in usage.take_events():
                if isinstance(event, Reinvited):
                    usage.answer_reinvite(b"yes to " + event.body)
                elif not isinstance(event, Acknowledged):
                    answers.append(event)
    assert sorted(answers, key=str) == [Reanswered(200, b"yes to hold"), Reanswered(200, b"yes to move")]
    assert "491" in net.said("491")


def test_a_response_with_two_vias_is_not_ours(caller) -> None:
    invite = caller.dial()
    via = caller.sent("INVITE")[0].header("via") or ""
    data = caller.reply(100).replace(via.encode(), via.encode() + b", SIP/2.0/UDP 192.0.2.66;branch=z9hG4bKx", 1)
    caller.core.receive(data.replace(b" 100 ", b" 200 "), Address("192.0.2.2", 5060))
    assert invite.take_events() == []


def test_the_route_of_a_call_of_ours_is_the_record_route_backwards(caller, net) -> None:
    invite = caller.dial()
    caller.reply(200, more="Record-Route: <sip:192.0.2.61;lr>, <sip:192.0.2.60:5070;lr>\r\n")
    invite.bye()
    for request in (*caller.sent("ACK"), *caller.sent("BYE")):
        assert request.items("route") == ["<sip:192.0.2.60:5070;lr>", "<sip:192.0.2.61;lr>"]
        assert request.uri_text == "sip:bob-b@192.0.2.2:5060"
    assert net.log[-1][2] == Address("192.0.2.60", 5070)


def test_over_tcp_a_dialog_keeps_to_its_connection_while_that_stands(net, alice) -> None:
    open_connections = {Address("192.0.2.2", 5060, "tcp")}
    caller = Caller(net, alice, connected=open_connections.__contains__)
    for _ in range(2):
        invite = caller.dial(transport="tcp")
        # A Contact behind NAT: nobody could connect to it.
        request = caller.sent("INVITE")[-1]
        data = caller.reply(180).replace(b"180 Because", b"200 OK").replace(b"bob-b@192.0.2.2:5060", b"bob@10.0.0.5:40000")
        caller.core.receive(data, Address("192.0.2.2", 5060, "tcp"))
        invite.bye()
        assert caller.sent("BYE")[-1].uri_text == "sip:bob@10.0.0.5:40000"
        expected = Address("192.0.2.2", 5060, "tcp") if open_connections else Address("10.0.0.5", 40000, "tcp")
        assert net.log[-1][2] == expected
        assert request.contact is not None
        assert request.contact.uri.transport == "tcp"
        open_connections.clear()


# -- several servers of one destination (RFC 3263 section 4.3) ----------------------------------------------------
