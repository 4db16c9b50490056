"""The element reference as Markdown, made from the tables: ``python -m offhook.xml.reference > docs/elements.md``."""

from __future__ import annotations

import sys

from offhook import voices
from offhook.xml import ssml
from offhook.xml.elements import CONTENT, ELEMENTS, TABLE
from offhook.xml.table import Attribute, Element

_HEAD = """# Elements

What a document may hold, made from the tables that read, check and write it (`python -m offhook.xml.reference`).
A value that is not allowed is replaced by the default, with a line on the call's timeline; `offhook lint` says so beforehand.
Names are case-sensitive; the words among the values are not. Relative URLs are resolved against that of the document.

"""


def markdown() -> str:
    """The whole page."""
    return _HEAD + "\n".join(_element(name, element) for name, element in ELEMENTS.items()) + _speech_tags() + _voices()


def _element(name: str, element: type[Element]) -> str:
    lines = [f"## {name}", "", element.summary, ""]
    content = CONTENT.get(element)
    if name == "Speak":
        lines += ["**Content:** text and [SSML](#ssml).", ""]
    elif content is not None:
        lines += [f"**Content:** {content[1].meaning}{' (required)' if content[1].required else ''}.", ""]
    if element.children_allowed:
        lines += ["**Children:** " + ", ".join(f"`{child}`" for child in element.children_allowed) + ".", ""]
    rows = [_row(key, attribute) for key, (_, attribute) in TABLE[element].items() if key == attribute.name]
    if rows:
        lines += ["| attribute | kind | default | allowed | meaning |", "| --- | --- | --- | --- | --- |", *rows, ""]
    return "\n".join(lines)


def _row(name: str, attribute: Attribute) -> str:
    if attribute.required:
        default = "required"
    elif attribute.default is None or attribute.default == ():
        default = "–" if "auto" not in attribute.kind.allowed else "`auto`"
    else:
        default = f"`{attribute.kind.show(attribute.default)}`"
    return f"| `{name}` | {attribute.kind.label} | {default} | {_cell(attribute.kind.allowed)} | {_cell(attribute.meaning)} |"


def _speech_tags() -> str:
    lines = [
        "",
        "## SSML",
        "",
        "Tags within `Speak`. A tag that is unknown or misplaced is dropped and its text is spoken.",
        "",
        "| tag | attributes | may hold |",
        "| --- | --- | --- |",
    ]
    for name, tag in ssml.TAGS.items():
        attributes = "; ".join(_speech_attribute(key, value) for key, value in tag.attributes.items())
        inside = ", ".join([*(["text"] if tag.text else []), *sorted(tag.children)]) or "nothing"
        lines.append(f"| `{name}` | {_cell(attributes) or '–'} | {inside} |")
    return "\n".join(lines) + "\n"


def _speech_attribute(name: str, value: ssml.Value) -> str:
    allowed = "a language of the [voices](#voices)" if name == "xml:lang" else value.allowed
    return f"`{name}`{' (required)' if value.required else ''}: {allowed}"


def _voices() -> str:
    lines = [
        "",
        "## Voices",
        "",
        "What `voice` and `language` of `Speak` may ask for. The local engines speak with the nearest voice that they have.",
        "",
        "| language | `WOMAN`, `MAN` | named voices |",
        "| --- | --- | --- |",
    ]
    for language in sorted(voices.LANGUAGES):
        plain = "yes" if language in voices.PLAIN else "–"
        named = [each for each in voices.POLLY.values() if language in each.languages]
        shown = ", ".join(f"`Polly.{each.name}` ({'woman' if each.sex == 'f' else 'man'})" for each in named)
        lines.append(f"| {language} | {plain} | {shown or '–'} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(markdown())
