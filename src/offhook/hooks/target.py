"""A customer's URL, taken apart once: what goes on the wire, what is signed, what may be shown."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit

from yarl import URL

from offhook.errors import InvalidUrl

MAXIMUM_LENGTH = 8192

_UNSAFE = re.compile(r"[^!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]")  # what RFC 3986 leaves, everything else is percent-encoded
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. The fragment and the user information are kept apart: neither is sent nor signed as URL."""

    scheme: str
    authority: str
    """Host and port as they were written, without user information: also the ``Host`` header, so that the receiver rebuilds
    the very URL that was signed."""
    path: str
    """Percent-encoded, never empty."""
    query: str
    """Percent-encoded, without ``?``."""
    fragment: str
    user_information: str
    """As written before ``@``; ``""`` when there is none."""

    @property
    def url(self) -> str:
        """What is requested and signed."""
        return f"{self.scheme}://{self.authority}{self.path}" + (f"?{self.query}" if self.query else "")

    @property
    def shown(self) -> str:
        """What may stand on a timeline or in a log."""
        return f"{self.scheme}://{'***@' if self.user_information else ''}{self.url.partition('://')[2]}"

    @property
    def base(self) -> str:
        """What relative URLs of the reply resolve against. With its user information: never show it."""
        return f"{self.scheme}://{self.user_information + '@' if self.user_information else ''}{self.url.partition('://')[2]}"

    @property
    def authorization(self) -> str | None:
        """The Basic credentials that the user information stands for (RFC 7617), as a header's value."""
        if not self.user_information:
            return None
        user, _, password = self.user_information.partition(":")
        return "Basic " + base64.b64encode(unquote_to_bytes(user) + b":" + unquote_to_bytes(password)).decode("ascii")

    def follow(self, location: str) -> Target:
        """Where a 3xx reply points; the credentials stay only within the same origin.

        Raises:
            InvalidUrl: it points nowhere that can be asked.
        """
        there = parse_target(urljoin(self.url, location.strip()))
        same_origin = (there.scheme, there.authority.lower()) == (self.scheme, self.authority.lower())
        if there.user_information or not same_origin:
            return there
        return Target(there.scheme, there.authority, there.path, there.query, "", self.user_information)


def redacted(url: str) -> str:
    """A URL as it may be shown: without user information. Any text will do."""
    return re.sub(r"^(\s*(?:[A-Za-z][-A-Za-z0-9+.]*:)?)//[^/?#]*@", r"\1//***@", url)


@lru_cache(maxsize=1024)
def parse_target(url: str) -> Target:
    """Take a URL apart; characters that have no place in one are percent-encoded.

    Raises:
        InvalidUrl: not ``http`` or ``https``, no host, an impossible port, or longer than ``MAXIMUM_LENGTH``.
    """
    text = url.strip()
    if len(text) > MAXIMUM_LENGTH:
        raise InvalidUrl(redacted(text[:200]) + "…")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidUrl(redacted(text)) from None
    if parts.scheme not in ("http", "https") or not host or port == 0 or "\\" in parts.netloc:
        raise InvalidUrl(redacted(text))
    user_information, _, authority = parts.netloc.rpartition("@")
    return Target(
        parts.scheme,
        _ascii_authority(authority, host, port, shown=redacted(text)),
        _encode(parts.path) or "/",
        _encode(parts.query),
        parts.fragment,
        _encode(user_information),
    )


def _encode(text: str) -> str:
    text = _STRAY_PERCENT.sub("%25", text)
    return _UNSAFE.sub(lambda found: quote(found[0], safe="", errors="replace"), text)


def _ascii_authority(authority: str, host: str, port: int | None, *, shown: str) -> str:
    authority = authority.removesuffix(":")
    if authority.isascii():
        if _UNSAFE.search(authority) or "%" in authority:
            raise InvalidUrl(shown)
        return authority
    try:
        encoded = URL.build(scheme="http", host=host).raw_host or ""
    except ValueError:
        raise InvalidUrl(shown) from None
    return encoded if port is None else f"{encoded}:{port}"
