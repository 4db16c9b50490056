"""Everything that goes wrong at the customer's or at the caller's: each ends as the reference says, and nothing is left of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from offhook.legs import NotAnswered
from offhook.records import CallRecord
from offhook.testing.live import Customer, NodeProcess, Reply, a_phone, call, document, free_port, tone_wav

TEXT = "text/plain"


@pytest.fixture(autouse=True)
def _no_port_is_left(node: NodeProcess) -> Iterator[None]:
    yield
    node.await_free_ports()


def _last(node: NodeProcess, customer: Customer) -> CallRecord:
    """The record of the call whose hangup request came; there was exactly one."""
    [hangup] = customer.wait_for("/hangup")
    record = next(each for each in node.records() if each.call_uuid == hangup["CallUUID"])
    assert hangup["HangupCauseCode"] == str(record.hangup_cause_code)
    return record


def _kinds(node: NodeProcess, record: CallRecord) -> list[str]:
    return [row.kind for row in node.timeline(record.call_uuid)]


# -- the answer URL -----------------------------------------------------------------------------------------------------

ANSWERS: dict[str, tuple[Reply, int]] = {
    "500": (Reply("sorry", 500, TEXT), 7011),
    "404": (Reply("", 404, TEXT), 7011),
    "nothing in it": (Reply(""), 7011),
    "a redirect that leads nowhere": (Reply("", 307, headers={"Location": "/answer"}), 7011),
    "not XML": (Reply("hello", content_type="application/xml"), 8011),
    "JSON": (Reply("{}", content_type="application/json"), 8011),
    "a web page": (Reply("<!DOCTYPE html><html><body>Hi<br></body></html>", content_type="text/html"), 8011),
    "another root": (Reply("<Answer><Speak>Hi</Speak></Answer>"), 8011),
    "half a document": (Reply("<Response><Speak>Hi</Spe"), 8011),
    "an unknown element": (Reply("<Response><Sing>La</Sing></Response>"), 8011),
    "a DTD": (Reply('<!DOCTYPE a [<!ENTITY b "c">]><Response><Speak>&b;</Speak></Response>'), 8011),
    "101 KB": (Reply(f"<Response><Speak>{'a' * 101 * 1024}</Speak></Response>"), 8011),
    "bytes that are no text": (Reply(b"\xff\xfe\x00\x01<Response>"), 8011),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_url_that_says_nonsense_ends_the_call_before_it_is_answered(
    name: str, node: NodeProcess, customer: Customer
) -> None:
    reply, code = ANSWERS[name]
    customer.says("/answer", reply)
    refused = call(node.uri())
    assert isinstance(refused, NotAnswered)
    assert refused.status == 480
    record = _last(node, customer)
    assert (record.hangup_cause_code, record.hangup_source, record.duration_s) == (code, "Error", 0)
    assert record.answer_time is None
    assert "http" in _kinds(node, record)
    assert ("document-refused" in _kinds(node, record)) == (code == 8011)


def test_an_answer_url_that_nobody_serves(node: NodeProcess, customer: Customer) -> None:
    target = node.route("15550000001", f"http://127.0.0.1:{free_port()}/answer", hangup_url=customer.url("/hangup"))
    refused = call(target)
    assert isinstance(refused, NotAnswered)
    assert refused.status == 480
    assert _last(node, customer).hangup_cause_code == 7011


def test_an_answer_url_that_takes_too_long_and_lets_the_caller_hear_ringing(node: NodeProcess, customer: Customer) -> None:
    customer.says("/slow", Reply("<Response/>", delay_s=5))
    target = node.route("15550000002", customer.url("/slow#rt=600&rc=0"), hangup_url=customer.url("/hangup"))

    async def story() -> None:
        async with a_phone() as phone, phone.dial(target) as leg, asyncio.timeout(4):
            with pytest.raises(NotAnswered) as refused:
                await leg.wait_answered()
            assert refused.value.status == 480
            assert leg.rang.is_set()

    asyncio.run(story())
    assert _last(node, customer).hangup_cause_code == 7011


def test_the_fallback_url_saves_the_call(node: NodeProcess, customer: Customer) -> None:
    customer.says("/broken", Reply("", 503))
    customer.says("/fallback", document('<Play>/tone.wav</Play><Hangup reason="busy"/>'))
    customer.says("/tone.wav", Reply(tone_wav((500, 0.3)), content_type="audio/wav"))
    target = node.route(
        "15550000003", customer.url("/broken"), fallback_url=customer.url("/fallback"), hangup_url=customer.url("/hangup")
    )
    ending = call(target)
    assert not isinstance(ending, NotAnswered)
    assert _last(node, customer).hangup_cause_code == 3010


# -- what comes after the answer ----------------------------------------------------------------------------------------

LATER: dict[str, tuple[str, Reply | None, int]] = {
    "redirect: 500": ("<Redirect>/next</Redirect>", Reply("", 500), 7014),
    "redirect: empty": ("<Redirect>/next</Redirect>", Reply(""), 7014),
    "redirect: not XML": ("<Redirect>/next</Redirect>", Reply("no"), 8014),
    "redirect: not http": ("<Redirect>ftp://example.com/next</Redirect>", None, 7024),
    "redirect: PUT": ('<Redirect method="PUT">/next</Redirect>', None, 7034),
    "action: 500": ('<GetDigits action="/next" numDigits="1"/>', Reply("", 500), 7012),
    "action: another root": ('<GetDigits action="/next" numDigits="1"/>', Reply("<Reply/>"), 8012),
    "action: not http": ('<GetDigits action="mailto:me@example.com" numDigits="1"/>', None, 7022),
    "action: PATCH": ('<GetDigits action="/next" method="PATCH" numDigits="1"/>', None, 7032),
}


@pytest.mark.parametrize("name", LATER)
def test_a_url_inside_the_document_that_fails_ends_the_call_with_the_code_of_its_kind(
    name: str, node: NodeProcess, customer: Customer
) -> None:
    element, reply, code = LATER[name]
    customer.says("/tone.wav", Reply(tone_wav((500, 0.4)), content_type="audio/wav"))
    customer.says("/answer", document("<Play>/tone.wav</Play>", element))
    if reply is not None:
        customer.says("/next", reply)
    ending = call(node.uri(), keys="W5")
    assert not isinstance(ending, NotAnswered)
    record = _last(node, customer)
    assert (record.hangup_cause_code, record.hangup_source) == (code, "Error")
    assert len(customer.requests("/next")) == (reply is not None)


def test_documents_that_redirect_to_each_other_for_ever_are_stopped(node: NodeProcess, customer: Customer) -> None:
    customer.says("/answer", document("<Redirect>/a</Redirect>"))
    customer.says("/a", document("<Redirect>/b</Redirect>"))
    customer.says("/b", document("<Redirect>/a</Redirect>"))
    refused = call(node.uri(), limit_s=60)
    assert isinstance(refused, NotAnswered)
    record = _last(node, customer)
    assert (record.hangup_cause_code, record.hangup_source) == (5010, "Error")
    assert len(customer.seen) == 1000 + 1


def test_an_audio_file_that_is_missing_or_is_none_is_skipped(node: NodeProcess, customer: Customer) -> None:
    customer.says("/noise", Reply(b"\x00\x01" * 5000, content_type="audio/mpeg"))
    customer.says(
        "/answer", document("<Play>/missing.wav</Play><Play>/noise</Play><Play>http://[::1/x.wav</Play><Redirect>/end</Redirect>")
    )
    customer.says("/end", document("<Hangup/>"))
    ending = call(node.uri())
    assert not isinstance(ending, NotAnswered)
    record = _last(node, customer)
    assert (record.hangup_cause_code, record.hangup_source) == (4000, "Answer XML")
    assert len(customer.requests("/end")) == 1
    facts = " ".join(str(row.facts) for row in node.timeline(record.call_uuid))
    assert "missing.wav" in facts
    assert "/noise" in facts


def test_digits_that_never_come_let_the_document_go_on(node: NodeProcess, customer: Customer) -> None:
    customer.says("/answer", document('<GetDigits action="/chosen" timeout="1" retries="2"/><Hangup/>'))
    call(node.uri())
    record = _last(node, customer)
    assert record.hangup_cause_code == 4000
    assert record.duration_s >= 2
    assert not customer.requests("/chosen")


@pytest.mark.parametrize("element", ["<Record/>", "<Conference>a</Conference>"])
def test_an_element_that_is_not_built_yet_ends_the_call_with_a_clear_word(
    element: str, node: NodeProcess, customer: Customer
) -> None:
    customer.says("/answer", document(element, "<Speak>never</Speak>"))
    call(node.uri())
    record = _last(node, customer)
    assert (record.hangup_cause_code, record.hangup_source) == (5010, "Error")
    facts = " ".join(str(row.facts) for row in node.timeline(record.call_uuid))
    assert element[1:5] in facts


# -- the caller leaves --------------------------------------------------------------------------------------------------

LONG_TONE = tone_wav((700, 30.0))
ELEMENTS = {
    "Speak": "<Speak>This is a rather long sentence that nobody is going to listen to until its very end.</Speak>",
    "Play": "<Play>/long.wav</Play>",
    "Play in a loop": '<Play loop="0">/short.wav</Play>',
    "GetDigits": '<GetDigits action="/chosen" timeout="60"><Play>/long.wav</Play></GetDigits>',
    "GetDigits that waits": '<GetDigits action="/chosen" timeout="60"/>',
    "Wait": '<Play>/short.wav</Play><Wait length="100"/>',
    "Wait for silence": '<Play>/short.wav</Play><Wait length="100" silence="true" minSilence="90000"/>',
    "Wait for a beep": '<Play>/short.wav</Play><Wait length="100" beep="true"/>',
    "DTMF": f'<DTMF async="false">{"1w" * 60}</DTMF>',
    "Redirect": "<Play>/short.wav</Play><Redirect>/slow</Redirect>",
    "Hangup, scheduled": '<Hangup schedule="60"/><Play>/long.wav</Play>',
}


@pytest.mark.parametrize("name", ELEMENTS)
def test_a_caller_who_hangs_up_in_the_middle_of_an_element_leaves_nothing_behind(
    name: str, node: NodeProcess, customer: Customer
) -> None:
    customer.says("/long.wav", Reply(LONG_TONE, content_type="audio/wav"))
    customer.says("/short.wav", Reply(tone_wav((700, 0.1)), content_type="audio/wav"))
    customer.says("/slow", Reply("<Response/>", delay_s=3))
    customer.says("/answer", document(ELEMENTS[name], "<Redirect>/never</Redirect>"))

    async def story() -> None:
        async with a_phone() as phone, phone.dial(node.uri()) as leg, asyncio.timeout(10):
            await leg.wait_answered()
            await asyncio.sleep(1.3)

    asyncio.run(story())
    record = _last(node, customer)
    assert (record.hangup_cause_code, record.hangup_source, record.hangup_cause) == (4000, "Caller", "NORMAL_CLEARING")
    assert not customer.requests("/never")
    assert not customer.requests("/chosen")


@pytest.mark.parametrize(
    "prepare",
    [
        lambda customer: customer.says("/answer", Reply("<Response/>", delay_s=2)),
        lambda customer: customer.says("/answer", document("<PreAnswer><Play>/long.wav</Play></PreAnswer>")),
    ],
    ids=["during the answer request", "during early media"],
)
def test_a_caller_who_gives_up_before_the_answer(
    prepare: Callable[[Customer], Any], node: NodeProcess, customer: Customer
) -> None:
    customer.says("/long.wav", Reply(LONG_TONE, content_type="audio/wav"))
    prepare(customer)

    async def story() -> None:
        async with a_phone() as phone, phone.dial(node.uri()) as leg, asyncio.timeout(10):
            await leg.rang.wait()
            await asyncio.sleep(0.3)
            assert not leg.answered

    asyncio.run(story())
    record = _last(node, customer)
    assert (record.hangup_cause_code, record.hangup_source, record.hangup_cause) == (4000, "Caller", "ORIGINATOR_CANCEL")
    assert (record.duration_s, record.call_status) == (0, "completed")


def test_a_node_without_application_for_the_number_refuses_with_404(start_node: Callable[..., NodeProcess]) -> None:
    node = start_node()
    refused = call(node.uri("19995550000"))
    assert isinstance(refused, NotAnswered)
    assert refused.status == 404
    record = node.record_number(1)
    assert (record.hangup_cause_code, record.hangup_source) == (3050, "Plivo")
    assert any("19995550000" in str(row.facts) for row in node.timeline(record.call_uuid))


# -- SIP and SDP that are wrong -----------------------------------------------------------------------------------------

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
G729 = SDP + "m=audio 45000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n"


def _invite(port: int, body: str, *, content_type: str = "application/sdp", call_id: str = "a") -> bytes:
    return (
        f"INVITE sip:1@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{call_id}{port}\r\n"
        f"From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:1@127.0.0.1>\r\nCall-ID: {call_id}{port}\r\nCSeq: 1 INVITE\r\n"
        f"Contact: <sip:a@127.0.0.1:{port}>\r\nMax-Forwards: 70\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _final(node: NodeProcess, build: Callable[[int], bytes]) -> int | None:
    """Send one datagram; the first final status that comes back, ``None`` when nothing does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(0.7)
        udp.sendto(build(udp.getsockname()[1]), ("127.0.0.1", node.sip_port))
        try:
            while True:
                head = udp.recv(65535).split(b"\r\n")[0].split()
                if head[0] == b"SIP/2.0" and head[1] >= b"200":
                    return int(head[1])
        except TimeoutError:
            return None


