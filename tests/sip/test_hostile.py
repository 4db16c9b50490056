"""What the fuzzer has found, each as the shortest story that shows it."""

from __future__ import annotations

import pytest

from offhook.sip import Address, Credentials, HeaderError, NameAddr, Request, Response, Uri, parse_message
from offhook.sip.transports import Framing

OFFER = b"v=0\r\n"
CALLER = NameAddr.parse("<sip:we@192.0.2.2>")


def statuses(messages) -> list[int]:
    return [each.status for each in messages if isinstance(each, Response)]


def requests(net, method: str) -> list[Request]:
    return [each for each in net.messages(method) if isinstance(each, Request)]


def answer(request: Request, status: int, *, tag: str = "b", more: str = "") -> bytes:
    return (
        f"SIP/2.0 {status} Because\r\nVia: {request.header('via')}\r\nFrom: {request.header('from')}\r\n"
        f"To: {request.header('to')};tag={tag}\r\nCall-ID: {request.call_id}\r\nCSeq: {request.cseq}\r\n"
        f"Contact: <sip:bob@192.0.2.1>\r\n{more}Content-Length: 0\r\n\r\n"
    ).encode("utf-8", "surrogateescape")


def test_hanging_up_answers_the_reinvite_that_is_open(peer, net) -> None:
    invite = peer.answered()
    peer.send(peer.request(branch="z9hG4bKre", cseq=2, to_tag=invite.local_tag, body=OFFER))
    before = len(net.log)
    invite.bye()
    assert statuses(peer.said(before)) == [487]
    net.run(200)
    assert not peer.core.transactions
    assert not peer.core.dialogs


def test_a_call_is_hung_up_once_while_a_reinvite_waits_for_its_ack(peer, net) -> None:
    invite = peer.answered()
    peer.send(peer.request(branch="z9hG4bKre", cseq=2, to_tag=invite.local_tag, body=OFFER))
    invite.answer_reinvite(OFFER)
    invite.bye()
    before = len(net.log)
    net.run(200)
    assert {each.cseq.number for each in requests(net, "BYE")} == {1}
    assert statuses(peer.said(before)) == []


def test_a_damaged_copy_of_an_open_invite_is_not_refused(peer) -> None:
    invite = peer.dial()
    assert peer.send(peer.request(body=OFFER)[:-1]) == []
    assert peer.send(peer.request(body=OFFER).replace(b"INVITE sip", b"IMVITE sip")) == []
    assert statuses(peer.send(peer.request(branch="z9hG4bKother", body=OFFER)[:-1])) == [400]
    assert not invite.over


def test_a_request_with_two_of_what_there_may_be_one_gets_an_answer_with_one(peer) -> None:
    twice = "".join(f"{name}: <sip:x@y>;tag=2\r\n" for name in ("From", "To", "f", "t")) + "Call-ID: 2\r\nCSeq: 2 INVITE\r\n"
    (response,) = peer.send(peer.request(body=OFFER, more=twice))
    assert response.status == 400
    for name in ("from", "to", "call-id", "cseq"):
        assert len(response.headers_all(name)) == 1


def test_a_telephone_number_is_made_of_what_a_user_is_made_of(peer) -> None:
    assert statuses(peer.send(peer.request(body=OFFER, uri="tel:a@b"))) == [400]
    assert not peer.invites


def test_a_method_that_nobody_knows_is_not_implemented(peer) -> None:
    assert statuses(peer.send(peer.request("NEWMETHOD"))) == [501]
    assert statuses(peer.send(peer.request("PUBLISH"))) == [405]


@pytest.mark.parametrize(
    "target", ["sip:alice@192.0.2.1?Route=%3Csip:x%3E", "sip:alice@192.0.2.1;method=BYE?x", "sip:alice@192.0.2.1"]
)
def test_a_request_uri_has_neither_header_fields_nor_a_method(peer, net, target) -> None:
    peer.send(peer.request(body=OFFER).replace(b"sip:alice@192.0.2.1:5060>", target.encode() + b">"))
    invite = peer.invites[0]
    invite.accept(OFFER)
    peer.send(peer.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
    invite.bye()
    assert requests(net, "BYE")[0].uri_text == "sip:alice@192.0.2.1"


def test_a_challenge_that_is_no_utf8_is_answered(peer, net) -> None:
    peer.core.invite(Uri.parse("sip:bob@192.0.2.1"), caller=CALLER, body=OFFER, credentials=Credentials("we", "secret"))
    challenge = 'WWW-Authenticate: Digest realm="\udcff", nonce="\udc80"\r\n'
    peer.send(answer(requests(net, "INVITE")[0], 401, more=challenge))
    first, second = requests(net, "INVITE")
    assert first.header("authorization") is None
    assert 'nonce="\udc80"' in (second.header("authorization") or "")


def test_an_invite_has_no_more_dialogs_than_a_proxy_has_branches(peer, net) -> None:
    usage = peer.core.invite(Uri.parse("sip:bob@192.0.2.1"), caller=CALLER, body=OFFER)
    invite = requests(net, "INVITE")[0]
    for number in range(100):
        peer.send(answer(invite, 200, tag=f"fork{number}"))
    assert len(peer.core.dialogs) == 17
    usage.bye()
    net.run(200)
    assert not peer.core.dialogs


def test_a_look_up_that_takes_longer_than_the_peer_waits_leaves_no_ack(net, make_peer) -> None:
    waiting: list = []
    peer = make_peer(locate=lambda address, then: waiting.append((address, then)))
    peer.core.invite(Uri.parse("sip:bob@192.0.2.1"), caller=CALLER, body=OFFER)
    address, then = waiting.pop()
    then(address, "")
    peer.send(answer(requests(net, "INVITE")[0], 200))
    net.run(40)
    address, then = waiting.pop()
    then(address, "")
    assert requests(net, "ACK") == []
    assert not peer.core.uac._acks


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        (b"Content-Length: 4\r\nContent-Length: 0\r\n", None),
        (b"Content-Length: 4\r\nl: 5\r\n", None),
        (b"Content-Length: 4\r\nContent-Length: x\r\n", None),
        (b"Content-Length: 4\r\nl: 4\r\n", 4),
        (b"Content-Length:\r\n 4\r\n", 4),
        (b"X: y\r\n Content-Length: 4\r\n", None),
    ],
)
def test_a_stream_is_cut_where_one_length_says_so(fields, length) -> None:
    framing = Framing()
    head = b"OPTIONS sip:x@y SIP/2.0\r\n" + fields + b"\r\n"
    messages = framing.feed(head + b"bodyOPTIONS")
    assert framing.broken is (length is None)
    assert messages == [head + (b"body" if length else b"")]


