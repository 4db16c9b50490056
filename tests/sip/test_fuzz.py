"""No bytes whatever raise anything but the documented errors, and none of them harm the core."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from offhook.sip import Address, HeaderError, NameAddr, SdpError, SipParseError, Uri, Via, parse_message, sdp
from offhook.sip.digest import choose
from offhook.sip.message import Message
from offhook.sip.transports import Framing

SOURCE = Address("192.0.2.1", 5060)
CORPUS = [path.read_bytes() for path in sorted((Path(__file__).parent / "torture").glob("*.sip"))]
SNIPPETS = [
    *(
        each.encode()
        for each in ["\r\n", "\r\n\r\n", "\n ", *':;,<>"\\\0 \t@%[]', "tag=", "z9hG4bK", "SIP/2.0", "-1", "²", "\u2028"]
    ),
    *(b"Content-Length: 99999999999\r\n", b"99999999999999999999", b"\xff"),
]


@st.composite
def mutated(draw) -> bytes:
    """A message of the corpus, hurt in a few places."""
    data = bytearray(draw(st.sampled_from(CORPUS)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["insert", "cut", "flip", "repeat"]))
        if kind == "insert":
            data[at:at] = draw(st.sampled_from(SNIPPETS) | st.binary(max_size=8))
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 60))]
        elif kind == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "repeat":
            data[at:at] = data[at : at + 40] * draw(st.integers(1, 5))
    return bytes(data)


def read_all(message: Message) -> None:
    for name in ("via", "cseq", "call_id", "from_", "to", "contact", "uri", "description"):
        try:
            getattr(message, name)
        except (HeaderError, SipParseError, AttributeError) as error:
            assert not isinstance(error, AttributeError) or name == "uri"
            assert len(str(error)) < 500


@given(st.binary(max_size=400) | mutated())
@example(b"INVITE sip:b SIP/2.0\r\nVia\r\n\r\n")
@settings(max_examples=400, deadline=None)
def test_a_message_is_read_or_refused(data) -> None:
    for stream in (False, True):
        try:
            message = parse_message(data, stream=stream)
        except SipParseError as error:
            assert str(error)
            continue
        read_all(message)
        again = parse_message(message.to_bytes())
        assert again.body == message.body


@given(st.text(max_size=200) | st.text('sip:tel@<>";,\\[]%?&=+ \t.a1', max_size=80))
@settings(max_examples=300, deadline=None)
def test_a_value_is_read_or_refused_and_writing_undoes_reading(text) -> None:
    for kind in (Uri, NameAddr, Via):
        try:
            value = kind.parse(text)
        except HeaderError as error:
            assert str(error)
            continue
        assert kind.parse(str(value)) == value
    choose([text, "Digest " + text])


@given(
    st.binary(max_size=300)
    | st.text("vosctma=:/ 0189INP46\r\n²audiortpmp", max_size=300).map(lambda text: b"v=0\r\n" + text.encode())
)
@settings(max_examples=300, deadline=None)
def test_a_description_is_read_or_refused(body) -> None:
    try:
        description = sdp.SessionDescription.parse(body)
    except SdpError as error:
        assert str(error)
        return
    for media in description.media:
        for number in range(0, 128, 16):
            media.rtpmap(number), media.fmtp(number)
    assert description.direction in {None, *sdp.DIRECTIONS}


@given(st.lists(mutated(), min_size=1, max_size=6), st.sampled_from(["udp", "tcp"]))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_core_survives_anything_and_forgets_it(make_net, bob, messages, transport) -> None:
    net = make_net()
    invites: list = []
    core = net.core(bob, invites.append)
    for data in messages:
        core.receive(data, Address("192.0.2.1", 5060, transport))
    for invite in invites:
        invite.refuse(486)
    net.run(200)
    assert not core.transactions
    assert not core.dialogs
    assert len(core.timers) == 0


@given(st.lists(st.sampled_from(CORPUS), min_size=1, max_size=4), st.integers(0, 2**32), st.binary(max_size=60))
@settings(max_examples=150, deadline=None)
def test_a_stream_is_cut_alike_however_it_arrives(messages, seed, garbage) -> None:
    import random

    stream, cuts = b"".join(messages) + garbage, random.Random(seed)
    whole, parts = Framing(), Framing()
    expected, got = whole.feed(stream), []
    position = 0
    while position < len(stream):
        step = cuts.randint(1, 97)
        got += parts.feed(stream[position : position + step])
        position += step
    assert got == expected
    assert whole.broken == parts.broken
