"""What an INVITE says about the call: who, to whom, with which custom headers (reference ``xml.md`` sections 2.3 and 2.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from offhook.sip import Caller, HeaderError, NameAddr, Request, Uri, Verification, trunking

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
    app_id: str | None = None
    """The application that runs the call whatever was called: an endpoint's own."""
    fallback_app_id: str | None = None
    """The application that runs it where the number has none: a trunk's."""
    auth_user: str | None = None
    """The name that the caller has proved to have, by digest."""
    hops: int = 0
    """How many calls of this node have led to this one."""
    stir_verification: str = "Not Applicable"
    """``Verified``, ``Not Verified`` or ``Not Applicable`` (reference ``callbacks.md`` section 3)."""
    stir_attestation: str = "Not Applicable"
    """``A``, ``B``, ``C`` or ``Not Applicable``."""


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


def read(request: Request, *, source: str, caller: Caller | None = None, verified: Verification | None = None) -> LegFacts:
    """Read the facts of an INVITE.

    Of a trunk its assertions are believed (RFC 3325), and its numbers are read in its own format; an endpoint is who it has
    proved to be, whatever From says.

    Raises:
        HeaderError: From, To or the request URI is not readable; the core has answered such requests with 400 already.
    """
    trunk = None if caller is None else caller.trunk
    told = request.from_ if trunk is None else _asserted(request)
    from_number, to_number, to_user = party(told.uri), party(request.uri), called_user(request.uri)
    if trunk is not None:
        from_number, to_number, to_user = (trunking.understood(trunk, each) for each in (from_number, to_number, to_user))
    if caller is not None and caller.endpoint is not None:
        from_number = f"sip:{caller.endpoint.username}@{request.from_.uri.host}"
    return LegFacts(
        from_number=from_number,
        to_number=to_number,
        to_user=to_user,
        to_domain=request.uri.host,
        caller_name=(told.display_name or "").strip()[:100] or None,
        forwarded_from=_forwarded_from(request),
        custom_headers=_custom_headers(request),
        source=source,
        sip_call_id=request.header("Call-ID") or "",
        app_id=caller.app_id if caller is not None and caller.kind == "endpoint" else None,
        fallback_app_id=caller.app_id if caller is not None and caller.kind == "trunk" else None,
        auth_user=caller.username if caller is not None else None,
        hops=caller.hops if caller is not None else 0,
        stir_verification=verified.status if verified is not None else "Not Applicable",
        stir_attestation=verified.attestation if verified is not None else "Not Applicable",
    )


def _asserted(request: Request) -> NameAddr:
    """Who calls, as a network says that we trust: P-Asserted-Identity, unless the caller wants to stay unknown (RFC 3325)."""
    private = {each.strip().lower() for each in (request.header("privacy") or "").split(";")}
    if not private & {"id", "user", "header"}:
        for value in request.items("p-asserted-identity"):
            try:
                return NameAddr.parse(value, "P-Asserted-Identity")
            except HeaderError:
                continue
    return request.from_


def _forwarded_from(request: Request) -> str | None:
    """The user part of the first Diversion field (RFC 5806), or else of the first target that the call had (RFC 7044), without
    ``+``."""
    for value in request.items("diversion")[:1] or _history(request):
        try:
            user = NameAddr.parse(value).uri.user
        except HeaderError:
            return None
        if user:
            return unquote(user).lstrip("+")
    return None


def _history(request: Request) -> list[str]:
    """The first entry of History-Info, where there is a second: then the call was sent on from there."""
    entries = request.items("history-info")
    return entries[:1] if len(entries) > 1 and called_user(request.uri) not in entries[0] else []


def _custom_headers(request: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.headers:
        if name.lower().startswith(_CUSTOM) and len(name) > len(_CUSTOM) and len(found) < MAX_CUSTOM_HEADERS:
            found["X-PH-" + name[len(_CUSTOM) :]] = value.strip()[:MAX_HEADER_CHARACTERS]
    return found
