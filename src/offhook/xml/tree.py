"""Bytes to a tree of tags with their places; bounded, and without anything that a document could abuse."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from offhook.xml import encoding
from offhook.xml.problems import Findings, Problem, Severity

MAX_BYTES = 102_400
"""Of a document (reference ``xml.md`` section 1.2)."""
MAX_DEPTH = 32
MAX_TAGS = 5000


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

    def __init__(self, line: int, column: int, code: str, message: str, **facts: str) -> None:
        self.problem = Problem(line, column, Severity.ERROR, code, message, fatal=True, **facts)
        super().__init__(str(self.problem))


def read(body: bytes, charset: str | None, findings: Findings) -> Tag:
    """The root tag.

    Args:
        charset: of the Content-Type; it wins over the declaration (RFC 7303 section 3).

    Raises:
        Refused: too large, empty, not well-formed, with a DTD, or over the limits.
    """
    if len(body) > MAX_BYTES:
        raise Refused(1, 1, "too-large", f"the document has {len(body)} bytes", allowed=f"at most {MAX_BYTES} bytes")
    if not body.strip():
        raise Refused(
            1, 1, "empty-body", "the reply has no document; to hang up, return an empty Response", allowed="<Response/>"
        )
    try:
        forced = encoding.utf8(body, charset)
    except encoding.Undecodable as error:
        raise Refused(error.line, 1, "bad-encoding", str(error)) from None
    if forced.note:
        findings.warn(None, "encoding", forced.note)
    return _Reader(forced.body, forced.encoding).read()


class _Reader:
    """Builds the tree from the parser's events."""

    def __init__(self, body: bytes, forced_encoding: str | None) -> None:
        self._body = body
        self._root: Tag | None = None
        self._open: list[Tag] = []
        self._count = 0
        self._parser = expat.ParserCreate(forced_encoding)
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self) -> Tag:
        try:
            self._parser.Parse(self._body, True)
        except expat.ExpatError as error:
            raise self._malformed(error) from None
        except (ValueError, LookupError) as error:
            raise Refused(1, 1, "bad-encoding", f"the document's encoding cannot be read: {error}") from None
        if self._root is None:
            raise Refused(1, 1, "malformed", "the document has no element", allowed="<Response>…</Response>")
        return self._root

    @property
    def _place(self) -> tuple[int, int]:
        return self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        line, column = self._place
        self._count += 1
        if self._count > MAX_TAGS:
            raise Refused(line, column, "too-many-elements", "the document has too many elements", allowed=f"at most {MAX_TAGS}")
        if len(self._open) >= MAX_DEPTH:
            raise Refused(line, column, "too-deep", "elements are nested too deep", allowed=f"at most {MAX_DEPTH} levels")
        tag = Tag(name, attributes, line, column)
        if self._open:
            self._open[-1].content.append(tag)
        else:
            self._root = tag
        self._open.append(tag)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        if self._open:
            self._open[-1].content.append(text)

    def _doctype(self, name: str, *_rest: object) -> None:
        html = "; this looks like a web page" if name.lower() == "html" else ""
        raise Refused(*self._place, "doctype", f"a document type declaration is not allowed; remove it{html}")

    def _malformed(self, error: expat.ExpatError) -> Refused:
        text = expat.ErrorString(error.code)
        place = error.lineno, error.offset + 1
        return Refused(*place, "malformed", f"the document is not well-formed XML: {text}{self._hint(text)}")

    def _hint(self, text: str) -> str:
        """What to do about one of the usual mistakes."""
        at = self._parser.ErrorByteIndex
        here = self._body[at : at + 1]
        if text == "undefined entity":
            return "; only &amp; &lt; &gt; &quot; &apos; and character references are known"
        if text == "XML or text declaration not at start of entity":
            return "; nothing may stand before <?xml, not even a blank"
        if text == "junk after document element":
            return "; there is one <Response>, and nothing after it"
        if text in {"mismatched tag", "no element found", "unclosed token"} and self._open:
            return f"; <{self._open[-1].name[:60]}> of line {self._open[-1].line} is not closed"
        if self._root is None and here and 0x20 <= here[0] < 0x80:
            return f"; it begins with {self._body.lstrip()[:20].decode('utf-8', 'replace')!r}"
        if "not well-formed" in text and here and here[0] >= 0x80:
            return "; the bytes are not UTF-8: write UTF-8, or declare the encoding"
        if "not well-formed" in text and here and here[0] < 0x20:
            return f"; the control character 0x{here[0]:02x} is not allowed"
        if "not well-formed" in text and b"&" in self._body[max(at - 60, 0) : at + 1]:
            return "; an & in a text or a URL must be written &amp;"
        return ""