@pytest.mark.parametrize(
    "body",
    [
        "rubbish",
        SDP,
        G729,
        SDP + "m=video 45000 RTP/AVP 96\r\n",
        SDP + "m=audio 45000 RTP/SAVP 0\r\n",
        SDP + "m=audio 99999999 RTP/AVP 0\r\n",
    ],
    ids=["rubbish", "no media", "G.729 only", "video only", "SRTP only", "a port that is none"],
)
def test_an_offer_that_nothing_can_be_agreed_on_is_refused_with_488(body: str, node: NodeProcess, customer: Customer) -> None:
    before = len(node.records())
    assert _final(node, lambda port: _invite(port, body)) == 488
    record = node.record_number(before + 1)
    assert (record.hangup_cause_code, record.hangup_cause) == (5020, "INCOMPATIBLE_DESTINATION")
    assert not customer.requests("/answer")
    assert any(
        "SDP" in str(row.facts) or "codec" in str(row.facts) or "PCMU" in str(row.facts)
        for row in node.timeline(record.call_uuid)
    )


MALFORMED: dict[str, tuple[bytes, int | None]] = {
    "nothing": (b"", None),
    "keep-alive": (b"\r\n\r\n", None),
    "noise": (bytes(range(256)) * 5, None),
    "a web browser": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "a first line only": (b"INVITE sip:1@127.0.0.1 SIP/2.0\r\n\r\n", None),
    "a reply to nothing": (
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"
        b"Call-ID: nobody\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
        None,
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_datagram_that_is_no_sip_costs_nothing(name: str, node: NodeProcess) -> None:
    before = len(node.records())
    datagram, status = MALFORMED[name]
    assert _final(node, lambda _port: datagram) == status
    assert len(node.records()) == before
    assert node.process.poll() is None


def _spoil(port: int, old: str, new: str) -> bytes:
    good = _invite(port, G729.replace(" 18", " 0").replace("18 G729", "0 PCMU")).decode()
    assert old in good
    return good.replace(old, new).encode()


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("CSeq: 1 INVITE", "CSeq: 99999999999 INVITE", 400),
        ("CSeq: 1 INVITE", "CSeq: 1 REGISTER", 400),
        ("Content-Length: ", "Content-Length: 9", 400),
        ("From: <sip:a@127.0.0.1>;tag=1", "From: <sip:a@127.0.0.1", 400),
        ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia", 505),
        ("Max-Forwards: 70", "Require: telepathy", 420),
        ("INVITE sip:1@127.0.0.1 SIP", "INVITE tel:+14155550199 SIP", None),
    ],
)
def test_a_request_with_a_broken_field_is_answered_with_what_is_wrong(
    old: str, new: str, status: int | None, node: NodeProcess, customer: Customer
) -> None:
    customer.says("/answer", document('<Hangup reason="busy"/>'))
    found = _final(node, lambda port: _spoil(port, old, new))
    assert found == status if status else found in {416, 486}


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(range(256)) * 300,
        b"INVITE sip:1@127.0.0.1 SIP/2.0\r\nContent-Length: 99999999999\r\n\r\n",
        b"INVITE sip:1@127.0.0.1 SIP/2.0\r\nX: " + b"a" * 300_000,
        b"OPTIONS sip:1@127.0.0.1 SIP/2.0\r\nVia: ",
    ],
    ids=["a web browser", "noise", "a body without end", "a field without end", "half a message"],
)
def test_a_connection_that_brings_no_sip_hurts_nobody_else(octets: bytes, node: NodeProcess, customer: Customer) -> None:
    customer.says("/answer", document('<Hangup reason="busy"/>'))
    with socket.create_connection(("127.0.0.1", node.sip_port)) as bad:
        with suppress(OSError):  # it may be closed while we are still writing
            bad.sendall(octets)
        refused = call(node.uri(), transport="tcp")
    assert isinstance(refused, NotAnswered)
    assert refused.status == 486


