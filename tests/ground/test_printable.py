"""What strangers write is shown, and not obeyed."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.printable import printable


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("sip:ada@phone.example", "sip:ada@phone.example"),
        ("Grüße, 你好, नमस्ते", "Grüße, 你好, नमस्ते"),
        ("\x1b[2Jcleared\x07", "␛[2Jcleared␇"),
        ("two\r\nlines\tand a tab", "two  lines and a tab"),
        ("\x7f\x80\x9b31m", "␡��31m"),
        ("\u202egnorw\u2066", "�gnorw�"),
        ("a\u00a0b\u2028c", "a b c"),
        ("\ud800\ufffe\U000fffff", "���"),
    ],
)
def test_it_is_shown_like_this(written: str, shown: str) -> None:
    assert printable(written) == shown


@given(st.text(alphabet=st.characters(codec=None)))
def test_nothing_is_left_that_does_something(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown) == len(text)
    assert printable(shown) == shown
    element = ET.Element("t")
    element.text = shown
    assert (ET.fromstring(ET.tostring(element)).text or "") == shown
