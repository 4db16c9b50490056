"""Messages to begin with: every method, status and header field that a SIP element may meet, most of them right."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from offhook.sip import Request

Fields = list[tuple[str, str]]

ABLE = (
    ("Supported", "100rel, timer, replaces"),
    ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, UPDATE, REFER, NOTIFY"),
)
"""What a phone says that knows all we know."""
METHODS = (
    *("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "PRACK", "UPDATE", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE"),
    *("REGISTER", "PUBLISH", "invite", "NEWMETHOD", "!interesting-Method0123456789_*+`.%indeed'~"),
)
IN_DIALOG = ("ACK", "BYE", "INVITE", "INFO", "OPTIONS", "UPDATE", "PRACK", "REFER", "NOTIFY", "MESSAGE", "SUBSCRIBE", "CANCEL")
STATUSES = (
    *(100, 180, 181, 182, 183, 199, 200, 202, 204, 300, 301, 302, 305, 380, 400, 401, 403, 404, 405, 407, 408, 410, 413, 415),
    *(420, 421, 422, 423, 428, 429, 436, 437, 438, 469, 480, 481, 482, 484, 486, 487, 488, 489, 491, 493, 494, 500, 501, 503),
    *(504, 505, 513, 580, 600, 603, 604, 606, 608, 699),
)
OPTION_TAGS = (
    "100rel",
    "timer",
    "replaces",
    "norefersub",
    "outbound",
    "path",
    "gruu",
    "histinfo",
    "precondition",
    "tdialog",
    "x",
)
URI_PARAMETERS = (
    *(";lr", ";transport=udp", ";transport=tcp", ";transport=tls", ";transport=ws", ";transport=sctp", ";user=phone", ";ob"),
    *(";maddr=192.0.2.9", ";gr=urn:uuid:1", ";method=BYE", ";ttl=1", ";%6Cr", ";x=%41"),
)
PROTOCOLS = ("RTP/AVP", "RTP/SAVP", "UDPTL", "x")
SDP_LINES = (
    *("a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=sendonly", "a=inactive", "a=ptime:20"),
    *("a=rtpmap:111 opus/48000/2", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40, "a=rtcp-mux", "c=IN IP6 2001:db8::1"),
)
HOSTS = (
    "192.0.2.1",
    "192.0.2.7:5070",
    "[2001:db8::1]",
    "a.example",
    "proxy.example:5080",
    "255.255.255.255",
    "localhost",
    "a..b",
)
COMPACT = {
    "From": "f", "To": "t", "Via": "v", "Call-ID": "i", "Contact": "m", "Content-Type": "c", "Content-Length": "l",
    "Supported": "k", "Subject": "s", "Refer-To": "r", "Referred-By": "b", "Event": "o", "Session-Expires": "x",
    "Content-Encoding": "e", "Identity": "y", "Allow-Events": "u", "Request-Disposition": "d",
}  # fmt: skip


@dataclass
class Draft:
    """A message that can still be bent: nothing in it is checked."""

    first: str
    fields: Fields
    body: bytes = b""
    notes: list[str] = field(default_factory=list)
    """What was done to it."""

    def to_bytes(self) -> bytes:
        """The message on the wire; a Content-Length is added where there is none."""
        lines = [self.first, *(f"{name}: {value}" for name, value in self.fields)]
        if not any(name.strip().lower() in {"content-length", "l"} for name, _ in self.fields):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body


@dataclass(frozen=True)
class Names:
    """What tells one transaction and one dialog from others."""

    call_id: str
    from_: str
    to: str
    cseq: int
    branch: str


class Grammar:
    """Writes messages, all its choices taken from one source of randomness."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def maybe(self, chance: float) -> bool:
        """True that often, 0 to 1."""
        return self.rng.random() < chance

    def token(self, length: int = 8) -> str:
        """So many hexadecimal digits."""
        return f"{self.rng.getrandbits(4 * length):0{length}x}"

    def number(self) -> str:
        """A number, sometimes one that no field should have."""
        usual = str(self.rng.choice((0, 1, 2, 69, 70, 90, 100, 255, 256, 1800, 3600, 2**31 - 1)))
        odd = self.rng.choice(("-1", "4294967296", "9" * 40, "", "1.5", "0x10", "²", "00000000000001", "+1", " 7 "))
        return usual if self.maybe(0.8) else odd

    def uri(self) -> str:
        """A URI, nearly always ``sip:``."""
        rng = self.rng
        user = rng.choice(("alice", "+15550100", "bob", "user;par=u%40x", "null-%00", "a.b-c_d!~*'()", "", "1000", "x" * 60))
        shown = f"{user}{':secret' if self.maybe(0.03) else ''}@" if user else ""
        parameters = "".join(rng.choice(URI_PARAMETERS) for _ in range(rng.choice((0, 0, 0, 1, 1, 2))))
        headers = (
            rng.choice(("?Route=%3Csip:evil.example%3E", "?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2", "?x"))
            if self.maybe(0.04)
            else ""
        )
        usual = f"{rng.choice(('sip', 'sip', 'sip', 'sip', 'sips', 'SIP'))}:{shown}{rng.choice(HOSTS)}{parameters}{headers}"
        odd = rng.choice(
            ("tel:+15550100;ext=1", "tel:a@b", "mailto:a@b.example", "http://a.example/x.pem", "sip:", "urn:service:sos", "*")
        )
        return usual if self.maybe(0.94) else odd

    def address(self, tag: str | None = None) -> str:
        """A name-addr, with a tag or without."""
        name = self.rng.choice(
            ("", "", '"Alice" ', '"A \\"quoted\\" \\\\name" ', "Bob ", '"<sip:x@y>;tag=z" ', '"大停電" ', '"" ')
        )
        end = f";tag={tag}" if tag is not None else ""
        return f"{name}<{self.uri()}>{end}"

    def sdp(self) -> bytes:
        """A session description."""
        rng = self.rng
        lines = ["v=0", f"o=- {rng.randrange(9999)} 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"]
        for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 20))):
            kind, protocol = rng.choice(("audio", "audio", "audio", "video", "image")), rng.choice(PROTOCOLS)
            port, formats = rng.choice((0, 4000, 49170, 65535, 70000)), rng.choice(("0 8 101", "0", "111", "9 18", "t38"))
            lines += [f"m={kind} {port} {protocol} {formats}", *rng.sample(SDP_LINES, rng.randrange(4))]
        return "\r\n".join([*lines, ""]).encode()

    def multipart(self) -> tuple[str, bytes]:
        """A body of several parts, one of them perhaps a description."""
        mark = self.rng.choice(("b", "unique-boundary-1", "'()+_,-./:=?"))
        parts = [
            b"Content-Type: application/sdp\r\n\r\n" + self.sdp(),
            b"Content-Type: application/pidf+xml\r\nContent-ID: <x@y>\r\n\r\n<x/>",
            b"\r\n\0\xff\xfe" + bytes(range(256)),
            b"Content-Type: multipart/mixed;boundary=b\r\n\r\n--b\r\n\r\n--b--",
        ]
        chosen = self.rng.sample(parts, self.rng.randrange(1, 5))
        dashes = b"--" + mark.encode()
        body = b"".join(dashes + b"\r\n" + part + b"\r\n" for part in chosen) + (b"" if self.maybe(0.1) else dashes + b"--\r\n")
        return f'multipart/mixed;boundary="{mark}"', body

    def content(self) -> tuple[str, bytes]:
        """A content type and a body of it, or ``("", b"")``."""
        draw = self.rng.random()
        if draw < 0.55:
            return "application/sdp", self.sdp()
        if draw < 0.75:
            return "", b""
        if draw < 0.85:
            return self.multipart()
        return self.rng.choice((
            ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n"),
            ("application/dtmf", b"5"),
            ("message/sipfrag;version=2.0", b"SIP/2.0 180 Ringing\r\n"),
            ("application/sdp", b"v=0"),
            ("application/sdp;charset=x", b"\xff\xfe\0"),
            ("text/plain", b"hello"),
            ("", b"x" * 2000),
            ("application/media_control+xml", b"<?xml version='1.0'?><media_control/>"),
        ))  # fmt: skip

    def extra(self) -> tuple[str, str]:
        """One header field, of those that not every message has."""
        name = self.rng.choice(tuple(EXTRA))
        return name, EXTRA[name](self)

    def extras(self) -> Fields:
        """A few of them."""
        return [self.extra() for _ in range(self.rng.choice((0, 0, 1, 1, 2, 3, 6)))]

    def names(self) -> Names:
        """Of a transaction outside of any dialog."""
        branch = f"z9hG4bK{self.token()}" if self.maybe(0.93) else self.rng.choice(("z9hG4bK", "old-style", ""))
        from_ = self.address(self.token() if self.maybe(0.96) else None)
        return Names(f"{self.token()}@a.example", from_, self.address(), self.rng.choice((0, 1, 1, 2, 314159, 2**31 - 1)), branch)

    def via(self, branch: str, transport: str) -> Fields:
        """One Via field, seldom several hops."""
        host = self.rng.choice(("192.0.2.1", "192.0.2.1:5060", "a.example", "[2001:db8::1]:5070", "192.0.2.1 : 5060"))
        end = self.rng.choice((";rport", ";rport", "", ";received=1.2.3.4", ";ttl=16;maddr=224.2.0.1", ';x="a,b;c"', ";alias"))
        top = ("Via", f"SIP/2.0/{transport.upper()} {host};branch={branch}{end}" if branch else f"SIP/2.0/UDP {host}{end}")
        if self.maybe(0.9):
            return [top]
        below = "SIP/2.0/TCP b.example;branch=z9hG4bKbelow"
        return [(top[0], f"{top[1]}, {below}")] if self.maybe(0.5) else [top, ("Via", below)]

    def request(
        self,
        method: str,
        names: Names,
        *,
        transport: str = "udp",
        uri: str | None = None,
        content: tuple[str, bytes] | None = None,
        more: Sequence[tuple[str, str]] = (),
    ) -> Draft:
        """A whole request."""
        kind, body = content if content is not None else self.content()
        fields = [
            *self.via(names.branch, transport),
            ("Max-Forwards", "70" if self.maybe(0.95) else self.number()),
            ("From", names.from_),
            ("To", names.to),
            ("Call-ID", names.call_id),
            ("CSeq", f"{names.cseq} {method}"),
            *([("Contact", self.contact())] if self.maybe(0.97) else []),
            *more,
            *self.extras(),
            *([("Content-Type", kind)] if kind else []),
        ]
        return Draft(f"{method} {uri or self.uri()} SIP/2.0", fields, body)

    def contact(self) -> str:
        """Where a peer says it is: mostly where it can be reached."""
        usual = self.rng.choice(("<sip:peer@192.0.2.1:5060>", "<sip:peer@192.0.2.1:5060;transport=tcp>", "<sip:192.0.2.8>"))
        return usual if self.maybe(0.85) else self.address()

    def response(self, request: Request, status: int, tag: str | None, *, more: Sequence[tuple[str, str]] = ()) -> Draft:
        """A response to one of the core's requests; ``tag`` is added to a To that has none."""
        to = request.header("to") or ""
        kind, body = self.content() if self.maybe(0.6) else ("", b"")
        fields = [
            *(("Via", value) for value in request.headers_all("via")),
            ("From", request.header("from") or ""),
            ("To", f"{to};tag={tag}" if tag is not None and ";tag=" not in to else to),
            ("Call-ID", request.header("call-id") or ""),
            ("CSeq", request.header("cseq") or ""),
            *([("Contact", self.contact())] if self.maybe(0.9) else []),
            *([("Record-Route", self._route())] if self.maybe(0.15) else []),
            *more,
            *self.extras(),
            *([("Content-Type", kind)] if kind else []),
        ]
        return Draft(f"SIP/2.0 {status} {self.rng.choice(('OK', '', 'Because = 2**3 но', 'x' * 100))}", fields, body)

    def challenge(self) -> str:
        """What WWW-Authenticate and Proxy-Authenticate say."""
        rng = self.rng
        realm = rng.choice(("a.example", 'r\\"q', "\udcff\udcfe", "大", "", "x" * 300))
        algorithm = rng.choice(("MD5", "md5", "SHA-256", "SHA-512-256", "AKAv1-MD5", "MD5-sess", '"MD5"'))
        qop = rng.choice(('qop="auth"', 'qop="auth,auth-int"', "qop=auth", 'qop="auth-int"', ""))
        parts = [f'realm="{realm}"', f'nonce="{rng.choice((self.token(), chr(0xDC80), ""))}"', f"algorithm={algorithm}", qop]
        parts += rng.sample(['opaque="o"', "stale=TRUE", 'domain="sip:x"', 'x="', "=", "nonce=again"], rng.randrange(3))
        return rng.choice(("Digest ", "Digest ", "Digest ", "digest  ", "Basic ", "")) + ", ".join(filter(None, parts))

    def credentials(self) -> str:
        """What Authorization and Proxy-Authorization say."""
        return (
            f'Digest username="{self.rng.choice(("alice", "a" * 200, "%00"))}", realm="offhook", nonce="{self.token(16)}", '
            f'uri="{self.uri()}", response="{self.token(32)}", algorithm={self.rng.choice(("MD5", "SHA-256", "x"))}, '
            f'cnonce="{self.token()}", qop=auth, nc={self.rng.choice(("00000001", "zz", self.number()))}'
        )

    def _route(self) -> str:
        hops = [f"<{self.uri()}>" for _ in range(self.rng.choice((1, 1, 2, 5)))]
        if self.maybe(0.7):
            hops = ["<sip:192.0.2.9;lr>", *hops[1:]]
        return ", ".join(hops)

    def _tags(self) -> str:
        return ", ".join(self.rng.sample(OPTION_TAGS, self.rng.choice((0, 1, 1, 2, 8))))

    def _replaces(self) -> str:
        return f"{self.token()}@a.example;to-tag={self.token()};from-tag={self.token()}" + (
            ";early-only" if self.maybe(0.3) else ""
        )

    def _passport(self) -> str:
        return f"eyJhbGciOiJFUzI1NiJ9.eyJ4IjoxfQ.{self.token(64)};info=<https://cert.example/{self.token()}>;alg=ES256;ppt=shaken"


