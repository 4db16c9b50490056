"""The server side of the core, against a peer that sends exactly what a test wants (RFC 3261 sections 8.2, 9.2, 12 to 15)."""

from __future__ import annotations

import pytest

from offhook.events import Event, SipReceived, SipSent
from offhook.sip import Acknowledged, Address, Cancelled, Ended, InfoReceived, Lost, Reanswered, Reinvited, Request, Response
from offhook.sip.transaction import MOST_REPEATS_TOLD

ANSWER = b"v=0\r\nanswer\r\n"


def status(messages: list) -> list:
    return [each.status if isinstance(each, Response) else each.method for each in messages]


def test_a_call_rings_is_answered_and_ends_with_the_callers_bye(peer, net) -> None:
    invite = peer.dial()
    before = len(net.log)
    invite.ring()
    invite.progress(b"early")
    invite.accept(ANSWER)
    assert status(peer.said(before)) == [180, 183, 200]
    tags = {each.to.tag for each in peer.said(before)}
    assert tags == {invite.local_tag}
    ok = peer.said(before)[-1]
    assert ok.contact is not None
    assert ok.header("Allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER"
    assert ok.header("content-type") == "application/sdp"
    peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
    assert peer.send(peer.request("BYE", branch="z9hG4bKbye", cseq=2, to_tag=invite.local_tag, more="Reason: Q.850;cause=16\r\n"))
    assert invite.take_events() == [Acknowledged(b""), Ended("Q.850;cause=16")]
    net.run(70)
    assert not peer.core.transactions
    assert not peer.core.dialogs
    assert not peer.core.merged


def test_the_200_is_repeated_until_the_ack_over_udp_and_tcp_alike(make_peer, net) -> None:
    for transport in ("udp", "tcp"):
        peer = make_peer()
        peer.transport = transport
        invite = peer.answered(acked=False)
        start = len(net.log)
        net.run(4)
        assert status(peer.said(start)) == [200, 200, 200]  # after 0.5, 1.5 and 3.5 s
        peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
        start = len(net.log)
        net.run(10)
        assert peer.said(start) == []


def test_a_200_that_is_never_acknowledged_ends_in_lost_and_a_bye(peer, net) -> None:
    invite = peer.answered(acked=False)
    net.run(33)
    assert isinstance(invite.take_events()[-1], Lost)
    assert "BYE" in net.said("BYE")
    net.run(100)
    assert not peer.core.dialogs
    assert not peer.core.transactions


def test_a_bye_of_ours_waits_for_the_ack(peer, net) -> None:
    invite = peer.answered(acked=False)
    invite.bye([("Reason", "Q.850;cause=16")])
    net.run(1)
    assert net.said("BYE") == []
    before = len(net.log)
    peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
    (bye,) = peer.said(before)
    assert isinstance(bye, Request)
    assert bye.method == "BYE"
    assert bye.header("reason") == "Q.850;cause=16"
    assert bye.uri_text == "sip:alice@192.0.2.1:5060"
    assert bye.from_.tag == invite.local_tag


def test_an_ack_of_another_request_does_not_stop_the_repeats(peer, net) -> None:
    invite = peer.answered(acked=False)
    peer.send(peer.request("ACK", branch="z9hG4bKother", cseq=7, to_tag=invite.local_tag))
    net.run(0.6)
    assert net.said("200") == ["200", "200"]


def test_byes_that_cross_are_both_answered(peer, net) -> None:
    invite = peer.answered()
    invite.bye()
    assert status(peer.send(peer.request("BYE", branch="z9hG4bKbye", cseq=2, to_tag=invite.local_tag))) == [200]
    net.run(70)
    assert not peer.core.dialogs


def test_a_bye_that_nobody_answers_is_done_after_32_s(peer, net) -> None:
    invite = peer.answered()
    invite.bye()
    net.run(31)
    assert peer.core.dialogs
    net.run(2)
    assert not peer.core.dialogs
    assert not peer.core.transactions.keys() - {key for key in peer.core.transactions if key[-1] == "INVITE"}


def test_a_cancelled_invite_gets_487_and_the_cancel_200(peer, net) -> None:
    invite = peer.dial()
    invite.ring()
    said = peer.send(peer.request("CANCEL", more='Reason: SIP;cause=200;text="elsewhere"\r\n'))
    assert status(said) == [200, 487]
    assert {each.to.tag for each in said} == {invite.local_tag}
    assert invite.take_events() == [Cancelled('SIP;cause=200;text="elsewhere"')]
    invite.accept(ANSWER)  # too late: nothing happens
    invite.refuse(486)
    invite.bye()
    assert status(peer.send(peer.request("CANCEL"))) == [200]  # the CANCEL came again
    assert status(peer.send(peer.request("ACK", to_tag=invite.local_tag))) == []
    net.run(40)
    assert not peer.core.transactions
    assert not peer.core.dialogs


def test_a_cancel_after_the_200_changes_nothing(peer) -> None:
    invite = peer.answered(acked=False)
    assert status(peer.send(peer.request("CANCEL"))) == [200]
    peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
    assert invite.take_events() == [Acknowledged(b"")]


def test_a_cancel_for_nothing_gets_481(peer) -> None:
    assert status(peer.send(peer.request("CANCEL"))) == [481]


def test_a_bye_before_the_answer_ends_the_invite_with_487(peer, net) -> None:
    invite = peer.dial()
    invite.ring()
    assert status(peer.send(peer.request("BYE", branch="z9hG4bKbye", cseq=2, to_tag=invite.local_tag))) == [200, 487]
    assert invite.take_events() == [Ended(None)]


def test_hanging_up_before_the_answer_refuses_the_invite(peer, net) -> None:
    invite = peer.dial()
    before = len(net.log)
    invite.bye()
    assert status(peer.said(before)) == [480]


def test_a_repeated_invite_makes_no_second_call(peer) -> None:
    peer.dial()
    peer.invites[0].ring()
    assert status(peer.send(peer.request(body=b"x"))) == [180]
    assert len(peer.invites) == 1


def test_the_same_invite_by_another_way_is_merged_with_482(peer, net) -> None:
    peer.dial()
    assert status(peer.send(peer.request(branch="z9hG4bKother"))) == [482]
    assert status(peer.send(peer.request(branch="z9hG4bKthird"))) == [482]
    assert len(peer.invites) == 1


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"method": "SUBSCRIBE"}, 405),
        ({"method": "REGISTER"}, 405),
        ({"uri": "nobody:knows"}, 416),
        ({"uri": "sip:bob@192.0.2.2?Route=%3Csip:x%3E"}, 400),
        ({"uri": "sip:"}, 400),
        ({"more": "Require: 100rel, x-new\r\n"}, 420),
        ({"more": "Accept: text/plain\r\n"}, 406),
        ({"body": b"x", "more": "Content-Type: text/plain\r\n"}, 415),
        ({"body": b"x", "more": "Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n"}, 415),
        ({"cseq_method": "BYE"}, 400),
        ({"to_tag": "unknown"}, 481),
        ({"method": "BYE", "to_tag": "unknown"}, 481),
        ({"method": "BYE"}, 481),
        ({"method": "INFO", "to_tag": "unknown"}, 481),
        ({"method": "OPTIONS"}, 200),
        ({"method": "OPTIONS", "more": "Require: x-new\r\n"}, 420),
    ],
)
def test_what_belongs_to_no_call_is_answered_and_leaves_no_trace(peer, more, expected) -> None:
    said = peer.send(peer.request(**more))
    assert status(said) == [expected]
    assert said[0].to.tag
    assert not peer.core.transactions
    assert not peer.core.dialogs
    assert not peer.core.timers
    assert peer.send(peer.request(**more))[0].to.tag == said[0].to.tag  # a repeat gets the very same answer


