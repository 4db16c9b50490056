"""The URLs of a document (reference ``xml.md`` section 1.5)."""

from __future__ import annotations

import re
from urllib.parse import urldefrag, urljoin, urlsplit

from offhook.errors import InvalidUrl

_CREDENTIALS = re.compile(r"://[^/?#@\s]*@")


def resolve(base: str, url: str) -> str:
    """An absolute http(s) URL from one that may be relative to the document that came from ``base`` (RFC 3986 section 5.2).

    Strictly: what has a scheme is absolute. The fragment of ``base`` is dropped; that of ``url`` stays, because it says how to
    fetch (section 2.8).

    Raises:
        InvalidUrl: it is no http(s) URL then.
    """
    try:
        resolved = url if urlsplit(url).scheme else urljoin(urldefrag(base).url, url)
        parts = urlsplit(resolved)
        usable = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
    except ValueError:  # brackets that hold no address
        raise InvalidUrl(url) from None
    if not usable:
        raise InvalidUrl(url)
    return resolved


def without_credentials(text: str) -> str:
    """A text with the user information of every URL in it made unreadable."""
    return _CREDENTIALS.sub("://***@", text) if "@" in text else text
