"""Requests and responses: split at once, their header fields read when somebody asks (RFC 3261 section 7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from offhook.sip.errors import HeaderError, SipParseError
from offhook.sip.headers import CSeq, Via
from offhook.sip.uri import NameAddr, Uri, split_list, split_strictly

MAX_MESSAGE_BYTES = 65_535
MAX_HEADER_BYTES = 32_768
MAX_FIELDS = 256
MAX_METHOD_CHARACTERS = 64
MAX_PARTS = 16
SDP = "application/sdp"

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
_VERSION = re.compile(r"SIP/(\d{1,3}\.\d{1,3})", re.ASCII | re.IGNORECASE)
_STATUS_LINE = re.compile(r"SIP/2\.0 (\d{3})(?: (.*))?", re.ASCII | re.IGNORECASE)
_FOLD = re.compile(r"\r\n[ \t]+")
_NAME = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+", re.ASCII)
_BLANK = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(r"\r?\n")
_CONTROL = re.compile(r"[\r\n\0]")

# How fields are usually spelt, so that the common case is one look-up; every other spelling takes the slow way.
_USUAL = (
    *(
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Contact",
        "Max-Forwards",
        "Content-Type",
        "Content-Length",
        "Route",
        "Record-Route",
    ),
    *("User-Agent", "Server", "Allow", "Allow-Events", "Supported", "Require", "Accept", "Accept-Language", "Expires", "Reason"),
    *("Subject", "Date", "Timestamp", "Session-Expires", "Min-SE", "Privacy", "P-Asserted-Identity", "Diversion"),
    *("Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate"),
)
_KEYS = {**{name: name.lower() for name in _USUAL}, **{name.lower(): name.lower() for name in _USUAL}, **_COMPACT}

REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
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
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
}

_BOUNDARY = re.compile(r';[ \t]*boundary[ \t]*=[ \t]*(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)

Fields = list[tuple[str, str]]
Index = dict[str, list[str]]


Value = TypeVar("Value")


class lazy(Generic[Value]):  # noqa: N801 - it reads as a decorator
    """A property that is read once. ``functools.cached_property`` takes a lock each time: a tenth of the parsing."""

    def __init__(self, read: Callable[[Any], Value]) -> None:
        self._read = read
        self.__doc__ = read.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, message: Any, owner: type | None = None) -> Value:
        value = message.__dict__[self._name] = self._read(message)
        return value


class Message:
    """What requests and responses share. Field names are kept as written and compared without case; compact forms count."""

    def __init__(self, headers: Sequence[tuple[str, str]], body: bytes = b"") -> None:
        self.headers: Fields = list(headers)
        self.body = body

    @lazy
    def _index(self) -> Index:
        index: Index = {}
        for name, value in self.headers:
            index.setdefault(_key(name), []).append(value)
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

    @lazy
    def via(self) -> Via:
        """The topmost hop; raises ``SipParseError`` when there is none."""
        values = self._index.get("via")
        items = split_list(values[0]) if values else []
        if not items:
            raise SipParseError("the Via field is missing")
        return Via.parse(items[0])

    def check_vias(self) -> None:
        """Read the hops behind the first one too; raise ``SipParseError`` when one of them is none."""
        values = self._index.get("via", [])
        if len(values) > 1 or "," in values[0]:
            for item in [item for value in values for item in split_strictly(value)]:
                Via.parse(item)

    @lazy
    def cseq(self) -> CSeq:
        """The CSeq; raises ``SipParseError`` when it is missing or malformed."""
        return CSeq.parse(self._required("cseq"))

    @lazy
    def call_id(self) -> str:
        """The Call-ID; raises ``SipParseError`` when it is missing."""
        value = self._required("call-id").strip()
        if not value or any(character in value for character in " \t"):
            raise HeaderError("Call-ID", value, "a Call-ID")
        return value

    @lazy
    def from_(self) -> NameAddr:
        """Who sends the request of this transaction."""
        return NameAddr.parse(self._required("from"), "From")

    @lazy
    def to(self) -> NameAddr:
        """Whom the request of this transaction is for."""
        return NameAddr.parse(self._required("to"), "To")

    @lazy
    def contact(self) -> NameAddr | None:
        """The first Contact, ``None`` when there is none."""
        items = self.items("contact")
        return NameAddr.parse(items[0], "Contact") if items else None

    @property
    def description(self) -> bytes:
        """The session description that it carries, ``b""`` for none: the body, or the first SDP part of a multipart body."""
        if not self.body:
            return b""
        kind = media_type(self.header("content-type") or SDP)
        if kind == SDP:
            return self.body
        return _sdp_part(self) if kind.startswith("multipart/") else b""

    def _render(self, first: str) -> bytes:
        lines = [first, *[f"{name}: {value}" for name, value in self.headers]]
        head = "\r\n".join(lines)
        if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
            # A value that came from outside must not bring fields of its own.
            head = "\r\n".join(_CONTROL.sub(" ", line) for line in lines)
        return f"{head}\r\nContent-Length: {len(self.body)}\r\n\r\n".encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    """A request. Its URI is read when asked for; ``uri_text`` is what stood there."""

    def __init__(self, method: str, uri_text: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.method = method
        self.uri_text = uri_text

    @lazy
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
        stream: the transport is a stream: Content-Length must be there (RFC 3261 section 18.3).

    Raises:
        SipParseError: this is no SIP message, or one over the limits. Where it is a request that can still be answered, the
            error carries what could be read of it, and the status that says what is wrong.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise SipParseError("the message is longer than 65535 bytes")
    if data[:1] in {b"\r", b"\n"}:
        data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    start = end + 4
    if end < 0:
        blank = _BLANK.search(data)
        if blank is None:
            raise SipParseError("the header has no end")
        end, start = blank.span()
    if end > MAX_HEADER_BYTES:
        raise SipParseError("the header is longer than 32768 bytes")
    message = _read_head(data[:end].decode("utf-8", "surrogateescape"))
    message.body = _body(message, data[start:], stream=stream)
    return message


def _read_head(head: str) -> Request | Response:
    if "\n " in head or "\n\t" in head:
        head = _FOLD.sub(" ", _LINE_END.sub("\r\n", head))
    first, *lines = head.split("\r\n")
    if head.count("\n") != len(lines) or head.count("\r") != len(lines):
        first, *lines = _LINE_END.split(head)  # bare line feeds are let pass, bare carriage returns are not
        if "\r" in head.replace("\r\n", ""):
            raise SipParseError("there is a bare carriage return in the header")
    if len(lines) > MAX_FIELDS:
        raise SipParseError("there are more than 256 header fields")
    fields: Fields = []
    index: Index = {}
    for line in lines:
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        key = _KEYS.get(name) if colon else None
        if key is None:
            name = name.rstrip(" \t")
            if not colon or not _NAME.fullmatch(name):
                raise SipParseError(f"{line[:40]!r} is not a header field")
            key = _key(name)
        fields.append((name, value))
        if key in index:
            index[key].append(value)
        else:
            index[key] = [value]
    message = _start(first, fields, index)
    message.__dict__["_index"] = index
    return message


def _key(name: str) -> str:
    lower = name.lower()
    return _COMPACT.get(lower, lower)


def _start(first: str, fields: Fields, index: Index) -> Request | Response:
    found = _REQUEST_LINE.fullmatch(first)
    if found is not None:
        return Request(found[1], found[2], fields)
    found = _STATUS_LINE.fullmatch(first)
    if found is not None and 100 <= int(found[1]) <= 699:
        return Response(int(found[1]), found[2] or "", fields)
    method, _, rest = first.replace("\t", " ").partition(" ")
    uri, _, version = rest.strip().rpartition(" ")
    spoken = _VERSION.fullmatch(version)
    if spoken is None or not uri or len(method) > MAX_METHOD_CHARACTERS or not _NAME.fullmatch(method):
        raise SipParseError(f"{first[:40]!r} is neither a request line nor a status line of SIP/2.0")
    partial = Request(method, uri.strip(), fields)
    partial.__dict__["_index"] = index
    if spoken[1] != "2.0":
        raise SipParseError("only SIP/2.0 is spoken here", partial=partial, status=505)
    raise SipParseError("the request line is not method, URI and SIP/2.0 with one blank between", partial=partial)


def content_length(message: Message) -> int | None:
    """The Content-Length, ``None`` when there is none; raises ``SipParseError`` for several different or a bad one."""
    values = message.headers_all("content-length")
    if not values:
        return None
    text = values[0]
    if any(value != text for value in values) or not text.isascii() or not text.isdigit() or len(text) > 9:
        raise SipParseError("the Content-Length field is not one number", partial=message)
    return int(text)


def _body(message: Message, rest: bytes, *, stream: bool) -> bytes:
    length = content_length(message)
    if length is None:
        if stream:
            raise SipParseError("the Content-Length field is missing, which a stream needs", partial=message)
        return rest
    if length > len(rest):
        raise SipParseError(f"Content-Length says {length} bytes, but {len(rest)} came", partial=message)
    return rest[:length]


def media_type(value: str) -> str:
    """The type of a Content-Type value, in lower case, without its parameters."""
    return value.partition(";")[0].strip().lower()


def _sdp_part(message: Message) -> bytes:
    """The first part of a multipart body whose type is SDP (RFC 5621); ``b""`` when there is none."""
    boundary = _BOUNDARY.search(message.header("content-type") or "")
    if boundary is None:
        return b""
    mark = b"--" + (boundary[1] or boundary[2]).encode("utf-8", "surrogateescape")
    for part in (b"\r\n" + message.body).split(b"\r\n" + mark)[1 : MAX_PARTS + 1]:
        head, blank, content = part.partition(b"\r\n\r\n")
        for line in head.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(":")
            if blank and _key(name.strip()) == "content-type" and media_type(value) == SDP:
                return content
    return b""


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
    index = request._index
    copied: Fields = [("Via", value) for value in index.get("via", ())]
    if 100 < status < 300:
        copied += [("Record-Route", value) for value in index.get("record-route", ())]
    # Of what must be there once the first counts: a bad request is not answered with a bad response.
    copied += [("From", value) for value in index.get("from", ())[:1]]
    for value in index.get("to", ())[:1]:
        copied.append(("To", f"{value};tag={to_tag}" if to_tag and not has_tag(request) else value))
    copied += [("Call-ID", value) for value in index.get("call-id", ())[:1]]
    copied += [("CSeq", value) for value in index.get("cseq", ())[:1]]
    if status == 100:
        copied += [("Timestamp", value) for value in index.get("timestamp", ())[:1]]
    return Response(status, reason or REASONS.get(status, "Unknown"), [*copied, *headers], body)


def has_tag(request: Request) -> bool:
    """Whether To has a tag: a To that cannot be read gets none of ours, lest it become worse."""
    try:
        return request.to.tag is not None
    except SipParseError:
        return True
