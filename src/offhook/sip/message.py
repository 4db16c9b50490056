"""Requests and responses: split at once, their header fields read when somebody asks (RFC 3261 section 7)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from offhook.sip.errors import HeaderError, SipParseError
from offhook.sip.headers import CSeq, Via
from offhook.sip.uri import NameAddr, Uri, split_list

MAX_MESSAGE_BYTES = 65_535
MAX_HEADER_BYTES = 32_768
MAX_FIELDS = 256

_COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
_REQUEST_LINE = re.compile(r"([A-Za-z0-9\-.!%*_+`'~]{1,64}) ([^ ]+) SIP/2\.0", re.ASCII | re.IGNORECASE)
_STATUS_LINE = re.compile(r"SIP/2\.0 (\d{3})(?: (.*))?", re.ASCII | re.IGNORECASE)
_FOLD = re.compile(r"\r\n[ \t]+")
_NAME = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+", re.ASCII)
_BLANK = re.compile(rb"\r?\n\r?\n")

REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
}

Fields = list[tuple[str, str]]


class Message:
    """What requests and responses share. Field names are kept as written and compared without case; compact forms count."""

    def __init__(self, headers: Sequence[tuple[str, str]], body: bytes = b"") -> None:
        self.headers: Fields = list(headers)
        self.body = body

    @cached_property
    def _index(self) -> dict[str, list[str]]:
        index: dict[str, list[str]] = {}
        for name, value in self.headers:
            key = name.lower()
            index.setdefault(_COMPACT.get(key, key), []).append(value)
        return index

    def header(self, name: str) -> str | None:
        """The first field of that name, as text, or ``None``."""
        values = self._index.get(name.lower())
        return values[0] if values else None

    def headers_all(self, name: str) -> list[str]:
        """All fields of that name, each as it was written."""
        return self._index.get(name.lower(), [])

    def items(self, name: str) -> list[str]:
        """The items of a list field, over all its lines (RFC 3261 section 7.3.1)."""
        return [item for value in self.headers_all(name) for item in split_list(value)]

    def _required(self, name: str) -> str:
        values = self._index.get(name)
        if not values:
            raise SipParseError(f"the {name.title()} field is missing")
        if len(values) > 1:
            raise SipParseError(f"there is more than one {name.title()} field")
        return values[0]

    @cached_property
    def via(self) -> Via:
        """The topmost hop; raises ``SipParseError`` when there is none."""
        items = self.items("via")
        if not items:
            raise SipParseError("the Via field is missing")
        return Via.parse(items[0])

    @cached_property
    def cseq(self) -> CSeq:
        """The CSeq; raises ``SipParseError`` when it is missing or malformed."""
        return CSeq.parse(self._required("cseq"))

    @cached_property
    def call_id(self) -> str:
        """The Call-ID; raises ``SipParseError`` when it is missing."""
        value = self._required("call-id").strip()
        if not value or any(character in value for character in " \t"):
            raise HeaderError("Call-ID", value, "a Call-ID")
        return value

    @cached_property
    def from_(self) -> NameAddr:
        """Who sends the request of this transaction."""
        return NameAddr.parse(self._required("from"), "From")

    @cached_property
    def to(self) -> NameAddr:
        """Whom the request of this transaction is for."""
        return NameAddr.parse(self._required("to"), "To")

    @cached_property
    def contact(self) -> NameAddr | None:
        """The first Contact, ``None`` when there is none."""
        items = self.items("contact")
        return NameAddr.parse(items[0], "Contact") if items else None

    def _render(self, first: str) -> bytes:
        lines = [first, *(f"{name}: {value}" for name, value in self.headers), f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    """A request. Its URI is read when asked for; ``uri_text`` is what stood there."""

    def __init__(self, method: str, uri_text: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.method = method
        self.uri_text = uri_text

    @cached_property
    def uri(self) -> Uri:
        """The request URI; raises ``HeaderError`` when it is none."""
        return Uri.parse(self.uri_text)

    def to_bytes(self) -> bytes:
        """The request on the wire; Content-Length is added."""
        return self._render(f"{self.method} {self.uri_text} SIP/2.0")

    def __repr__(self) -> str:
        return f"<{self.method} {self.uri_text}>"


class Response(Message):
    """A response."""

    def __init__(self, status: int, reason: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = reason

    def to_bytes(self) -> bytes:
        """The response on the wire; Content-Length is added."""
        return self._render(f"SIP/2.0 {self.status} {self.reason}")

    def __repr__(self) -> str:
        return f"<{self.status} {self.reason}>"


def parse_message(data: bytes, *, stream: bool = False) -> Request | Response:
    """Split one message. Header values are not looked at, except Content-Length.

    Args:
        data: a datagram, or exactly one message of a stream.
        stream: the transport is a stream: Content-Length must match (RFC 3261 section 18.3).

    Raises:
        SipParseError: this is no SIP message, or one over the limits.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise SipParseError("the message is longer than 65535 bytes")
    data = data.lstrip(b"\r\n")
    blank = _BLANK.search(data)
    if blank is None:
        raise SipParseError("the header has no end")
    if blank.start() > MAX_HEADER_BYTES:
        raise SipParseError("the header is longer than 32768 bytes")
    head = data[: blank.start()].decode("utf-8", "surrogateescape")
    first, fields = _split_head(head)
    message = _start(first, fields)
    message.body = _body(message, data[blank.end() :], stream=stream)
    return message


