"""Offer and answer (RFC 3264) as tables of descriptions."""

from __future__ import annotations

import pytest

from offhook.legs import Agreement, Local, NoCommonCodec, offer_answer
from offhook.sip import sdp

LOCAL = Local("192.0.2.1", 20000, 42, 3)


def description(*media: str, connection: str | None = "c=IN IP4 192.0.2.9", session: str = "") -> sdp.SessionDescription:
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", *([connection] if connection else []), "t=0 0"]
    lines += [session] if session else []
    return sdp.SessionDescription.parse("\r\n".join([*lines, *media, ""]).encode())


@pytest.mark.parametrize(
    ("media", "codec", "payload_type", "events"),
    [
        (["m=audio 4000 RTP/AVP 0"], "PCMU", 0, None),
        (["m=audio 4000 RTP/AVP 8 0"], "PCMA", 8, None),
        (["m=audio 4000 RTP/AVP 0 8 101", "a=rtpmap:101 telephone-event/8000"], "PCMU", 0, 101),
        (["m=audio 4000 RTP/AVP 96 97", "a=rtpmap:96 pcma/8000", "a=rtpmap:97 TELEPHONE-EVENT/8000"], "PCMA", 96, 97),
        (["m=audio 4000 RTP/AVP 9 111 18 8", "a=rtpmap:111 opus/48000/2"], "PCMA", 8, None),
        (["m=audio 4000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/16000"], "PCMU", 0, None),
        (["m=audio 4000 RTP/AVPF 0"], "PCMU", 0, None),
        (["m=video 4002 RTP/AVP 96", "m=audio 4000 RTP/AVP 0"], "PCMU", 0, None),
        (["m=audio 0 RTP/AVP 0", "m=audio 4000 RTP/AVP 8"], "PCMA", 8, None),
    ],
)
def test_the_offer_s_first_codec_that_we_speak_is_agreed(
    media: list[str], codec: str, payload_type: int, events: int | None
) -> None:
    _, agreed = offer_answer.answer(description(*media), LOCAL)
    assert (agreed.codec, agreed.payload_type, agreed.event_payload_type) == (codec, payload_type, events)
    assert (agreed.host, agreed.port) == ("192.0.2.9", 4000)


@pytest.mark.parametrize(
    "media",
    [
        [],
        ["m=audio 4000 RTP/AVP 9 18"],
        ["m=audio 4000 RTP/SAVP 0"],
        ["m=audio 0 RTP/AVP 0"],
        ["m=video 4000 RTP/AVP 0"],
        ["m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMU/16000"],
        ["m=audio 4000 RTP/AVP 0", "c=IN IP4 phone.example.com"],
    ],
)
def test_without_a_common_codec_over_plain_rtp_there_is_no_agreement(media: list[str]) -> None:
    with pytest.raises(NoCommonCodec):
        offer_answer.answer(description(*media), LOCAL)


def test_an_answer_has_a_stream_for_each_one_offered_and_refuses_what_it_cannot_do() -> None:
    offered = description("m=video 4002 RTP/AVP 96", "m=audio 4000 RTP/AVP 0", "m=audio 4004 RTP/AVP 0")
    answered, _ = offer_answer.answer(offered, LOCAL)
    assert [(media.kind, media.port) for media in answered.media] == [("video", 0), ("audio", 20000), ("audio", 0)]


def test_an_answer_reads_back_as_what_was_agreed() -> None:
    offered = description("m=audio 4000 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000")
    answered, agreed = offer_answer.answer(offered, LOCAL)
    back = offer_answer.read(sdp.SessionDescription.parse(answered.to_bytes()))
    assert back == Agreement(agreed.codec, agreed.payload_type, agreed.event_payload_type, "192.0.2.1", 20000)
    assert (answered.session_id, answered.session_version) == ("42", "3")


@pytest.mark.parametrize(
    ("lines", "send", "receive", "said"),
    [
        (["a=sendrecv"], True, True, "sendrecv"),
        (["a=sendonly"], False, True, "recvonly"),
        (["a=recvonly"], True, False, "sendonly"),
        (["a=inactive"], False, False, "inactive"),
        (["c=IN IP4 0.0.0.0"], False, True, "recvonly"),
    ],
)
def test_hold_is_mirrored(lines: list[str], send: bool, receive: bool, said: str) -> None:
    answered, agreed = offer_answer.answer(description("m=audio 4000 RTP/AVP 0", *lines), LOCAL)
    assert (agreed.send, agreed.receive) == (send, receive)
    assert answered.media[0].direction == said


def test_a_direction_of_the_session_holds_for_its_streams() -> None:
    _, agreed = offer_answer.answer(description("m=audio 4000 RTP/AVP 0", session="a=inactive"), LOCAL)
    assert agreed.direction == "inactive"


def test_a_stream_s_own_address_wins_and_may_be_of_version_6() -> None:
    _, agreed = offer_answer.answer(description("m=audio 4000 RTP/AVP 0", "c=IN IP6 2001:db8::7"), LOCAL)
    assert agreed.host == "2001:db8::7"


def test_our_offer_has_both_codecs_and_keys() -> None:
    offered = sdp.SessionDescription.parse(offer_answer.offer(LOCAL).to_bytes())
    assert offered.media[0].formats == ("0", "8", "13", "101")
    assert offered.media[0].fmtp(101) == "0-16"
    _, agreed = offer_answer.answer(offered, Local("192.0.2.2", 30000, 7))
    assert (agreed.codec, agreed.event_payload_type, agreed.port) == ("PCMU", 101, 20000)


@pytest.mark.parametrize(
    ("lines", "port", "mux"),
    [
        ([], None, False),
        (["a=rtcp:4711"], 4711, False),
        (["a=rtcp:4711 IN IP4 192.0.2.9"], 4711, False),
        (["a=rtcp:4711 IN IP4 203.0.113.5"], None, False),
        (["a=rtcp:99999"], None, False),
        (["a=rtcp:"], None, False),
        (["a=rtcp-mux"], None, True),
    ],
)
def test_where_reports_go_is_read_and_mux_is_agreed_to_where_it_was_offered(
    lines: list[str], port: int | None, mux: bool
) -> None:
    answered, agreed = offer_answer.answer(description("m=audio 4000 RTP/AVP 0", *lines), LOCAL)
    assert (agreed.rtcp_port, agreed.rtcp_mux) == (port, bool(mux))
    assert (answered.media[0].attribute("rtcp-mux") is not None) == bool(mux)


EVENTS = ("a=rtpmap:101 telephone-event/8000",)


def test_comfort_noise_is_agreed_to_where_it_was_offered() -> None:
    answered, agreed = offer_answer.answer(
        description("m=audio 4000 RTP/AVP 8 13 101", "a=rtpmap:101 telephone-event/8000"), LOCAL
    )
    assert agreed.comfort_noise
    assert answered.media[0].formats == ("8", "13", "101")
    assert not offer_answer.answer(description("m=audio 4000 RTP/AVP 0"), LOCAL)[1].comfort_noise
