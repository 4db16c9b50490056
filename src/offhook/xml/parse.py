"""A tree of tags to elements, by the tables; every problem is a value (reference ``xml.md`` sections 1.2 to 1.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from offhook.xml import rules, spoken, tree
from offhook.xml.elements import CONTENT, ELEMENTS, REQUIRED, TABLE, TOP_LEVEL, Document, Speak
from offhook.xml.kinds import BadValue, Method, SkipElement, Url
from offhook.xml.problems import Enough, Findings, Problem
from offhook.xml.table import Attribute, Element
from offhook.xml.tree import Tag

_TYPES = ("application/xml", "text/xml")
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([^\"';,\s]+)", re.IGNORECASE)
_TOP_NAMES = tuple(each.__name__ for each in TOP_LEVEL)
_FOREIGN = {"Say": "Speak", "Gather": "GetInput", "Pause": "Wait", "Reject": "Hangup", "Connect": "Stream", "Client": "User"}
"""What other voice languages call our elements; an element of theirs is no misspelling of ours."""
_SHOWN = 60
"""Characters of a stranger's value in a message."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document, or why there is none; and what else was found."""

    document: Document | None
    """``None`` if and only if a problem is fatal."""
    problems: tuple[Problem, ...] = ()

    @property
    def refusal(self) -> Problem | None:
        """The first reason why there is no document."""
        return next((problem for problem in self.problems if problem.fatal), None)


def parse(body: bytes, *, content_type: str | None = None, nearest_voice: bool = True) -> Parsed:
    """Read a document. Never raises, whatever the bytes.

    Args:
        content_type: of the reply, with its parameters; another than XML's is noted.
        nearest_voice: an unknown voice or language is noted and spoken with the nearest; else the document is unusable.
    """
    findings = Findings()
    elements: tuple[Element, ...] = ()
    try:
        charset = _charset(content_type, findings)
        elements = _Parser(findings, nearest_voice=nearest_voice).response(tree.read(body, charset, findings))
    except tree.Refused as refused:
        findings.refuse(refused.problem)
    except Enough:
        pass
    return Parsed(None if findings.unusable else Document(elements), tuple(findings.problems))


def _charset(content_type: str | None, findings: Findings) -> str | None:
    """Judge the Content-Type; returns its charset."""
    if content_type is None:
        return None
    kind = content_type.partition(";")[0].strip()
    if kind.lower() not in _TYPES:
        shown = repr(kind[:_SHOWN]) if kind else "missing"
        findings.warn(
            None, "content-type", f"the reply's Content-Type is {shown}", found=kind[:_SHOWN], allowed=", ".join(_TYPES)
        )
    found = _CHARSET.search(content_type)
    return found[1] if found else None


class _Skipped(Exception):
    """The element is left out."""


