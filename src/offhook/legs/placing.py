"""Who owns a leg's lifetime: whatever happens in the block, the leg is released and freed at its end."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from offhook import causes
from offhook.events import Observe
from offhook.ids import Ids
from offhook.legs import offer_answer, sealing
from offhook.legs.facts import LegFacts, party
from offhook.legs.incoming import IncomingLeg
from offhook.legs.leg import Place
from offhook.legs.offer_answer import Local, Terms
from offhook.legs.outgoing import OutgoingLeg
from offhook.media import Media
from offhook.sip import Address, Caller, Credentials, IncomingInvite, NameAddr, Stack, Uri, Verification
from offhook.tasks import beside

ANY_TERMS = Terms()
MEDIA_TIMEOUT_S = 60.0
"""Reference ``hangup-causes.md`` section 6.4."""


@asynccontextmanager
async def accepting(
    invite: IncomingInvite,
    stack: Stack,
    media: Media,
    *,
    ids: Ids,
    terms: Terms = ANY_TERMS,
    media_timeout_s: float = MEDIA_TIMEOUT_S,
    caller: Caller | None = None,
    place: Place | None = None,
    verified: Verification | None = None,
) -> AsyncIterator[IncomingLeg]:
    """A leg for an INVITE that came in; refused or hung up and freed at the end of the block, if it was not before.

    Args:
        terms: the codecs and the secrecy that we agree to; a key for SRTP is made for each leg.
        verified: what is known about the caller's number, where that was looked into.
        place: calls whom the party wants to be transferred to; without it transfers are declined.
        caller: who it is, where that was found out.
        media_timeout_s: an answered leg that sends nothing for so long has ended; 0: never.
    """
    host = stack.advertised_host(invite.peer.host)
    leg = IncomingLeg(
        invite, media, host=host, identity=_identity(ids), terms=_with_key(terms, ids), caller=caller, verified=verified
    )
    leg.place = place
    async with (
        beside(leg.pump(), name=f"leg {leg.facts.sip_call_id}"),
        beside(leg.watch_media(media_timeout_s), name=f"media of leg {leg.facts.sip_call_id}"),
    ):
        try:
            yield leg
        finally:
            leg.release(causes.INTERNAL_ERROR)
            await leg.aclose()


@asynccontextmanager
async def dialling(
    stack: Stack,
    media: Media,
    target: str | Uri,
    *,
    ids: Ids,
    caller: NameAddr,
    headers: Sequence[tuple[str, str]] = (),
    transport: str | None = None,
    credentials: Credentials | None = None,
    observe: Observe | None = None,
    terms: Terms = ANY_TERMS,
    route: Sequence[NameAddr] = (),
    flow: Address | None = None,
) -> AsyncIterator[OutgoingLeg]:
    """Send an INVITE to ``target`` and own the leg; cancelled or hung up and freed at the end of the block.

    Args:
        route: proxies on the way, instead of straight to the target's host.
        flow: where the target registered from: it is called there.

    Raises:
        HeaderError: ``target`` is not a SIP URI.
        NoMedia: there is no port, no descriptor or no time for another leg.
    """
    uri = Uri.parse(target) if isinstance(target, str) else target
    host = stack.advertised_host(flow.host if flow is not None else route[0].uri.host if route else uri.host)
    identity = _identity(ids)
    terms = _with_key(terms, ids)
    channel = media.open()
    try:
        offered = offer_answer.offer(Local(host, channel.port, identity), terms)
        invite = stack.invite(
            uri,
            caller=caller,
            body=offered.to_bytes(),
            headers=headers,
            transport=transport,
            credentials=credentials,
            route=route,
            flow=flow,
        )
        facts = LegFacts(
            from_number=party(caller.uri),
            to_number=party(uri),
            to_user=uri.user or "",
            to_domain=uri.host,
            sip_call_id=invite.call_id,
        )
        leg = OutgoingLeg(invite, media, facts, host=host, identity=identity, terms=terms, channel=channel)
    except BaseException:
        await channel.aclose()
        raise
    if observe is not None:
        leg.observe = observe
    async with beside(leg.pump(), name=f"leg {invite.call_id}"):
        try:
            yield leg
        finally:
            leg.release(causes.API_CANCEL)
            await leg.aclose()


def _with_key(terms: Terms, ids: Ids) -> Terms:
    """The same terms, with a key of this leg's own."""
    octets = bytes.fromhex(ids.token(2 * sealing.KEY_OCTETS))
    return replace(terms, key=base64.b64encode(octets).decode("ascii"))


def _identity(ids: Ids) -> int:
    return int(ids.token(12), 16)
