"""What the API lets be spoken in a call that runs, as the element that says the same (reference ``api.md`` section 5.9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from offhook import voices, xml
from offhook.errors import PeerFault
from offhook.xml import Markup, Speak

_SPEAK = re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?<speak\b[^>]*>(.*)</speak\s*>\s*", re.DOTALL)
_FORM = re.compile(r"WOMAN|MAN|Polly\.[\w-]+", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")


class Unspeakable(PeerFault):
    """A text or a voice that cannot be spoken; says why."""


def read(text: str, *, voice: str, language: str, ssml: bool, nearest_voice: bool) -> tuple[Speak, tuple[str, ...]]:
    """The element, and what is left out of it.

    Args:
        ssml: the text is SSML; one that stands in ``<speak>`` is in any case.
        nearest_voice: an unknown ``Polly`` voice, or a language that the voice has not, is spoken by the nearest.

    Raises:
        Unspeakable: it says nothing, is no SSML, or nobody has this voice.
    """
    why = voices.fault(voice, language)
    if why is not None and not (nearest_voice and _FORM.fullmatch(voice)):
        raise Unspeakable(f"voice parameter is invalid: {why}; use WOMAN, MAN or Polly.<Name>")
    enclosed = _SPEAK.fullmatch(text)
    if enclosed is None and not ssml:
        content: tuple[str | Markup, ...] = (" ".join(_CONTROLS.sub(" ", text).split()),)
        notes: tuple[str, ...] = ()
    else:
        content, notes = _marked_up(text if enclosed is None else enclosed[1])
    if not any(_sounds(content)):
        raise Unspeakable("text parameter is invalid: there is nothing in it to be spoken")
    return Speak(line=0, content=content, voice=voice, language=language), notes


def _marked_up(text: str) -> tuple[tuple[str | Markup, ...], tuple[str, ...]]:
    parsed = xml.parse(f"<Response><Speak>{text}</Speak></Response>".encode("utf-8", "replace"))
    elements = parsed.document.elements if parsed.document is not None else ()
    if len(elements) != 1 or not isinstance(elements[0], Speak):
        raise Unspeakable(
            f"text parameter is invalid: it is no SSML: {parsed.problems[0].message if parsed.problems else 'it ends early'}"
        )
    return elements[0].content, tuple(problem.message for problem in parsed.problems)


def _sounds(content: tuple[str | Markup, ...]) -> Iterator[bool]:
    for part in content:
        if isinstance(part, str):
            yield bool(part.strip())
        else:
            yield part.tag in {"break", "sub"}
            yield from _sounds(part.content)


def looped(element: Speak, *, loop: bool) -> Speak:
    """The same once, or again and again."""
    return replace(element, loop=0 if loop else 1)
