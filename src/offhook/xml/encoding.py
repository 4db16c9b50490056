"""In which encoding a document's bytes are (RFC 7303 section 3; XML 1.0 appendix F).

The parser by itself knows UTF-8, UTF-16 and the encodings of one byte a character. For the others, and where the Content-Type
says something else than the document, the bytes are turned into UTF-8 first.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)
_MULTI_BYTE = frozenset({
    "shift_jis", "cp932", "euc_jp", "iso2022_jp", "gb2312", "gbk", "gb18030", "big5", "big5hkscs", "euc_kr", "cp949",
})  # fmt: skip
_UTF16 = frozenset({"utf-16", "utf-16-le", "utf-16-be"})
_OTHERS = frozenset({"utf-8", "utf-8-sig", "ascii", "iso8859-1", "latin-1", "koi8-r", "koi8-u"})
_FAMILIES = ("iso8859-", "cp125", "windows-125")
_DECLARED = re.compile(rb"\s*<\?xml\s[^>]{0,100}?\bencoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._\-]{0,40})[\"']")


class Undecodable(Exception):
    """The bytes are not in the encoding that was named."""

    def __init__(self, name: str, error: UnicodeError, line: int) -> None:
        super().__init__(f"the body is not {name}: {error}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Forced:
    """Bytes for the parser."""

    body: bytes
    encoding: str | None = None
    """To be used whatever the document declares; ``None``: the document decides."""
    note: str = ""
    """What was put right."""


def utf8(body: bytes, charset: str | None) -> Forced:
    """Judge the encoding.

    Args:
        charset: of the Content-Type; one that is not known is left aside.

    Raises:
        Undecodable: the bytes are not in the encoding that is named.
    """
    if body.startswith(_BOMS):
        return Forced(body)
    named = _codec(charset)
    if named is not None:
        return _decoded(body, named)
    found = _DECLARED.match(body)
    declared = _codec(found[1].decode("ascii")) if found else None
    if declared is not None and declared in _MULTI_BYTE:
        return _decoded(body, declared)
    if declared in _UTF16:
        # Written as text of two bytes a character, then sent as UTF-8 with the old declaration: usual where strings are UTF-16.
        return Forced(body, "utf-8", "the declaration says UTF-16, but the bytes are UTF-8; read as UTF-8")
    return Forced(body)


def _codec(charset: str | None) -> str | None:
    """The codec's own name, when it is one of those that are read here."""
    if charset is None or len(charset) > 40:
        return None
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError):
        return None
    return name if name in _MULTI_BYTE | _UTF16 | _OTHERS or name.startswith(_FAMILIES) else None


def _decoded(body: bytes, codec: str) -> Forced:
    if codec == "utf-16":  # without a byte order mark, Python would take the machine's own order
        codec = "utf-16-le" if body[1:2] == b"\0" else "utf-16-be"
    try:
        return Forced(body.decode(codec).encode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        raise Undecodable(codec, error, body.count(b"\n", 0, error.start) + 1) from None
    except UnicodeError as error:
        raise Undecodable(codec, error, 1) from None
