"""One leg: a SIP dialog and a media slot that live and die together."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal

from offhook import causes
from offhook.audio import BeepPattern, Digit, Playlist, RtpStatistics
from offhook.causes import Ending
from offhook.errors import LegGone
from offhook.events import Event, MediaAgreed, Noted, Observe
from offhook.legs import offer_answer
from offhook.legs.facts import LegFacts
from offhook.legs.offer_answer import Agreement, Local, NoCommonCodec, Terms
from offhook.media import Channel, Digits, Media, Meter, Playback, Recording, RtpPeer, Srtp, Tap, Voice
from offhook.sip import (
    Answered,
    Ended,
    IncomingInvite,
    InfoReceived,
    InviteDialog,
    InviteEvent,
    Lost,
    NameAddr,
    OutgoingInvite,
    Progressed,
    Rang,
    Referral,
    Referred,
    Refused,
    Reinvited,
    SdpError,
    Uri,
    sdp,
)

Place = Callable[[Uri, NameAddr, bytes, Sequence[tuple[str, str]]], OutgoingInvite | None]
"""Sends an INVITE to somebody, from somebody, with an offer and header fields; ``None``: nobody may be called there."""

RELAYED_MS, RELAYED_GAP_MS = 100, 50
"""How long a key is held that is passed on from another party, and the pause after it."""
MAX_HELD_EVENTS = 64
"""Timeline events kept while nobody observes yet."""


class Leg:
    """What both directions share: audio once there is an agreement, re-INVITEs, and how it ends.

    Whoever makes a leg runs ``pump`` beside it: that is where the dialog's events are taken.
    """

    hung_up_by: Ending = causes.CALLER_HUNG_UP
    """What a BYE of the far end means on this kind of leg."""

    def __init__(
        self,
        dialog: InviteDialog,
        media: Media,
        facts: LegFacts,
        *,
        host: str,
        identity: int,
        terms: Terms,
        channel: Channel | None = None,
    ) -> None:
        """Args:
        host: the address that our session descriptions name.
        identity: the numeric session id for ``o=``.
        terms: the codecs and the secrecy that we agree to.
        channel: the media slot, where it was opened before the dialog; else one is opened when it is needed.
        """
        self.facts = facts
        self.answered = False
        self.early = False
        self._dialog = dialog
        self._media = media
        self._host = host
        self._identity = identity
        self._terms = terms
        self._version = 0
        self._channel = channel
        self._agreement: Agreement | None = None
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._released = False
        self._flowing = asyncio.Event()
        """Offer and answer have met."""
        self._statistics = RtpStatistics()
        self._observe: Observe | None = None
        self._held: list[Event] = []
        dialog.observe, dialog.owner = self._note, self
        self.place: Place | None = None
        """Calls whom this party wants to be transferred to; without it transfers are declined."""
        self._transfer: asyncio.Task[None] | None = None
        self._left: Ending | None = None
        """How the party left that is being transferred."""
        self.bridged = False
        """Whether it is connected with another leg: both hear each other."""
        self._room: tuple[int, bool] | None = None
        """Where it is connected with another leg, and whether it is heard there."""
        self._holds = self._hears = False
        """It takes no sound from us now; it has taken some before."""
        self._hold_changed = asyncio.Event()

    # -- what the interpreter sees ---------------------------------------------------------------------------------

    @property
    def observe(self) -> Observe:
        """Who gets this leg's timeline events; those from before somebody was set are handed over then."""
        return self._note

    @observe.setter
    def observe(self, observe: Observe) -> None:
        self._observe = observe
        held, self._held = self._held, []
        for event in held:
            observe(event)

    @property
    def dialog(self) -> InviteDialog:
        """The signalling: another one after a transfer."""
        return self._dialog

    async def ended(self) -> Ending:
        """Wait until the far end has left, or the dialog was lost. Our own release does not count."""
        return await asyncio.shield(self._ended)

    @property
    def gone(self) -> bool:
        """Whether the far end has left or we released it."""
        return self._ended.done() or self._released

    def play(self, playlist: Playlist, *, stop_on_key: bool = False) -> Playback:
        """Play to this party, instead of what is playing now.

        Raises:
            LegGone: the leg is over, or there is no audio path yet.
        """
        return self._audio().play(playlist, stop_on_key=stop_on_key)

    def play_over(self, playlist: Playlist, *, mix: bool, limit_ms: int | None = None) -> Playback:
        """Play over all that this party hears, which goes on: mixed with it or, without ``mix``, instead of it.

        Raises:
            LegGone: the leg is over, or there is no audio path yet.
        """
        return self._audio().play_over(playlist, mix=mix, limit_ms=limit_ms)

    def listen(self) -> AbstractContextManager[Digits]:
        """The keys that this party presses from now on."""
        return self._audio().listen()

    async def send_digits(self, digits: str, *, tone_ms: int = 200, gap_ms: int = 100) -> None:
        """Press keys towards this party; ``w`` waits 500 ms, ``W`` 1000 ms. Returns when the last one was sent."""
        await self._audio().send_digits(digits, tone_ms=tone_ms, gap_ms=gap_ms)

    async def relay(self, digit: Digit) -> None:
        """Press a key here that another party of a bridge has pressed.

        A tone that this party hears anyway is not repeated: only where keys go as events here, it gets one. Raises ``LegGone``.
        """
        events = self._agreement is not None and self._agreement.event_payload_type is not None
        if digit.via != "inband" or events:
            await self._audio().send_digits(digit.key, tone_ms=RELAYED_MS, gap_ms=RELAYED_GAP_MS)

    @contextmanager
    def bridge(self, other: Leg, *, listens_only: bool = False) -> Iterator[None]:
        """Let this party and that of another leg hear each other as long as the block lasts.

        Args:
            listens_only: the other one does not hear this party: early media.

        Raises:
            LegGone: one of them is over, or has no audio path yet.
        """
        ours, theirs = self._audio(), other._audio()
        room = ours.next_number()
        self._room, other._room = (room, not listens_only), (room, True)
        self._sit(ours)
        other._sit(theirs)
        self.bridged = other.bridged = not listens_only
        try:
            yield
        finally:
            self.bridged = other.bridged = False
            self._room = other._room = None
            self._sit(ours)
            other._sit(theirs)

    async def hold_changes(self, was: bool) -> bool:
        """Wait until the party is no longer what it was, on hold or not (RFC 3264 section 8.4); what it is now.

        Holding is to take no sound from us any more. What it sends meanwhile, a phone's own music say, is not passed on: whom it
        has put on hold hears ours. Who has never taken any (a loudspeaker of announcements the other way round) does not hold.
        """
        while self._holds is was:
            self._hold_changed.clear()
            await self._hold_changed.wait()
        return self._holds

    async def heard_silence(self, minimum_ms: int) -> None:
        """Return when this party has been silent that long, counted from now."""
        await self._audio().heard_silence(minimum_ms)

    async def heard_beep(self, pattern: BeepPattern) -> None:
        """Return when a beep was heard from this party."""
        await self._audio().heard_beep(pattern)

    def voice(self, *, start_ms: int, stop_ms: int, every_ms: int) -> AbstractContextManager[Voice]:
        """Where this party begins and ceases to speak, from this moment on; told again every ``every_ms``."""
        return self._audio().voice(start_ms=start_ms, stop_ms=stop_ms, every_ms=every_ms)

    def tap(self, what: Literal["received", "sent"] = "received") -> Tap:
        """Every frame of 20 ms of what this party sends or hears, from the next tick on."""
        return self._audio().tap(what)

    def meter(self, interval_ms: int = 200) -> Meter:
        """The level of what this party sends, dBov, every ``interval_ms``."""
        return self._audio().meter(interval_ms)

    async def record(
        self,
        path: Path,
        *,
        what: Literal["received", "sent", "both", "mixed"] = "received",
        file_format: Literal["wav", "mp3"] = "wav",
        max_ms: int | None = None,
    ) -> Recording:
        """Record into a file what this party sends, what it hears or both, until that is stopped, is as long as it may be or the
        leg is freed. Raises ``ValueError`` when that file is being recorded to already.
        """
        return await self._audio().record(path, what=what, file_format=file_format, max_ms=max_ms)

    async def statistics(self) -> RtpStatistics:
        """What the RTP went through; after the leg was freed, what it was at the end."""
        if self._channel is not None:
            self._statistics = await self._channel.statistics()
        return self._statistics

    async def aclose(self) -> None:
        """Free the media slot and its port. The dialog must have been released before. Idempotent."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.aclose()

    # -- the audio path --------------------------------------------------------------------------------------------

    def _audio(self) -> Channel:
        if self._channel is None or self.gone:
            raise LegGone("the leg is over" if self.gone else "the leg has no audio path yet")
        return self._channel

    def _open(self) -> Channel:
        if self._channel is None:
            self._channel = self._media.open()
        return self._channel

    def _local(self) -> Local:
        """Our end, as a description with a new version says it."""
        self._version += 1
        return Local(self._host, self._open().port, self._identity, self._version)

    def _sit(self, channel: Channel) -> None:
        """Be heard in the bridge, if there is one; not while the party holds."""
        room, heard = self._room or (None, True)
        channel.join(room, speaks=heard and not self._holds)

    def _connect(self, agreement: Agreement) -> None:
        if agreement == self._agreement:
            return
        self._agreement = agreement
        self._hears = self._hears or agreement.send
        self._holds = self._hears and not agreement.send
        self._hold_changed.set()
        self._flowing.set()
        channel, sealed = self._open(), agreement.sealed
        if self._room is not None:
            self._sit(channel)
        channel.connect(
            RtpPeer(
                host=agreement.host,
                port=agreement.port,
                payload_type=agreement.payload_type,
                codec=agreement.codec,
                event_payload_type=agreement.event_payload_type,
                send=agreement.send,
                receive=agreement.receive,
                rtcp_port=agreement.rtcp_port,
                rtcp_mux=agreement.rtcp_mux,
                event_clock_hz=agreement.event_clock_hz,
                srtp=None if sealed is None else Srtp(sealed.suite, sealed.our_key, sealed.their_key),
            )
        )
        self._note(
            MediaAgreed(
                codec=f"{agreement.codec}/{agreement.payload_type}",
                local=f"{self._host}:{channel.port}",
                remote=f"{agreement.host}:{agreement.port}",
                digits=agreement.digits,
                direction=agreement.direction,
                srtp=None if sealed is None else sealed.suite,
            )
        )

    # -- the dialog's events ---------------------------------------------------------------------------------------

    async def watch_media(self, timeout_s: float) -> None:
        """End an answered leg that sends no packet for ``timeout_s`` seconds; while it may not send, the time stands still."""
        await self._flowing.wait()
        while timeout_s and not self.gone:
            try:
                await self._audio().heard_nothing(int(timeout_s * 1000))
            except LegGone:
                return
            if self.answered:
                self._finish(causes.MEDIA_TIMEOUT.because(f"no RTP came for {timeout_s:g} s"))

    async def pump(self) -> None:
        """Take the dialog's events until it is over; after a transfer, those of the one that has taken its place."""
        try:
            while True:
                dialog = self._dialog
                async for event in dialog:
                    if dialog is self._dialog:
                        self._take(event)
                if self._transfer is not None:
                    await asyncio.wait([self._transfer])
                if dialog is self._dialog:
                    return
        finally:
            if self._transfer is not None:
                self._transfer.cancel()

    def _take(self, event: InviteEvent) -> None:
        match event:
            case Ended(reason_header=reason):
                ending = self.hung_up_by.because(reason or "")
                if self._transfer is None or self._transfer.done():
                    self._finish(ending)
                else:
                    self._left = ending  # a phone may hang up as soon as its REFER was accepted
            case Referred(referral=referral):
                self._referred(referral)
            case Lost(why=why):
                self._finish(causes.SOCKET_LOST.because(why))
            case Reinvited(body=body):
                self._reinvited(body)
            case InfoReceived(content_type=content_type, body=body):
                self._informed(content_type, body)

    def _informed(self, content_type: str, body: bytes) -> None:
        """A key that was told by INFO, as many desk phones and gateways can be set to do."""
        told = info_key(content_type, body)
        if told is not None and self._channel is not None and not self.gone:
            self._channel.pressed(*told, via="info")

    # -- transfers -------------------------------------------------------------------------------------------------

    def take_over(self, invite: IncomingInvite) -> None:
        """Somebody else takes this party's place, by an INVITE that replaces its dialog (RFC 3891)."""
        if not self.answered or self.gone:
            invite.refuse(481)
            return
        try:
            offer = sdp.SessionDescription.parse(invite.request.description)
            described, agreement = offer_answer.answer(offer, self._local(), self._terms)
        except (SdpError, NoCommonCodec) as error:
            self._note(Noted(f"a transfer was refused with 488: {error or 'no common codec'}"))
            invite.refuse(488)
            return
        invite.accept(described.to_bytes())
        self._move(invite, agreement)

    def _move(self, dialog: InviteDialog, agreement: Agreement) -> None:
        """Go on with another dialog: the media slot, and all that is connected to it, stays."""
        old, self._dialog = self._dialog, dialog
        dialog.observe, dialog.owner = self._note, self
        self._connect(agreement)
        self._note(Noted(f"transferred: the party is now {dialog.dialog.remote.uri}", level="info"))
        old.bye()

    def _referred(self, referral: Referral) -> None:
        busy = self._transfer is not None and not self._transfer.done()
        invite = None
        if self.place is not None and self.answered and not busy:
            headers = [("Replaces", referral.replaces)] if referral.replaces else []
            offer = offer_answer.offer(self._local(), self._terms).to_bytes()
            invite = self.place(referral.callee, self._dialog.dialog.local, offer, headers)
        if invite is None:
            self._note(Noted(f"a transfer to {referral.callee} was declined"))
            referral.refuse(491 if busy else 603)
            return
        self._note(Noted(f"being transferred to {referral.callee}", level="info"))
        referral.accept()
        self._transfer = asyncio.ensure_future(self._follow(referral, invite))

    async def _follow(self, referral: Referral, invite: OutgoingInvite) -> None:
        """Wait for the one whom the party is transferred to, and tell the party how it goes (RFC 3515 section 2.4.4)."""
        status, described = 503, b""
        try:
            async for event in invite:
                match event:
                    case Rang(status=early):
                        referral.report(early)
                    case Progressed(status=early, body=body):
                        described = body
                        referral.report(early)
                    case Reinvited():
                        invite.refuse_reinvite(488)  # nothing is connected to it yet
                    case Answered(body=body):
                        status = self._reached(referral, invite, body or described)
                        return
                    case Refused(response=response):
                        status = response.status
        finally:
            if status != 200:
                invite.cancel()
                referral.report(max(status, 300))
                self._note(Noted(f"the transfer to {referral.callee} failed: {status}"))
                if self._left is not None:
                    self._finish(self._left)

    def _reached(self, referral: Referral, invite: OutgoingInvite, body: bytes) -> int:
        try:
            agreement = offer_answer.read(sdp.SessionDescription.parse(body), self._terms)
        except (SdpError, NoCommonCodec):
            return 488
        referral.report(200)
        self._left = None
        self._move(invite, agreement)
        return 200

    def _reinvited(self, body: bytes) -> None:
        """Hold, resume, a new address: answer it; a bad one is refused and changes nothing (RFC 3261 section 14.2)."""
        if not body:
            self._dialog.answer_reinvite(offer_answer.offer(self._local(), self._terms).to_bytes())
            return
        try:
            described, agreement = offer_answer.answer(sdp.SessionDescription.parse(body), self._local(), self._terms)
        except (SdpError, NoCommonCodec) as error:
            self._note(Noted(f"a change was refused with 488: {error or 'no common codec'}"))
            self._dialog.refuse_reinvite(488)
            return
        self._dialog.answer_reinvite(described.to_bytes())
        self._connect(agreement)

    def _finish(self, ending: Ending) -> None:
        if not self._ended.done():
            self._ended.set_result(ending)

    def _note(self, event: Event) -> None:
        if self._observe is not None:
            self._observe(event)
        elif len(self._held) < MAX_HELD_EVENTS:
            self._held.append(event)


