"""Whether a request can be treated at all (RFC 3261 sections 8.2.1 to 8.2.3): pure, request in, refusal out."""

from __future__ import annotations

from typing import NamedTuple

from offhook.sip.errors import HeaderError
from offhook.sip.message import SDP, Request, media_type

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER"
METHODS = frozenset(ALLOW.split(", "))
RECOGNISED = METHODS | frozenset("REGISTER PRACK UPDATE REFER NOTIFY SUBSCRIBE PUBLISH MESSAGE".split())
"""Methods that exist: those of them that we do not serve are not allowed, all others not implemented (section 21.5.2)."""
ACCEPT = "application/sdp, application/dtmf-relay"
SUPPORTED: frozenset[str] = frozenset({"100rel", "timer", "replaces"})
"""Option tags of extensions that we know."""
SCHEMES = frozenset({"sip", "sips", "tel"})
MAX_LISTED = 16


class Refusal(NamedTuple):
    """The answer to a request that is not treated."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    reason: str | None = None


def unfit(request: Request, methods: frozenset[str] = METHODS) -> Refusal | None:
    """What is wrong with any request other than ACK and CANCEL, in the order of section 8.2; ``None`` for a fit one."""
    if request.method not in methods:
        return Refusal(405 if request.method in RECOGNISED else 501, (("Allow", ALLOW),))
    try:
        uri = request.uri
    except HeaderError:
        return Refusal(400, (), "Bad Request (the Request-URI is no URI)")
    if uri.scheme not in SCHEMES:
        return Refusal(416)
    if uri.headers:
        return Refusal(400, (), "Bad Request (the Request-URI has header fields)")
    # Whoever has an INVITE treated here may dial on: the hops of both legs count together (RFC 7332 section 3). Other requests
    # end here, and an endpoint treats them whatever the count (RFC 4475 section 3.3.11).
    if request.method == "INVITE" and request.to.tag is None and int(request.header("max-forwards") or 70) == 0:
        return Refusal(483)
    unknown = [tag for tag in request.items("require") if tag.lower() not in SUPPORTED]
    if unknown:
        return Refusal(420, (("Unsupported", ", ".join(unknown[:MAX_LISTED])),))
    return None


def unfit_content(request: Request) -> Refusal | None:
    """What is wrong with the body of an INVITE, or with the answer that it wants."""
    kind = media_type(request.header("content-type") or SDP)
    optional = "handling=optional" in (request.header("content-disposition") or "").lower().replace(" ", "")
    if request.body and not optional:
        encoding = (request.header("content-encoding") or "identity").strip().lower()
        if encoding != "identity":
            return Refusal(415, (("Accept-Encoding", "identity"),))
        if kind != SDP and not (kind.startswith("multipart/") and request.description):
            return Refusal(415, (("Accept", SDP),))
    ranges = {media_type(item) for item in request.items("accept")}
    if ranges and not ranges & {SDP, "application/*", "*/*"}:
        return Refusal(406, (), "Not Acceptable (the answer is application/sdp)")
    return None
