"""Documents as the vendor's own SDK writes them lint clean, and mean what was meant."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path
from typing import Any

import pytest
from plivo import plivoxml

from offhook import xml
from offhook.xml import reference


def document(*elements: Any) -> bytes:
    response = plivoxml.ResponseElement()
    for element in elements:
        response.add(element)
    return response.to_string().encode()


def clean(*elements: Any) -> tuple[xml.Element, ...]:
    found = xml.parse(document(*elements))
    assert found.problems == ()
    assert found.document is not None
    return found.document.elements


def test_a_menu_with_a_prompt_in_it() -> None:
    menu = plivoxml.GetDigitsElement(
        action="https://a.example/menu", method="POST", num_digits=1, timeout=7, retries=2, play_beep=True
    )
    menu.add(plivoxml.SpeakElement("Press one.", voice="Polly.Amy", language="en-GB"))
    menu.add(plivoxml.PlayElement("https://a.example/b.mp3"))
    menu.add(plivoxml.WaitElement(length=2))
    (digits,) = clean(menu)
    assert digits == xml.GetDigits(
        action="https://a.example/menu",
        num_digits=1,
        timeout=7,
        retries=2,
        play_beep=True,
        children=(
            xml.Speak(content=("Press one.",), voice="Polly.Amy", language="en-GB"),
            xml.Play(url="https://a.example/b.mp3"),
            xml.Wait(length=2),
        ),
    )


def test_speech_with_every_tag() -> None:
    speak = plivoxml.SpeakElement("Hello", voice="Polly.Joanna", language="en-US", loop=2)
    speak.add_break(strength="strong", time="2s")
    speak.add_emphasis("now", level="strong")
    speak.add_lang("bonjour", xmllang="fr-FR")
    speak.add_p("paragraph")
    speak.add_phoneme("pecan", ph="pɪˈkɑːn", alphabet="ipa")
    speak.add_prosody("slow", rate="slow", volume="loud", pitch="+10%")
    speak.add_s("sentence")
    speak.add_say_as("12345", interpret_as="digits", format="")
    speak.add_sub("W3C", alias="World Wide Web Consortium")
    speak.add_w("read", role="amazon:VBD")
    (element,) = xml.parse(document(speak)).document.elements  # type: ignore[union-attr]
    assert isinstance(element, xml.Speak)
    tags = [part.tag for part in element.content if isinstance(part, xml.Markup)]
    assert tags == ["break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"]


def test_a_dial_with_everything() -> None:
    dial = plivoxml.DialElement(
        action="https://a.example/done", method="POST", hangup_on_star=True, time_limit=60, timeout=20, caller_id="15550100",
        caller_name="Bob", confirm_sound="https://a.example/c", confirm_timeout=20, confirm_key="3", dial_music="real",
        callback_url="https://a.example/e", callback_method="GET", redirect=False, digits_match="12,34", digits_match_b_leg="5",
        sip_headers="a=b",
    )  # fmt: skip
    dial.add(plivoxml.NumberElement("15550101", send_digits="w1", send_on_preanswer=True))
    dial.add(plivoxml.UserElement("sip:bob@a.example", sip_headers="x=y"))
    (element,) = clean(dial)
    assert isinstance(element, xml.Dial)
    assert (element.digits_match, element.digits_match_b_leg, element.confirm_key, element.redirect) == (
        ("12", "34"),
        ("5",),
        "3",
        False,
    )
    assert [type(child) for child in element.children] == [xml.Number, xml.User]


def test_the_rest_of_the_language() -> None:
    pre = plivoxml.PreAnswerElement()
    pre.add(plivoxml.SpeakElement("One moment."))
    pre.add(plivoxml.WaitElement(length=1, silence=True, min_silence=500, beep=True))
    get_input = plivoxml.GetInputElement(
        action="https://a.example/i", input_type="dtmf speech", hints="yes,no", execution_timeout=20
    )
    get_input.add(plivoxml.SpeakElement("Say yes or no."))
    found = clean(
        pre,
        get_input,
        plivoxml.DTMFElement("12w3", async_=False),
        plivoxml.RecordElement(action="https://a.example/r", max_length=30, file_format="wav", record_session=True),
        plivoxml.ConferenceElement("room", muted=True, enter_sound="beep:1", max_members=5, callback_url="https://a.example/c"),
        plivoxml.MultiPartyCallElement("mpc", role="Agent"),
        plivoxml.StreamElement("wss://a.example/s", bidirectional=True, keepCallAlive=True),
        plivoxml.RedirectElement("https://a.example/n", method="GET"),
        plivoxml.HangupElement(reason="busy", schedule=60),
    )
    assert [type(each).__name__ for each in found] == [
        "PreAnswer", "GetInput", "DTMF", "Record", "Conference", "MultiPartyCall", "Stream", "Redirect", "Hangup",
    ]  # fmt: skip


def test_every_attribute_that_the_sdk_can_write_is_known() -> None:
    """The SDK's own sources name the attributes that its elements write."""
    unknown: list[tuple[str, str]] = []
    checked = 0
    for name, kind in inspect.getmembers(plivoxml, inspect.isclass):
        element = xml.ELEMENTS.get(name.removesuffix("Element").replace("Dtmf", "DTMF"))
        if element is None:
            continue
        written = set(re.findall(r"_update_attributes|'([a-z][A-Za-z]+)'\s*:", inspect.getsource(kind))) - {""}
        checked += len(written)
        unknown += [(name, each) for each in written if each not in xml.TABLE[element] and each not in element.ignored]
    assert checked > 150
    assert unknown == []


def test_the_reference_s_own_examples_lint_clean() -> None:
    folder = Path(os.environ.get("OFFHOOK_REFERENCE", Path(__file__).parents[3] / "shared" / "reference"))
    if not folder.is_dir():
        pytest.skip("the reference pages are not here")
    problems = []
    for page in sorted(folder.glob("*.md")):
        for block in re.findall(r"```xml\n(.*?)```", page.read_text(), re.DOTALL):
            if "<Response" in block:
                problems += [f"{page.name}: {each}" for each in xml.parse(block.strip().encode()).problems]
    assert problems == []


@pytest.mark.parametrize("path", sorted((Path(__file__).parent / "documents").glob("*.xml")), ids=lambda path: path.stem)
def test_documents_as_applications_write_them_lint_clean(path: Path) -> None:
    found = xml.parse(path.read_bytes(), content_type="application/xml")
    assert [str(problem) for problem in found.problems] == []
    assert found.document is not None
    assert xml.parse(xml.serialise(found.document)).document == found.document


def test_the_element_reference_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "elements.md"
    assert page.read_text() == reference.markdown(), "run: python -m offhook.xml.reference > docs/elements.md"
