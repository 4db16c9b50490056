"""A second offer before the call is answered: by UPDATE (RFC 3311) and in a PRACK (RFC 3262 section 5); and what Contact says."""

from __future__ import annotations

import pytest

from offhook.sip import (
    Address,
    Answered,
    Cancelled,
    EarlyAnswer,
    NameAddr,
    Progressed,
    Rang,
    Reinvited,
    Request,
    Response,
    Uri,
    parse_message,
)

CAN = "Supported: 100rel, timer\r\n"
CHANGED = b"v=0\r\nchanged\r\n"
AGREED = b"v=0\r\nagreed\r\n"


def response(found: object) -> Response:
    assert isinstance(found, Response)
    return found


def ringing(peer, offer, answer, *, acknowledged: bool = True):
    """A call that comes in, with early media."""
    peer.send(peer.request(body=offer, more=CAN))
    invite = peer.invites[-1]
    invite.progress(answer)
    if acknowledged:
        prack(peer, invite)
    return invite


def prack(peer, invite, *, body: bytes = b"", cseq: int = 2):
    """Acknowledge the last provisional response; what is said to that."""
    last = [each for each in peer.said() if isinstance(each, Response) and each.header("rseq")][-1]
    more = f"RAck: {last.header('rseq')} 1 INVITE\r\n"
    return peer.send(peer.request("PRACK", branch=f"z9hG4bKp{cseq}", cseq=cseq, to_tag=invite.local_tag, more=more, body=body))


def update(peer, invite, *, cseq: int = 3, body: bytes = CHANGED, more: str = ""):
    return peer.send(peer.request("UPDATE", branch=f"z9hG4bKu{cseq}", cseq=cseq, to_tag=invite.local_tag, body=body, more=more))


def answers(said) -> list[tuple[int, str, bytes]]:
    return [(each.status, each.cseq.method, each.body) for each in said if isinstance(each, Response)]


# -- as the one who is called --------------------------------------------------------------------------------------


def test_an_offer_before_the_answer_is_answered_and_the_200_describes_nothing_any_more(peer, offer, answer) -> None:
    invite = ringing(peer, offer, answer)
    assert update(peer, invite) == []
    assert invite.take_events() == [Reinvited(CHANGED)]
    before = len(peer.net.log)
    invite.answer_reinvite(AGREED)
    invite.accept(answer)
    assert answers(peer.said(before)) == [(200, "UPDATE", AGREED), (200, "INVITE", b"")]
    assert invite.described == AGREED  # what a refresh by re-INVITE would repeat


def test_one_that_is_refused_leaves_what_was_agreed_before(peer, offer, answer) -> None:
    invite = ringing(peer, offer, answer)
    update(peer, invite)
    before = len(peer.net.log)
    invite.refuse_reinvite(488)
    invite.accept(answer)
    assert answers(peer.said(before)) == [(488, "UPDATE", b""), (200, "INVITE", answer)]


def test_a_200_waits_for_the_answer_to_an_open_offer(peer, offer, answer) -> None:
    invite = ringing(peer, offer, answer)
    update(peer, invite)
    before = len(peer.net.log)
    invite.accept(answer)
    assert peer.said(before) == []
    invite.answer_reinvite(AGREED)
    assert answers(peer.said(before)) == [(200, "UPDATE", AGREED), (200, "INVITE", b"")]


@pytest.mark.parametrize("end", ["refuse", "cancel", "bye"])
def test_an_open_offer_ends_with_the_call(peer, offer, answer, end) -> None:
    invite = ringing(peer, offer, answer)
    update(peer, invite)
    before = len(peer.net.log)
    invite.accept(answer)
    if end == "refuse":
        invite.refuse(486)
    elif end == "cancel":
        peer.send(peer.request("CANCEL"))
    else:
        peer.send(peer.request("BYE", branch="z9hG4bKb", cseq=9, to_tag=invite.local_tag))
    found = answers(peer.said(before))
    assert (487, "UPDATE", b"") in found
    assert (486 if end == "refuse" else 487, "INVITE", b"") in found
    assert not [each for each in found if each[:2] == (200, "INVITE")]
    peer.net.run(100)
    assert (peer.core.transactions, peer.core.dialogs) == ({}, {})


