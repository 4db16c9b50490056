"""Bytes to a tree of tags with their places; bounded, and without anything that a document could abuse."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from xml.parsers import expat

from offhook.xml.problems import Problem, Severity

MAX_BYTES = 102_400
"""Of a document (reference ``xml.md`` section 1.2)."""
MAX_DEPTH = 32
MAX_TAGS = 5000

_CHARSETS = ("utf-8", "utf8", "utf-16", "us-ascii", "ascii", "latin-1", "latin1")
_CHARSET_FAMILIES = ("iso-8859-", "iso8859-", "windows-125", "cp125")


@dataclass(slots=True)
class Tag:
    """One element as it stands in the document."""

    name: str
    attributes: dict[str, str]
    line: int
    column: int
    content: list[str | Tag] = field(default_factory=list)

    @property
    def tags(self) -> list[Tag]:
        """The child elements."""
        return [each for each in self.content if isinstance(each, Tag)]

    @property
    def text(self) -> str:
        """The text of its own, without that of children."""
        return "".join(each for each in self.content if isinstance(each, str))


class Refused(Exception):
    """The bytes are no document; carries the one problem that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def refusal(line: int, column: int, code: str, message: str, *, found: str = "", allowed: str = "") -> Refused:
    """A ``Refused`` with a fatal problem."""
    return Refused(Problem(line, column, Severity.ERROR, code, message, found=found, allowed=allowed, fatal=True))


def read(body: bytes, charset: str | None = None) -> Tag:
    """The root tag.

    Args:
        charset: of the Content-Type; it wins over the declaration (RFC 7303 section 3).

    Raises:
        Refused: too large, empty, not well-formed, with a DTD, or over the limits.
    """
    if len(body) > MAX_BYTES:
        raise refusal(1, 1, "too-large", f"the document has {len(body)} bytes", allowed=f"at most {MAX_BYTES} bytes")
    if not body.strip():
        raise refusal(
            1, 1, "empty-body", "the reply has no document; to hang up, return an empty Response element", allowed="<Response/>"
        )
    return _Reader().read(*_encoding(body, charset))


def _encoding(body: bytes, charset: str | None) -> tuple[bytes, str | None]:
    """The bytes and the encoding to force on the parser, ``None`` where the document itself decides."""
    if charset is None or body.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)):
        return body, None
    name = charset.strip().strip("\"'").lower()
    if name not in _CHARSETS and not name.startswith(_CHARSET_FAMILIES):
        return body, None
    try:
        return body.decode(name).encode("utf-8"), "utf-8"
    except (LookupError, UnicodeError) as error:
        raise refusal(1, 1, "bad-encoding", f"the body is not {name}: {error}") from None


class _Reader:
    """Builds the tree from the parser's events."""

    def __init__(self) -> None:
        self._root: Tag | None = None
        self._open: list[Tag] = []
        self._count = 0

    def read(self, body: bytes, encoding: str | None) -> Tag:
        parser = expat.ParserCreate(encoding)
        parser.buffer_text = True
        parser.StartElementHandler = lambda name, attributes: self._start(parser, name, attributes)
        parser.EndElementHandler = lambda _name: self._open.pop()
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = lambda *_: self._doctype(parser)
        try:
            parser.Parse(body, True)
        except expat.ExpatError as error:
            text = expat.ErrorString(error.code)
            raise refusal(
                error.lineno, error.offset + 1, "malformed", f"the document is not well-formed XML: {text}{_hint(text)}"
            ) from None
        except (ValueError, LookupError) as error:
            raise refusal(1, 1, "bad-encoding", f"the document's encoding cannot be read: {error}") from None
        if self._root is None:
            raise refusal(1, 1, "malformed", "the document has no element", allowed="<Response>…</Response>")
        return self._root

    def _start(self, parser: expat.XMLParserType, name: str, attributes: dict[str, str]) -> None:
        line, column = parser.CurrentLineNumber, parser.CurrentColumnNumber + 1
        self._count += 1
        if self._count > MAX_TAGS:
            raise refusal(line, column, "too-many-elements", "the document has too many elements", allowed=f"at most {MAX_TAGS}")
        if len(self._open) >= MAX_DEPTH:
            raise refusal(line, column, "too-deep", "elements are nested too deep", allowed=f"at most {MAX_DEPTH} levels")
        tag = Tag(name, attributes, line, column)
        if self._open:
            self._open[-1].content.append(tag)
        else:
            self._root = tag
        self._open.append(tag)

    def _characters(self, text: str) -> None:
        if self._open:
            self._open[-1].content.append(text)

    def _doctype(self, parser: expat.XMLParserType) -> None:
        raise refusal(
            parser.CurrentLineNumber,
            parser.CurrentColumnNumber + 1,
            "doctype",
            "a document type declaration is not allowed; remove it",
        )


def _hint(text: str) -> str:
    if "not well-formed" in text:
        return "; an & in a URL must be written &amp;"
    if "undefined entity" in text:
        return "; only &amp; &lt; &gt; &quot; &apos; and character references are known"
    return ""
