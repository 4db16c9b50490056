"""B legs as SIP places them: numbers by trunks, numbers of our own, endpoints, and any SIP address."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

from offhook import causes
from offhook.calls import Order, Unanswered
from offhook.errors import NoMedia
from offhook.events import Observe
from offhook.ids import Ids
from offhook.legs import (
    ANONYMOUS,
    PRIVACY,
    NotAnswered,
    OutgoingLeg,
    Secrecy,
    Terms,
    dialling_address,
    dialling_endpoint,
    dialling_number,
    first_answered,
)
from offhook.media import Media
from offhook.node.telephony import Telephony, is_loopback
from offhook.records import Application
from offhook.settings import Settings
from offhook.sip import Credentials, HeaderError, NameAddr, Stack, Uri
from offhook.tasks import beside

Ringing = Callable[[], None]
Early = Callable[[OutgoingLeg], None]


class Numbers(Protocol):
    """Which numbers are our own."""

    async def application_for(self, called: str) -> Application | None:
        """The application of a number."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """What every way to place a leg needs."""

    stack: Stack
    media: Media
    order: Order
    observe: Observe
    ringing: Ringing
    early: Early


class Dialler:
    """Turns an order into SIP, and SIP's answers into how the leg went."""

    def __init__(self, settings: Settings, telephony: Telephony, numbers: Numbers, ids: Ids) -> None:
        self._settings = settings
        self._telephony = telephony
        self._numbers = numbers
        self._ids = ids
        self._terms = Terms(settings.codecs, cast("Secrecy", settings.srtp))
        self._parts: tuple[Stack, Media] | None = None

    def opens(self, stack: Stack, media: Media) -> None:
        """Legs can be placed from now on."""
        self._parts = stack, media

    @asynccontextmanager
    async def dialling(
        self, order: Order, *, observe: Observe, ringing: Ringing, early: Callable[[Any], None]
    ) -> AsyncIterator[OutgoingLeg]:
        """See ``calls.Dialler``."""
        if self._parts is None:
            raise Unanswered(causes.OVERLOADED.because("the node is not ready"))
        wanted = Ordered(*self._parts, order, observe, ringing, early)
        async with AsyncExitStack() as opened:
            try:
                leg = await opened.enter_async_context(await self._way(wanted))
            except NotAnswered as refused:
                raise Unanswered(refused.ending.because(refused.ending.detail or str(refused))) from None
            except NoMedia as error:
                raise Unanswered(causes.OVERLOADED.because(str(error))) from None
            except HeaderError as error:
                raise Unanswered(causes.NOT_DIALLABLE.because(str(error))) from None
            await opened.enter_async_context(
                beside(leg.watch_media(self._settings.media_timeout_s), name=f"media of leg {leg.facts.sip_call_id}")
            )
            yield leg

    async def _way(self, wanted: Ordered) -> AbstractAsyncContextManager[OutgoingLeg]:
        """How somebody is reached. A number of our own is called by SIP like any other, only that we call ourselves."""
        order, stack = wanted.order, wanted.stack
        if order.kind == "number":
            if not order.whatsapp and await self._numbers.application_for(order.target) is not None:
                return self._own(wanted, order.target)
            return self._number(wanted)
        target = Uri.parse(order.target if ":" in order.target.partition("@")[0] else f"sip:{order.target}")
        if "@" not in order.target:
            target = Uri(host="", user=target.host)
        if not self._ours(target, stack):
            return self._address(wanted, target)
        user = target.user or ""
        if await self._telephony.endpoint(user) is None and await self._numbers.application_for(user) is not None:
            return self._own(wanted, user)
        return self._endpoint(wanted, user)

    # -- ways ------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _number(self, wanted: Ordered) -> AsyncIterator[OutgoingLeg]:
        """By the trunks."""
        order = wanted.order
        placed = dialling_number(
            *(wanted.stack, wanted.media, self._telephony.trunks, order.target),
            ids=self._ids,
            caller=_user(order.from_number),
            domain=self._settings.sip_domain,
            headers=_custom(order),
            observe=wanted.observe,
            terms=self._terms,
            signer=self._telephony.signer if order.from_number.isdigit() else None,
            name=order.caller_name,
            withheld=order.withheld,
            kind="whatsapp" if order.whatsapp else None,
        )
        try:
            async with self._answered(placed, wanted) as leg:
                leg.place = self._telephony.place
                yield leg
        except NotAnswered as refused:
            if order.whatsapp and refused.ending.cause.code == causes.NO_ROUTE.cause.code:
                raise NotAnswered(causes.NO_WHATSAPP, None, "there is no trunk of the kind whatsapp") from None
            raise

    @asynccontextmanager
    async def _endpoint(self, wanted: Ordered, user: str) -> AsyncIterator[OutgoingLeg]:
        """All devices of an endpoint ring. What it refuses, a person has refused (``hangup-causes.md`` section 6.1)."""
        caller, privacy = self._caller(wanted.order, wanted.stack.advertised_host("127.0.0.1"))
        placed = dialling_endpoint(
            *(wanted.stack, wanted.media, self._telephony.registrar.reach(user)),
            ids=self._ids,
            caller=caller,
            headers=[*_custom(wanted.order), *privacy],
            observe=wanted.observe,
            terms=self._terms,
            ringing=wanted.ringing,
            early=wanted.early,
        )
        async with AsyncExitStack() as opened:
            try:
                leg = await opened.enter_async_context(placed)
            except NotAnswered as refused:
                refused.ending = _of_endpoint(refused)
                raise
            leg.place = self._telephony.place
            yield leg

    def _own(self, wanted: Ordered, user: str) -> AbstractAsyncContextManager[OutgoingLeg]:
        """A number of this node."""
        here = Uri(host=wanted.stack.advertised_host("127.0.0.1"), user=user, port=wanted.stack.port)
        return self._address(wanted, here, self._telephony.admission.own_mark(wanted.order.hops))

    @asynccontextmanager
    async def _address(self, wanted: Ordered, target: Uri, *more: tuple[str, str]) -> AsyncIterator[OutgoingLeg]:
        """A SIP address, by itself; ``more`` are header fields."""
        order = wanted.order
        caller, privacy = self._caller(order, wanted.stack.advertised_host(target.host))
        credentials = Credentials(order.username, order.password) if order.username and order.password else None
        placed = dialling_address(
            *(wanted.stack, wanted.media, target),
            ids=self._ids,
            caller=caller,
            headers=[*privacy, *_custom(order), *more],
            credentials=credentials,
            observe=wanted.observe,
            terms=self._terms,
            ringing=wanted.ringing,
            early=wanted.early,
        )
        async with placed as leg:
            yield leg

    @asynccontextmanager
    async def _answered(self, placed: AbstractAsyncContextManager[OutgoingLeg], wanted: Ordered) -> AsyncIterator[OutgoingLeg]:
        async with AsyncExitStack() as opened:
            leg = await opened.enter_async_context(placed)
            try:
                await first_answered([leg], wanted.ringing, wanted.early)
            except NotAnswered as refused:
                failure = refused
            else:
                yield leg
                return
        raise failure  # out here, lest the scopes of the leg wrap it

    # -- who is who ------------------------------------------------------------------------------------------------

    def _ours(self, target: Uri, stack: Stack) -> bool:
        """Whether an address is in our own domain."""
        host = target.host.lower()
        if host in {"", (self._settings.sip_domain or "").lower()}:
            return True
        if (target.port or 5060) not in {stack.port, stack.tls_port or 5061}:
            return False
        public = self._settings.public_address.default
        return host in {public, self._settings.sip.host, stack.advertised_host(host)} or (
            is_loopback(host) and target.port == stack.port
        )

    def _caller(self, order: Order, host: str) -> tuple[NameAddr, list[tuple[str, str]]]:
        """From, and what goes with it."""
        if order.withheld:
            return ANONYMOUS, [PRIVACY]
        if order.from_number.startswith(("sip:", "sips:")):
            uri = Uri.parse(order.from_number)
        else:
            uri = Uri(host=self._settings.sip_domain or host, user=order.from_number)
        return NameAddr(uri, order.caller_name), []


def _user(party: str) -> str:
    """Of ``sip:user@domain`` the user; a number as it is."""
    return party.partition(":")[2].partition("@")[0] if party.startswith(("sip:", "sips:")) else party


def _custom(order: Order) -> list[tuple[str, str]]:
    """``sipHeaders``: raw where the caller has proved who it is (reference ``xml.md`` section 2.7)."""
    prefix = "X-" if order.raw_headers else "X-PH-"
    return [(prefix + name, value) for name, value in order.headers.items()]


def _of_endpoint(refused: NotAnswered) -> causes.Ending:
    """What our own registered endpoint says is its user's decision."""
    ending = refused.ending
    if refused.status == 603:
        ending = causes.ending(3020, "CALL_REJECTED", causes.Source.CALLEE)
    elif refused.status == 404:
        ending = causes.OFFLINE
    return ending.because(str(refused))
