"""Messages, URIs, addresses, Via, CSeq and challenges: what is read, what is refused, and that writing undoes reading."""

from __future__ import annotations

import hashlib
import time

import pytest

from offhook.sip import (
    Address,
    Credentials,
    CSeq,
    HeaderError,
    NameAddr,
    Request,
    Response,
    SipParseError,
    Uri,
    Via,
    parse_message,
)
from offhook.sip.digest import Challenge, authorize, choose
from offhook.sip.message import respond
from offhook.sip.uri import split_list

HEAD = (
    b"OPTIONS sip:b@b.example SIP/2.0\r\nVia: SIP/2.0/UDP a.example;branch=z9hG4bK1\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\n"
)
HEAD += b"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:alice@a.example", Uri("a.example", "alice")),
        ("sip:a.example:5070", Uri("a.example", None, 5070)),
        ("SIPS:alice:pass@A.example;transport=tcp;lr?h=1", Uri("A.example", "alice", None, "sips", "pass",
                                                              (("transport", "tcp"), ("lr", None)), "h=1")),
        ("sip:+15550100;ext=4@[2001:db8::1]:5061", Uri("2001:db8::1", "+15550100;ext=4", 5061)),
        ("sip:@a.example", Uri("a.example", "")),
        ("tel:+1-555-0100;phone-context=x", Uri("", "+1-555-0100", None, "tel", None, (("phone-context", "x"),))),
        ("mailto:a@b.example", Uri("a@b.example", scheme="mailto")),
    ],
)  # fmt: skip
def test_a_uri_is_read_and_written(text, expected) -> None:
    assert Uri.parse(text) == expected
    assert Uri.parse(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    ["", "sip:", "sip:a b@c", "sip:a@", "sip:a@b:0", "sip:a@b:65536", "sip:a@[1]", "alice", "sip:a@b c", "sip:%zz@b",
     "sip:a@b<x>", "sip:" + "a" * 5000 + "@b", "sip:a@b:99999999999", "sip:é@b"],
)  # fmt: skip
def test_what_is_no_uri_is_refused_with_what_stood_there(text) -> None:
    with pytest.raises(HeaderError) as error:
        Uri.parse(text)
    assert len(str(error.value)) < 200


def test_a_password_does_not_show_itself_in_a_log() -> None:
    assert "secret" not in repr(Uri.parse("sip:a:secret@b"))
    assert "secret" not in repr(Credentials("a", "secret"))


@pytest.mark.parametrize(
    ("text", "name", "tag", "uri"),
    [
        ('"A. \\"B\\" \\\\C" <sip:a@b;x=1>;tag=t', 'A. "B" \\C', "t", "sip:a@b;x=1"),
        ("Alice Smith <sip:a@b>", "Alice Smith", None, "sip:a@b"),
        ("sip:a@b;tag=t", "", "t", "sip:a@b"),
        ("<sip:a@b>  ; Tag = t", "", "t", "sip:a@b"),
        ('"<sip:x@y>" <sip:a@b>', "<sip:x@y>", None, "sip:a@b"),
        ("<tel:+1555>", "", None, "tel:+1555"),
    ],
)
def test_an_address_is_read_and_written(text, name, tag, uri) -> None:
    value = NameAddr.parse(text)
    assert (value.display_name, value.tag, str(value.uri)) == (name, tag, uri)
    assert NameAddr.parse(str(value)) == value
    assert value.tagged("new").tag == "new"


@pytest.mark.parametrize("text", ["", "<>", "<sip:a@b", "sip:a@b>", '"x <sip:a@b>', "a, b <sip:a@b>", '"a" x <sip:a@b>',
                                  "< sip:a@b >", "<sip:a@b> x", "sip:a@b, sip:c@d", "sip:a@b?x=y"])  # fmt: skip
def test_what_is_no_address_is_refused(text) -> None:
    with pytest.raises(HeaderError):
        NameAddr.parse(text)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("<cid:x@y>;;;;a=b", (("a", "b"),)),
        ("cid:x@y;;;;a=b;", (("a", "b"),)),
        ("<sip:a@b> ; ;;tag = t;=u", (("tag", "t"),)),
        ("<sip:a@b>;\x0b;", (("\x0b", None),)),
        ("<sip:a@b>;x=\x85", (("x", "\x85"),)),
        ('<sip:a@b>;;x=";;"', (("x", '";;"'),)),
    ],
)
def test_semicolons_too_many_are_passed_over_and_what_is_read_stays_the_same_when_written(text, parameters) -> None:
    """Also where a parameter is a character that Unicode calls a blank, and SIP does not."""
    value = NameAddr.parse(text)
    assert value.parameters == parameters
    assert NameAddr.parse(str(value)) == value
    assert str(NameAddr.parse(str(value))) == str(value)


