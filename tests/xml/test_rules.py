"""What no single attribute can say: what goes together, what is never reached, what is doubtful but kept."""

from __future__ import annotations

import pytest

from offhook import xml
from offhook.audio import BeepPattern
from offhook.xml import Severity


def parsed(inner: str) -> xml.Parsed:
    return xml.parse(f"<Response>{inner}</Response>".encode())


def only_problem(inner: str) -> xml.Problem:
    (problem,) = parsed(inner).problems
    return problem


def element(inner: str) -> xml.Element:
    document = parsed(inner).document
    assert document is not None
    return document.elements[0]


@pytest.mark.parametrize(
    ("inner", "attribute"),
    [
        ("<Dial confirmKey='1'><Number>1</Number></Dial>", "confirmKey"),
        ("<Dial digitsMatch='1'><Number>1</Number></Dial>", "digitsMatch"),
        ("<Dial digitsMatchBLeg='1'><Number>1</Number></Dial>", "digitsMatchBLeg"),
        ("<Dial><User sipAuthUsername='a'>sip:a@b</User></Dial>", "sipAuthPassword"),
        ("<Dial><User sipAuthPassword='12345678'>sip:a@b</User></Dial>", "sipAuthUsername"),
        ("<Dial><User sipAuthUsername='a' sipAuthPassword='1234567'>sip:a@b</User></Dial>", "sipAuthPassword"),
        ("<Wait length='5' minSilence='1000'/>", "minSilence"),
        ("<Wait length='5' silence='true' minSilence='5000'/>", "minSilence"),
        ("<Wait length='5' silence='true' beep='true'/>", "beep"),
        ("<MultiPartyCall role='ai-agent'>x</MultiPartyCall>", "aiAgentStreamServiceUrl"),
        ("<Stream bidirectional='true' audioTrack='both'>wss://a/b</Stream>", "audioTrack"),
    ],
)
def test_what_does_not_go_together_is_a_warning(inner: str, attribute: str) -> None:
    problem = only_problem(inner)
    assert (problem.code, problem.severity, problem.attribute) == ("bad-combination", Severity.WARNING, attribute)


@pytest.mark.parametrize(
    "inner",
    [
        "<Dial confirmKey='1' confirmSound='/s'><Number>1</Number></Dial>",
        "<Dial digitsMatch='1' callbackUrl='/c'><Number>1</Number></Dial>",
        "<Dial><User sipAuthUsername='a' sipAuthPassword='12345678'>sip:a@b</User></Dial>",
        "<Wait length='5' silence='true' minSilence='4999'/>",
        "<Wait length='5' beep='true'/>",
        "<Stream audioTrack='both'>wss://a/b</Stream>",
        "<Stream bidirectional='true'>wss://a/b</Stream>",
    ],
)
def test_what_goes_together_is_no_problem(inner: str) -> None:
    assert parsed(inner).problems == ()


def test_what_the_other_attributes_make_void_is_left_out() -> None:
    dial = element("<Dial confirmKey='1'><User sipAuthUsername='a'>sip:a@b</User></Dial>")
    assert isinstance(dial, xml.Dial)
    assert dial.confirm_key is None
    assert dial.children == (xml.User(target="sip:a@b"),)
    stream = element("<Stream bidirectional='true' audioTrack='outbound'>wss://a/b</Stream>")
    assert isinstance(stream, xml.Stream)
    assert stream.audio_track == "inbound"


def test_a_password_never_stands_in_a_problem() -> None:
    problems = parsed("<Dial><User sipAuthUsername='a' sipAuthPassword='hunter2'>sip:a@b</User></Dial>").problems
    assert problems
    assert "hunter2" not in repr(problems)


@pytest.mark.parametrize(
    ("inner", "behind"),
    [
        ("<Redirect>/a</Redirect><Speak>x</Speak>", "Speak"),
        ("<Hangup/><Wait/><Wait/>", "Wait"),
        ("<Speak loop='0'>x</Speak><Redirect>/a</Redirect>", "Redirect"),
        ("<GetDigits><Play loop='0'>/a</Play><Speak>x</Speak></GetDigits>", "Speak"),
    ],
)
def test_what_is_never_reached_is_said_once(inner: str, behind: str) -> None:
    problem = only_problem(inner)
    assert (problem.code, problem.severity, problem.element) == ("unreachable", Severity.WARNING, behind)


