"""Session descriptions (RFC 8866)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.sip import SdpError, sdp

OFFER = b"""v=0\r
o=alice 2890844526 2890844527 IN IP4 host.a.example\r
s= \r
i=hello\r
c=IN IP4 192.0.2.1\r
b=AS:64\r
t=0 0\r
a=sendonly\r
m=audio 49170/2 RTP/AVP 0 8 101\r
c=IN IP6 2001:db8::1\r
a=rtpmap:0 PCMU/8000\r
a=rtpmap:101 telephone-event/8000\r
a=rtpmap:111 opus/48000/2\r
a=fmtp:101 0-16\r
a=ptime:20\r
a=recvonly\r
m=video 0 RTP/AVP 31\r
"""


def test_a_description_is_read() -> None:
    read = sdp.SessionDescription.parse(OFFER)
    assert (read.username, read.session_id, read.session_version) == ("alice", "2890844526", "2890844527")
    assert (read.connection, read.direction) == ("192.0.2.1", "sendonly")
    audio, video = read.media
    assert (audio.kind, audio.port, audio.protocol, audio.formats) == ("audio", 49170, "RTP/AVP", ("0", "8", "101"))
    assert (audio.connection, audio.direction) == ("2001:db8::1", "recvonly")
    assert audio.rtpmap(101) == sdp.RtpMap("telephone-event", 8000)
    assert audio.rtpmap(111) == sdp.RtpMap("opus", 48000, 2)
    assert audio.rtpmap(8) is None
    assert audio.fmtp(101) == "0-16"
    assert audio.attribute("ptime") == "20"
    assert (video.port, video.connection, video.direction) == (0, None, None)


def test_writing_undoes_reading() -> None:
    read = sdp.SessionDescription.parse(OFFER)
    assert sdp.SessionDescription.parse(read.to_bytes()) == read
    assert b"c=IN IP6 2001:db8::1\r\n" in read.to_bytes()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not 'v=0'"),
        (b"hello", "not 'v=0'"),
        (b"v=1\r\n", "not 'v=0'"),
        (b"v=0\r\nnonsense\r\n", "not a line"),
        (b"v=0\r\no=a b c\r\n", "six parts"),
        (b"v=0\r\nm=audio\r\n", "not kind, port"),
        (b"v=0\r\nm=audio x RTP/AVP 0\r\n", "not kind, port"),
        (b"v=0\r\nm=audio 70000 RTP/AVP 0\r\n", "not kind, port"),
        (b"v=0\r\nm=audio 99999999999999999999 RTP/AVP 0\r\n", "not kind, port"),
        ("v=0\r\nm=audio ²1 RTP/AVP 0\r\n".encode(), "not kind, port"),
        ("v=0\r\nm=audio 4000 RTP/AVP ²\r\n".encode(), "not kind, port"),
        (b"v=0\r\nc=IN IP5 x\r\n", "not IN, IP4"),
        (b"v=0\r\nc=IN IP4 a;b\r\n", "no address"),
        (b"v=0\r\n" + b"m=audio 4000 RTP/AVP 0\r\n" * 17, "more than 16 streams"),
        (b"v=0\r\n" + b"a=x\r\n" * 600, "more than 512 lines"),
        (b"v=0\r\n" + b"a=" + b"x" * 20000, "longer than"),
    ],
)
def test_a_bad_description_is_refused_with_the_line(body, why) -> None:
    with pytest.raises(SdpError, match=why):
        sdp.SessionDescription.parse(body)


def test_odd_digits_in_a_mapping_are_no_mapping() -> None:
    read = sdp.SessionDescription.parse("v=0\r\nm=audio 4000 RTP/AVP 96\r\na=rtpmap:96 x/²\r\na=rtpmap:97 y/8000/²\r\n".encode())
    assert read.media[0].rtpmap(96) is None
    assert read.media[0].rtpmap(97) == sdp.RtpMap("y", 8000, 1)


tokens = st.text("abcXYZ019-.", min_size=1, max_size=8)
attributes = st.lists(st.tuples(tokens, st.none() | tokens), max_size=4).map(tuple)
streams = st.builds(
    sdp.Media,
    kind=st.sampled_from(["audio", "video", "image"]),
    port=st.integers(0, 65535),
    protocol=st.just("RTP/AVP"),
    formats=st.lists(st.integers(0, 127).map(str), min_size=1, max_size=4).map(tuple),
    connection=st.none() | st.just("192.0.2.7") | st.just("2001:db8::7"),
    attributes=attributes,
)


@given(
    st.builds(
        sdp.SessionDescription,
        session_id=st.integers(0, 2**62).map(str),
        session_version=st.integers(0, 2**62).map(str),
        origin_host=st.just("192.0.2.9"),
        media=st.lists(streams, max_size=4).map(tuple),
        username=tokens,
        name=tokens,
        connection=st.none() | st.just("192.0.2.8"),
        attributes=attributes,
    )
)
def test_whatever_is_written_reads_back(description) -> None:
    assert sdp.SessionDescription.parse(description.to_bytes()) == description
