"""Legs: where signalling meets media. One SIP dialog and one media slot are one ``Leg``.

``accepting`` and ``dialling`` own a leg's lifetime: whatever happens in the block, the leg is released and freed at its end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from offhook import causes
from offhook.events import Observe
from offhook.ids import Ids
from offhook.legs import offer_answer
from offhook.legs.facts import LegFacts, party
from offhook.legs.incoming import IncomingLeg
from offhook.legs.leg import Leg
from offhook.legs.offer_answer import Agreement, Local, NoCommonCodec
from offhook.legs.outgoing import NotAnswered, OutgoingLeg
from offhook.media import Media
from offhook.sip import Credentials, IncomingInvite, NameAddr, Stack, Uri
from offhook.tasks import beside

__all__ = [
    "Agreement",
    "IncomingLeg",
    "Leg",
    "LegFacts",
    "Local",
    "NoCommonCodec",
    "NotAnswered",
    "OutgoingLeg",
    "accepting",
    "dialling",
    "offer_answer",
]


MEDIA_TIMEOUT_S = 60.0
"""Reference ``hangup-causes.md`` section 6.4."""


@asynccontextmanager
async def accepting(
    invite: IncomingInvite, stack: Stack, media: Media, *, ids: Ids, media_timeout_s: float = MEDIA_TIMEOUT_S
) -> AsyncIterator[IncomingLeg]:
    """A leg for an INVITE that came in; refused or hung up and freed at the end of the block, if it was not before.

    Args:
        media_timeout_s: an answered leg that sends nothing for so long has ended; 0: never.
    """
    leg = IncomingLeg(invite, media, host=stack.advertised_host(invite.peer.host), identity=_identity(ids))
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
    target: str,
    *,
    ids: Ids,
    caller: NameAddr,
    headers: Sequence[tuple[str, str]] = (),
    transport: str | None = None,
    credentials: Credentials | None = None,
    observe: Observe | None = None,
) -> AsyncIterator[OutgoingLeg]:
    """Send an INVITE to ``target`` and own the leg; cancelled or hung up and freed at the end of the block.

    Raises:
        HeaderError: ``target`` is not a SIP URI.
        NoMediaPort: every RTP port is taken.
    """
    uri = Uri.parse(target)
    host = stack.advertised_host(uri.host)
    identity = _identity(ids)
    channel = media.open()
    try:
        offered = offer_answer.offer(Local(host, channel.port, identity))
        invite = stack.invite(
            uri, caller=caller, body=offered.to_bytes(), headers=headers, transport=transport, credentials=credentials
        )
        facts = LegFacts(
            from_number=party(caller.uri),
            to_number=party(uri),
            to_user=uri.user or "",
            to_domain=uri.host,
            sip_call_id=invite.call_id,
        )
        leg = OutgoingLeg(invite, media, facts, host=host, identity=identity, channel=channel)
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


def _identity(ids: Ids) -> int:
    return int(ids.token(12), 16)
