"""Whatever stands on a timeline, the picture is one: no line too wide, nothing obeyed, nothing lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from offhook.cli.ladder import MOST_LANES, Told, drawn, lanes_at, picture, svg
from offhook.cli.ladder.telling import _TELLERS
from offhook.events import ElementEnded, ElementStarted, HttpAttempted, Noted, SipReceived
from offhook.records import CallRecord, TimelineRow

SVG = "{http://www.w3.org/2000/svg}"
BEGAN = datetime(2026, 3, 1, 12, 0, 0, 0, UTC)
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\n</text></svg><script>alert(1)</script>&amp;]]>\u202e\ud800\x00\"'[red]"

_text = st.text(alphabet=st.characters(codec=None), max_size=30)
_values = st.one_of(
    _text,
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=True),
    st.booleans(),
    st.none(),
    st.lists(_text, max_size=8),
    st.sampled_from(["INVITE", "200 OK", "1 INVITE", "https://a.example/x", "http://[", "none", "Error", "warning"]),
)
_names = st.sampled_from(
    [
        *(
            "message",
            "cseq",
            "repeat",
            "url",
            "method",
            "attempt",
            "duration_ms",
            "status",
            "error",
            "purpose",
            "elements",
            "element",
        ),
        *("line", "about", "why", "codec", "direction", "digits", "what", "played_ms", "digit", "text", "level", "jitter_ms"),
        *(
            "packets_sent",
            "packets_received",
            "packets_lost",
            "mos_sent",
            "code",
            "name",
            "cause",
            "source",
            "duration_s",
            "detail",
        ),
        *("problems", "warnings", "from_number", "to_number", "srtp"),
    ]
)
_events = st.tuples(st.integers(0, 10**8), st.sampled_from([*_TELLERS, "another"]), st.dictionaries(_names, _values, max_size=8))


def record(call_uuid: str, *, parent: str | None = None, to_number: str = "200") -> CallRecord:
    """A record of a call that was not answered."""
    times = BEGAN, None, BEGAN + timedelta(seconds=9)
    ended = "NO_ANSWER", "Ring Timeout Reached", 6000, "Carrier"
    direction = "outbound" if parent else "inbound"
    return CallRecord(call_uuid, "MA", direction, "100", to_number, "completed", *times, 0, 0, *ended, parent_call_uuid=parent)


@st.composite
def calls(draw: st.DrawFn, name: str = "a", parent: str | None = None) -> Told:
    """A call whose timeline has any facts in any order."""
    written = sorted(draw(st.lists(_events, max_size=12)), key=lambda each: each[0])
    rows = [
        TimelineRow(name, number + 1, BEGAN + timedelta(milliseconds=at), at, kind, facts)
        for number, (at, kind, facts) in enumerate(written)
    ]
    return Told(draw(st.sampled_from([record(name, parent=parent), None])), rows)


@st.composite
def families(draw: st.DrawFn) -> tuple[Told, list[Told]]:
    """A call and its B legs."""
    return draw(calls()), [draw(calls(f"b{number}", "a")) for number in range(draw(st.integers(0, 4)))]


_patient = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@_patient
@given(families(), st.integers(40, 200), st.booleans())
def test_any_timeline_fits_a_terminal(family: tuple[Told, list[Told]], width: int, ascii_only: bool) -> None:
    call, legs = family
    whole = picture(call, legs, most_lanes=lanes_at(width))
    lines = [line.plain for line in drawn(whole, width, ascii_only=ascii_only)]
    assert all(cell_len(line) <= width for line in lines)
    assert all(line.isprintable() for line in lines)
    assert len(lines) >= len(whole.steps) + 4
    assert not ascii_only or "".join(lines).isascii()


@_patient
@given(families())
def test_any_timeline_is_a_drawing_that_can_be_read(family: tuple[Told, list[Told]]) -> None:
    call, legs = family
    whole = picture(call, legs, most_lanes=MOST_LANES)
    root = ET.fromstring(svg(whole).encode())
    rows = [each for each in root.iter(f"{SVG}g") if "row" in each.get("class", "").split()]
    assert len(rows) == len(whole.steps)
    for row, step in zip(rows, whole.steps, strict=True):
        assert (row.findtext(f"{SVG}title") or "") == step.about
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
        *("svg", "title", "desc", "style", "rect", "line", "path", "text", "g"),
    }


@_patient
@given(families())
def test_rows_stand_in_the_order_of_time_and_no_call_loses_one(family: tuple[Told, list[Told]]) -> None:
    call, legs = family
    steps = picture(call, legs).steps
    times = [step.at_ms for step in steps]
    assert times == sorted(times)
    notes = sum(row.kind == "note" for told in (call, *legs) for row in told.rows)
    assert sum(step.about.startswith("note") for step in steps) == notes


def _hostile() -> Told:
    written = [
        SipReceived(HOSTILE, f"1 {HOSTILE}", HOSTILE),
        HttpAttempted(HOSTILE, HOSTILE, f"https://{HOSTILE}/", 1, 5, None, HOSTILE),
        ElementStarted("Speak", 2, HOSTILE),
        Noted(HOSTILE, level="error"),
        ElementEnded("Speak", 2, HOSTILE, 9),
    ]
    rows = [TimelineRow("a", n + 1, BEGAN, n, event.kind, event.facts()) for n, event in enumerate(written)]
    return Told(record("a", to_number=HOSTILE), [*rows, TimelineRow("a", 9, BEGAN, 9, HOSTILE, {HOSTILE: HOSTILE})])


def test_a_terminal_is_given_no_orders() -> None:
    text = "\n".join(line.plain for line in drawn(picture(_hostile()), 200))
    assert text.replace("\n", "").isprintable()
    assert "␛]0;owned␇␛[2J" in text
    assert "[red]" in text  # and no markup is obeyed


def test_a_browser_is_given_no_orders() -> None:
    document = svg(picture(_hostile()))
    root = ET.fromstring(document)
    assert not list(root.iter(f"{SVG}script"))
    assert "<script" not in document
    assert any("<script>alert(1)</script>" in (each.text or "") for each in root.iter(f"{SVG}title"))
    assert not any(name.startswith("on") or "href" in name for each in root.iter() for name in each.attrib)


def test_marks_cannot_be_piled_up_over_other_lines() -> None:
    piled = Told(None, [TimelineRow("a", 1, BEGAN, 0, "note", {"text": "Z" + "\u0301" * 300 + "algo"})])
    line = list(drawn(picture(piled), 80))[-1].plain
    assert line.count("\u0301") == 2
    assert "algo" in line
