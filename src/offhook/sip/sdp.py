"""Session descriptions as values (RFC 8866). What they mean for a call is offer/answer, and lives in ``legs``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from offhook.sip.errors import SdpError

MAX_BYTES = 16_384
MAX_LINES = 512
MAX_STREAMS = 16
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

_HOST = re.compile(r"[A-Za-z0-9.\-_:]{1,255}", re.ASCII)

Attributes = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class RtpMap:
    """What a payload type stands for (``a=rtpmap``)."""

    encoding: str
    rate_hz: int
    channels: int = 1


@dataclass(frozen=True, slots=True)
class Media:
    """One ``m=`` section."""

    kind: str
    port: int
    """0: the stream is refused or ended."""
    protocol: str
    formats: tuple[str, ...]
    connection: str | None = None
    """The host of this section's own ``c=`` line."""
    attributes: Attributes = ()

    def attribute(self, name: str) -> str | None:
        """The first attribute of that name: its value, ``""`` for a flag, ``None`` when it is absent."""
        return next((value or "" for key, value in self.attributes if key == name), None)

    @property
    def direction(self) -> str | None:
        """``sendrecv``, ``sendonly``, ``recvonly`` or ``inactive`` where the section says so."""
        return next((key for key, _ in self.attributes if key in DIRECTIONS), None)

    def rtpmap(self, payload_type: int) -> RtpMap | None:
        """The mapping of a payload type; ``None`` when there is none or it is malformed."""
        for key, value in self.attributes:
            number, _, mapping = (value or "").partition(" ")
            if key == "rtpmap" and number.strip() == str(payload_type):
                encoding, _, rest = mapping.strip().partition("/")
                rate, _, channels = rest.partition("/")
                if encoding and _is_number(rate, 6):
                    return RtpMap(encoding, int(rate), int(channels) if _is_number(channels, 2) else 1)
        return None

    def fmtp(self, payload_type: int) -> str | None:
        """The format parameters of a payload type."""
        for key, value in self.attributes:
            number, _, parameters = (value or "").partition(" ")
            if key == "fmtp" and number.strip() == str(payload_type):
                return parameters.strip()
        return None


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A whole description. Lines that we have no use for are dropped when it is read."""

    session_id: str
    session_version: str
    origin_host: str
    media: tuple[Media, ...]
    username: str = "-"
    name: str = "-"
    connection: str | None = None
    """The host of the session's ``c=`` line."""
    attributes: Attributes = ()

    @property
    def direction(self) -> str | None:
        """The session's own direction, which its streams inherit."""
        return next((key for key, _ in self.attributes if key in DIRECTIONS), None)

    @classmethod
    def parse(cls, body: bytes) -> SessionDescription:
        """Read a description.

        Raises:
            SdpError: a line that matters is malformed, or a limit is passed; the sentence quotes it.
        """
        if len(body) > MAX_BYTES:
            raise SdpError(f"the description is longer than {MAX_BYTES} bytes")
        lines = body.decode("utf-8", "replace").replace("\r\n", "\n").strip("\n").split("\n")
        if len(lines) > MAX_LINES:
            raise SdpError(f"the description has more than {MAX_LINES} lines")
        if lines[0].strip() != "v=0":
            raise SdpError(f"the first line is {lines[0][:20]!r}, not 'v=0'")
        return _Reader().read(lines[1:])

    def to_bytes(self) -> bytes:
        """The description on the wire."""
        lines = [
            "v=0",
            f"o={self.username} {self.session_id} {self.session_version} IN {_family(self.origin_host)} {self.origin_host}",
            f"s={self.name}",
        ]
        if self.connection is not None:
            lines.append(_connection(self.connection))
        lines.append("t=0 0")
        lines += _attribute_lines(self.attributes)
        for media in self.media:
            lines.append(f"m={media.kind} {media.port} {media.protocol} {' '.join(media.formats)}")
            if media.connection is not None:
                lines.append(_connection(media.connection))
            lines += _attribute_lines(media.attributes)
        return ("\r\n".join(lines) + "\r\n").encode()


class _Reader:
    """Collects the lines of a description."""

    def __init__(self) -> None:
        self.origin = ("-", "0", "0", "0.0.0.0")  # noqa: S104 - no address, not every address
        self.name = "-"
        self.connection: str | None = None
        self.attributes: list[tuple[str, str | None]] = []
        self.streams: list[tuple[str, int, str, tuple[str, ...]]] = []
        self.stream_connections: list[str | None] = []
        self.stream_attributes: list[list[tuple[str, str | None]]] = []

    def read(self, lines: list[str]) -> SessionDescription:
        for line in lines:
            if not line.strip():
                continue
            if len(line) < 2 or line[1] != "=":
                raise SdpError(f"{line[:40]!r} is not a line of a description")
            self._line(line[0], line[2:].strip())
        media = tuple(
            Media(*stream, connection, tuple(attributes))
            for stream, connection, attributes in zip(self.streams, self.stream_connections, self.stream_attributes, strict=True)
        )
        username, identity, version, host = self.origin
        return SessionDescription(identity, version, host, media, username, self.name, self.connection, tuple(self.attributes))

    def _line(self, letter: str, value: str) -> None:
        if letter == "o":
            parts = value.split()
            if len(parts) != 6:
                raise SdpError(f"'o={value[:60]}' does not have six parts")
            self.origin = (parts[0], parts[1], parts[2], parts[5])
        elif letter == "s":
            self.name = value or "-"
        elif letter == "c":
            host = _host_of(value)
            if self.streams:
                self.stream_connections[-1] = host
            else:
                self.connection = host
        elif letter == "m":
            self._stream(value)
        elif letter == "a":
            name, colon, rest = value.partition(":")
            (self.stream_attributes[-1] if self.streams else self.attributes).append(
                (name.strip(), rest.strip() if colon else None)
            )

    def _stream(self, value: str) -> None:
        parts = value.split()
        port = parts[1].partition("/")[0] if len(parts) > 1 else ""
        if len(parts) < 4 or not value.isascii() or not _is_number(port, 5) or int(port) > 65535:
            raise SdpError(f"'m={value[:60]}' is not kind, port, protocol and formats")
        if len(self.streams) == MAX_STREAMS:
            raise SdpError(f"the description has more than {MAX_STREAMS} streams")
        self.streams.append((parts[0].lower(), int(port), parts[2], tuple(parts[3:])))
        self.stream_connections.append(None)
        self.stream_attributes.append([])


def _is_number(text: str, digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= digits


def _host_of(value: str) -> str:
    parts = value.split()
    if len(parts) != 3 or parts[0].upper() != "IN" or parts[1].upper() not in {"IP4", "IP6"}:
        raise SdpError(f"'c={value[:60]}' is not IN, IP4 or IP6, and an address")
    host = parts[2].partition("/")[0]
    if not _HOST.fullmatch(host):
        raise SdpError(f"'c={value[:60]}' has no address")
    return host


def _family(host: str) -> str:
    try:
        return "IP6" if ipaddress.ip_address(host).version == 6 else "IP4"
    except ValueError:
        return "IP4"


def _connection(host: str) -> str:
    return f"c=IN {_family(host)} {host}"


def _attribute_lines(attributes: Attributes) -> list[str]:
    return [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]