def test_a_refusal_names_what_is_allowed(peer) -> None:
    assert (
        peer.send(peer.request("SUBSCRIBE"))[0].header("allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER"
    )
    assert peer.send(peer.request(more="Require: a\r\nRequire: b\r\n"))[0].header("unsupported") == "a, b"
    assert peer.send(peer.request(body=b"x", more="Content-Type: text/x\r\n"))[0].header("accept") == "application/sdp"
    options = peer.send(peer.request("OPTIONS"))[0]
    assert options.header("allow")
    assert "application/sdp" in options.header("accept")
    assert options.header("supported") is not None


def test_hops_are_counted_for_calls_only(peer) -> None:
    def zero(method: str) -> bytes:
        return peer.request(method).replace(b"Max-Forwards: 70", b"Max-Forwards: 0")

    assert status(peer.send(zero("INVITE"))) == [483]
    assert status(peer.send(zero("OPTIONS"))) == [200]
    assert status(peer.send(zero("OPTIONS").replace(b"Forwards: 0", b"Forwards: 300"))) == [400]
    assert status(peer.send(zero("OPTIONS").replace(b"Forwards: 0", b"Forwards: 0000000000000300"))) == [400]


def test_the_sdp_of_a_multipart_body_is_found(peer) -> None:
    body = (
        b"--b1\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=x\r\n--b1--\r\n"
    )
    peer.send(peer.request(body=body, more='Content-Type: multipart/mixed;boundary="b1"\r\n'))
    assert peer.invites[0].request.description == b"v=0\r\no=x"
    body = body.replace(b"application/sdp", b"application/isup")
    said = peer.send(
        peer.request(body=body, call_id="2", branch="z9hG4bK2", more="Content-Type: multipart/mixed;boundary=b1\r\n")
    )
    assert status(said) == [415]


def test_an_invite_without_contact_gets_400(peer) -> None:
    said = peer.send(peer.request().replace(b"Contact: <sip:alice@192.0.2.1:5060>\r\n", b""))
    assert status(said) == [400]
    assert "Contact" in said[0].reason
    assert not peer.core.transactions


def test_too_many_transactions_are_refused_with_503(make_peer) -> None:
    peer = make_peer(max_transactions=1)
    peer.dial()
    said = peer.send(peer.request(call_id="2", branch="z9hG4bK2"))
    assert status(said) == [503]
    assert said[0].header("retry-after")


def test_a_request_out_of_order_gets_500(peer) -> None:
    invite = peer.answered()
    peer.send(peer.request("INFO", branch="z9hG4bKi5", cseq=5, to_tag=invite.local_tag))
    assert status(peer.send(peer.request("INFO", branch="z9hG4bKi4", cseq=4, to_tag=invite.local_tag))) == [500]
    assert status(peer.send(peer.request("INFO", branch="z9hG4bKtwin", cseq=5, to_tag=invite.local_tag))) == [500]
    assert status(peer.send(peer.request("BYE", branch="z9hG4bKi3", cseq=3, to_tag=invite.local_tag))) == [500]
    assert not invite.over


def test_a_wrong_from_tag_is_another_dialog(peer) -> None:
    invite = peer.answered()
    assert status(peer.send(peer.request("BYE", branch="z9hG4bKx", cseq=2, to_tag=invite.local_tag, from_tag="mallory"))) == [481]
    assert not invite.over


def test_info_reaches_the_owner_and_a_flood_of_it_is_slowed_down(peer) -> None:
    invite = peer.answered()
    answers = []
    for number in range(2, 80):
        body = b"Signal=5"
        said = peer.send(peer.request("INFO", branch=f"z9hG4bKi{number}", cseq=number, to_tag=invite.local_tag, body=body,
                                      more="Content-Type: application/dtmf-relay\r\n"))  # fmt: skip
        answers += status(said)
    assert answers.count(200) == 64
    assert set(answers) == {200, 500}
    assert invite.take_events()[0] == InfoReceived("application/dtmf-relay", b"Signal=5")


def test_a_reinvite_is_answered_and_acknowledged(peer) -> None:
    invite = peer.answered()
    peer.send(peer.request(branch="z9hG4bKr", cseq=2, to_tag=invite.local_tag, body=b"hold"))
    assert invite.take_events() == [Reinvited(b"hold")]
    invite.answer_reinvite(ANSWER)
    peer.send(peer.request("ACK", branch="z9hG4bKra", cseq=2, to_tag=invite.local_tag, body=b"late answer"))
    assert invite.take_events() == [Acknowledged(b"late answer")]
    assert invite.repeats is None


def test_a_reinvite_moves_the_remote_target(peer, net) -> None:
    invite = peer.answered()
    moved = peer.request(branch="z9hG4bKr", cseq=2, to_tag=invite.local_tag).replace(
        b"alice@192.0.2.1:5060>\r\n", b"moved@192.0.2.9>\r\n"
    )
    peer.send(moved)
    invite.answer_reinvite(ANSWER)
    peer.send(peer.request("ACK", branch="z9hG4bKra", cseq=2, to_tag=invite.local_tag))
    before = len(net.log)
    invite.bye()
    assert net.log[before][2] == Address("192.0.2.9", 5060)
    assert peer.said(before)[0].uri_text == "sip:moved@192.0.2.9"


def test_a_refused_reinvite_leaves_the_dialog_as_it_was(peer) -> None:
    invite = peer.answered()
    peer.send(peer.request(branch="z9hG4bKr", cseq=2, to_tag=invite.local_tag, body=b"odd"))
    invite.refuse_reinvite(488)
    peer.send(peer.request("ACK", branch="z9hG4bKr", cseq=2, to_tag=invite.local_tag))
    assert not invite.over
    assert status(peer.send(peer.request("BYE", branch="z9hG4bKb", cseq=3, to_tag=invite.local_tag))) == [200]


def test_a_second_reinvite_before_the_first_is_answered_gets_500_with_retry_after(peer) -> None:
    invite = peer.answered()
    peer.send(peer.request(branch="z9hG4bKr", cseq=2, to_tag=invite.local_tag))
    said = peer.send(peer.request(branch="z9hG4bKs", cseq=3, to_tag=invite.local_tag))
    assert status(said) == [500]
    assert said[0].header("retry-after")


def test_a_cancelled_reinvite_leaves_the_dialog_usable(peer) -> None:
    invite = peer.answered()
    peer.send(peer.request(branch="z9hG4bKr", cseq=2, to_tag=invite.local_tag))
    assert status(peer.send(peer.request("CANCEL", branch="z9hG4bKr", cseq=2, to_tag=invite.local_tag))) == [200, 487]
    invite.answer_reinvite(ANSWER)  # its owner did not know yet
    peer.send(peer.request(branch="z9hG4bKs", cseq=3, to_tag=invite.local_tag, body=b"again"))
    assert invite.take_events()[-1] == Reinvited(b"again")


def test_a_reinvite_while_ours_is_open_gets_491(peer) -> None:
    invite = peer.answered()
    invite.reinvite(b"ours")
    assert status(peer.send(peer.request(branch="z9hG4bKr", cseq=2, to_tag=invite.local_tag))) == [491]


def test_a_bye_during_a_reinvite_ends_both(peer) -> None:
    invite = peer.answered()
    peer.send(peer.request(branch="z9hG4bKr", cseq=2, to_tag=invite.local_tag))
    assert status(peer.send(peer.request("BYE", branch="z9hG4bKb", cseq=3, to_tag=invite.local_tag))) == [200, 487]


def test_our_reinvite_waits_for_the_ack_of_our_200_and_only_the_last_wish_counts(peer, net) -> None:
    invite = peer.answered(acked=False)
    invite.reinvite(b"first")
    invite.reinvite(b"second")
    assert net.said("INVITE") == []
    before = len(net.log)
    peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
    (ours,) = peer.said(before)
    assert ours.body == b"second"
    response = (
        f"SIP/2.0 200 OK\r\nVia: {ours.header('via')}\r\nFrom: {ours.header('from')}\r\nTo: {ours.header('to')}\r\n"
        f"Call-ID: {ours.call_id}\r\nCSeq: {ours.cseq}\r\nContent-Length: 3\r\n\r\nyes"
    )
    assert status(peer.send(response.encode())) == ["ACK"]
    assert invite.take_events()[-1] == Reanswered(200, b"yes")
    assert status(peer.send(response.encode())) == ["ACK"]  # the 200 came again
    assert invite.take_events() == []


def test_a_request_follows_the_record_route(peer, net) -> None:
    peer.send(peer.request(more="Record-Route: <sip:192.0.2.50;lr>, <sip:192.0.2.51:5070;lr>\r\n"))
    invite = peer.invites[0]
    invite.accept(ANSWER)
    assert net.messages("200")[0].items("record-route") == ["<sip:192.0.2.50;lr>", "<sip:192.0.2.51:5070;lr>"]
    peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
    before = len(net.log)
    invite.bye()
    bye = peer.said(before)[0]
    assert bye.items("route") == ["<sip:192.0.2.50;lr>", "<sip:192.0.2.51:5070;lr>"]
    assert bye.uri_text == "sip:alice@192.0.2.1:5060"
    assert net.log[before][2] == Address("192.0.2.50", 5060)


def test_a_strict_router_becomes_the_request_uri(peer, net) -> None:
    peer.send(peer.request(more="Record-Route: <sip:192.0.2.50>\r\nRecord-Route: <sip:192.0.2.51;lr>\r\n"))
    peer.invites[0].accept(ANSWER)
    peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=peer.invites[0].local_tag))
    before = len(net.log)
    peer.invites[0].bye()
    bye = peer.said(before)[0]
    assert bye.uri_text == "sip:192.0.2.50"
    assert bye.items("route") == ["<sip:192.0.2.51;lr>", "<sip:alice@192.0.2.1:5060>"]


