"""Calls to numbers: by the trunks that take them, one after another until one does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import cast

from offhook import causes
from offhook.events import Noted, Observe
from offhook.ids import Ids
from offhook.legs.offer_answer import Secrecy, Terms
from offhook.legs.outgoing import NotAnswered, OutgoingLeg
from offhook.legs.placing import ANY_TERMS, dialling
from offhook.media import Media
from offhook.records import Trunk
from offhook.sip import NameAddr, Signer, Stack, Trunks, Uri, trunking

GOES_ON_AFTER = frozenset({408, 500, 502, 503, 504})
"""Refusals that speak of the server and not of the number: the next trunk may do better (RFC 3261 section 21.5)."""
MAX_REDIRECTS = 5


ANONYMOUS = NameAddr(Uri(host="anonymous.invalid", user="anonymous"), "Anonymous")
PRIVACY = ("Privacy", "id")
"""What a caller who withholds his number shows, and tells those who know it all the same (RFC 3323, RFC 3325)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Who calls, as it is shown."""

    number: str
    name: str = ""
    withheld: bool = False


def terms_of(trunk: Trunk | None, terms: Terms) -> Terms:
    """What is agreed to with a trunk: its own codecs and secrecy, where it has any."""
    if trunk is None:
        return terms
    return replace(terms, codecs=trunk.codecs or terms.codecs, srtp=cast("Secrecy", trunk.srtp or terms.srtp))


@asynccontextmanager
async def dialling_number(
    stack: Stack,
    media: Media,
    trunks: Trunks,
    number: str,
    *,
    ids: Ids,
    caller: str,
    domain: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
    observe: Observe | None = None,
    terms: Terms = ANY_TERMS,
    signer: Signer | None = None,
    name: str = "",
    withheld: bool = False,
    kind: str | None = None,
) -> AsyncIterator[OutgoingLeg]:
    """Call a number and own the leg; cancelled or hung up and freed at the end of the block.

    A trunk has taken the call when it rings there, when early media comes, or when it is answered; from then on it is not tried
    elsewhere.

    Args:
        number: digits with country code.
        caller: our number likewise, for From and P-Asserted-Identity.
        domain: of our SIP address; else our address as the trunk sees it.
        signer: attests our number (STIR/SHAKEN).
        name: ours, to be shown.
        withheld: number and name are for the trunk only (RFC 3325).
        kind: only trunks of this kind.

    Raises:
        NotAnswered: no trunk takes the number, or the last that was tried refused it.
        NoMedia: there is no port, no descriptor or no time for another leg.
    """
    headers = [*headers, *(signer.fields(caller, number) if signer is not None else [])]
    failure = NotAnswered(causes.NO_ROUTE.because(f"no trunk takes {number}"), None, f"no trunk takes {number}")
    for trunk in trunks.candidates(number):
        if kind is not None and trunk.kind != kind:
            continue
        async with AsyncExitStack() as opened:
            try:
                opened.enter_context(trunks.call(trunk))
            except trunking.TrunkBusy as busy:
                failure = NotAnswered(causes.OVERLOADED.because(str(busy)), None, str(busy))
                _note(observe, str(busy))
                continue
            try:
                shown = Shown(caller, name, withheld)
                leg = await _taken(opened, stack, media, trunk, number, ids, shown, domain, headers, observe, terms)
            except NotAnswered as refused:
                failure = refused
                if refused.status is not None and refused.status not in GOES_ON_AFTER:
                    raise
                if refused.status in {None, 408, 503}:
                    trunks.failed(trunk, str(refused))
                _note(observe, f"trunk {trunk.name} did not take the call: {refused}")
                continue
            yield leg
            return
    raise failure


async def _taken(
    opened: AsyncExitStack,
    stack: Stack,
    media: Media,
    trunk: Trunk,
    number: str,
    ids: Ids,
    shown: Shown,
    domain: str | None,
    headers: Sequence[tuple[str, str]],
    observe: Observe | None,
    terms: Terms,
) -> OutgoingLeg:
    """A leg at this trunk that has been taken; redirections are followed (RFC 3261 section 8.1.3.4)."""
    target, credentials = trunking.target(trunk, number), trunking.credentials(trunk)
    own = domain or stack.advertised_host(target.host)
    identity = NameAddr(Uri(host=own, user=trunking.written(trunk, shown.number)), shown.name)
    asserted = [("P-Asserted-Identity", str(identity)), *headers]
    if shown.withheld:
        identity, asserted = ANONYMOUS, [*asserted, PRIVACY]
    waiting, tried = [target], 0
    while True:
        target, tried = waiting.pop(0), tried + 1
        attempt = AsyncExitStack()
        leg = await attempt.enter_async_context(
            dialling(
                *(stack, media, target),
                ids=ids,
                caller=identity,
                headers=asserted,
                transport=trunk.transport,
                credentials=credentials,
                observe=observe,
                terms=terms_of(trunk, terms),
                route=trunking.way(trunk) if tried == 1 else (),
            )
        )
        try:
            await _settled(leg)
        except NotAnswered as refused:
            await attempt.aclose()
            waiting += [each for each in refused.contacts if each != target][:MAX_REDIRECTS]
            if not waiting or tried > MAX_REDIRECTS:
                raise
            _note(observe, f"{refused.status}: the call is tried at {waiting[0]}")
            credentials = credentials if waiting[0].host == trunking.target(trunk, number).host else None
            continue
        except BaseException:
            await attempt.aclose()
            raise
        opened.push_async_exit(attempt)
        return leg


async def _settled(leg: OutgoingLeg) -> None:
    """Wait until somebody has taken the call. Raises ``NotAnswered``."""
    ways = [asyncio.ensure_future(each) for each in (leg.rang.wait(), leg.early_media.wait(), leg.wait_answered())]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for each in ways:
            each.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


def _note(observe: Observe | None, text: str) -> None:
    if observe is not None:
        observe(Noted(text))
