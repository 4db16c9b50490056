"""Documents as customers write them, good and bad."""

from __future__ import annotations

import pytest

from offhook import xml
from offhook.audio import BeepPattern
from offhook.xml import Severity


def parsed(inner: str, **options: bool) -> xml.Parsed:
    return xml.parse(f"<Response>{inner}</Response>".encode(), **options)


def only(inner: str) -> xml.Element:
    """The one element of a document without any problem."""
    found = parsed(inner)
    assert found.problems == ()
    assert found.document is not None
    (element,) = found.document.elements
    return element


def codes(found: xml.Parsed) -> list[str]:
    return [problem.code for problem in found.problems]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty-body"),
        (b"  \r\n ", "empty-body"),
        (b"hello", "malformed"),
        (b"<Response>", "malformed"),
        (b"<Response></Respond>", "malformed"),
        (b"<Response/><Response/>", "malformed"),
        (b" <?xml version='1.0'?><Response/>", "malformed"),
        (b"<Response><Play>http://a/?b=1&c=2</Play></Response>", "malformed"),
        (b"<Response>&nbsp;</Response>", "malformed"),
        (b"<!DOCTYPE Response><Response/>", "doctype"),
        (b"<!DOCTYPE r [<!ENTITY a 'b'>]><Response>&a;</Response>", "doctype"),
        (b"<response/>", "wrong-root"),
        (b"<html><body/></html>", "wrong-root"),
        (b"<Response><Say>hi</Say></Response>", "unknown-element"),
        (b"<Response><speak>hi</speak></Response>", "unknown-element"),
        (b"<Response><Number>15550100</Number></Response>", "misplaced-element"),
        (b"<Response><GetDigits><Dial><Number>1</Number></Dial></GetDigits></Response>", "misplaced-element"),
        (b"<Response><Play>http://a/b<Speak>x</Speak></Play></Response>", "misplaced-element"),
        (b"<Response><PreAnswer><Record/></PreAnswer></Response>", "misplaced-element"),
        (b"<Response><Play/></Response>", "missing-text"),
        (b"<Response><Play>   </Play></Response>", "missing-text"),
        (b"<Response><Redirect/></Response>", "missing-text"),
        (b"<Response><DTMF></DTMF></Response>", "missing-text"),
        (b"<Response><Conference/></Response>", "missing-text"),
        (b"<Response><Stream/></Response>", "missing-text"),
        (b"<Response><Dial><Number/></Dial></Response>", "missing-text"),
        (b"<Response><Dial/></Response>", "no-target"),
        (b"<Response><GetInput/></Response>", "missing-attribute"),
        (b"<Response><MultiPartyCall>x</MultiPartyCall></Response>", "missing-attribute"),
        (b"<Response><MultiPartyCall role='boss'>x</MultiPartyCall></Response>", "bad-value"),
        (b"<Response><Stream>https://a/b</Stream></Response>", "bad-url"),
        (b"<Response><Stream>a.example/b</Stream></Response>", "bad-url"),
        (b"<Response><Stream>wss://</Stream></Response>", "bad-url"),
        (b"<Response><Stream>wss://a.example/" + b"x" * 2048 + b"</Stream></Response>", "bad-url"),
        (b"<Response><Dial><Number>,1</Number></Dial></Response>", "missing-text"),
        (b"<Response><GetInput action=''/></Response>", "missing-attribute"),
        (b"<Response>" + b"<GetDigits>" * 40 + b"</GetDigits>" * 40 + b"</Response>", "too-deep"),
        (b"<Response>" + b"<Wait/>" * 6000 + b"</Response>", "too-many-elements"),
        (b"<Response>" + b" " * 102_400 + b"</Response>", "too-large"),
    ],
)
def test_a_document_that_cannot_be_run_is_refused_with_its_reason(body: bytes, code: str) -> None:
    found = xml.parse(body)
    assert found.document is None
    assert code in codes(found)
    fatal = [problem for problem in found.problems if problem.fatal]
    assert fatal
    assert all(problem.severity is Severity.ERROR for problem in fatal)
    assert found.refusal == fatal[0]