def test_a_response_goes_back_to_where_the_request_came_from(peer, net) -> None:
    source = Address("203.0.113.7", 33333)
    peer.core.receive(peer.request("OPTIONS"), source)
    assert net.log[-1][2] == source
    via = peer.said()[-1].via
    assert via.parameter("received") == "203.0.113.7"
    assert via.parameter("rport") == "33333"
    peer.core.receive(peer.request("OPTIONS").replace(b";rport", b""), source)
    assert net.log[-1][2] == Address("203.0.113.7", 5060)  # without rport: the port of Via (section 18.2.2)


def test_a_provisional_response_is_said_again_each_minute(peer, net) -> None:
    peer.dial().ring()
    net.run(185)
    assert net.said("18") == ["180"] * 4
    peer.invites[0].refuse(486)
    net.run(1)
    assert net.said("486") == ["486", "486"]


def test_the_timeline_gets_every_message_with_its_repeats_also_those_from_before(peer, net) -> None:
    invite = peer.dial()
    invite.ring()
    seen: list[Event] = []
    invite.observe = seen.append
    peer.send(peer.request(body=b"again"))  # a repeat
    invite.refuse(486)
    net.run(3)  # repeats of the 486
    peer.send(peer.request("ACK", to_tag=invite.local_tag))
    peer.send(peer.request("ACK", to_tag=invite.local_tag))
    assert [(each.kind, each.message, each.repeat) for each in seen] == [  # type: ignore[attr-defined]
        ("sip-received", "INVITE", None),
        ("sip-sent", "180 Ringing", None),
        ("sip-received", "INVITE", 1),
        ("sip-sent", "486 Busy Here", None),
        ("sip-sent", "486 Busy Here", 1),
        ("sip-sent", "486 Busy Here", 2),
        ("sip-received", "ACK", None),
    ]


