"""The drawing: what stands where, and that it needs nothing from elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from xml.etree import ElementTree as ET

import pytest

from offhook.cli.ladder import MOST_LANES, picture, svg
from offhook.events import ElementEnded, ElementStarted, HttpAttempted, Noted, SipReceived, SipSent

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def drawing(tell) -> ET.Element:
    """A call with a B leg, a box that ends, one inside of it, and one that never ends."""
    call = tell(
        (1, SipReceived("INVITE", "1 INVITE", "192.0.2.7:5060/udp")),
        (30, HttpAttempted("answer", "POST", "https://app.example/answer", 1, 20, 200)),
        (31, ElementStarted("PreAnswer", 2)),
        (32, ElementStarted("Speak", 3)),
        (33, Noted("a voice was replaced")),
        (34, ElementEnded("Speak", 3, "done", 2)),
        (35, ElementEnded("PreAnswer", 2, "done", 4)),
        (36, ElementStarted("Dial", 5)),
    )
    leg = tell((0, SipSent("INVITE", "1 INVITE")), call_uuid="b", parent="call-a", after_ms=40)
    return ET.fromstring(svg(picture(call, [leg], most_lanes=MOST_LANES)))


def _rows(drawing: ET.Element) -> list[ET.Element]:
    return [each for each in drawing.iter(f"{SVG}g") if "row" in each.get("class", "")]


def test_it_has_a_title_and_a_description_for_who_does_not_see_it(drawing: ET.Element) -> None:
    named = {each.get("id"): each.text for each in drawing if each.get("id")}
    assert drawing.get("aria-labelledby") == " ".join(named)
    assert "call-a" in (named["title"] or "")
    assert "10 steps in the order of time" in (named["about"] or "")
    assert "B1 200" in (named["about"] or "")


def test_its_words_are_text(drawing: ET.Element) -> None:
    written = {each.text for each in drawing.iter(f"{SVG}text")}
    assert {"caller", "Offhook", "web server", "app.example", "B1", "INVITE", "POST /answer", "200 in 20 ms (answer)"} <= written


def test_elements_are_boxes_as_long_as_they_ran(drawing: ET.Element) -> None:
    drawn = [each for each in drawing.iter(f"{SVG}rect") if each.get("class") == "box"]
    boxes = [tuple(float(each.get(name, "")) for name in ("x", "y", "height")) for each in drawn]
    outer, inner, unfinished = boxes
    assert inner[0] > outer[0] == unfinished[0]
    assert outer[1] < inner[1] < inner[1] + inner[2] < outer[1] + outer[2]
    foot = max(float(each.get("y2", "")) for each in drawing.iter(f"{SVG}line"))
    assert unfinished[1] + unfinished[2] == foot


def test_an_arrow_leads_from_lane_to_lane(drawing: ET.Element) -> None:
    lanes = [float(each.get("x1", "")) for each in drawing.iter(f"{SVG}line")]
    paths = [row.find(f"{SVG}path[@class='arrow']") for row in _rows(drawing)]
    spans = [[float(each) for each in re.findall(r"[MH]([\d.]+)", path.get("d", ""))] for path in paths if path is not None]
    ends = [[min(lanes, key=lambda lane: abs(lane - x)) for x in span] for span in spans]
    caller, offhook, web, leg = lanes
    assert ends == [[caller, offhook], [offhook, web], [web, offhook], [offhook, leg]]


def test_everything_about_a_step_is_told_to_who_points_at_it(drawing: ET.Element) -> None:
    assert "peer=192.0.2.7:5060/udp" in (_rows(drawing)[0].findtext(f"{SVG}title") or "")


def test_it_is_dark_where_the_reader_has_it_dark_and_loads_nothing(drawing: ET.Element) -> None:
    style = drawing.findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme: dark" in style
    assert not re.search(r"@import|url\(|@font-face", style)
    light, _, dark = style.partition("@media (prefers-color-scheme: dark) {")
    coloured = re.compile(r"([\w.: >,-]+)\{[^}]*(?:fill|stroke|background): #")
    named = {rule.strip() for found in coloured.findall(light) for rule in found.split(",")}
    again = {rule.strip() for found in coloured.findall(dark) for rule in found.split(",")}
    assert named == again  # no colour of the light page is left on the dark one


@pytest.mark.skipif(shutil.which("rsvg-convert") is None, reason="needs rsvg-convert (librsvg2-bin)")
def test_another_program_draws_it(drawing: ET.Element, tmp_path) -> None:
    (tmp_path / "call.svg").write_bytes(ET.tostring(drawing))
    subprocess.run(["rsvg-convert", tmp_path / "call.svg", "-o", tmp_path / "call.png"], check=True, timeout=60)
    assert (tmp_path / "call.png").read_bytes().startswith(b"\x89PNG")