def test_an_offer_while_another_one_has_no_answer_comes_too_early(peer, offer, answer) -> None:
    peer.send(peer.request(body=offer, more=CAN))
    [unanswered] = update(peer, peer.invites[-1], cseq=2)
    assert (response(unanswered).status, unanswered.header("retry-after") is not None) == (500, True)
    # Without 100rel our 183 answers nothing: only the 200 does.
    peer.send(peer.request(body=offer, call_id="c2", branch="z9hG4bKb2"))
    plain = peer.invites[-1]
    plain.progress(answer)
    said = peer.send(peer.request("UPDATE", call_id="c2", branch="z9hG4bKu2", cseq=2, to_tag=plain.local_tag, body=offer))
    assert [status for status, _, _ in answers(said)] == [500]
    # An offer of ours is on its way.
    peer.send(peer.request(call_id="c3", branch="z9hG4bKb3", more=CAN))
    ours = peer.invites[-1]
    ours.progress(offer)
    said = peer.send(peer.request("UPDATE", call_id="c3", branch="z9hG4bKu3", cseq=2, to_tag=ours.local_tag, body=offer))
    assert [status for status, _, _ in answers(said)] == [491]


def test_a_sign_of_life_before_the_answer_starts_no_session_timer(peer, offer, answer) -> None:
    invite = ringing(peer, offer, answer)
    [done] = update(peer, invite, body=b"", more="Supported: timer\r\nSession-Expires: 90\r\n")
    assert (response(done).status, done.header("session-expires")) == (200, None)
    assert not invite.refreshing.running


def test_the_prack_of_an_answer_may_bring_another_offer(peer, offer, answer) -> None:
    invite = ringing(peer, offer, answer, acknowledged=False)
    invite.accept(answer)  # waits for the PRACK, and then for the answer to what that offers
    assert prack(peer, invite, body=CHANGED) == []
    assert invite.take_events() == [Reinvited(CHANGED)]
    before = len(peer.net.log)
    invite.answer_reinvite(AGREED)
    said = peer.said(before)
    assert answers(said) == [(200, "PRACK", AGREED), (200, "INVITE", b"")]
    assert (said[0].header("contact"), said[1].header("contact")) == (None, "<sip:bob@192.0.2.2:5060>")


def test_one_that_cannot_be_agreed_to_is_refused_and_the_call_goes_on(peer, offer, answer) -> None:
    invite = ringing(peer, offer, answer, acknowledged=False)
    prack(peer, invite, body=CHANGED)
    before = len(peer.net.log)
    invite.refuse_reinvite(488)
    peer.net.run(5)
    assert answers(peer.said(before)) == [(488, "PRACK", b"")]  # and the 183 is not repeated
    invite.accept(answer)
    assert answers(peer.said(before))[1:] == [(200, "INVITE", answer)]


def test_our_offer_is_answered_by_one_prack_and_the_next_one_offers(peer, offer, answer) -> None:
    peer.send(peer.request(more=CAN))
    invite = peer.invites[-1]
    invite.progress(offer)
    assert answers(prack(peer, invite, body=answer)) == [(200, "PRACK", b"")]
    invite.progress(offer)
    assert prack(peer, invite, body=CHANGED, cseq=3) == []
    assert invite.take_events() == [EarlyAnswer(answer), Reinvited(CHANGED)]


def test_an_offer_in_a_prack_before_ours_is_answered_is_refused(peer, offer) -> None:
    peer.send(peer.request(body=offer, more="Require: 100rel\r\n"))
    invite = peer.invites[-1]
    invite.ring()
    assert answers(prack(peer, invite, body=CHANGED)) == [(488, "PRACK", b"")]
    assert invite.take_events() == []


# -- as the one who calls ------------------------------------------------------------------------------------------


