"""INVITE dialogs as their owner sees them: wishes go down as calls, what the peer does comes up as events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from offhook.events import Event, Observe, SipReceived, SipSent
from offhook.sip.dialog import Dialog, DialogId
from offhook.sip.digest import Credentials
from offhook.sip.headers import Address
from offhook.sip.mailbox import Mailbox
from offhook.sip.message import Request, Response
from offhook.sip.timers import Timer

if TYPE_CHECKING:
    from offhook.sip.core import Core
    from offhook.sip.refreshing import Refreshing
    from offhook.sip.reliable import Pracks, Provisionals
    from offhook.sip.sending import Sending
    from offhook.sip.transaction import InviteServer, NonInviteServer
    from offhook.sip.transfer import Referral
    from offhook.sip.uas import Repeats

MAX_WAITING_EVENTS = 64
"""Events that may wait for their owner; requests that would add more are refused with 500."""
MAX_HELD = 32
"""Timeline events kept until somebody observes."""

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class InviteEvent:
    """Something the peer did."""


@dataclass(frozen=True, slots=True)
class Rang(InviteEvent):
    """A provisional response without a description."""

    status: int


@dataclass(frozen=True, slots=True)
class Progressed(InviteEvent):
    """A provisional response with a description: early media."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Answered(InviteEvent):
    """Our INVITE got its 200. The ACK has been sent; where the INVITE had no offer, ``ack`` sends it with the answer."""

    body: bytes
    response: Response


@dataclass(frozen=True, slots=True)
class Refused(InviteEvent):
    """Our INVITE got a final response of 300 or more. Terminal."""

    response: Response


@dataclass(frozen=True, slots=True)
class Acknowledged(InviteEvent):
    """The ACK of our 200 came, to the INVITE or to a re-INVITE; its body is the answer where the offer was ours."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Cancelled(InviteEvent):
    """The INVITE was withdrawn before its final response: by the caller, or by our own ``cancel``. Terminal."""

    reason: str | None = None
    """The ``Reason`` field of the CANCEL."""


@dataclass(frozen=True, slots=True)
class Reinvited(InviteEvent):
    """The peer offers a change, by re-INVITE, UPDATE or PRACK: answer with ``answer_reinvite`` or ``refuse_reinvite``."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Reanswered(InviteEvent):
    """The final response to our own re-INVITE. A 200 to one without an offer waits for ``ack``."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class EarlyAnswer(InviteEvent):
    """The PRACK of our reliable 183 brought the answer to the offer in it."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Referred(InviteEvent):
    """The peer asks us to call somebody else in its place: accept or refuse the referral."""

    referral: Referral


@dataclass(frozen=True, slots=True)
class InfoReceived(InviteEvent):
    """An INFO request; it has been answered with 200."""

    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Ended(InviteEvent):
    """BYE. Terminal."""

    reason_header: str | None = None


@dataclass(frozen=True, slots=True)
class Lost(InviteEvent):
    """The dialog broke: no ACK, no response, no transport. Terminal."""

    why: str


TERMINAL = (Refused, Cancelled, Ended, Lost)


class Phase(Enum):
    """How far an INVITE and its dialog are."""

    EARLY = auto()
    """No final response yet."""
    CANCELLING = auto()
    """Ours, withdrawn: the final response is still to come."""
    ANSWERED = auto()
    """Theirs, our 200 is out, its ACK is to come."""
    CONFIRMED = auto()
    LEAVING = auto()
    """We hang up: the BYE waits for the ACK, or for its own response."""
    OVER = auto()