def _split_head(head: str) -> tuple[str, Fields]:
    if "\n " in head or "\n\t" in head:
        head = _FOLD.sub(" ", head.replace("\r\n", "\n").replace("\n", "\r\n"))
    first, *lines = head.split("\r\n") if "\r\n" in head else head.split("\n")
    if len(lines) > MAX_FIELDS:
        raise SipParseError("there are more than 256 header fields")
    fields: Fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not _NAME.fullmatch(name) or "\n" in value or "\r" in value or "\0" in value:
            raise SipParseError(f"{line[:40]!r} is not a header field")
        fields.append((name, value.strip(" \t")))
    return first, fields


def _start(first: str, fields: Fields) -> Request | Response:
    found = _REQUEST_LINE.fullmatch(first)
    if found is not None:
        return Request(found[1], found[2], fields)
    found = _STATUS_LINE.fullmatch(first)
    if found is not None and 100 <= int(found[1]) <= 699:
        return Response(int(found[1]), found[2] or "", fields)
    raise SipParseError(f"{first[:40]!r} is neither a request line nor a status line of SIP/2.0")


def content_length(message: Message) -> int | None:
    """The Content-Length, ``None`` when there is none; raises ``SipParseError`` for several different or a bad one."""
    values = {value.strip() for value in message.headers_all("content-length")}
    if not values:
        return None
    text = values.pop()
    if values or not text.isascii() or not text.isdigit() or len(text) > 9:
        raise SipParseError("the Content-Length field is not one number")
    return int(text)


def _body(message: Message, rest: bytes, *, stream: bool) -> bytes:
    length = content_length(message)
    if length is None:
        if stream:
            raise SipParseError("the Content-Length field is missing, which a stream needs")
        return rest
    if length > len(rest):
        raise SipParseError(f"Content-Length says {length} bytes, but {len(rest)} came")
    return rest[:length]


def respond(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:
    """A response to ``request`` with the fields that must be copied (RFC 3261 section 8.2.6.2).

    Args:
        to_tag: added to To when it has none; a 100 goes without.
    """
    copied: Fields = []
    for name, value in request.headers:
        key = _COMPACT.get(name.lower(), name.lower())
        if key in {"via", "from", "call-id", "cseq"} or (key == "record-route" and 100 < status < 300):
            copied.append((name, value))
        elif key == "to":
            copied.append((name, f"{value};tag={to_tag}" if to_tag and ";tag=" not in value.lower().replace(" ", "") else value))
    return Response(status, reason or REASONS.get(status, "Unknown"), [*copied, *headers], body)