class _Parser:
    """One pass over the tree."""

    def __init__(self, findings: Findings, *, nearest_voice: bool) -> None:
        self._findings = findings
        self._nearest_voice = nearest_voice

    def response(self, root: Tag) -> tuple[Element, ...]:
        """The elements of the whole document."""
        if root.name == "Response":
            self._stray(root)
            return self._children(root, _TOP_NAMES)
        self._findings.fatal(
            root,
            "wrong-root",
            f"the root element is <{root.name[:_SHOWN]}>",
            found=root.name[:_SHOWN],
            allowed="<Response>",
            suggestion=self._findings.suggest(root.name, ("Response",)),
        )
        return ()

    # -- elements --------------------------------------------------------------------------------------------------

    def _children(self, parent: Tag, allowed: tuple[str, ...]) -> tuple[Element, ...]:
        found: list[tuple[Tag, Element]] = []
        for tag in parent.tags:
            name = self._name(tag, parent)
            if name not in allowed:
                self._misplaced(tag, parent, allowed)
            elif name in ELEMENTS:  # else an SDK writes it, but it is no part of the language
                try:
                    found.append((tag, self._element(tag, ELEMENTS[name])))
                except _Skipped:
                    continue
        rules.reachable(parent, found, self._findings)
        return tuple(element for _, element in found)

    def _name(self, tag: Tag, parent: Tag) -> str:
        if tag.name == "Sip" and parent.name == "Dial":
            self._findings.warn(tag, "old-name", "<Sip> is read as <User>", suggestion="User")
            return "User"
        return tag.name

    def _misplaced(self, tag: Tag, parent: Tag, allowed: tuple[str, ...]) -> None:
        places = f"in <{parent.name}>: {', '.join(allowed) or 'no elements'}"
        if tag.name in ELEMENTS:
            self._findings.fatal(
                tag, "misplaced-element", f"<{tag.name}> cannot stand in <{parent.name}>", found=tag.name, allowed=places
            )
            return
        self._findings.fatal(
            tag,
            "unknown-element",
            f"there is no element <{tag.name[:_SHOWN]}>",
            found=tag.name[:_SHOWN],
            allowed=places,
            suggestion=_FOREIGN.get(tag.name) or self._findings.suggest(tag.name, allowed or ELEMENTS),
        )

    def _element(self, tag: Tag, kind: type[Element]) -> Element:
        values = self._attributes(tag, kind)
        if kind is Speak:
            values["content"] = spoken.content(tag, self._findings)
            spoken.judge_voice(tag, values, self._findings, nearest=self._nearest_voice)
        else:
            children = self._children(tag, kind.children_allowed)
            if "children" in kind.__dataclass_fields__:
                values["children"] = children
            if kind in CONTENT:
                self._text(tag, kind, values)
            else:
                self._stray(tag)
        rules.check(tag, kind, values, self._findings)
        return kind(line=tag.line, **values)

    # -- attributes ------------------------------------------------------------------------------------------------

    def _attributes(self, tag: Tag, kind: type[Element]) -> dict[str, Any]:
        known = TABLE[kind]
        values: dict[str, Any] = {}
        for name, text in tag.attributes.items():
            if name in known:
                field, attribute = known[name]
                self._attribute(tag, field, attribute, text, values)
            elif name not in kind.ignored and name != "xmlns" and ":" not in name:
                self._findings.warn(
                    tag,
                    "unknown-attribute",
                    f"{tag.name} has no attribute {name[:_SHOWN]!r}; it is ignored",
                    attribute=name[:_SHOWN],
                    suggestion=self._findings.suggest(name, known),
                )
        for field, attribute in REQUIRED[kind]:
            if values.get(field) is None:
                self._findings.fatal(
                    tag,
                    "missing-attribute",
                    f"{tag.name} needs {attribute.name}",
                    attribute=attribute.name,
                    allowed=attribute.kind.allowed,
                )
        return values

    def _attribute(self, tag: Tag, field: str, attribute: Attribute, text: str, values: dict[str, Any]) -> None:
        """Set the field, unless the default stands."""
        kind = attribute.kind
        try:
            value = kind.read(text)
        except SkipElement:
            self._bad_value(tag, attribute, text, "the element is skipped")
            raise _Skipped from None
        except BadValue:
            default = "nothing" if attribute.default is None else kind.show(attribute.default) or "nothing"
            self._bad_value(tag, attribute, text, f"using {default}")
            return
        if value is None:
            return
        values[field] = value
        if isinstance(kind, Method) and value not in kind.spellings:
            self._bad_method(tag, attribute, value)
        for doubt in kind.doubts(text):
            self._doubt(tag, f"{attribute.name}={text.strip()[:_SHOWN]!r} {doubt}", attribute, text)

    def _bad_value(self, tag: Tag, attribute: Attribute, text: str, remedy: str) -> None:
        message = f"{tag.name}: {attribute.name}={text[:_SHOWN]!r} is not allowed"
        facts: dict[str, Any] = {
            "attribute": attribute.name,
            "found": text[:_SHOWN],
            "allowed": attribute.kind.allowed,
            "suggestion": self._findings.suggest(text.strip(), attribute.kind.spellings),
        }
        if attribute.required:
            self._findings.fatal(tag, "bad-value", message, **facts)
        else:
            self._findings.warn(tag, "bad-value", f"{message}; {remedy}", **facts)

    def _bad_method(self, tag: Tag, attribute: Attribute, method: str) -> None:
        """It is kept: only when the call gets there does it matter, and then it ends the call (7032, 7034)."""
        self._findings.error(
            tag,
            "bad-method",
            f"{tag.name}: {attribute.name}={method[:_SHOWN]!r} ends the call when it gets here",
            attribute=attribute.name,
            found=method[:_SHOWN],
            allowed=attribute.kind.allowed,
            suggestion=self._findings.suggest(method, attribute.kind.spellings),
        )

    def _doubt(self, tag: Tag, sentence: str, attribute: Attribute, text: str) -> None:
        facts = {"attribute": attribute.name, "found": text[:_SHOWN], "allowed": attribute.kind.allowed}
        if isinstance(attribute.kind, Url):
            self._findings.error(tag, "bad-url", f"{tag.name}: {sentence}", **facts)
        else:
            self._findings.warn(tag, "bad-value", f"{tag.name}: {sentence}", **facts)

    # -- text ------------------------------------------------------------------------------------------------------

    def _text(self, tag: Tag, kind: type[Element], values: dict[str, Any]) -> None:
        field, rule = CONTENT[kind]
        text = tag.text.strip()
        values[field] = rule.kind.read(text) or ""
        if rule.required and not values[field]:
            self._findings.fatal(tag, "missing-text", f"{tag.name} is empty", allowed=rule.kind.allowed)
        for doubt in rule.kind.doubts(text):
            message = f"{tag.name}: {text[:_SHOWN]!r} {doubt}"
            facts = {"found": text[:_SHOWN], "allowed": rule.kind.allowed}
            if rule.strict:
                self._findings.fatal(tag, "bad-url", message, **facts)
            elif isinstance(rule.kind, Url):
                self._findings.error(tag, "bad-url", message, **facts)
            else:
                self._findings.warn(tag, "bad-value", message, **facts)

    def _stray(self, tag: Tag) -> None:
        """Text where none belongs is ignored (reference ``xml.md`` section 3)."""
        text = " ".join(tag.text.split())
        if text:
            remedy = (
                "; to have it spoken, put it in <Speak>" if tag.name in {"Response", "GetDigits", "GetInput", "PreAnswer"} else ""
            )
            self._findings.warn(
                tag,
                "stray-text",
                f"<{tag.name}> has no text of its own; {text[:_SHOWN]!r} is ignored{remedy}",
                found=text[:_SHOWN],
            )