def test_an_answer_to_a_late_offer_that_is_no_use_ends_the_call(node: NodeProcess, customer: Customer) -> None:
    customer.says("/answer", document('<GetDigits timeout="60"/>'))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(5)
        port, server = udp.getsockname()[1], ("127.0.0.1", node.sip_port)
        udp.sendto(_invite(port, "", call_id="late"), server)
        while not (answer := udp.recv(65535)).startswith(b"SIP/2.0 200"):
            pass
        assert b"m=audio" in answer
        tag = next(line.partition(b";tag=")[2] for line in answer.split(b"\r\n") if line.startswith(b"To:")).decode()
        ack = _invite(port, G729, call_id="late").decode().replace("INVITE", "ACK").replace("branch=z9hG4bK", "branch=z9hG4bKa")
        udp.sendto(ack.replace("To: <sip:1@127.0.0.1>", f"To: <sip:1@127.0.0.1>;tag={tag}").encode(), server)
        while not udp.recv(65535).startswith(b"BYE"):
            pass
    record = _last(node, customer)
    assert (record.hangup_cause_code, record.hangup_cause) == (5020, "INCOMPATIBLE_DESTINATION")


def test_after_all_of_this_the_node_holds_no_more_than_a_fresh_one(node: NodeProcess, customer: Customer) -> None:
    holdings = node.holdings()
    assert holdings.rtp_sockets == 0
    customer.says("/answer", document('<Hangup reason="busy"/>'))
    for _ in range(5):
        call(node.uri())
    after = node.settle(holdings)
    assert after.rss_kb < holdings.rss_kb * 1.1