EXTRA: dict[str, Callable[[Grammar], str]] = {
    "Supported": Grammar._tags,
    "Require": lambda g: g._tags() if g.maybe(0.3) else "100rel",
    "Proxy-Require": Grammar._tags,
    "Allow": lambda g: ", ".join(g.rng.sample(METHODS[:14], g.rng.randrange(14))),
    "Accept": lambda g: g.rng.choice(("application/sdp", "*/*", "text/plain", "application/sdp;level=1, message/sipfrag", "")),
    "Allow-Events": lambda _: "refer, presence",
    "Session-Expires": lambda g: (
        g.number() + g.rng.choice(("", ";refresher=uac", ";refresher=uas", ";refresher=x", ";refresher"))
    ),
    "Min-SE": Grammar.number,
    "RSeq": Grammar.number,
    "RAck": lambda g: f"{g.number()} {g.number()} {g.rng.choice(METHODS)}",
    "Replaces": Grammar._replaces,
    "Join": Grammar._replaces,
    "Target-Dialog": Grammar._replaces,
    "Refer-To": lambda g: (
        f"<{g.uri()}>" if g.maybe(0.7) else f"<sip:c@a.example?Replaces={g.token()}%3Bto-tag%3D1%3Bfrom-tag%3D2>"
    ),
    "Referred-By": lambda g: g.address(),
    "Refer-Sub": lambda g: g.rng.choice(("true", "false", "maybe")),
    "Event": lambda g: g.rng.choice(("refer", "refer;id=1", "presence", "message-summary", "", "x" * 99)),
    "Subscription-State": lambda g: g.rng.choice(("active;expires=60", "terminated;reason=noresource", "pending", "x")),
    "Identity": Grammar._passport,
    "Authorization": Grammar.credentials,
    "Proxy-Authorization": Grammar.credentials,
    "WWW-Authenticate": Grammar.challenge,
    "Proxy-Authenticate": Grammar.challenge,
    "P-Asserted-Identity": lambda g: f"{g.address()}, <tel:+15550100>",
    "P-Preferred-Identity": lambda g: g.address(),
    "Remote-Party-ID": lambda g: g.address() + ";privacy=full;screen=yes",
    "Privacy": lambda g: g.rng.choice(("id", "none", "user;header;id;critical")),
    "Diversion": lambda g: g.address() + ";reason=unconditional;counter=1",
    "History-Info": lambda g: f"<{g.uri()}>;index=1, <{g.uri()}>;index=1.1;rc=1",
    "Reason": lambda g: f'Q.850;cause={g.number()};text="x", SIP;cause=200',
    "Record-Route": Grammar._route,
    "Route": Grammar._route,
    "Path": Grammar._route,
    "Service-Route": Grammar._route,
    "Expires": Grammar.number,
    "Min-Expires": Grammar.number,
    "Retry-After": lambda g: g.number() + " (soon);duration=1",
    "Date": lambda g: g.rng.choice(("Sat, 13 Nov 2010 23:29:00 GMT", "Fri, 01 Jan 2010 16:00:00 EST", "yesterday")),
    "Timestamp": Grammar.number,
    "Warning": lambda g: f'{g.number()} a.example "x, \\"y\\""',
    "Content-Disposition": lambda g: g.rng.choice(("session", "session;handling=optional", "render", "early-session")),
    "Content-Encoding": lambda g: g.rng.choice(("identity", "gzip", "")),
    "Content-Length": Grammar.number,
    "Accept-Encoding": lambda _: "gzip;q=1.0, identity; q=0.5",
    "Unsupported": Grammar._tags,
    "Info-Package": lambda _: "dtmf",
    "Recv-Info": lambda _: "dtmf",
    "MIME-Version": lambda _: "1.0",
    "User-Agent": lambda g: g.rng.choice(("friendly-scanner", "x" * 500, "SIPimp.org/0.2.5 (curses) (a (nested) comment)")),
    "Subject": lambda g: g.rng.choice(("", "大停電", "\0")),
    "X-PH-Key": lambda g: g.token(),
    "Geolocation": lambda _: "<cid:x@y>",
    "Max-Forwards": Grammar.number,
    "Contact": lambda g: g.rng.choice(("*", g.contact() + ";expires=60;q=0.5, " + g.contact(), g.contact())),
    "Flow-Timer": Grammar.number,
    "SIP-If-Match": lambda g: g.token(),
}
"""Every other field, and how a value of it is made."""
