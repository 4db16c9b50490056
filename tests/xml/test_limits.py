"""Documents made to be slow, deep, long or unreadable: each costs little, and what comes back is bounded."""

from __future__ import annotations

import time

import pytest

from offhook import xml
from offhook.xml.problems import MAX_PROBLEMS

ATTRIBUTES = " ".join(f"callbackMetho{each}=''" for each in range(4500))
HEAVY = {
    "unknown elements": "<Wattagedigits/>" * 4900,
    "misplaced elements": "<Number>1</Number>" * 4900,
    "unknown attributes": f"<Dial {ATTRIBUTES}/>",
    "unknown markup": "<Speak>" + "<brea/>x" * 4900 + "</Speak>",
    "unknown markup attributes": f"<Speak><break {ATTRIBUTES}/></Speak>",
    "a long element name": f"<{'GetDigits' * 11000}/>",
    "a long attribute name": f"<Wait {'length' * 16000}=''/>",
    "a long word": f"<Dial callbackMethod='{'GETPOST' * 14000}'/>",
    "bad values": "<Wait length='0'/>" * 4900,
    "empty Dials": "<Dial/>" * 4900,
    "unknown voices": "<Speak voice='x'/>" * 4900,
    "many key sequences": f"<Conference digitsMatch='{'1,' * 49000}'>x</Conference>",
    "many beep parameters": f"<Wait beep='{'duration=1,' * 9000}'/>",
    "many headers": f"<Dial sipHeaders='{'a b,' * 25000}'><Number>1</Number></Dial>",
    "texts in pieces": "<Speak>" + "<cont>xxxxxx</cont>" * 4900 + "</Speak>",
    "character references": "<Speak>" + "&#65;" * 20000 + "</Speak>",
}


def timed(body: bytes) -> tuple[float, xml.Parsed]:
    """The shortest of three times: what else the machine does is none of the document's cost."""
    times = []
    for _ in range(3):
        began = time.process_time()
        found = xml.parse(body)
        times.append(time.process_time() - began)
    return min(times), found


@pytest.mark.parametrize("inner", HEAVY.values(), ids=HEAVY.keys())
def test_the_worst_document_costs_about_as_much_as_an_ordinary_one_of_its_length_and_its_problems_are_bounded(inner: str) -> None:
    body = f"<Response>{inner}</Response>".encode()
    assert len(body) <= xml.MAX_BYTES
    ordinary, _ = timed(b"<Response>" + b"<Wait length='2'/>" * 4900 + b"</Response>")
    heavy, found = timed(body)
    # At most 2 as measured; what grows with the square of the length reaches 50, and that is what must not come back.
    assert heavy / ordinary < 10
    assert len(found.problems) <= MAX_PROBLEMS + 1
    assert all(len(str(problem)) < 1000 for problem in found.problems)
    assert (found.document is None) == any(problem.fatal for problem in found.problems)


def test_the_reason_why_there_is_no_document_is_never_lost_among_warnings() -> None:
    found = xml.parse(b"<Response>" + b"<Wait length='0'/>" * 500 + b"<Say/></Response>")
    assert found.document is None
    assert found.refusal is not None
    assert found.refusal.code == "unknown-element"


@pytest.mark.parametrize("depth", [31, 32, 40])
def test_depth_is_bounded(depth: int) -> None:
    body = b"<Response><Speak>" + b"<cont>" * (depth - 2) + b"x" + b"</cont>" * (depth - 2) + b"</Speak></Response>"
    found = xml.parse(body)
    assert (found.document is not None) is (depth <= 32)
    if found.document is None:
        assert [problem.code for problem in found.problems] == ["too-deep"]


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Response><Speak>&b;</Speak></Response>',
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><Response><Speak>&x;</Speak></Response>',
        b'<!DOCTYPE r SYSTEM "http://a.example/evil.dtd"><Response/>',
        b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x"><html/>',
    ],
)
def test_no_document_type_is_read_at_all(body: bytes) -> None:
    assert [problem.code for problem in xml.parse(body).problems] == ["doctype"]


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b"<Response>\n<Play>http://a/?b=1&c=2</Play></Response>", "&amp;"),
        (b"<Response>&nbsp;</Response>", "&amp; &lt; &gt;"),
        (b"<Response>\n  <Speak>x</Response>", "<Speak> of line 2 is not closed"),
        (b"<Response><Speak>x</Speak>", "<Response> of line 1 is not closed"),
        (b"\n<?xml version='1.0'?><Response/>", "before <?xml"),
        (b"<Response/>\n<Response/>", "one <Response>"),
        (b"<Response><Speak>caf\xe9</Speak></Response>", "not UTF-8"),
        (b"<Response><Speak>\x07</Speak></Response>", "0x07"),
        (b'{"error": "no such route"}', 'begins with \'{"error"'),
        (b"Internal Server Error", "begins with 'Internal Server"),
        (b"<!doctype html><html></html>", "begins with '<!doctype html>"),
        (b"<!DOCTYPE html><html></html>", "web page"),
    ],
)
def test_a_document_that_is_not_well_formed_comes_with_what_to_do_about_it(body: bytes, hint: str) -> None:
    (problem,) = xml.parse(body).problems
    assert problem.fatal
    assert hint in problem.message
