"""Elements back to bytes: what is a default is left out, and parsing the result gives the same document."""

from __future__ import annotations

from dataclasses import fields
from xml.sax.saxutils import escape, quoteattr

from offhook.xml.elements import CONTENT, TABLE, Document, Speak
from offhook.xml.table import Element, Markup


def serialise(document: Document) -> bytes:
    """The document as UTF-8 XML with a declaration."""
    inner = "".join(_element(element) for element in document.elements)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>{inner}</Response>\n'.encode()


def _element(element: Element) -> str:
    name = type(element).__name__
    attributes = "".join(_attributes(element))
    inner = _inner(element)
    return f"<{name}{attributes}>{inner}</{name}>" if inner else f"<{name}{attributes}/>"


def _attributes(element: Element) -> list[str]:
    defaults = {each.name: each.default for each in fields(element)}
    shown = []
    for name, (field, attribute) in TABLE[type(element)].items():
        value = getattr(element, field)
        if name == attribute.name and value is not None and (value != defaults[field] or attribute.required):
            shown.append(f" {name}={quoteattr(attribute.kind.show(value), _ENTITIES)}")
    return shown


def _inner(element: Element) -> str:
    if isinstance(element, Speak):
        return _speech(element.content)
    found = CONTENT.get(type(element))
    text = escape(getattr(element, found[0]), _CARRIAGE) if found else ""
    return text + "".join(_element(child) for child in getattr(element, "children", ()))


def _speech(content: tuple[str | Markup, ...]) -> str:
    return "".join(escape(part, _CARRIAGE) if isinstance(part, str) else _markup(part) for part in content)


def _markup(markup: Markup) -> str:
    attributes = "".join(f" {name}={quoteattr(value, _ENTITIES)}" for name, value in markup.attributes.items())
    return f"<{markup.tag}{attributes}>{_speech(markup.content)}</{markup.tag}>"


_ENTITIES = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_CARRIAGE = {"\r": "&#13;"}
