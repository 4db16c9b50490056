"""SIP URIs and name-addr values (RFC 3261 sections 19.1 and 20.10)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from offhook.sip.errors import HeaderError

MAX_URI_CHARACTERS = 4096

_SIP = re.compile(
    r"""(?P<scheme>sips?):
        (?:(?P<user>[^@\s<>":]*)(?::(?P<password>[^@\s<>"]*))?@)?
        (?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.\-_]+)
        (?::(?P<port>\d{1,5}))?
        (?P<params>(?:;[^;?@\s<>"]*)*)
        (?:\?(?P<headers>[^\s<>"]*))?""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:", re.ASCII)
_USER = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/#]|%[0-9a-fA-F]{2})*", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+", re.ASCII)

_BLANK = " \t\r\n"
"""White space of a header field. There is more in Unicode, and a control character is no blank: stripped here and kept there, it
would make a value that reads differently when it has been written."""

Parameters = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Uri:
    """A ``sip:``, ``sips:`` or ``tel:`` URI; of any other scheme, only the scheme and the rest are kept."""

    host: str
    user: str | None = None
    port: int | None = None
    scheme: str = "sip"
    password: str | None = field(default=None, repr=False)
    parameters: Parameters = ()
    """Names as written; compare them in lower case."""
    headers: str = ""

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Read a URI.

        Raises:
            HeaderError: it is none, or longer than ``MAX_URI_CHARACTERS``.
        """
        if len(text) > MAX_URI_CHARACTERS:
            raise HeaderError("URI", text, "shorter")
        found = _SIP.fullmatch(text)
        if found is None:
            return cls._other(text)
        port = found["port"]
        user = found["user"]
        if (port is not None and not 0 < int(port) <= 65535) or (user is not None and not _USER.fullmatch(user)):
            raise HeaderError("URI", text, "a SIP URI")
        return cls(
            host=_host(found["host"], text),
            user=user,
            port=int(port) if port is not None else None,
            scheme=found["scheme"].lower(),
            password=found["password"],
            parameters=read_parameters(found["params"]),
            headers=found["headers"] or "",
        )

    @classmethod
    def _other(cls, text: str) -> Uri:
        scheme = _SCHEME.match(text)
        if scheme is None or scheme[0].lower() in {"sip:", "sips:"} or re.search(r"[\s<>\"]", text):
            raise HeaderError("URI", text, "a SIP URI")
        rest = text[scheme.end() :]
        if scheme[0].lower() == "tel:":
            number, *parameters = rest.split(";")
            if not _USER.fullmatch(number):
                raise HeaderError("URI", text, "a tel URI")
            return cls(host="", user=number, scheme="tel", parameters=read_parameters("".join(";" + each for each in parameters)))
        return cls(host=rest, scheme=scheme[0][:-1].lower())

    def __str__(self) -> str:
        if self.scheme not in {"sip", "sips"}:
            return f"{self.scheme}:{self.user if self.scheme == 'tel' else self.host}{show_parameters(self.parameters)}"
        user = "" if self.user is None else self.user + (f":{self.password}" if self.password is not None else "") + "@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{host}{port}{show_parameters(self.parameters)}{headers}"

    def parameter(self, name: str) -> str | None:
        """A parameter's value; ``""`` for one without a value, ``None`` for one that is absent."""
        return next((value or "" for key, value in self.parameters if key.lower() == name), None)

    @property
    def transport(self) -> str | None:
        """The ``transport`` parameter in lower case."""
        value = self.parameter("transport")
        return value.lower() if value else None


def _host(text: str, whole: str) -> str:
    """The host without brackets."""
    if not text.startswith("["):
        return text
    try:
        return str(ipaddress.IPv6Address(text[1:-1]))
    except ValueError:
        raise HeaderError("URI", whole, "a SIP URI") from None


def read_parameters(text: str) -> Parameters:
    """Read ``;name=value;flag``; quoted values keep their quotes. What has no name is passed over, as are semicolons too many."""
    found = []
    for part in _split(text, ";"):
        name, equals, value = part.partition("=")
        if name.strip(_BLANK):
            found.append((name.strip(_BLANK), value.strip(_BLANK) if equals else None))
    return tuple(found)


def show_parameters(parameters: Parameters) -> str:
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in parameters)


_SPECIAL = re.compile(r'[",;<>\\]')


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator that stands neither in quotes nor in angle brackets."""
    if '"' not in text and "<" not in text:
        return text.split(separator)
    parts, start, quoted, bracketed, skip = [], 0, False, False, -1
    # Only the characters that mean something are looked at: the cost of a hostile line stays that of one search.
    for found in _SPECIAL.finditer(text):
        position, character = found.start(), found[0]
        if position == skip:
            continue
        if character == "\\":
            skip = position + 1 if quoted else -1
        elif character == '"':
            quoted = not quoted and not bracketed
        elif quoted:
            continue
        elif character in "<>":
            bracketed = character == "<"
        elif character == separator and not bracketed:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return parts


def split_strictly(text: str) -> list[str]:
    """The items of a comma-separated header field, also the empty ones that should not be there."""
    return _split(text, ",")


def split_list(text: str) -> list[str]:
    """The items of a comma-separated header field."""
    return [item for item in (part.strip() for part in _split(text, ",")) if item]


_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_UNQUOTE = re.compile(r"\\(.)", re.DOTALL)
_NOT_IN_WORDS = re.compile(r'[>",;:@]')
_CACHED_CHARACTERS = 256


def _open_ended(parameters: str) -> bool:
    """Whether there is a quote or an angle bracket that swallows what follows, such as a tag that we add."""
    if '"' not in parameters and "<" not in parameters and ">" not in parameters:
        return False
    return any(each in _QUOTED.sub("", parameters) for each in '"<>')


@dataclass(frozen=True)
class NameAddr:
    """A display name, a URI and parameters: From, To, Contact, Route and their kin."""

    uri: Uri
    display_name: str = ""
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str, field: str = "name-addr") -> NameAddr:
        """Read one value, with or without angle brackets.

        Raises:
            HeaderError: it is none.
        """
        # The same From and To come with every message of a call: read them once.
        return _name_addr(text, field) if len(text) <= _CACHED_CHARACTERS else cls._read(text.strip(_BLANK), field)

    @classmethod
    def _read(cls, text: str, field: str) -> NameAddr:
        name, rest = "", text
        if text.startswith('"'):
            quoted = _QUOTED.match(text)
            if quoted is None or not text.startswith("<", quoted.end()):
                raise HeaderError(field, text, "an address")
            name, rest = _UNQUOTE.sub(r"\1", quoted[1]), text[quoted.end() :]
        words, bracket, tail = rest.partition("<")
        if not bracket:
            return cls._bare(rest, field)
        inner, closing, tail = tail.partition(">")
        tail = tail.strip(_BLANK)
        if not closing or _NOT_IN_WORDS.search(words) or (tail and not tail.startswith(";")) or _open_ended(tail):
            raise HeaderError(field, text, "an address")
        return cls(Uri.parse(inner), name or words.strip(_BLANK), read_parameters(tail))

    @classmethod
    def _bare(cls, text: str, field: str) -> NameAddr:
        """Without brackets every parameter belongs to the field, not to the URI (RFC 3261 section 20.10)."""
        bare, semicolon, parameters = text.partition(";")
        if ">" in text or '"' in bare or "," in bare or "?" in bare or _open_ended(parameters):
            raise HeaderError(field, text, "an address")
        return cls(Uri.parse(bare.strip(_BLANK)), "", read_parameters(semicolon + parameters))

    def __str__(self) -> str:
        name = ""
        if self.display_name:
            escaped = self.display_name.replace("\\", "\\\\").replace('"', '\\"')
            name = f'"{escaped}" '
        return f"{name}<{self.uri}>{show_parameters(self.parameters)}"

    @cached_property
    def tag(self) -> str | None:
        """The ``tag`` parameter."""
        return next((value or "" for name, value in self.parameters if name.lower() == "tag"), None)

    def tagged(self, tag: str) -> NameAddr:
        """The same address with this tag."""
        others = tuple(pair for pair in self.parameters if pair[0].lower() != "tag")
        return NameAddr(self.uri, self.display_name, (*others, ("tag", tag)))


@lru_cache(maxsize=1024)
def _name_addr(text: str, field: str) -> NameAddr:
    return NameAddr._read(text.strip(_BLANK), field)


def is_token(text: str) -> bool:
    """Whether it is a token of RFC 3261 section 25.1."""
    return _TOKEN.fullmatch(text) is not None