def test_lists_are_split_outside_quotes_and_brackets() -> None:
    assert split_list('"a, b" <sip:c,d@e>, <sip:f@g>;x="1,2" ,, h') == ['"a, b" <sip:c,d@e>', '<sip:f@g>;x="1,2"', "h"]
    assert split_list('"a\\", b" <sip:c@d>, e') == ['"a\\", b" <sip:c@d>', "e"]


def test_a_via_is_stamped_with_where_it_came_from() -> None:
    via = Via.parse("SIP/2.0/UDP a.example:5070;rport;branch=z9hG4bK1")
    source = Address("192.0.2.1", 6000)
    assert str(via.seen_from(source)) == "SIP/2.0/UDP a.example:5070;branch=z9hG4bK1;received=192.0.2.1;rport=6000"
    assert via.reply_to(source) == source
    plain = Via.parse("SIP/2.0/UDP 192.0.2.1")
    assert plain.seen_from(source) is plain
    assert plain.reply_to(source) == Address("192.0.2.1", 5060)
    assert Via.parse("SIP/2.0/TCP [2001:db8::1]:5060;branch=x").host == "2001:db8::1"


@pytest.mark.parametrize(
    "text", ["", "SIP/2.0 a", "UDP a", "SIP/2.0/UDP", "SIP/2.0/UDP a:0", "SIP/2.0/UDP a:70000", "SIP/2.0/UDP a b"]
)
def test_what_is_no_via_is_refused(text) -> None:
    with pytest.raises(HeaderError):
        Via.parse(text)


def test_a_cseq_is_below_two_to_the_31() -> None:
    assert CSeq.parse(" 0042   INVITE ") == CSeq(42, "INVITE")
    for text in ("", "1", "INVITE", "-1 INVITE", "2147483648 INVITE", "1 IN VITE", "²1 INVITE", "1 \u00e9"):
        with pytest.raises(HeaderError):
            CSeq.parse(text)


def test_names_are_compared_without_case_and_compact_forms_count() -> None:
    message = parse_message(
        b"v: x\r\n".join([HEAD.split(b"\r\n")[0] + b"\r\n", b"M: <sip:a@b>, <sip:c@d>\r\nmAx-FoRwArDs : 7\r\n\r\n"])
    )
    assert message.header("Via") == "x"
    assert message.items("CONTACT") == ["<sip:a@b>", "<sip:c@d>"]
    assert message.header("max-forwards") == "7"
    assert message.header("to") is None


def test_line_feeds_alone_are_let_pass() -> None:
    message = parse_message(HEAD.replace(b"\r\n", b"\n") + b"Subject: a\n b\n\nbody")
    assert message.header("subject") == "a b"
    assert message.body == b"body"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no end"),
        (b"hello\r\n\r\n", "neither"),
        (b"SIP/2.0 99 x\r\n\r\n", "neither"),
        (b"SIP/2.0 700 x\r\n\r\n", "neither"),
        (HEAD, "no end"),
        (HEAD + b"no colon\r\n\r\n", "not a header field"),
        (HEAD + b": empty\r\n\r\n", "not a header field"),
        (HEAD + b"Bad Name: x\r\n\r\n", "not a header field"),
        (HEAD + b"X: a\rb\r\n\r\n", "carriage return"),
        (HEAD + b"Content-Length: 5\r\n\r\nbody", "5 bytes, but 4"),
        (HEAD + b"Content-Length: x\r\n\r\n", "not one number"),
        (HEAD + b"Content-Length: 1\r\nl: 2\r\n\r\nbody", "not one number"),
        (HEAD + b"Content-Length: \xb2\r\n\r\nbody", "not one number"),
        (HEAD + b"X: y\r\n" * 300 + b"\r\n", "more than 256"),
        (HEAD + b"X: " + b"y" * 40000 + b"\r\n\r\n", "longer than 32768"),
        (HEAD + b"\r\n" + b"x" * 66000, "longer than 65535"),
    ],
)
def test_a_bad_message_is_refused_with_the_reason(data, why) -> None:
    with pytest.raises(SipParseError, match=why):
        parse_message(data)


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq"])
def test_what_must_stand_once_may_not_stand_twice_or_never(name) -> None:
    def read(data: bytes) -> object:
        message = parse_message(data)
        return {
            "From": lambda: message.from_,
            "To": lambda: message.to,
            "Call-ID": lambda: message.call_id,
            "CSeq": lambda: message.cseq,
        }[name]()

    lines = HEAD.split(b"\r\n")
    line = next(each for each in lines if each.startswith(name.encode()))
    with pytest.raises(SipParseError, match="missing"):
        read(HEAD.replace(line + b"\r\n", b"") + b"\r\n")
    with pytest.raises(SipParseError, match="more than one"):
        read(HEAD + line + b"\r\n\r\n")


