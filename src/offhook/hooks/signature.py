"""Signatures of requests to customers (reference ``callbacks.md`` section 6), as the vendor's SDKs validate them.

Pure functions over text. Parameters are the decoded ones: what the receiver's form parser yields.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl, urlparse, urlsplit


@dataclass(frozen=True, slots=True)
class Tokens:
    """With which tokens an account's requests are signed."""

    own: tuple[str, ...]
    """The account's or subaccount's active tokens; more than one while they are being rotated."""
    main: tuple[str, ...]
    """The main account's; the same ones when the account is a main account."""


def v3_text(method: str, url: str, parameters: Mapping[str, str], nonce: str) -> str:
    """What version 3 signs.

    Args:
        method: ``GET`` or ``POST``.
        url: the whole URL as requested, percent-encoded, without fragment. For ``GET`` its query has the parameters.
        parameters: the form of a ``POST``, decoded. Ignored for ``GET``.
        nonce: as in the header.
    """
    text, query = _base(url), _decoded(urlsplit(url).query)
    if method == "POST" and parameters:
        form = "".join([key + value for key, value in sorted(parameters.items())])
        return f"{text}?{query}{'.' if query else ''}{form}.{nonce}"
    return f"{text}?{query}.{nonce}" if query else f"{text}.{nonce}"


def v2_text(url: str, nonce: str) -> str:
    """What version 2 signs: neither query nor parameters."""
    return _base(url) + nonce


@lru_cache(maxsize=512)
def _base(url: str) -> str:
    """Like the validator: ";parameters" of the last path segment go with everything else that urlparse cuts off."""
    parsed = urlparse(url)
    return f"{parsed.scheme}://{parsed.netloc}{parsed.path}"


def _decoded(query: str) -> str:
    if not query:
        return ""
    return "&".join(f"{key}={value}" for key, value in sorted(parse_qsl(query, keep_blank_values=True)))


def v1_text(url: str, parameters: Mapping[str, str]) -> str:
    """What version 1 signs: the whole URL and the parameters."""
    return url + "".join([key + value for key, value in sorted(parameters.items())])


def sign(text: str, tokens: Iterable[str], algorithm: str = "sha256") -> str:
    """Base64 of the HMAC, one for each token, joined by a comma without a space: the vendor's validator does not strip."""
    message = text.encode("utf-8")
    return ",".join(
        [base64.b64encode(hmac.digest(token.encode("utf-8"), message, algorithm)).decode("ascii") for token in tokens]
    )


def signature_headers(
    method: str, url: str, parameters: Mapping[str, str], tokens: Tokens, nonce: str, *, v1: bool = False
) -> list[tuple[str, str]]:
    """Every signature header of one request; make a new nonce for each attempt.

    Args:
        method: ``GET`` or ``POST``.
        url: as requested, without fragment and user information.
        parameters: of the form; empty for ``GET``.
        tokens: who signs.
        nonce: 20 digits.
        v1: whether the historical version is sent too.
    """
    text3, text2 = v3_text(method, url, parameters, nonce), v2_text(url, nonce)
    own3, own2 = sign(text3, tokens.own), sign(text2, tokens.own)
    alone = tokens.main == tokens.own
    headers = [
        ("X-Plivo-Signature-V3", own3),
        ("X-Plivo-Signature-Ma-V3", own3 if alone else sign(text3, tokens.main)),
        ("X-Plivo-Signature-V3-Nonce", nonce),
        ("X-Plivo-Signature-V2", own2),
        ("X-Plivo-Signature-Ma-V2", own2 if alone else sign(text2, tokens.main)),
        ("X-Plivo-Signature-V2-Nonce", nonce),
    ]
    if v1:
        headers.append(("X-Plivo-Signature", sign(v1_text(url, parameters), tokens.own, "sha1")))
    return headers


def websocket_headers(url: str, tokens: Tokens, nonce: str) -> Sequence[tuple[str, str]]:
    """The three headers of a stream's WebSocket upgrade: a ``GET`` of the URL, ``http`` for ``wss`` and ``ws`` (section 6.4)."""
    scheme, separator, rest = url.partition("#")[0].partition("://")
    asked = f"http://{rest}" if separator and scheme.lower() in ("ws", "wss") else url
    text = v3_text("GET", asked, {}, nonce)
    return (
        ("X-Plivo-Signature-V3", sign(text, tokens.own)),
        ("X-Plivo-Signature-Ma-V3", sign(text, tokens.main)),
        ("X-Plivo-Signature-V3-Nonce", nonce),
    )
