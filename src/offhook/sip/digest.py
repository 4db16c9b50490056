"""Digest authentication as the client of a challenge (RFC 3261 section 22, RFC 8760)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from offhook.sip.errors import HeaderError

HASHES: dict[str, Callable[[bytes], str]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "sha-256": lambda data: hashlib.sha256(data).hexdigest(),
}
_PAIR = re.compile(r'\s*([A-Za-z0-9\-]{1,64})\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)\s*(?:,|$)', re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to a peer that challenges us."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate or Proxy-Authenticate value."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False

    @classmethod
    def parse(cls, text: str) -> Challenge:
        """Read one value; raise ``HeaderError`` when it is not a Digest challenge."""
        scheme, _, rest = text.strip().partition(" ")
        pairs = read_pairs(rest)
        if scheme.lower() != "digest" or "realm" not in pairs or "nonce" not in pairs:
            raise HeaderError("WWW-Authenticate", text, "a Digest challenge with realm and nonce")
        return cls(
            pairs["realm"],
            pairs["nonce"],
            pairs.get("algorithm", "MD5"),
            tuple(each.strip().lower() for each in pairs.get("qop", "").split(",") if each.strip()),
            pairs.get("opaque"),
            pairs.get("stale", "").lower() == "true",
        )

    @property
    def supported(self) -> bool:
        """Whether we can answer it: MD5 or SHA-256, and qop auth or none."""
        return self.algorithm.lower() in HASHES and (not self.qop or "auth" in self.qop)


def choose(values: list[str]) -> Challenge | None:
    """The challenge to answer, of several: the first that we can, SHA-256 before MD5."""
    found = []
    for value in values:
        try:
            found.append(Challenge.parse(value))
        except HeaderError:
            continue
    usable = [each for each in found if each.supported]
    return min(usable, key=lambda each: each.algorithm.lower() != "sha-256", default=None)


def authorize(challenge: Challenge, credentials: Credentials, *, method: str, uri: str, cnonce: str, count: int = 1) -> str:
    """The value of Authorization or Proxy-Authorization that answers a challenge."""
    digest = HASHES[challenge.algorithm.lower()]

    def hashed(*parts: str) -> str:
        return digest(":".join(parts).encode("utf-8", "surrogateescape"))

    secret = hashed(credentials.username, challenge.realm, credentials.password)
    target = hashed(method, uri)
    fields = [
        f'username="{_quote(credentials.username)}"',
        f'realm="{_quote(challenge.realm)}"',
        f'nonce="{_quote(challenge.nonce)}"',
        f'uri="{uri}"',
        f"algorithm={challenge.algorithm}",
    ]
    if challenge.qop:
        counter = f"{count:08x}"
        response = hashed(secret, challenge.nonce, counter, cnonce, "auth", target)
        fields += ["qop=auth", f"nc={counter}", f'cnonce="{cnonce}"']
    else:
        response = hashed(secret, challenge.nonce, target)
    fields.append(f'response="{response}"')
    if challenge.opaque is not None:
        fields.append(f'opaque="{_quote(challenge.opaque)}"')
    return "Digest " + ", ".join(fields)


def read_pairs(text: str) -> dict[str, str]:
    """``name=value, …`` up to the first thing that is neither."""
    pairs: dict[str, str] = {}
    position = 0
    while found := _PAIR.match(text, position):
        pairs.setdefault(found[1].lower(), _unquote(found[2]))
        position = found.end()
    return pairs


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