_SIGNAL = re.compile(r"^\s*signal\s*=\s*([0-9A-Da-d*#])\s*$", re.IGNORECASE | re.MULTILINE)
_DURATION = re.compile(r"^\s*duration\s*=\s*(\d{1,5})\s*$", re.IGNORECASE | re.MULTILINE)
_INFO_KEY_MS = 160


def info_key(content_type: str, body: bytes) -> tuple[str, int] | None:
    """The key that an INFO request tells of, and for how long it was down, ms; ``None`` for anything else.

    ``application/dtmf-relay`` has lines ``Signal=5`` and ``Duration=160``, ``application/dtmf`` just the key: neither has a
    standard, but this is what phones send. 10 and 11 are ``*`` and ``#`` for some.
    """
    text, kind = body[:200].decode("ascii", "replace"), content_type.partition(";")[0].strip()
    if kind == "application/dtmf-relay":
        text = re.sub(r"(?im)^(\s*signal\s*=\s*)1([01])\s*$", lambda found: found[1] + "*#"[int(found[2])], text)
        signal, duration = _SIGNAL.search(text), _DURATION.search(text)
        return None if signal is None else (signal[1].upper(), int(duration[1]) if duration else _INFO_KEY_MS)
    key = text.strip().upper()
    if kind == "application/dtmf" and len(key) == 1 and key in "0123456789ABCD*#":
        return key, _INFO_KEY_MS
    return None


def reason_header(ending: Ending) -> tuple[str, str]:
    """The ``Reason`` field that goes with a refusal or a BYE (RFC 3326)."""
    text = ending.telephony.replace('"', "")
    return ("Reason", f'Q.850;cause={ending.q850};text="{text}"')
