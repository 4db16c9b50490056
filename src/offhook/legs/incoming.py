"""A leg that came in: somebody's INVITE to us."""

from __future__ import annotations

from offhook import causes
from offhook.causes import Ending
from offhook.errors import LegGone, NoMedia
from offhook.events import CallAnswered, CallRang, EarlyMediaOpened, Noted
from offhook.legs import facts, offer_answer
from offhook.legs.leg import Leg, reason_header
from offhook.legs.offer_answer import Agreement, NoCommonCodec, Terms
from offhook.media import Media
from offhook.sip import Acknowledged, Caller, Cancelled, EarlyAnswer, IncomingInvite, InviteEvent, SdpError, Verification, sdp


class IncomingLeg(Leg):
    """The A leg of an inbound call: rings, opens early media, answers, and is refused or hung up."""

    hung_up_by = causes.CALLER_HUNG_UP

    def __init__(
        self,
        invite: IncomingInvite,
        media: Media,
        *,
        host: str,
        identity: int,
        terms: Terms,
        caller: Caller | None = None,
        verified: Verification | None = None,
    ) -> None:
        read = facts.read(invite.request, source=str(invite.peer), caller=caller, verified=verified)
        super().__init__(invite, media, read, host=host, identity=identity, terms=terms)
        self._invite = invite
        self._offer: sdp.SessionDescription | None = None
        self._answer: bytes | None = None
        self._rang = False
        self.unusable: Ending | None = self._read_offer()
        """Why this leg can carry no call at all, before anything was asked of it: no common codec, an unreadable offer."""

    def _read_offer(self) -> Ending | None:
        if not self._invite.request.body:
            return None  # a late offer: ours goes with the 200, the answer comes with the ACK (RFC 3261 section 13.2.1)
        try:
            self._offer = sdp.SessionDescription.parse(self._invite.request.body)
            offer_answer.read(self._offer, self._terms)
        except SdpError as error:
            return causes.NO_COMMON_CODEC.because(f"the offer is not readable SDP: {error}")
        except NoCommonCodec as error:
            return causes.NO_COMMON_CODEC.because(f"nothing in the SDP offer can be agreed on: {error}")
        return None

    def ring(self) -> None:
        """Send 180, once, unless the leg is past that."""
        if self._rang or self.early or self.answered or self.gone:
            return
        self._rang = True
        self._invite.ring()
        self._note(CallRang())

    async def open_early_media(self) -> None:
        """Send 183 with our description: audio flows before the answer (RFC 3960). Idempotent.

        Raises:
            LegGone: the caller has left.
        """
        self._refuse_if_gone()
        if self.early or self.answered:
            return
        if self._offer is None and not self._invite.reliable:
            # The 183 would have to carry our offer, and that must not be lost (RFC 3262): the caller gets plain ringing.
            self._note(Noted("no early media: the INVITE came without an offer, and without 100rel"))
            self.ring()
            return
        self.early = True
        self._invite.progress(self._describe())
        self._note(EarlyMediaOpened())

    async def answer(self) -> None:
        """Send 200 with our description. Idempotent.

        Raises:
            LegGone: the caller has left.
        """
        self._refuse_if_gone()
        if self.answered:
            return
        agreed_early = self._offer is None and self._agreement is not None
        self._invite.accept(b"" if agreed_early else self._describe())
        self.answered = True
        self._note(CallAnswered())

    def release(self, ending: Ending) -> None:
        """Refuse the INVITE, or send BYE where it was answered. Idempotent; nothing is sent to a party that has left."""
        if self.gone:
            return
        self._released = True
        if self.answered:
            self._dialog.bye([reason_header(ending)])
        else:
            self._refuse(ending)

    def _refuse(self, ending: Ending) -> None:
        headers = [reason_header(ending)]
        if ending.sip_status == 503:
            headers.append(("Retry-After", "10"))
        self._invite.refuse(ending.sip_status, headers=headers)

    def _describe(self) -> bytes:
        """Our description: the answer to their offer, the same in 183 and 200; or our offer where they made none."""
        if self._answer is None:
            try:
                local = self._local()
            except NoMedia as error:
                self._refuse(causes.OVERLOADED)
                self._finish(causes.OVERLOADED.because(str(error)))
                raise LegGone(str(error)) from error
            if self._offer is None:
                self._answer = offer_answer.offer(local, self._terms).to_bytes()
            else:
                described, agreement = offer_answer.answer(self._offer, local, self._terms)
                self._answer = described.to_bytes()
                self._connect(agreement)
        return self._answer

    def _take(self, event: InviteEvent) -> None:
        match event:
            case Cancelled(reason=reason):
                self._finish(causes.CALLER_GAVE_UP.because(reason or ""))
            case EarlyAnswer(body=body):
                self._late_answer(body)
            case Acknowledged(body=body):
                if self._offer is None and self._agreement is None:
                    self._late_answer(body)
            case _:
                super()._take(event)

    def _late_answer(self, body: bytes) -> None:
        agreement = self._readable(body)
        if agreement is not None:
            self._connect(agreement)
            return
        self._note(Noted("there is no usable answer to our offer, and so no audio path", level="error"))
        self._invite.bye([reason_header(causes.NO_COMMON_CODEC)])
        self._finish(causes.NO_COMMON_CODEC)

    def _readable(self, body: bytes) -> Agreement | None:
        try:
            return offer_answer.read(sdp.SessionDescription.parse(body), self._terms)
        except (SdpError, NoCommonCodec):
            return None

    def _refuse_if_gone(self) -> None:
        if self.gone:
            raise LegGone("the caller has left")