class InviteDialog:
    """What both directions share. Iterate it: the events come in order and end after a terminal one.

    All methods may be called at any time; what is not possible any more does nothing.
    """

    def __init__(self, core: Core, dialog: Dialog, peer: Address) -> None:
        self.core = core
        self.dialog = dialog
        self.peer = peer
        """Where the signalling goes."""
        self.flow: Address | None = None
        """Where requests are sent whatever the target says, as long as there is no route set: to a peer behind a NAT, or by the
        connection that it registered by (RFC 5626)."""
        self.phase = Phase.EARLY
        self.credentials: Credentials | None = None
        self.ids: list[DialogId] = []
        """Under which requests of the peer find this; several while forks of our INVITE are early."""
        self.repeats: Repeats | None = None
        """Our 200 while it waits for its ACK."""
        self.hangup_waits: Headers | None = None
        """A BYE that waits for that ACK."""
        self.reinvite_server: InviteServer | None = None
        """The peer's re-INVITE while it has no final response."""
        self.reinviting: Sending | None = None
        """Our own re-INVITE while it has none."""
        self.reinvite_next: bytes | None = None
        """An offer of ours that waits until the one before it is through."""
        self.glare: Timer | None = None
        self.update_server: NonInviteServer | None = None
        """The peer's UPDATE or PRACK with an offer while it has no final response."""
        self.owner: object = None
        """Whoever runs this dialog; set by it, for whoever finds the dialog by its id."""
        self.described = b""
        """The last description of ours that went out in this dialog."""
        self.refreshing: Refreshing | None = None
        """Its session timer."""
        self.ack_due: int | None = None
        """The CSeq of a 200 to which ``ack`` has the answer."""
        self.events: Mailbox[InviteEvent] = Mailbox()
        self._observe: Observe | None = None
        self._held: list[Event] = []

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.dialog.call_id

    @property
    def local_tag(self) -> str:
        """Our tag."""
        return self.dialog.local.tag or ""

    @property
    def remote_tag(self) -> str:
        """Their tag, empty while it is not known."""
        return self.dialog.remote.tag or ""

    @property
    def contact_user(self) -> str | None:
        """The user part of our Contact, the same in all that we send in this dialog."""
        return self.dialog.local.uri.user

    @property
    def over(self) -> bool:
        """Whether a terminal event has come, or we hung up."""
        return self.events.closed

    # -- events ----------------------------------------------------------------------------------------------------

    @property
    def crowded(self) -> bool:
        """Whether so many events wait for the owner that the peer must be slowed down."""
        return len(self.events) >= MAX_WAITING_EVENTS

    def deliver(self, event: InviteEvent) -> None:
        """Hand an event to the owner; nothing comes after a terminal one."""
        self.events.put(event)
        if isinstance(event, TERMINAL):
            self.events.close()

    def take_events(self) -> list[InviteEvent]:
        """All events that wait, for owners without an event loop."""
        return self.events.take()

    async def next(self) -> InviteEvent:
        """The next event; raises ``StopAsyncIteration`` after a terminal one, and after our own hanging up."""
        return await self.events.get()

    def __aiter__(self) -> InviteDialog:
        return self

    async def __anext__(self) -> InviteEvent:
        return await self.events.get()

    # -- wishes ----------------------------------------------------------------------------------------------------

    def reinvite(self, body: bytes) -> None:
        """Offer a change; ``Reanswered`` tells what became of it.

        While another change is under way it waits its turn, and of several that wait the last one counts. Glare (491) is tried
        again by the core (RFC 3261 section 14.1). An empty body asks the peer for an offer: answer that with ``ack``.
        """
        self.core.reinvite(self, body)

    def answer_reinvite(self, body: bytes) -> None:
        """Accept the peer's offer."""
        self.core.answer_reinvite(self, 200, body)

    def refuse_reinvite(self, status: int) -> None:
        """Refuse the peer's offer: the dialog stays as it was."""
        self.core.answer_reinvite(self, status, b"")

    def ack(self, body: bytes) -> None:
        """Send the ACK that a 200 to an offerless INVITE of ours waits for, with our answer."""
        self.core.ack(self, body)

    def bye(self, headers: Headers = ()) -> None:
        """Hang up: an early dialog is cancelled or refused. Between our 200 and its ACK the BYE waits (RFC 3261 section 15)."""
        self.core.bye(self, headers)

    def info(self, content_type: str, body: bytes) -> None:
        """Send an INFO request within the confirmed dialog."""
        self.core.info(self, content_type, body)

    # -- the timeline ----------------------------------------------------------------------------------------------

    @property
    def observe(self) -> Observe:
        """Gets ``SipReceived`` and ``SipSent`` for each message of the dialog, repeats included; set it to get also those from
        before."""
        return self._note

    @observe.setter
    def observe(self, observe: Observe) -> None:
        self._observe = observe
        held, self._held = self._held, []
        for event in held:
            observe(event)

    def received(self, message: Request | Response, repeat: int | None = None) -> None:
        """Put a message of the peer's on the timeline."""
        self._note(SipReceived(_summary(message), message.header("cseq") or "", str(self.peer), repeat))

    def sent(self, message: Request | Response, repeat: int | None = None) -> None:
        """Put a message of ours on the timeline."""
        # Ours is written "CSeq": finding it so costs less than the index of a message that nobody else reads.
        sequence = next(value for name, value in message.headers if name == "CSeq")
        self._note(SipSent(_summary(message), sequence, str(self.peer), repeat))

    def repeated(self, message: Request | Response, repeat: int, sent: bool) -> None:
        """Put a message on the timeline that was sent, or came, again."""
        if sent:
            self.sent(message, repeat)
        else:
            self.received(message, repeat)

    def acknowledged_refusal(self, sequence: int) -> None:
        """Put the ACK of a refusal, which the transaction sends, on the timeline."""
        self._note(SipSent("ACK", f"{sequence} ACK", str(self.peer)))

    def _note(self, event: Event) -> None:
        if self._observe is not None:
            self._observe(event)
        elif len(self._held) < MAX_HELD:
            self._held.append(event)