@pytest.mark.parametrize(
    "body",
    [
        b"<Response/>",
        b"<Response></Response>",
        b"\n  <Response/>\n",
        b"\xef\xbb\xbf<Response/>",
        b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?><Response/>",
        b"<?xml version='1.0'?><!-- hi --><?target data?><Response xmlns='urn:x' xsi:a='b' xmlns:xsi='urn:y'> stray </Response>",
    ],
)
def test_an_empty_response_is_a_document(body: bytes) -> None:
    assert xml.parse(body).document == xml.Document()


def test_exactly_the_largest_document_is_read() -> None:
    body = b"<Response>" + b" " * (xml.MAX_BYTES - 21) + b"</Response>"
    assert len(body) == xml.MAX_BYTES
    assert xml.parse(body).document is not None


@pytest.mark.parametrize("content_type", [None, "application/xml", "text/xml; charset=utf-8", "TEXT/XML"])
def test_the_right_content_types_are_no_problem(content_type: str | None) -> None:
    assert xml.parse(b"<Response/>", content_type=content_type).problems == ()


def test_another_content_type_is_noted_and_read_all_the_same() -> None:
    found = xml.parse(b"<Response><Speak>hi</Speak></Response>", content_type="text/html")
    assert found.document is not None
    assert codes(found) == ["content-type"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<?xml version='1.0' encoding='iso-8859-1'?><Response><Speak>café</Speak></Response>".encode("latin-1"), None),
        ("<Response><Speak>café</Speak></Response>".encode("latin-1"), "text/xml; charset=iso-8859-1"),
        ("<Response><Speak>café</Speak></Response>".encode("windows-1252"), 'text/xml; charset="windows-1252"'),
        ("<Response><Speak>café</Speak></Response>".encode(), None),
        (b"<Response><Speak>caf&#233;</Speak></Response>", "text/xml; charset=nonsense"),
        ("\ufeff<Response><Speak>café</Speak></Response>".encode("utf-16-le"), None),
    ],
)
def test_the_document_s_encoding_is_honoured(body: bytes, content_type: str | None) -> None:
    document = xml.parse(body, content_type=content_type).document
    assert document is not None
    assert document.elements[0] == xml.Speak(content=("café",))


def test_bytes_that_are_not_of_the_declared_charset_are_an_error() -> None:
    assert codes(xml.parse(b"<Response>\xff</Response>", content_type="text/xml; charset=utf-8")) == ["bad-encoding"]


def test_the_defaults_are_those_of_the_reference() -> None:
    digits = only("<GetDigits/>")
    assert digits == xml.GetDigits(
        method="POST", timeout=5, digit_timeout=2, finish_on_key="#", num_digits=99, retries=1, redirect=True, play_beep=False,
        valid_digits="1234567890*#", log=True,
    )  # fmt: skip
    assert only("<Wait/>") == xml.Wait(length=1, silence=False, min_silence=None, beep=None)
    assert only("<Speak>x</Speak>") == xml.Speak(content=("x",), voice="WOMAN", language="en-US", loop=1)


@pytest.mark.parametrize(
    ("attribute", "field", "value"),
    [
        ("timeout='7'", "timeout", 7),
        ("timeout=' 7 '", "timeout", 7),
        ("redirect='FALSE'", "redirect", False),
        ("finishOnKey='*'", "finish_on_key", "*"),
        ("finishOnKey='none'", "finish_on_key", ""),
        ("finishOnKey=''", "finish_on_key", ""),
        ("validDigits='123'", "valid_digits", "123"),
        ("method='get'", "method", "GET"),
        ("action='/menu/?a=1&amp;b=2'", "action", "/menu/?a=1&b=2"),
        ("action=''", "action", None),
        ("invalidDigitsSound=' '", "invalid_digits_sound", None),
        ("invalidDigitsSound='https://a/b.mp3'", "invalid_digits_sound", "https://a/b.mp3"),
    ],
)
def test_good_values_are_read(attribute: str, field: str, value: object) -> None:
    assert getattr(only(f"<GetDigits {attribute}/>"), field) == value


