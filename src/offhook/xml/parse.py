"""A tree of tags to elements, by the tables; every problem is a value (reference ``xml.md`` sections 1.2 to 1.6)."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from email.message import Message as MimeMessage
from typing import Any

from offhook import voices
from offhook.xml import ssml, tree
from offhook.xml.elements import (
    ELEMENTS,
    TABLE,
    TOP_LEVEL,
    Attribute,
    Dial,
    Document,
    Element,
    Markup,
    Message,
    Speak,
    Stream,
    content_of,
)
from offhook.xml.kinds import BadValue, Method, SkipElement, Url
from offhook.xml.problems import Problem, Severity
from offhook.xml.tree import Tag

MAX_PROBLEMS = 200
"""More are not worth reading."""
_TYPES = ("application/xml", "text/xml")
_TOP_NAMES = tuple(each.__name__ for each in TOP_LEVEL)
_BLANKS = re.compile(r"[ \t\r\n]+")
MAX_EXTRA_HEADERS_BYTES = 512


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document, or why there is none; and what else was found."""

    document: Document | None
    """``None`` if and only if a problem is fatal."""
    problems: tuple[Problem, ...] = ()


def parse(body: bytes, *, content_type: str | None = None, nearest_voice: bool = True) -> Parsed:
    """Read a document. Never raises, whatever the bytes.

    Args:
        content_type: of the reply, with its parameters; another than XML's is noted.
        nearest_voice: an unknown voice or language is noted and spoken with the nearest; else the document is unusable.
    """
    reader = _Parser(nearest_voice=nearest_voice)
    charset = reader.content_type(content_type)
    try:
        root = tree.read(body, charset)
        elements = reader.response(root)
    except tree.Refused as refused:
        return Parsed(None, (*reader.problems, refused.problem))
    document = None if any(problem.fatal for problem in reader.problems) else Document(elements)
    return Parsed(document, tuple(reader.problems))


class _Skipped(Exception):
    """The element is left out."""


