"""A leg that we place: our INVITE to somebody."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from offhook import causes
from offhook.causes import Ending
from offhook.errors import PeerFault
from offhook.events import CallAnswered, CallRang, EarlyMediaOpened, Noted
from offhook.legs.facts import LegFacts
from offhook.legs.leg import Leg, reason_header
from offhook.legs.offer_answer import NoCommonCodec, Terms, read
from offhook.media import Channel, Media
from offhook.sip import (
    Answered,
    InviteEvent,
    Lost,
    NameAddr,
    OutgoingInvite,
    Progressed,
    Rang,
    Refused,
    Response,
    SdpError,
    SipParseError,
    Uri,
    sdp,
)

_Q850 = re.compile(r"Q\.850\s*;\s*cause\s*=\s*(\d{1,3})", re.IGNORECASE)


@dataclass(eq=False)
class NotAnswered(PeerFault):
    """The far end refused, or never reacted."""

    ending: Ending
    status: int | None
    """The final response, if there was one."""
    reason: str
    contacts: tuple[Uri, ...] = ()
    """Where a redirection points (3xx), the preferred first."""

    def __str__(self) -> str:
        return f"{self.status} {self.reason}".strip() if self.status else self.reason


class OutgoingLeg(Leg):
    """A leg towards somebody: rings there, opens early media, is answered or refused."""

    hung_up_by = causes.CALLEE_HUNG_UP

    def __init__(
        self,
        invite: OutgoingInvite,
        media: Media,
        facts: LegFacts,
        *,
        host: str,
        identity: int,
        terms: Terms,
        channel: Channel,
    ) -> None:
        super().__init__(invite, media, facts, host=host, identity=identity, terms=terms, channel=channel)
        self._invite = invite
        self.rang = asyncio.Event()
        self.early_media = asyncio.Event()
        self._outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # -- as the A leg of a call that we place: it is answered before its document runs -----------------------------------

    unusable: Ending | None = None

    def ring(self) -> None:
        """Nothing: the far end rang."""

    async def open_early_media(self) -> None:
        """Nothing: it was answered. Raises ``LegGone``."""
        self._audio()

    async def answer(self) -> None:
        """Nothing: it was answered. Raises ``LegGone``."""
        self._audio()

    async def wait_answered(self) -> None:
        """Wait for the 200.

        Raises:
            NotAnswered: with the ending, the SIP status and the reason phrase.
        """
        await asyncio.shield(self._outcome)

    def release(self, ending: Ending) -> None:
        """CANCEL what still rings, BYE what was answered. Idempotent."""
        if self.gone:
            return
        self._released = True
        if self.answered:
            self._dialog.bye([reason_header(ending)])
        else:
            self._invite.cancel()
            self._fail(NotAnswered(ending, None, ending.detail or ending.cause.name))

    def _take(self, event: InviteEvent) -> None:
        match event:
            case Rang():
                self._rings()
            case Progressed(body=body):
                self._progress(body)
            case Answered(body=body):
                self._answer(body)
            case Refused(response=response):
                self._refuse(response)
            case Lost(why=why) if not self.answered:
                silent = causes.SIP_AUTH_TIMEOUT if self._invite.authenticated else causes.NO_REPLY
                ending = silent if "timeout" in why else causes.NETWORK_FAILED
                self._fail(NotAnswered(ending.because(why), None, why))
                self._finish(ending)
            case _:
                super()._take(event)

    def _rings(self) -> None:
        if not self.rang.is_set():
            self.rang.set()
            self._note(CallRang())

    def _progress(self, body: bytes) -> None:
        self._rings()
        if body and self._agree(body) and not self.early:
            self.early = True
            self.early_media.set()
            self._note(EarlyMediaOpened())

    def _answer(self, body: bytes) -> None:
        # A 200 without a description is fine when an early one came before it (RFC 3261 section 13.2.1).
        if (body and self._agree(body)) or self._agreement is not None:
            self.answered = True
            self._note(CallAnswered())
            if not self._outcome.done():
                self._outcome.set_result(None)
            return
        self._invite.bye([reason_header(causes.NO_COMMON_CODEC)])
        self._fail(NotAnswered(causes.NO_COMMON_CODEC, 200, "the answer shares no codec with our offer"))
        self._finish(causes.NO_COMMON_CODEC)

    def _agree(self, body: bytes) -> bool:
        try:
            self._connect(read(sdp.SessionDescription.parse(body), self._terms))
        except (SdpError, NoCommonCodec) as error:
            self._note(Noted(f"the far end's description cannot be used: {error or 'no common codec'}"))
            return False
        return True

    def _refuse(self, response: Response) -> None:
        found = _Q850.search(", ".join(response.headers_all("Reason")))
        ending = causes.from_refusal(response.status, int(found[1]) if found else None)
        self._fail(NotAnswered(ending, response.status, response.reason, _contacts(response)))
        self._finish(ending)

    def _fail(self, failure: NotAnswered) -> None:
        if not self._outcome.done():
            self._outcome.set_exception(failure)
            self._outcome.exception()  # nobody has to be waiting


def _contacts(response: Response) -> tuple[Uri, ...]:
    """The SIP addresses of a redirection by their ``q`` (RFC 3261 section 8.1.3.4)."""
    if response.status >= 400:
        return ()
    found: list[tuple[float, Uri]] = []
    for item in response.items("contact")[:10]:
        try:
            contact = NameAddr.parse(item, "Contact")
            told = next((value or "1" for name, value in contact.parameters if name.lower() == "q"), "1")
            found.append((-float(told), contact.uri))
        except (SipParseError, ValueError):
            continue
    return tuple(uri for _, uri in sorted(found, key=lambda pair: pair[0]) if uri.scheme in {"sip", "sips"})
