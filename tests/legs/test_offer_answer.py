"""Offer and answer (RFC 3264) as tables of descriptions."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.legs import Agreement, Local, NoCommonCodec, Secrecy, Terms, offer_answer, sealing
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
        (["m=audio 4000 RTP/AVP 18 9 8"], "G722", 9, None),
        (["m=audio 4000 RTP/AVP 111 18 8", "a=rtpmap:111 opus/48000/2"], "opus", 111, None),
        (["m=audio 4000 RTP/AVP 111 8", "a=rtpmap:111 opus/48000"], "PCMA", 8, None),
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
        ["m=audio 4000 RTP/AVP 4 18"],
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
    assert offered.media[0].formats == ("0", "8", "9", "111", "13", "101", "102")
    assert offered.media[0].fmtp(101) == offered.media[0].fmtp(102) == "0-16"
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


KEYS = tuple(base64.b64encode(bytes([each]) * 30).decode() for each in (1, 2))
SUITE = "AES_CM_128_HMAC_SHA1_80"


def terms(srtp: Secrecy = "optional", *codecs: str, key: str = KEYS[0]) -> Terms:
    return Terms(codecs or tuple(offer_answer.CODECS), srtp, key=key)


def test_only_codecs_of_the_terms_are_offered_and_agreed_to_and_ours_come_in_our_order() -> None:
    few = terms("off", "opus", "PCMA")
    assert offer_answer.offer(LOCAL, few).media[0].formats == ("111", "8", "13", "101", "102")
    assert offer_answer.read(description("m=audio 4000 RTP/AVP 0 8"), few).codec == "PCMA"
    with pytest.raises(NoCommonCodec, match="no codec in common; we speak opus, PCMA"):
        offer_answer.read(description("m=audio 4000 RTP/AVP 0 9"), few)


def test_keys_go_by_the_clock_of_their_codec_where_both_are_offered() -> None:
    lines = ["a=rtpmap:96 opus/48000/2", "a=rtpmap:97 telephone-event/8000", "a=rtpmap:98 telephone-event/48000"]
    agreed = offer_answer.read(description("m=audio 4000 RTP/AVP 96 97 98", *lines))
    assert (agreed.codec, agreed.event_payload_type, agreed.event_clock_hz) == ("opus", 98, 48000)
    agreed = offer_answer.read(description("m=audio 4000 RTP/AVP 0 98 97", *lines))
    assert (agreed.event_payload_type, agreed.event_clock_hz) == (97, 8000)
    agreed = offer_answer.read(description("m=audio 4000 RTP/AVP 96 97", *lines[:2]))
    assert (agreed.event_payload_type, agreed.event_clock_hz) == (97, 8000)


def sealed(protocol: str = "RTP/SAVP", *crypto: str) -> sdp.SessionDescription:
    return description(f"m=audio 4000 {protocol} 0", *(f"a=crypto:{line}" for line in crypto))


@pytest.mark.parametrize("protocol", ["RTP/SAVP", "RTP/SAVPF"])
def test_srtp_is_answered_with_srtp_and_each_seals_with_its_own_key(protocol: str) -> None:
    answered, agreed = offer_answer.answer(sealed(protocol, f"3 {SUITE} inline:{KEYS[1]}|2^31"), LOCAL, terms())
    assert agreed.sealed is not None
    assert (agreed.sealed.suite, agreed.sealed.our_key, agreed.sealed.their_key) == (SUITE, KEYS[0], KEYS[1])
    assert answered.media[0].protocol == protocol
    assert answered.media[0].attribute("crypto") == f"3 {SUITE} inline:{KEYS[0]}"
    assert KEYS[0] not in repr(agreed)
    assert KEYS[0] not in repr(terms())
    theirs = offer_answer.read(answered, terms(key=KEYS[1]))
    assert theirs.sealed is not None
    assert (theirs.sealed.our_key, theirs.sealed.their_key) == (KEYS[1], KEYS[0])


def test_the_first_suite_that_we_know_is_taken() -> None:
    lines = ("1 AEAD_AES_256_GCM inline:AAAA", f"2 AES_CM_128_HMAC_SHA1_32 inline:{KEYS[1]}", f"3 {SUITE} inline:{KEYS[1]}")
    agreed = offer_answer.read(sealed("RTP/SAVP", *lines), terms())
    assert agreed.sealed is not None
    assert (agreed.sealed.tag, agreed.sealed.suite) == (2, "AES_CM_128_HMAC_SHA1_32")


@pytest.mark.parametrize(
    ("offered", "srtp", "why"),
    [
        (sealed("RTP/SAVP", f"1 {SUITE} inline:{KEYS[1]}"), "off", "SRTP is off here"),
        (sealed("RTP/SAVP"), "optional", "no crypto suite in common"),
        (sealed("RTP/SAVP", f"1 {SUITE} inline:AAAA"), "optional", "no crypto suite in common"),
        (sealed("RTP/SAVP", f"1 {SUITE} inline:{KEYS[1]} UNENCRYPTED_SRTP"), "optional", "no crypto suite in common"),
        (sealed("RTP/SAVP", f"1 {SUITE} inline:{KEYS[1]}|2^20|1:4"), "optional", "no crypto suite in common"),
        (sealed("RTP/AVP"), "required", "SRTP is required here"),
        (sealed("UDP/TLS/RTP/SAVPF"), "optional", "is none that we speak"),
    ],
)
def test_what_cannot_be_sealed_as_it_should_is_refused_with_the_reason(
    offered: sdp.SessionDescription, srtp: Secrecy, why: str
) -> None:
    with pytest.raises(NoCommonCodec, match=why):
        offer_answer.answer(offered, LOCAL, terms(srtp))


def test_where_srtp_is_required_we_offer_nothing_else() -> None:
    offered = offer_answer.offer(LOCAL, terms("required"))
    assert offered.media[0].protocol == "RTP/SAVP"
    assert [value for name, value in offered.media[0].attributes if name == "crypto"] == [
        f"1 {SUITE} inline:{KEYS[0]}",
        f"2 AES_CM_128_HMAC_SHA1_32 inline:{KEYS[0]}",
    ]


@given(st.text(max_size=120))
def test_no_crypto_line_whatever_upsets_it(line: str) -> None:
    media = sdp.Media("audio", 4000, "RTP/SAVP", ("0",), "192.0.2.9", (("crypto", line),))
    found = sealing.agreed(media, KEYS[0])
    assert found is None or len(base64.b64decode(found.their_key)) == 30