class _Parser:
    """One pass over the tree."""

    def __init__(self, *, nearest_voice: bool) -> None:
        self.problems: list[Problem] = []
        self._nearest_voice = nearest_voice

    # -- problems --------------------------------------------------------------------------------------------------

    def _add(self, tag: Tag | None, severity: Severity, code: str, message: str, **facts: Any) -> None:
        if len(self.problems) < MAX_PROBLEMS or facts.get("fatal"):
            line, column = (tag.line, tag.column) if tag is not None else (1, 1)
            self.problems.append(Problem(line, column, severity, code, message, element=tag.name if tag else "", **facts))

    def _warn(self, tag: Tag | None, code: str, message: str, **facts: Any) -> None:
        self._add(tag, Severity.WARNING, code, message, **facts)

    def _fatal(self, tag: Tag, code: str, message: str, **facts: Any) -> None:
        self._add(tag, Severity.ERROR, code, message, fatal=True, **facts)

    # -- the document ----------------------------------------------------------------------------------------------

    def content_type(self, content_type: str | None) -> str | None:
        """Judge the Content-Type; returns its charset."""
        if content_type is None:
            return None
        header = MimeMessage()
        header["Content-Type"] = content_type.replace("\r", " ").replace("\n", " ")
        kind, _, _ = content_type.partition(";")
        if kind.strip().lower() not in _TYPES:
            self._warn(
                None, "content-type", f"the reply's type is {kind.strip()!r}", found=kind.strip(), allowed=", ".join(_TYPES)
            )
        charset = header.get_param("charset")
        return charset if isinstance(charset, str) else None

    def response(self, root: Tag) -> tuple[Element, ...]:
        if root.name != "Response":
            suggestion = "Response" if root.name.lower() == "response" else ""
            self._fatal(
                root,
                "wrong-root",
                f"the root element is <{root.name}>",
                found=root.name,
                allowed="<Response>",
                suggestion=suggestion,
            )
            return ()
        return self._children(root, _TOP_NAMES)

    def _children(self, parent: Tag, allowed: tuple[str, ...]) -> tuple[Element, ...]:
        found = []
        for tag in parent.tags:
            name = self._name(tag, parent)
            if name not in allowed:
                self._misplaced(tag, parent, allowed)
                continue
            if name not in ELEMENTS:
                continue  # written by an SDK, no part of the language
            try:
                found.append(self._element(tag, ELEMENTS[name]))
            except _Skipped:
                continue
        return tuple(found)

    def _name(self, tag: Tag, parent: Tag) -> str:
        if tag.name == "Sip" and parent.name == "Dial":
            self._warn(tag, "old-name", "<Sip> is read as <User>", suggestion="User")
            return "User"
        return tag.name

    def _misplaced(self, tag: Tag, parent: Tag, allowed: tuple[str, ...]) -> None:
        places = ", ".join(allowed) if allowed else "no elements"
        if tag.name in ELEMENTS:
            self._fatal(
                tag,
                "misplaced-element",
                f"<{tag.name}> cannot stand in <{parent.name}>",
                found=tag.name,
                allowed=f"in <{parent.name}>: {places}",
            )
            return
        close = difflib.get_close_matches(tag.name, allowed or ELEMENTS, n=1, cutoff=0.6)
        folded = [name for name in ELEMENTS if name.lower() == tag.name.lower()]
        suggestion = (folded or close or [""])[0]
        self._fatal(
            tag,
            "unknown-element",
            f"there is no element <{tag.name[:60]}>",
            found=tag.name[:60],
            allowed=places,
            suggestion=suggestion,
        )

    # -- one element -----------------------------------------------------------------------------------------------

    def _element(self, tag: Tag, kind: type[Element]) -> Element:
        values: dict[str, Any] = {"line": tag.line}
        values.update(self._attributes(tag, kind))
        if kind is Speak:
            values["content"] = self._speech(tag)
            self._voice(tag, values)
        elif kind.children_allowed:
            children = self._children(tag, kind.children_allowed)
            if "children" in kind.__dataclass_fields__:
                values["children"] = children
        else:
            for child in tag.tags:
                self._misplaced(child, tag, ())
        self._text(tag, kind, values)
        self._rules(tag, kind, values)
        return kind(**values)

    def _attributes(self, tag: Tag, kind: type[Element]) -> dict[str, Any]:
        known = TABLE[kind]
        values: dict[str, Any] = {}
        for name, text in tag.attributes.items():
            if name not in known:
                self._unknown_attribute(tag, kind, name)
                continue
            field, attribute = known[name]
            values.update(self._value(tag, field, attribute, text))
        for name, (field, attribute) in known.items():
            if attribute.required and values.get(field) is None and name == attribute.name:
                self._fatal(tag, "missing-attribute", f"{tag.name} needs {name}", attribute=name, allowed=attribute.kind.allowed)
        return values

    def _unknown_attribute(self, tag: Tag, kind: type[Element], name: str) -> None:
        if name in kind.ignored or name.startswith("xmlns") or ":" in name:
            return
        folded = [each for each in TABLE[kind] if each.lower() == name.lower()]
        close = difflib.get_close_matches(name, TABLE[kind], n=1, cutoff=0.6)
        self._warn(
            tag,
            "unknown-attribute",
            f"{tag.name} has no attribute {name[:60]!r}; it is ignored",
            attribute=name[:60],
            suggestion=(folded or close or [""])[0],
        )

    def _value(self, tag: Tag, field: str, attribute: Attribute, text: str) -> dict[str, Any]:
        """The field's value, or nothing where the default stands."""
        name, kind = attribute.name, attribute.kind
        try:
            value = kind.read(text)
        except SkipElement:
            self._warn(
                tag,
                "bad-value",
                f"{tag.name}: {name}={text[:60]!r} is no number; the element is skipped",
                attribute=name,
                found=text[:60],
                allowed=kind.allowed,
            )
            raise _Skipped from None
        except BadValue:
            self._bad_value(tag, attribute, text)
            return {}
        if value is None and not attribute.required and isinstance(kind, Url):
            return {}
        if isinstance(kind, Method) and value not in {"GET", "POST"}:
            self._add(
                tag,
                Severity.ERROR,
                "bad-method",
                f"{tag.name}: {name}={text[:60]!r} ends the call when it gets here",
                attribute=name,
                found=text[:60],
                allowed=kind.allowed,
            )
        elif isinstance(kind, Url) and value is not None and kind.doubtful(value):
            self._add(
                tag,
                Severity.ERROR,
                "bad-url",
                f"{tag.name}: {name}={text[:120]!r} is not a URL of the right kind",
                attribute=name,
                found=text[:120],
                allowed=kind.allowed,
            )
        return {field: value}

    def _bad_value(self, tag: Tag, attribute: Attribute, text: str) -> None:
        kind = attribute.kind
        close = difflib.get_close_matches(text.strip(), kind.allowed.split(", "), n=1, cutoff=0.6)
        facts = {
            "attribute": attribute.name,
            "found": text[:60],
            "allowed": kind.allowed,
            "suggestion": close[0] if close else "",
        }
        if attribute.required:
            self._fatal(tag, "bad-value", f"{tag.name}: {attribute.name}={text[:60]!r} is not allowed", **facts)
            return
        using = "nothing" if attribute.default is None else kind.show(attribute.default) or "nothing"
        self._warn(tag, "bad-value", f"{tag.name}: {attribute.name}={text[:60]!r} is not allowed; using {using}", **facts)

    def _text(self, tag: Tag, kind: type[Element], values: dict[str, Any]) -> None:
        found = content_of(kind)
        if found is None:
            return
        field, rule = found
        text = tag.text.strip()
        values[field] = text
        if rule.required and not text:
            self._fatal(tag, "missing-text", f"{tag.name} is empty", allowed=rule.meaning)
        scheme = re.match(r"([A-Za-z][A-Za-z0-9+.\-]*):", text)
        if text and rule.schemes and ((scheme and scheme[1].lower() not in rule.schemes) or (rule.strict and scheme is None)):
            allowed = " or ".join(f"{each}://…" for each in rule.schemes)
            self._add(
                tag,
                Severity.ERROR,
                "bad-url",
                f"{tag.name}: {text[:120]!r} is not a URL of the right kind",
                found=text[:120],
                allowed=allowed,
                fatal=rule.strict,
            )

    def _rules(self, tag: Tag, kind: type[Element], values: dict[str, Any]) -> None:
        """What no single attribute can say."""
        if kind is Dial and not values["children"] and not any(problem.fatal for problem in self.problems):
            self._fatal(tag, "no-target", "Dial has nobody to call", allowed="at least one <Number> or <User>")
        elif kind is Stream:
            if values.get("bidirectional") and values.get("audio_track", "inbound") != "inbound":
                self._warn(
                    tag,
                    "bad-combination",
                    "Stream: a bidirectional stream sends the inbound track; using inbound",
                    attribute="audioTrack",
                    found=values["audio_track"],
                    allowed="inbound",
                )
                values["audio_track"] = "inbound"
            if len((values.get("extra_headers") or "").encode()) > MAX_EXTRA_HEADERS_BYTES:
                self._warn(
                    tag,
                    "bad-value",
                    "Stream: extraHeaders is longer than 512 bytes; it is dropped",
                    attribute="extraHeaders",
                    allowed="at most 512 bytes",
                )
                values["extra_headers"] = None
        elif kind is Message:
            self._warn(tag, "not-voice", "Message is not sent: this is a voice platform")

    # -- Speak -----------------------------------------------------------------------------------------------------

    def _voice(self, tag: Tag, values: dict[str, Any]) -> None:
        voice, language = values.get("voice", "WOMAN").strip(), values.get("language", "en-US").strip()
        for field in ("voice", "language"):
            if field in values:
                values[field] = values[field].strip()
        why = voices.fault(voice, language)
        if why is None:
            return
        if self._nearest_voice:
            self._warn(tag, "unknown-voice", f"Speak: {why}; the nearest voice is used", found=f"{voice} {language}")
        else:
            self._fatal(tag, "unknown-voice", f"Speak: {why}", found=f"{voice} {language}")

    def _speech(self, tag: Tag) -> tuple[str | Markup, ...]:
        return _trimmed(_merged(self._markup(tag, ssml.TOP | {"cont"}, text=True)))

    def _markup(self, tag: Tag, allowed: frozenset[str], *, text: bool) -> list[str | Markup]:
        found: list[str | Markup] = []
        for part in tag.content:
            if isinstance(part, str):
                if text:
                    found.append(part)
            elif part.name == "cont":
                found += self._markup(part, allowed | {"cont"}, text=True)
            elif part.name in ssml.TAGS and part.name in allowed:
                rule = ssml.TAGS[part.name]
                attributes = self._ssml_attributes(part, rule)
                if attributes is None:
                    found += self._markup(part, allowed, text=True)
                else:
                    found.append(Markup(part.name, attributes, _merged(self._markup(part, rule.children, text=rule.text))))
            else:
                self._dropped(part, tag, allowed)
                found += self._markup(part, allowed, text=True)
        return found

    def _dropped(self, tag: Tag, parent: Tag, allowed: frozenset[str]) -> None:
        close = difflib.get_close_matches(tag.name, ssml.TAGS, n=1, cutoff=0.6)
        why = f"cannot stand in <{parent.name}>" if tag.name in ssml.TAGS else "is not known"
        self._warn(
            tag,
            "ssml-tag",
            f"<{tag.name[:60]}> {why}; its text is spoken without it",
            found=tag.name[:60],
            allowed=", ".join(sorted(allowed - {"cont"})),
            suggestion="" if tag.name in ssml.TAGS or not close else close[0],
        )

    def _ssml_attributes(self, tag: Tag, rule: ssml.Tag) -> dict[str, str] | None:
        """The good ones; ``None`` when a required one is missing or bad."""
        found = {}
        for name, text in tag.attributes.items():
            value = rule.attributes.get(name)
            if value is None:
                self._warn(
                    tag, "unknown-attribute", f"<{tag.name}> has no attribute {name[:60]!r}; it is ignored", attribute=name[:60]
                )
            elif not value.accepts(text.strip()):
                self._warn(
                    tag,
                    "bad-value",
                    f"<{tag.name}>: {name}={text[:60]!r} is not allowed; it is ignored",
                    attribute=name,
                    found=text[:60],
                    allowed=value.allowed[:200],
                )
            else:
                found[name] = text.strip()
        missing = [name for name, value in rule.attributes.items() if value.required and name not in found]
        needed = missing[0] if missing else "volume, rate or pitch"
        if missing or (tag.name == "prosody" and not found):
            self._warn(
                tag,
                "ssml-tag",
                f"<{tag.name}> needs {needed}; its text is spoken without it",
                attribute=missing[0] if missing else "",
            )
            return None
        return found


def _merged(parts: list[str | Markup]) -> tuple[str | Markup, ...]:
    """Neighbouring texts joined, runs of white space collapsed."""
    found: list[str | Markup] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        else:
            found.append(part)
    collapsed = [_BLANKS.sub(" ", part) if isinstance(part, str) else part for part in found]
    return tuple(part for part in collapsed if part != "")


def _trimmed(parts: tuple[str | Markup, ...]) -> tuple[str | Markup, ...]:
    found = list(parts)
    if found and isinstance(found[0], str):
        found[0] = found[0].lstrip(" ")
    if found and isinstance(found[-1], str):
        found[-1] = found[-1].rstrip(" ")
    return tuple(part for part in found if part != "")