def test_a_ping_may_come_byte_by_byte() -> None:
    framing = Framing()
    for byte in b"\r\n\r\n\r\n":
        assert framing.feed(bytes([byte])) == []
    assert framing.pings == 1
    message = b"OPTIONS sip:x@y SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    assert framing.feed(message + b"\r\n") == [message]
    assert framing.pings == 1
    assert not framing.begun


def test_what_we_answer_to_a_stranger_is_hardly_longer_than_what_he_said(peer, net) -> None:
    for method in ("OPTIONS", "REGISTER", "BYE", "NEWMETHOD"):
        request = peer.request(method, more="i: x\r\n" * 200 if method == "OPTIONS" else "")
        before = len(net.log)
        peer.core.receive(request, Address("192.0.2.1", 5060))
        ((_, _, _, data),) = net.log[before:]
        assert len(data) <= len(request) + 1024
        assert parse_message(data)


def test_an_update_while_another_is_open_waits(peer, net) -> None:
    """RFC 3311 section 5.2: 500, also for one that only says that the peer is alive."""
    invite = peer.answered()
    peer.send(peer.request("UPDATE", branch="z9hG4bKu1", cseq=2, to_tag=invite.local_tag, body=OFFER))
    second = peer.send(peer.request("UPDATE", branch="z9hG4bKu2", cseq=3, to_tag=invite.local_tag))
    assert statuses(second) == [500]
    before = len(net.log)
    invite.answer_reinvite(OFFER)
    (answered,) = peer.said(before)
    assert (answered.status, answered.via.branch) == (200, "z9hG4bKu1")


@pytest.mark.parametrize("method", ["UPDATE", "REFER"])
def test_a_request_that_nobody_answers_is_forgotten(peer, net, method) -> None:
    invite = peer.answered()
    more = "Refer-To: <sip:c@192.0.2.3>\r\n" if method == "REFER" else ""
    peer.send(peer.request(method, branch="z9hG4bKr1", cseq=2, to_tag=invite.local_tag, body=OFFER, more=more))
    before = len(peer.core.transactions)
    net.run(40)
    assert len(peer.core.transactions) < before
    assert not any(each[-1] == method for each in peer.core.transactions)


@pytest.mark.parametrize("tail", [';x="', ";x=<", ';x="<>";y="', ";x=y>z"])
def test_a_parameter_that_swallows_what_follows_is_malformed(peer, tail) -> None:
    """Else our tag would be a part of it, and the dialog would have none."""
    data = peer.request(body=OFFER).replace(b"To: <sip:bob@192.0.2.2>", b"To: <sip:bob@192.0.2.2>" + tail.encode())
    assert statuses(peer.send(data)) == [400]


def test_a_parameter_may_have_anything_between_quotes() -> None:
    text = '<sip:a@b>;+sip.instance="<urn:uuid:1>";x="a\\"b;c>"'
    assert [name for name, _ in NameAddr.parse(text).parameters] == ["+sip.instance", "x"]


@pytest.mark.parametrize("text", ["sip:user;par=1@host x", "sip:user;par=1@[2001:db8::1]\u2028", "sip:host;x=a@b@c"])
def test_a_uri_with_two_hosts_is_none(text) -> None:
    with pytest.raises(HeaderError):
        Uri.parse(text)


def test_a_damaged_cancel_is_not_answered_as_if_it_were_the_invite(peer) -> None:
    invite = peer.dial()
    cancel = peer.request("CANCEL").replace(b"CSeq: 1 CANCEL", b"CSeq: 8 INVITE\r\nCSeq: 1 CANCEL")
    assert peer.send(cancel) == []
    assert not invite.over
