"""One request as it goes out: parameters encoded, headers signed (reference ``callbacks.md`` sections 2.1 and 6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote_plus

from offhook.hooks.signature import Tokens, signature_headers
from offhook.hooks.target import Target

_PLAIN = re.compile(r"[-.\w~]*", re.ASCII).fullmatch  # what needs no quoting, and most values do not


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None


def clean(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters sorted by key, every value encodable: a lone surrogate, from a header that was not UTF-8, becomes ``?``."""
    return {_encodable(key): _encodable(value) for key, value in sorted(parameters.items())}


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def form(pairs: Iterable[tuple[str, str]]) -> str:
    """``application/x-www-form-urlencoded``, keys sorted by code point."""
    return "&".join([f"{_quoted(key)}={_quoted(value)}" for key, value in sorted(pairs)])


def _quoted(text: str) -> str:
    return text if (text.isalnum() and text.isascii()) or _PLAIN(text) else quote_plus(text)


def compose(
    target: Target,
    method: str,
    parameters: Mapping[str, str],
    *,
    user_agent: str,
    tokens: Tokens | None,
    nonce: str,
    sign_v1: bool = False,
    json: str | None = None,
) -> Outgoing:
    """Make the request.

    Args:
        target: where to.
        method: ``GET``: the parameters join the URL's own query; ``POST``: they are the form.
        parameters: as ``clean`` leaves them.
        user_agent: ours.
        tokens: who signs; ``None``: nobody, as for audio files.
        nonce: of the signature, new each time.
        sign_v1: whether the historical signature is added.
        json: the body of a ``POST``, instead of a form: its signature covers the URL alone, as validators that are given no
            parameters expect.
    """
    url, body = target.url, None
    if json is not None:
        parameters = {}
    headers = [("Host", target.authority), ("User-Agent", user_agent), ("Accept", "*/*")]
    if method == "GET" and parameters:
        own = parse_qsl(target.query, keep_blank_values=True, errors="replace")
        url = f"{target.scheme}://{target.authority}{target.path}?{form([*own, *parameters.items()])}"
    elif method == "POST" and json is not None:
        body = json.encode("utf-8")
        headers.append(("Content-Type", "application/json"))
    elif method == "POST":
        body = form(parameters.items()).encode("ascii")
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    if target.user_information:
        headers.append(("Authorization", target.authorization or ""))
    if tokens is not None:
        signed = parameters if method == "POST" else {}
        headers += signature_headers(method, url, signed, tokens, nonce, v1=sign_v1)
    return Outgoing(method, url, tuple(headers), body)