@pytest.mark.parametrize(
    ("inner", "field", "default"),
    [
        ("<GetDigits timeout='0'/>", "timeout", 5),
        ("<GetDigits timeout='soon'/>", "timeout", 5),
        ("<GetDigits timeout='99999999999999999999'/>", "timeout", 5),
        ("<GetDigits numDigits='100'/>", "num_digits", 99),
        ("<GetDigits redirect='yes'/>", "redirect", True),
        ("<GetDigits finishOnKey='12'/>", "finish_on_key", "#"),
        ("<GetDigits validDigits='abc'/>", "valid_digits", "1234567890*#"),
        ("<Wait length='-1'/>", "length", 1),
        ("<Wait beep='loud'/>", "beep", None),
        ("<Speak loop='-2'>x</Speak>", "loop", 1),
        ("<Hangup reason='because'/>", "reason", None),
        ("<Record fileFormat='ogg'/>", "file_format", "mp3"),
        ("<Dial timeLimit='0'><Number>1</Number></Dial>", "time_limit", 14400),
        ("<Dial callbackMethod='PUT'><Number>1</Number></Dial>", "callback_method", "POST"),
        ("<Stream contentType='audio/opus'>wss://a/b</Stream>", "content_type", "audio/x-l16;rate=8000"),
        ("<Conference maxMembers='21'>x</Conference>", "max_members", 20),
    ],
)
def test_a_bad_value_gives_way_to_the_default_with_a_warning(inner: str, field: str, default: object) -> None:
    found = parsed(inner)
    assert found.document is not None
    assert getattr(found.document.elements[0], field) == default
    (problem,) = found.problems
    assert (problem.code, problem.severity) == ("bad-value", Severity.WARNING)
    assert problem.allowed


def test_a_warning_names_the_place_the_value_the_rule_and_the_remedy() -> None:
    (problem,) = xml.parse(b"<Response>\n  <GetDigits retries='0'/>\n</Response>").problems
    assert str(problem) == "2:3: warning bad-value GetDigits: retries='0' is not allowed; using 1 (allowed: 1 or more)"


@pytest.mark.parametrize(
    ("inner", "element"),
    [
        ("<Speak voice='' language=' '>x</Speak>", xml.Speak(content=("x",))),
        ("<GetInput action='/a' language='' digitEndTimeout='auto'/>", xml.GetInput(action="/a")),
        (
            "<Dial callerId='' callerName='' dialMusic='' sipHeaders=''><Number sendDigits=''>1</Number></Dial>",
            xml.Dial(children=(xml.Number(number="1"),)),
        ),
        ("<Conference enterSound=''>x</Conference>", xml.Conference(name="x")),
        ("<MultiPartyCall role='Agent' enterSound=''>x</MultiPartyCall>", xml.MultiPartyCall(role="Agent", name="x")),
    ],
)
def test_an_attribute_that_says_nothing_is_as_if_it_were_not_there(inner: str, element: xml.Element) -> None:
    assert only(inner) == element


def test_a_misspelt_attribute_is_ignored_with_a_suggestion() -> None:
    (problem,) = parsed("<GetDigits numdigits='1' />").problems
    assert (problem.code, problem.suggestion) == ("unknown-attribute", "numDigits")


def test_a_misspelt_element_gets_a_suggestion() -> None:
    (problem,) = parsed("<GetDigit/>").problems
    assert problem.suggestion == "GetDigits"


def test_a_method_that_ends_the_call_is_an_error_but_the_document_runs_until_there() -> None:
    found = parsed("<Redirect method='PUT'>http://a/b</Redirect>")
    assert found.document == xml.Document((xml.Redirect(url="http://a/b", method="PUT"),))
    assert [(problem.code, problem.severity, problem.fatal) for problem in found.problems] == [
        ("bad-method", Severity.ERROR, False)
    ]


def test_a_url_of_another_scheme_is_an_error_but_kept() -> None:
    found = parsed("<GetDigits action='ftp://a/b'/>")
    assert found.document is not None
    assert codes(found) == ["bad-url"]


def test_a_hangup_without_a_readable_schedule_is_skipped() -> None:
    found = parsed("<Hangup schedule='soon'/><Wait/>")
    assert found.document == xml.Document((xml.Wait(),))
    assert codes(found) == ["bad-value"]


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("true", BeepPattern()),
        ("TRUE", BeepPattern()),
        ("false", None),
        ("", None),
        ("duration=200", BeepPattern(duration_ms=200)),
        ("duration=200, inter_silence=20,intra_silence=300,threshold=128", BeepPattern(200, 20, 300, 128)),
    ],
)
def test_beep_parameters(text: str, pattern: BeepPattern | None) -> None:
    assert only(f"<Wait beep='{text}'/>") == xml.Wait(beep=pattern)


