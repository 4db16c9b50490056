"""The same messages through two independent parsers: where they accept a message, they must see the same in it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import aiosipua
import pytest
import sipmessage

from offhook.sip import Message, NameAddr, Request, Response, SipParseError, Uri, parse_message

FOLDER = Path(__file__).parent / "torture"
NAMES = sorted(path.stem for path in FOLDER.glob("*.sip"))

ONLY_THEY_ACCEPT = {
    "sipmessage": {
        # neither Content-Length nor the size of a status is looked at
        "clerr", "ncl", "mcl01", "bigcode",
    },
    "aiosipua": {
        # Content-Length is reconciled instead of checked; blanks of the request line are trimmed
        "clerr", "ncl", "mcl01", "trws",
    },
}  # fmt: skip
"""Messages that RFC 4475 calls malformed and that the other parser lets pass when it splits."""


def read(name: str) -> bytes:
    return (FOLDER / f"{name}.sip").read_bytes()


def ours(name: str) -> Message | None:
    try:
        return parse_message(read(name))
    except SipParseError:
        return None


@pytest.mark.parametrize("name", NAMES)
def test_sipmessage_sees_the_same(name) -> None:
    mine = ours(name)
    try:
        theirs = sipmessage.Message.parse(read(name))
    except (ValueError, IndexError):
        return  # it is the stricter one: it reads folded lines, for one, not at all
    if mine is None:
        assert name in ONLY_THEY_ACCEPT["sipmessage"]
        return
    if isinstance(theirs, sipmessage.Request):
        assert isinstance(mine, Request)
        assert mine.method == theirs.method
        assert_same_uri(mine.uri, theirs.uri)
    else:
        assert isinstance(mine, Response)
        assert (mine.status, mine.reason) == (theirs.code, theirs.phrase)
    for field, value in (("from_address", "from_"), ("to_address", "to")):
        try:
            address = getattr(theirs, field)
        except (ValueError, KeyError):
            continue
        if address is not None and mine.header(value.rstrip("_")) and name != "multi01":
            read_by_us: NameAddr = getattr(mine, value)
            assert read_by_us.tag == address.parameters.get("tag")
            if "\\" not in address.name:  # it leaves quoted pairs as they are
                assert read_by_us.display_name == address.name
            assert_same_uri(read_by_us.uri, address.uri)
    try:
        vias = theirs.via
    except (ValueError, KeyError):
        return
    assert (mine.via.transport, mine.via.host, mine.via.port, unquote(mine.via.branch)) == (
        vias[0].transport, vias[0].host, vias[0].port, vias[0].parameters.get("branch") or "")  # fmt: skip


def assert_same_uri(mine: Uri, theirs: sipmessage.URI) -> None:
    if theirs.scheme in {"sip", "sips"}:
        # it undoes escapes, which we keep as they were written
        assert (mine.scheme, unquote(mine.user or ""), mine.host, mine.port) == (
            theirs.scheme,
            theirs.user or "",
            theirs.host,
            theirs.port,
        )
        assert {key.lower(): value for key, value in mine.parameters} == {
            key.lower(): value for key, value in theirs.parameters.items()
        }


@pytest.mark.parametrize("name", NAMES)
def test_aiosipua_sees_the_same(name) -> None:
    mine = ours(name)
    try:
        theirs = aiosipua.SipMessage.parse(read(name))
    except ValueError:
        return
    if mine is None:
        assert name in ONLY_THEY_ACCEPT["aiosipua"] or name in {"badvers", "lwsstart", "lwsruri", "bigcode"}
        return
    if isinstance(theirs, aiosipua.SipRequest):
        assert isinstance(mine, Request)
        assert (mine.method, mine.uri_text) == (theirs.method, theirs.uri)
    else:
        assert isinstance(mine, Response)
        assert mine.status == theirs.status_code
    for field in (
        "subject",
        "max-forwards",
        "call-id",
        "content-type",
        "route",
        "contact",
        "newfangledheader",
        "expires",
        "date",
    ):
        if name != "multi01" and mine.header(field) is not None:
            first = theirs.get_header_values(field)
            assert first, field
            assert "".join((mine.header(field) or "").split()).startswith("".join(first[0].split())), field
