"""In which encodings a document may come, and who says so."""

from __future__ import annotations

import encodings.aliases

import pytest

from offhook import xml


def declared(encoding: str, text: str = "café") -> str:
    return f"<?xml version='1.0' encoding='{encoding}'?>\n<Response><Speak>{text}</Speak></Response>"


PLAIN = "<Response><Speak>café</Speak></Response>"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (PLAIN.encode(), None),
        (PLAIN.encode(), "application/xml"),
        (PLAIN.encode(), "text/xml; charset=utf-8"),
        (PLAIN.encode(), "text/xml;charset='UTF-8'"),
        (PLAIN.encode(), "text/xml; boundary=x; CHARSET = utf8 ; q=1"),
        (PLAIN.encode(), "text/xml; charset=nonsense"),
        (PLAIN.encode(), "text/xml; charset="),
        (PLAIN.encode("latin-1"), "text/xml; charset=iso-8859-1"),
        (PLAIN.encode("cp1252"), 'text/xml; charset="windows-1252"'),
        (PLAIN.encode("utf-16-le"), "text/xml; charset=utf-16"),
        (PLAIN.encode("utf-16-be"), "text/xml; charset=utf-16"),
        (PLAIN.encode("utf-16-be"), "text/xml; charset=utf-16be"),
        (("\ufeff" + PLAIN).encode(), "text/xml; charset=iso-8859-1"),
        (("\ufeff" + PLAIN).encode("utf-16-le"), None),
        (("\ufeff" + PLAIN).encode("utf-16-be"), None),
        (declared("utf-8").encode(), None),
        (declared("ISO-8859-1").encode("latin-1"), None),
        (declared("ISO-8859-15").encode("iso8859-15"), None),
        (declared("windows-1252").encode("cp1252"), None),
        (declared("iso-8859-1").encode(), "text/xml; charset=utf-8"),
        (declared("utf-16").encode(), "text/xml; charset=utf-8"),
    ],
)
def test_the_charset_then_the_declaration_then_utf_8(body: bytes, content_type: str | None) -> None:
    found = xml.parse(body, content_type=content_type)
    assert found.problems == ()
    assert found.document == xml.Document((xml.Speak(content=("café",)),))


@pytest.mark.parametrize("encoding", ["Shift_JIS", "EUC-JP", "GB2312", "GBK", "GB18030", "Big5", "EUC-KR"])
def test_encodings_of_several_bytes_a_character_are_read(encoding: str) -> None:
    text = "안녕" if encoding == "EUC-KR" else "中文"
    for body, content_type in (
        (declared(encoding, text).encode(encoding), None),
        (f"<Response><Speak>{text}</Speak></Response>".encode(encoding), f"text/xml; charset={encoding}"),
    ):
        assert xml.parse(body, content_type=content_type).document == xml.Document((xml.Speak(content=(text,)),))


def test_utf_8_that_declares_itself_utf_16_is_read_with_a_warning() -> None:
    found = xml.parse(declared("utf-16").encode())
    assert [problem.code for problem in found.problems] == ["encoding"]
    assert found.document == xml.Document((xml.Speak(content=("café",)),))


@pytest.mark.parametrize(
    ("body", "content_type", "line"),
    [
        (b"<Response>\n\xff</Response>", "text/xml; charset=utf-8", 2),
        (b"<Response>\xe9</Response>", "text/xml; charset=us-ascii", 1),
        (b"<?xml version='1.0' encoding='shift_jis'?>\n<Response>\n\x81</Response>", None, 3),
        (b"<?xml version='1.0' encoding='nonsense'?><Response/>", None, 1),
        (b"<Response/>x", "text/xml; charset=utf-16", 1),
    ],
)
def test_bytes_that_are_not_of_the_named_encoding_are_no_document(body: bytes, content_type: str | None, line: int) -> None:
    (problem,) = xml.parse(body, content_type=content_type).problems
    assert problem.fatal
    assert problem.line == line
    assert problem.code in {"bad-encoding", "malformed"}


@pytest.mark.parametrize("name", sorted({*encodings.aliases.aliases, *encodings.aliases.aliases.values(), "idna", "undefined"}))
def test_no_encoding_that_python_knows_makes_the_parser_raise(name: str) -> None:
    for body in (declared(name).encode(), declared(name.replace("_", "-")).encode("latin-1")):
        for content_type in (None, f"text/xml; charset={name}"):
            found = xml.parse(body, content_type=content_type)
            assert (found.document is None) == (found.refusal is not None)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        ";",
        "\ud800",
        "text/xml; charset*=x'y'z",
        'text/xml; charset="',
        "text/xml;;;=;charset",
        "text/xml; charset=" + "x" * 9999,
        "a/b\r\nc: d",
    ],
)
def test_no_content_type_makes_the_parser_raise(content_type: str) -> None:
    assert xml.parse(b"<Response/>", content_type=content_type).document == xml.Document()
