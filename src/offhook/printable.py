"""Text of strangers, made fit to be shown: in a log, in a terminal, in XML."""

from __future__ import annotations

_CONTROL_PICTURES = 0x2400
"""Unicode has a picture of each control character of ASCII, in the same order."""


def printable(text: str) -> str:
    """A text with nothing in it that a terminal would obey or a reader could not see.

    White space of any kind becomes a blank, a control character its picture (``␛``). What else has no glyph (direction marks,
    lone surrogates, code points that mean nothing) becomes ``�``; so the result is always encodable and allowed in XML 1.0.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _visible(each) for each in text)


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    code = ord(character)
    return chr(_CONTROL_PICTURES + code) if code < 0x20 else "␡" if code == 0x7F else "�"