class Callee:
    """A far end that rings reliably and is played by hand."""

    def __init__(self, net, alice, offer) -> None:
        self.net = net
        self.core = net.core(alice)
        self.out = self.core.invite(Uri.parse("sip:bob@192.0.2.2"), caller=NameAddr.parse("<sip:alice@192.0.2.1>"), body=offer)
        [self.invite] = net.messages("INVITE")

    def say(self, status: int, *, tag: str = "b", body: bytes = b"", rseq: int = 0) -> None:
        more = f"Require: 100rel\r\nRSeq: {rseq}\r\n" if rseq else ""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self._send(
            f"SIP/2.0 {status} Because\r\nVia: {self.invite.header('via')}\r\nFrom: {self.invite.header('from')}\r\n"
            f"To: {self.invite.header('to')};tag={tag}\r\nCall-ID: {self.invite.call_id}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:{tag}@192.0.2.2>\r\n{more}{kind}Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )

    def ask(self, method: str, cseq: int, *, tag: str = "b", body: bytes = b"") -> list[Request | Response]:
        before = len(self.net.log)
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self._send(
            f"{method} sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK{tag}{cseq}\r\n"
            f"From: {self.invite.header('to')};tag={tag}\r\nTo: {self.invite.header('from')}\r\n"
            f"Call-ID: {self.invite.call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:elsewhere@192.0.2.9>\r\n"
            f"Max-Forwards: 70\r\n{kind}Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        return [parse_message(data) for _, _, _, data in self.net.log[before:]]

    def _send(self, data: bytes) -> None:
        self.core.receive(data, Address("192.0.2.2", 5060))


@pytest.fixture
def callee(net, alice, offer) -> Callee:
    return Callee(net, alice, offer)


def test_a_callee_changes_what_it_has_answered_reliably_and_its_200_says_no_more(callee, net, answer) -> None:
    callee.say(183, body=answer)  # not reliable: the answer is still to come
    assert [status for status, _, _ in answers(callee.ask("UPDATE", 1, body=CHANGED))] == [491]
    callee.say(183, body=answer, rseq=7)
    assert callee.ask("UPDATE", 2, body=CHANGED) == []
    before = len(net.log)
    callee.out.answer_reinvite(AGREED)
    [updated] = [parse_message(data) for _, _, _, data in net.log[before:]]
    assert (updated.body, updated.header("contact")) == (AGREED, "<sip:alice@192.0.2.1:5060>")
    callee.say(180, body=answer)
    callee.say(200, body=answer)
    *early, answered = callee.out.take_events()
    assert early == [Progressed(183, answer), Progressed(183, answer), Reinvited(CHANGED), Rang(180)]
    assert isinstance(answered, Answered)
    assert answered.body == b""
    assert net.messages("ACK")[0].uri_text == "sip:b@192.0.2.2"  # the 200 names the target, not what came before it


def test_what_one_fork_has_changed_is_nothing_to_another(callee, answer) -> None:
    callee.say(183, tag="one", body=answer, rseq=1)
    assert callee.ask("UPDATE", 1, tag="one", body=CHANGED) == []
    callee.out.answer_reinvite(AGREED)
    assert [status for status, _, _ in answers(callee.ask("UPDATE", 2, tag="two", body=CHANGED))] == [481]
    callee.say(180, tag="two")
    assert [status for status, _, _ in answers(callee.ask("UPDATE", 3, tag="two", body=CHANGED))] == [491]
    callee.say(200, tag="two", body=answer)
    answered = callee.out.take_events()[-1]
    assert isinstance(answered, Answered)
    assert answered.body == answer


def test_a_callee_s_open_offer_ends_with_our_call(callee, net, answer) -> None:
    callee.say(183, body=answer, rseq=1)
    callee.ask("UPDATE", 1, body=CHANGED)
    callee.out.cancel()
    callee.say(487)
    assert callee.out.take_events()[-1] == Cancelled()
    assert [each.cseq.method for each in net.messages("487") if isinstance(each, Response)] == ["UPDATE"]
    net.run(100)
    assert (callee.core.transactions, callee.core.dialogs) == ({}, {})


def test_a_provisional_response_that_says_the_same_with_a_new_number_is_acknowledged_too(callee, net, answer) -> None:
    callee.say(183, body=answer)
    for number in (7, 7, 8):
        callee.say(183, body=answer, rseq=number)
    assert [each.header("rack") for each in net.messages("PRACK")] == ["7 1 INVITE", "8 1 INVITE"]


# -- Contact -------------------------------------------------------------------------------------------------------


def test_one_contact_in_all_that_we_say_as_the_one_who_is_called(peer, offer, answer) -> None:
    invite = ringing(peer, offer, answer)
    invite.accept(answer)
    peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
    peer.send(peer.request(branch="z9hG4bKr", cseq=3, to_tag=invite.local_tag, body=offer))
    invite.answer_reinvite(answer)
    peer.send(peer.request("ACK", branch="z9hG4bKra", cseq=3, to_tag=invite.local_tag))
    update(peer, invite, cseq=4, body=b"")
    refer = peer.request("REFER", branch="z9hG4bKf", cseq=5, to_tag=invite.local_tag, more="Refer-To: <sip:c@192.0.2.3>\r\n")
    peer.send(refer)
    invite.take_events()[-1].referral.accept()
    invite.reinvite(offer)
    told = {
        (each.cseq.method, each.header("contact"))
        for each in peer.said()
        if isinstance(each, Request) or each.cseq.method in {"INVITE", "UPDATE", "REFER"}
    }
    assert told == {(method, "<sip:bob@192.0.2.2:5060>") for method in ("INVITE", "UPDATE", "REFER", "NOTIFY")}


def test_one_contact_in_all_that_we_say_as_the_one_who_calls(callee, net, offer, answer) -> None:
    callee.say(200, body=answer)
    assert callee.ask("INVITE", 1, body=CHANGED) == []
    callee.out.answer_reinvite(answer)
    callee.ask("ACK", 1)
    callee.out.reinvite(offer)
    said = [parse_message(data) for _, _, _, data in net.log]
    told = [each.header("contact") for each in said if each.cseq.method == "INVITE"]
    assert told == ["<sip:alice@192.0.2.1:5060>"] * 3