def _summary(message: Request | Response) -> str:
    return message.method if isinstance(message, Request) else f"{message.status} {message.reason}"


class IncomingInvite(InviteDialog):
    """Somebody's INVITE to us."""

    def __init__(self, core: Core, dialog: Dialog, peer: Address, request: Request, server: InviteServer) -> None:
        super().__init__(core, dialog, peer)
        self.request = request
        self.server = server
        self.provisionals: Provisionals | None = None
        """Its reliable provisional responses; ``None``: the caller knows none."""
        self.replaces: InviteDialog | None = None
        """The dialog of ours that this one is to take the place of (RFC 3891)."""
        self.insists = False
        """Whether the caller wants every provisional response to be reliable."""
        self.reminder: Timer | None = None
        """Repeats the last provisional response once a minute."""
        self.settled = False
        """Whether offer and answer of the INVITE have both gone reliably before its 200: then there may be another offer."""
        self.changed = False
        """Whether there was one, and what our 200 would describe is out of date."""
        self.accept_waits: Callable[[], None] | None = None
        """A 200 that waits until that offer is answered."""

    @property
    def contact_user(self) -> str | None:
        """The name that the peer has called."""
        return self.request.uri.user

    @property
    def reliable(self) -> bool:
        """Whether a 183 is sent again until the caller has it: then it may carry an offer (RFC 3262)."""
        return self.provisionals is not None

    def ring(self, headers: Headers = ()) -> None:
        """Send 180."""
        self.core.provisional(self, 180, b"", headers)

    def progress(self, body: bytes, headers: Headers = ()) -> None:
        """Send 183 with a description."""
        self.core.provisional(self, 183, body, headers)

    def accept(self, body: bytes, headers: Headers = ()) -> None:
        """Send 200; it is repeated until the ACK comes. ``Lost`` when that does not come within 32 s."""
        self.core.accept(self, body, headers)

    def refuse(self, status: int, reason: str | None = None, headers: Headers = ()) -> None:
        """Send a final response of 300 or more."""
        self.core.refuse(self, status, reason, headers)


class OutgoingInvite(InviteDialog):
    """Our INVITE to somebody."""

    def __init__(self, core: Core, dialog: Dialog, peer: Address, credentials: Credentials | None) -> None:
        super().__init__(core, dialog, peer)
        self.credentials = credentials
        self.inviting: Sending | None = None
        self.surplus = 0
        """Answers of other forks, and those that came after our CANCEL."""
        self.heard = False
        """A provisional response came: CANCEL may be sent."""
        self.pracks: Pracks | None = None

    @property
    def authenticated(self) -> bool:
        """Whether it went with credentials, after a challenge."""
        return self.inviting is not None and bool(self.inviting.authorization)

    def cancel(self) -> None:
        """Withdraw the INVITE; ``Cancelled`` tells when that is done. After the 200 it hangs up instead."""
        self.core.cancel(self)
