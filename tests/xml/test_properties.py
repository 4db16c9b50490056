"""What holds for every document: reading back what was written, and never raising."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from offhook import xml
from offhook.audio import BeepPattern
from offhook.xml import kinds
from offhook.xml.elements import CONTENT, TOP_LEVEL

_TEXT = (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).map(str.strip).filter(bool)
)
_PATHS = st.from_regex(r"[a-z]{1,8}(/[a-z0-9]{1,6}){0,2}(\?[a-z]=[a-z0-9&]{1,5})?", fullmatch=True)


def _values(kind: Any) -> st.SearchStrategy[Any]:
    """Values that an attribute of this kind can have."""
    match kind:
        case kinds.Integer():
            return st.integers(kind.minimum, kind.maximum if kind.maximum is not None else 10**9)
        case kinds.Boolean():
            return st.booleans()
        case kinds.Choice():
            return st.sampled_from(kind.values)
        case kinds.Url():
            return _PATHS.map(lambda path: f"{kind.schemes[0]}://h/{path}")
        case kinds.Method():
            return st.sampled_from(["GET", "POST"])
        case kinds.FinishKey():
            return st.sampled_from(["", *kinds.KEYS])
        case kinds.Key():
            return st.sampled_from(kinds.KEYS)
        case kinds.KeySet():
            return st.text(kinds.KEYS, min_size=1, max_size=12)
        case kinds.EndTimeout():
            return st.none() | st.integers(2, 10)
        case kinds.Beep():
            return st.none() | st.builds(BeepPattern, *[st.integers(1, 9999)] * 4)
        case kinds.Words():
            return st.lists(st.sampled_from(kind.known), min_size=1, max_size=3, unique=True).map(tuple)
        case kinds.KeySequences():
            return st.lists(st.text("0123456789*#ABCD", min_size=1, max_size=5), min_size=1, max_size=4, unique=True).map(tuple)
        case kinds.Keys():
            return st.text("0123456789*#wW", min_size=1, max_size=9)
        case kinds.SipHeaders():
            return st.dictionaries(st.text("abXY19", min_size=1, max_size=4), st.text("ab%2._-", max_size=4), min_size=1).map(
                lambda pairs: ",".join(f"{name}={value}" for name, value in pairs.items())
            )
        case kinds.Target():
            return st.from_regex(r"[0-9]{1,12}", fullmatch=True)
        case kinds.Hints():
            return st.lists(st.from_regex(r"[0-9a-z]{1,8}", fullmatch=True), min_size=1, max_size=4).map(tuple)
        case kinds.Schedule():
            return st.integers(0, 86_400)
        case _:
            return _TEXT.map(lambda text: text[:20])


@st.composite
def _markup(draw: st.DrawFn) -> Any:
    tag = draw(st.sampled_from(["p", "s", "emphasis", "prosody", "sub", "break"]))
    attributes = {"prosody": {"rate": "slow"}, "sub": {"alias": draw(_TEXT)}}.get(tag, {})
    return xml.Markup(tag, attributes, () if tag == "break" else (draw(st.from_regex(r"[a-z]{1,6}", fullmatch=True)),))


@st.composite
def _element(draw: st.DrawFn, kind: type[xml.Element]) -> xml.Element:
    values: dict[str, Any] = {}
    for each in fields(kind):
        attribute = each.metadata.get("attribute")
        if attribute is not None and (attribute.required or draw(st.booleans())):
            values[each.name] = draw(_values(attribute.kind))
    if kind is xml.Speak:
        values["content"] = tuple(draw(st.lists(_markup(), min_size=1, max_size=3)))
    content = CONTENT.get(kind)
    if content is not None:
        values[content[0]] = draw(_values(content[1].kind))
    if "children" in {each.name for each in fields(kind)}:
        allowed = [xml.ELEMENTS[name] for name in kind.children_allowed]
        children = st.sampled_from(allowed).flatmap(_element)
        values["children"] = tuple(draw(st.lists(children, min_size=1, max_size=3)))
    return kind(**_agreeing(kind, values))


def _agreeing(kind: type[xml.Element], values: dict[str, Any]) -> dict[str, Any]:
    """Without what the parser leaves out because it does not go together."""
    if kind is xml.Stream and values.get("bidirectional"):
        values.pop("audio_track", None)
    if kind is xml.Dial and "confirm_sound" not in values:
        values.pop("confirm_key", None)
    if kind is xml.User and len(values.get("sip_auth_password", "")) < 8:
        values.pop("sip_auth_password", None)
    if kind is xml.User and not {"sip_auth_username", "sip_auth_password"} <= values.keys():
        values.pop("sip_auth_username", None)
        values.pop("sip_auth_password", None)
    return values


_DOCUMENTS = st.lists(st.sampled_from(TOP_LEVEL).flatmap(_element), max_size=5).map(lambda found: xml.Document(tuple(found)))


@given(_DOCUMENTS)
@settings(max_examples=150, deadline=None)
def test_what_was_written_reads_back_the_same(document: xml.Document) -> None:
    found = xml.parse(xml.serialise(document))
    assert found.document == document
    assert {problem.code for problem in found.problems} <= {"not-voice", "unknown-voice", "unreachable", "bad-combination"}


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_no_bytes_make_the_parser_raise(body: bytes) -> None:
    _holds_together(xml.parse(body))


@given(st.binary(max_size=200), st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_no_content_type_makes_the_parser_raise(body: bytes, content_type: str) -> None:
    _holds_together(xml.parse(b"<Response>" + body + b"</Response>", content_type=content_type))


@given(_DOCUMENTS, st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=3)), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_no_damage_makes_the_parser_raise(document: xml.Document, wounds: list[tuple[float, bytes]]) -> None:
    body = bytearray(xml.serialise(document))
    for at, splinter in wounds:
        position = int(at * len(body))
        body[position : position + len(splinter)] = splinter
    _holds_together(xml.parse(bytes(body)))


@given(
    st.sampled_from(TOP_LEVEL),
    st.dictionaries(
        st.from_regex(r"[a-zA-Z]{1,12}", fullmatch=True), st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
    ),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_no_attributes_make_the_parser_raise(kind: type[xml.Element], attributes: dict[str, str], data: st.DataObject) -> None:
    known = [each.metadata["attribute"].name for each in fields(kind) if "attribute" in each.metadata]
    for name in data.draw(st.lists(st.sampled_from(known), max_size=4)) if known else []:
        attributes[name] = data.draw(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12))
    shown = "".join(
        f' {name}="{value.replace("&", "&amp;").replace("<", "&lt;").replace(chr(34), "&quot;")}"'
        for name, value in attributes.items()
    )
    _holds_together(xml.parse(f"<Response><{kind.__name__}{shown}>http://a</{kind.__name__}></Response>".encode()))


def _holds_together(found: xml.Parsed) -> None:
    """A document, or a fatal problem that says why there is none; what was read can be written and read again."""
    assert (found.document is None) == any(problem.fatal for problem in found.problems)
    assert all(str(problem) for problem in found.problems)
    if found.document is not None:
        assert xml.parse(xml.serialise(found.document)).document == found.document