def test_repeats_of_a_message_are_told_until_there_are_more_than_any_honest_client_sends(peer, net) -> None:
    invite = peer.dial()
    seen: list[Event] = []
    invite.observe = seen.append
    for _ in range(100):
        peer.send(peer.request())
    repeats = [each.repeat for each in seen if isinstance(each, SipReceived)]
    assert repeats == [None, *range(1, MOST_REPEATS_TOLD + 1)]


def test_our_200_that_waits_for_its_ack_is_on_the_timeline_each_time(peer, net) -> None:
    invite = peer.dial()
    seen: list[Event] = []
    invite.observe = seen.append
    invite.accept(b"")
    net.run(3.6)  # at 0.5, 1.5 and 3.5 s (section 13.3.1.4)
    assert [each.repeat for each in seen if isinstance(each, SipSent)] == [None, 1, 2, 3]


def test_a_field_of_the_owners_cannot_bring_another_field(peer) -> None:
    invite = peer.dial()
    before = len(peer.net.log)
    invite.refuse(486, headers=[("Reason", "x\r\nEvil: 1\r\n\r\nbody")])
    refusal = peer.said(before)[0]
    assert refusal.header("evil") is None
    assert refusal.body == b""


def test_responses_stray_in_without_harm(peer) -> None:
    stray = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKnone\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"
    stray += b"Call-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    assert peer.send(stray) == []
    assert peer.send(stray.replace(b"INVITE", b"BYE")) == []
    assert peer.core.dropped == 2