@pytest.mark.parametrize(
    "inner",
    [
        "<Hangup schedule='5'/><Wait/>",
        "<Speak>x</Speak><Redirect>/a</Redirect>",
        "<PreAnswer><Play loop='0'>/a</Play></PreAnswer><Dial><Number>1</Number></Dial>",  # its ringback, xml.md section 15
        "<GetDigits><Play loop='0'>/a</Play></GetDigits><Wait/>",
        "<Dial action='/a'><Number>1</Number></Dial><Dial><Number>2</Number></Dial>",
    ],
)
def test_what_may_be_reached_is_no_problem(inner: str) -> None:
    assert parsed(inner).problems == ()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a/b",
        "mailto:a@b",
        "localhost:5000/answer",
        "http://",
        "https:///b",
        "http://a:0/",
        "http://a:99999/",
        "http://[::1/",
        "press one now",
    ],
)
def test_what_cannot_become_a_url_is_an_error_and_kept(url: str) -> None:
    for inner in (f"<Play>{url}</Play>", f"<Redirect>{url}</Redirect>", f"<GetDigits action='{url}'/>"):
        problem = only_problem(inner)
        assert (problem.code, problem.severity, problem.fatal) == ("bad-url", Severity.ERROR, False)
        assert url in xml.serialise(parsed(inner).document).decode()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "HTTPS://a.example:8443/b?c=d&amp;e#rt=3000&amp;rc=2",
        "/b",
        "b.mp3",
        "?x=1",
        "//a.example/b",
        "http://[::1]:80/",
        "https://bücher.example/ü",
    ],
)
def test_what_can_become_a_url_is_no_problem(url: str) -> None:
    assert parsed(f"<Play>{url}</Play><GetDigits action='{url}'/><Redirect>{url}</Redirect>").problems == ()


@pytest.mark.parametrize(
    ("inner", "field", "value"),
    [
        ("<DTMF>1;2</DTMF>", "digits", "1;2"),
        ("<Dial callerName='" + "x" * 51 + "'><Number>1</Number></Dial>", "caller_name", "x" * 50),
        ("<Dial callbackUrl='/c' digitsMatch='12,,x9, 3 '><Number>1</Number></Dial>", "digits_match", ("12", "3")),
        ("<Dial sipHeaders='a=1,b c=2'><Number>1</Number></Dial>", "sip_headers", "a=1,b c=2"),
        ("<Wait length='9' beep='duration=200,loudness=7'/>", "beep", BeepPattern(duration_ms=200)),
        ("<Dial><Number>15550100|leg_timeout=5</Number></Dial>", "children", (xml.Number(number="15550100"),)),
        ("<Dial><User>sip:a@b,sip:c@d</User></Dial>", "children", (xml.User(target="sip:a@b"),)),
        ("<Dial><Number>front desk</Number></Dial>", "children", (xml.Number(number="front desk"),)),
        ("<Stream extraHeaders='" + "a" * 513 + "'>wss://a/b</Stream>", "extra_headers", None),
    ],
)  # fmt: skip
def test_what_is_partly_right_is_used_as_far_as_it_goes(inner: str, field: str, value: object) -> None:
    problem = only_problem(inner)
    assert (problem.code, problem.severity) == ("bad-value", Severity.WARNING)
    assert getattr(element(inner), field) == value


@pytest.mark.parametrize(
    "inner",
    [
        "<DTMF>1w2W*#abcd@150</DTMF>",
        "<DTMF>\n  1 2 3\n</DTMF>",
        "<Dial><Number>+1 (415) 555-0100</Number><Number sendDigits='ww12'>1</Number></Dial>",
        "<Dial><User>sips:a@b;transport=tcp</User><User>desk7</User><User>a@b</User></Dial>",
        "<Dial sipHeaders='PH-x=1,a=b'><Number>1</Number></Dial>",
    ],
)
def test_what_can_be_called_or_sent_is_no_problem(inner: str) -> None:
    assert parsed(inner).problems == ()


@pytest.mark.parametrize(
    ("inner", "remedy"),
    [
        ("Welcome!<Wait/>", True),
        ("<GetDigits>Press one</GetDigits>", True),
        ("<Wait>five seconds</Wait>", False),
        ("<Dial>15550100<Number>1</Number></Dial>", False),
    ],
)
def test_text_where_none_belongs_is_ignored_with_a_warning(inner: str, remedy: bool) -> None:
    problem = only_problem(inner)
    assert (problem.code, problem.severity) == ("stray-text", Severity.WARNING)
    assert ("<Speak>" in problem.message) is remedy


def test_a_long_text_is_spoken_but_said_to_be_long() -> None:
    assert parsed(f"<Speak>{'a' * 3000}</Speak>").problems == ()
    found = parsed(f"<Speak>{'a' * 2000}<p>{'b' * 1001}</p></Speak>")
    assert [problem.code for problem in found.problems] == ["long-text"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("Say", "Speak"), ("Gather", "GetInput"), ("Pause", "Wait"), ("play", "Play"), ("GetDigit", "GetDigits"), ("Nonsense", "")],
)
def test_an_unknown_element_names_the_one_that_was_probably_meant(name: str, meant: str) -> None:
    assert only_problem(f"<{name}/>").suggestion == meant


@pytest.mark.parametrize(
    ("inner", "meant"),
    [
        ("<Speak voice='polly.jona'>x</Speak>", "Polly.Joanna"),
        ("<Dial callbackMethod='PSOT'><Number>1</Number></Dial>", "POST"),
        ("<Record fileFormat='wave'/>", "wav"),
        ("<Record playbeep='true'/>", "playBeep"),
        ("<Speak><brake/>x</Speak>", "break"),
        ("<Speak><break strength='strongest'/>x</Speak>", "strong"),
        ("<Redirect method='PSOT'>/a</Redirect>", "POST"),
        ("<response/>", ""),
    ],
)
def test_a_misspelt_word_names_the_one_that_was_probably_meant(inner: str, meant: str) -> None:
    found = [problem.suggestion for problem in parsed(inner).problems]
    assert found == [meant]