def test_white_space_in_speech_is_collapsed() -> None:
    assert only("<Speak>\n   Hello,\n\t  you   </Speak>") == xml.Speak(content=("Hello, you",))


def test_ssml_is_a_tree() -> None:
    speak = only(
        '<Speak>One <break time="500ms"/> <prosody rate="slow">two <emphasis level="strong">three</emphasis></prosody></Speak>'
    )
    assert isinstance(speak, xml.Speak)
    assert speak.content == (
        "One ",
        xml.Markup("break", {"time": "500ms"}),
        " ",
        xml.Markup("prosody", {"rate": "slow"}, ("two ", xml.Markup("emphasis", {"level": "strong"}, ("three",)))),
    )


@pytest.mark.parametrize(
    ("inner", "content"),
    [
        ("a <foo>b</foo> c", ("a b c",)),
        ("<cont>a</cont> b", ("a b",)),
        ("<break><p>x</p></break>", (xml.Markup("break", {}, ("x",)),)),
        ("<say-as>12</say-as>", ("12",)),
        ("<prosody>x</prosody>", ("x",)),
        ("<amazon:effect name='whispered'>x</amazon:effect>", ("x",)),
        ("<lang xml:lang='xx-XX'>x</lang>", ("x",)),
        ("<break time='11s'/>x", (xml.Markup("break"), "x")),
    ],
)
def test_ssml_that_cannot_be_done_is_dropped_and_its_text_is_spoken(inner: str, content: tuple[object, ...]) -> None:
    found = xml.parse(f"<Response xmlns:amazon='urn:a'><Speak>{inner}</Speak></Response>".encode())
    assert found.document is not None
    assert found.document.elements[0].content == content  # type: ignore[attr-defined]


def test_an_unknown_voice_is_a_warning_or_an_error_as_the_operator_wants() -> None:
    inner = "<Speak voice='Polly.Nobody'>hi</Speak>"
    assert codes(parsed(inner)) == ["unknown-voice"]
    assert parsed(inner).document is not None
    assert parsed(inner, nearest_voice=False).document is None


def test_sip_in_dial_is_an_old_name_of_user() -> None:
    found = parsed("<Dial><Sip>sip:a@b</Sip></Dial>")
    assert found.document == xml.Document((xml.Dial(children=(xml.User(target="sip:a@b"),)),))
    assert codes(found) == ["old-name"]


def test_what_an_sdk_writes_beyond_the_language_is_ignored() -> None:
    inner = (
        "<Speak legs='aleg'>x</Speak><Conference beep='true'>r</Conference>"
        "<MultiPartyCall role='agent' relayDtmfInputs='true'>m<AgentHoldMusic>u</AgentHoldMusic></MultiPartyCall>"
    )
    found = parsed(inner)
    assert found.problems == ()
    assert found.document is not None
    call = found.document.elements[2]
    assert isinstance(call, xml.MultiPartyCall)
    assert (call.role, call.relay_dtmf_inputs) == ("Agent", True)


def test_every_element_may_stand_where_the_language_says() -> None:
    inner = (
        "<PreAnswer><Speak>a</Speak><Play>http://a/b</Play><Wait/><GetDigits/><DTMF>1</DTMF><Redirect>http://a</Redirect></PreAnswer>"
        "<GetInput action='/x'><Speak>a</Speak><Play>/b</Play><Wait/></GetInput>"
        "<Dial><Number>1</Number><User>sip:a@b</User></Dial><Record/><Stream>ws://a</Stream>"
    )
    assert parsed(inner).problems == ()


@pytest.mark.parametrize(
    ("text", "pairs", "dropped"),
    [
        ("a=1,b=2", {"a": "1", "b": "2"}, 0),
        (" a = 1 ", {"a": "1"}, 0),
        ("a=x%20y", {"a": "x%20y"}, 0),
        ("PH-a=1,Plivo=2,FS-x=3,SipAuthFoo=4,zt-a=5,TwilioX=6,ClientRegion=7,ok=8", {"ok": "8"}, 0),
        ("a b=1,c=d e,=f,g", {}, 4),
        ("a=1\r\nX: y", {}, 1),
        ("", {}, 0),
    ],
)
def test_custom_headers(text: str, pairs: dict[str, str], dropped: int) -> None:
    found, sentences = xml.sip_headers(text)
    assert found == pairs
    assert len(sentences) == dropped
