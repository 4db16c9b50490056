"""Values of the header fields that the core itself reads: Via, CSeq and addresses of the network."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from offhook.sip.errors import HeaderError
from offhook.sip.uri import Parameters, read_parameters, show_parameters

MAGIC = "z9hG4bK"
"""What a branch of RFC 3261 begins with (section 8.1.1.7)."""


@dataclass(frozen=True, slots=True)
class Address:
    """One end of a transport. For UDP and TCP, ``host`` is an IP address once the peer is known."""

    host: str
    port: int
    transport: str = "udp"
    """``udp``, ``tcp``, ``tls``, ``ws`` or ``wss``."""
    name: str = field(default="", compare=False)
    """The host as it was named before it was looked up: what a certificate must be for."""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read what ``str`` gives; raise ``ValueError`` when it is something else."""
        place, slash, transport = text.rpartition("/")
        host, colon, port = place.rpartition(":")
        if not slash or not colon or not port.isdigit():
            raise ValueError(f"{text!r} is not host:port/transport")
        return cls(host.strip("[]"), int(port), transport)

    @property
    def reliable(self) -> bool:
        """Whether the transport retransmits by itself."""
        return self.transport != "udp"

    @property
    def framed(self) -> bool:
        """Whether the transport is a byte stream, which Content-Length cuts into messages."""
        return self.transport in {"tcp", "tls"}

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.transport}"


_VIA = re.compile(
    r"SIP ?/ ?\d{1,3}\.\d{1,3} ?/ ?(?P<transport>[A-Za-z0-9\-.!%*_+`'~]+) "
    r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.\-_]+) ?(?:: ?(?P<port>\d{1,5}) ?)?(?P<params>;.*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Via:
    """One hop (RFC 3261 section 20.42)."""

    transport: str
    host: str
    port: int | None = None
    parameters: Parameters = ()

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one value; raise ``HeaderError`` with what stood there and what should have."""
        # White space may stand almost anywhere here; one blank for each run keeps the pattern linear.
        found = _VIA.fullmatch(" ".join(text.split()))
        port = int(found["port"]) if found and found["port"] else None
        if found is None or (port is not None and not 0 < port <= 65535):
            raise HeaderError("Via", text, "SIP/2.0/transport host:port;branch=...")
        return cls(found["transport"].upper(), found["host"].strip("[]"), port, read_parameters(found["params"] or ""))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        return f"SIP/2.0/{self.transport} {host}{port}{show_parameters(self.parameters)}"

    def parameter(self, name: str) -> str | None:
        """A parameter's value; ``""`` for one without a value, ``None`` for one that is absent."""
        return next((value or "" for key, value in self.parameters if key.lower() == name), None)

    @property
    def branch(self) -> str:
        """The branch, empty when there is none."""
        return self.parameter("branch") or ""

    def seen_from(self, source: Address) -> Via:
        """With ``received`` where the host differs, and ``rport`` filled in where it was asked for (RFC 3581 section 4)."""
        asked = self.parameter("rport") is not None
        if not asked and self.host == source.host:
            return self
        kept = tuple(pair for pair in self.parameters if pair[0].lower() not in {"rport", "received"})
        added: Parameters = (("received", source.host),)
        if asked:
            added = (("received", source.host), ("rport", str(source.port)))
        return Via(self.transport, self.host, self.port, (*kept, *added))

    def reply_to(self, source: Address) -> Address:
        """Where the response goes (RFC 3261 section 18.2.2, RFC 3581 section 4)."""
        if source.reliable or self.parameter("rport") is not None:
            return source
        return Address(source.host, self.port or 5060, source.transport)


_CSEQ = re.compile(r"\s*(\d{1,10})\s+([A-Za-z0-9\-.!%*_+`'~]+)\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class CSeq:
    """Which request of a dialog this is (RFC 3261 section 20.16)."""

    number: int
    """0 to 2**31 - 1. Within a dialog it only grows."""
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Read the field's value; raise ``HeaderError`` with what stood there and what should have."""
        found = _CSEQ.fullmatch(text)
        if found is None or int(found[1]) >= 2**31:
            raise HeaderError("CSeq", text, "a number below 2**31 and a method")
        return cls(int(found[1]), found[2])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