def test_a_response_copies_what_it_must_and_tags_to_once() -> None:
    request = parse_message(HEAD + b"Record-Route: <sip:p;lr>\r\nTimestamp: 5\r\n\r\n")
    assert isinstance(request, Request)
    ringing = parse_message(respond(request, 180, to_tag="t").to_bytes())
    assert isinstance(ringing, Response)
    assert (ringing.to.tag, ringing.header("record-route"), ringing.reason) == ("t", "<sip:p;lr>", "Ringing")
    assert respond(request, 100).header("timestamp") == "5"
    assert respond(request, 486, to_tag="t").header("record-route") is None
    again = parse_message(HEAD.replace(b"<sip:b@b>", b"<sip:b@b>;tag=x") + b"\r\n")
    assert isinstance(again, Request)
    assert respond(again, 200, to_tag="t").to.tag == "x"


@pytest.mark.parametrize(
    "hostile",
    [
        b"From: " + b"a" + b" " * 30000 + b"b\r\n",
        b"From: " + b'"' * 30000 + b"\r\n",
        b"From: " + b'"\\' * 15000 + b"\r\n",
        b"From: " + b"<" * 30000 + b"\r\n",
        b"From: sip:" + b":" * 4000 + b"\r\n",
        b"From: sip:a@b" + b";" * 30000 + b"\r\n",
        b"Via: SIP/2.0/UDP a" + b" " * 30000 + b"b\r\n",
        b"Via: " + b"SIP / " * 5000 + b"\r\n",
        b"Via: SIP/2.0/UDP a" + b";b=c" * 7000 + b"\r\n",
        b"Contact: " + b"<sip:a@b>," * 3000 + b"\r\n",
        b"X: " + b"a\r\n " * 6000 + b"\r\n",
        b"CSeq: " + b"1" * 30000 + b"\r\n",
        b"Content-Type: multipart/mixed" + b";  " * 10000 + b"boundary\r\n",
    ],
    ids=lambda value: value[:12].decode(),
)
def test_no_header_costs_more_than_its_length(hostile) -> None:
    start = time.process_time()
    message = parse_message(b"INVITE sip:b@b SIP/2.0\r\n" + hostile + b"\r\nbody")
    for read in ("via", "from_", "to", "contact", "cseq", "call_id", "description"):
        try:
            getattr(message, read)
        except SipParseError:
            continue
    assert time.process_time() - start < 0.2  # quadratic would be minutes


def test_a_hostile_request_line_costs_no_more_either() -> None:
    start = time.process_time()
    for line in (b"A" + b" " * 30000 + b"x", b"A " + b"x " * 15000 + b"SIP/2.0", b"SIP/2.0 " + b"1" * 30000):
        with pytest.raises(SipParseError):
            parse_message(line + b"\r\n\r\n")
    assert time.process_time() - start < 0.2


def test_the_digest_of_the_rfcs_is_reproduced() -> None:
    """The worked example of RFC 7616 section 3.9.1, for both algorithms."""
    answers = {
        "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    }
    for algorithm, expected in answers.items():
        challenge = Challenge("http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", algorithm, ("auth",))
        value = authorize(
            challenge,
            Credentials("Mufasa", "Circle of Life"),
            method="GET",
            uri="/dir/index.html",
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        )
        assert f'response="{expected}"' in value


def test_a_challenge_without_qop_is_answered_the_old_way() -> None:
    value = authorize(Challenge("r", "n"), Credentials("u", "p"), method="INVITE", uri="sip:b", cnonce="c")
    ha1, ha2 = hashlib.md5(b"u:r:p").hexdigest(), hashlib.md5(b"INVITE:sip:b").hexdigest()
    assert hashlib.md5(f"{ha1}:n:{ha2}".encode()).hexdigest() in value
    assert "cnonce" not in value


def test_the_stronger_of_several_challenges_is_answered() -> None:
    offers = ['Digest realm="a", nonce="1", algorithm=MD5', "Basic realm=x", 'Digest realm="b", nonce="2", algorithm=SHA-512',
              'Digest realm="c", nonce="3", algorithm=SHA-256, qop="auth"', "Digest nonsense"]  # fmt: skip
    chosen = choose(offers)
    assert chosen is not None
    assert chosen.realm == "c"
    assert choose(offers[1:3]) is None
    assert choose(['Digest realm="d", nonce="4", qop="auth-int"']) is None


def test_a_challenge_is_read_with_quotes_and_oddities() -> None:
    challenge = Challenge.parse('DIGEST  realm = "a \\"b\\", c" ,nonce="x==",opaque="o",stale=TRUE, qop="auth,auth-int"')
    assert challenge == Challenge('a "b", c', "x==", "MD5", ("auth", "auth-int"), "o", stale=True)
    start = time.process_time()
    with pytest.raises(HeaderError):
        Challenge.parse("Digest " + "a" * 32000)
    assert time.process_time() - start < 0.2
