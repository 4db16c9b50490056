"""What an INVITE says about the call: who, to whom, with which custom headers (reference ``xml.md`` sections 2.3 and 2.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from offhook.sip import HeaderError, NameAddr, Request, Uri

_NUMBER = re.compile(r"\+?[0-9][0-9().\- ]{1,31}")
_CUSTOM = "x-ph-"
MAX_CUSTOM_HEADERS = 50
MAX_HEADER_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class LegFacts:
    """One party as webhooks and routing see it."""

    from_number: str
    """Digits with country code, no ``+``; or ``sip:user@domain`` when the caller is not a number."""
    to_number: str
    to_user: str
    """The user part of the request URI: what routing looks up."""
    to_domain: str = ""
    caller_name: str | None = None
    forwarded_from: str | None = None
    custom_headers: Mapping[str, str] = field(default_factory=dict)
    """``X-PH-<Name>`` → value, as received."""
    source: str = ""
    """``host:port/transport`` that the INVITE came from."""
    sip_call_id: str = ""


def called_user(uri: Uri) -> str:
    """The user part in plain characters; of a number, without its parameters (``;phone-context=…``, RFC 3966)."""
    user = unquote(uri.user or "")
    number = user.partition(";")[0]
    return number if _NUMBER.fullmatch(number) else user


def party(uri: Uri) -> str:
    """A party as webhooks show it: PSTN numbers as digits without ``+``, everybody else as ``sip:user@domain``."""
    user = called_user(uri)
    if _NUMBER.fullmatch(user):
        return re.sub(r"\D", "", user)
    return f"sip:{user}@{uri.host}" if user else f"sip:{uri.host}"


def read(request: Request, *, source: str) -> LegFacts:
    """Read the facts of an INVITE.

    Raises:
        HeaderError: From, To or the request URI is not readable; the core has answered such requests with 400 already.
    """
    caller = NameAddr.parse(request.header("From") or "")
    return LegFacts(
        from_number=party(caller.uri),
        to_number=party(request.uri),
        to_user=called_user(request.uri),
        to_domain=request.uri.host,
        caller_name=(caller.display_name or "").strip()[:100] or None,
        forwarded_from=_forwarded_from(request),
        custom_headers=_custom_headers(request),
        source=source,
        sip_call_id=request.header("Call-ID") or "",
    )


def _forwarded_from(request: Request) -> str | None:
    """The user part of the first Diversion field (RFC 5806), without ``+``."""
    diversion = request.header("Diversion")
    if not diversion:
        return None
    try:
        user = NameAddr.parse(diversion).uri.user
    except HeaderError:
        return None
    return unquote(user).lstrip("+") if user else None


def _custom_headers(request: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.headers:
        if name.lower().startswith(_CUSTOM) and len(name) > len(_CUSTOM) and len(found) < MAX_CUSTOM_HEADERS:
            found["X-PH-" + name[len(_CUSTOM) :]] = value.strip()[:MAX_HEADER_CHARACTERS]
    return found
