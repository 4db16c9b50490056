"""INVITE dialogs as their owner sees them: wishes go down as calls, what the peer does comes up as events."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from offhook.events import Observe, SipReceived, SipSent, unobserved
from offhook.sip.dialog import Dialog
from offhook.sip.digest import Credentials
from offhook.sip.headers import Address
from offhook.sip.message import Request, Response

if TYPE_CHECKING:
    from offhook.sip.core import Core
    from offhook.sip.transaction import InviteClient, InviteServer

MAX_WAITING_EVENTS = 256
"""Events that may wait for their owner; a peer that causes more is hung up on."""

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
    """Our INVITE got its 200; the ACK has been sent."""

    body: bytes
    response: Response


@dataclass(frozen=True, slots=True)
class Refused(InviteEvent):
    """Our INVITE got a final response of 300 or more. Terminal."""

    response: Response


@dataclass(frozen=True, slots=True)
class Acknowledged(InviteEvent):
    """The ACK of our 200 came; its body is the answer where the offer was ours."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Cancelled(InviteEvent):
    """The INVITE was withdrawn before its final response. Terminal."""

    reason: str | None = None
    """The ``Reason`` field of the CANCEL."""


@dataclass(frozen=True, slots=True)
class Reinvited(InviteEvent):
    """The peer offers a change: answer with ``answer_reinvite`` or ``refuse_reinvite``."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Reanswered(InviteEvent):
    """The final response to our own re-INVITE."""

    status: int
    body: bytes


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


class InviteDialog:
    """What both directions share. Iterate it: the events come in order and end after a terminal one.

    All methods may be called at any time; what is not possible any more does nothing.
    """

    def __init__(self, core: Core, dialog: Dialog, peer: Address) -> None:
        self.peer = peer
        """Where the signalling goes."""
        self.observe: Observe = unobserved
        """Gets ``SipReceived`` and ``SipSent`` for each message of the dialog, without repeats."""
        self.dialog = dialog
        self.core = core
        self.confirmed = False
        self.over = False
        self.reinvite_server: InviteServer | None = None
        self.reinvite_client: InviteClient | None = None
        self._events: deque[InviteEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.dialog.call_id

    # -- events ----------------------------------------------------------------------------------------------------

    def deliver(self, event: InviteEvent) -> None:
        """Hand an event to the owner; nothing comes after a terminal one."""
        if self.over:
            return
        if len(self._events) >= MAX_WAITING_EVENTS:
            event = Lost("the peer sends faster than the call can take")
        if isinstance(event, TERMINAL):
            self.over = True
        self._events.append(event)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take_events(self) -> list[InviteEvent]:
        """All events that wait, for owners without an event loop."""
        taken = list(self._events)
        self._events.clear()
        return taken

    def __aiter__(self) -> InviteDialog:
        return self

    async def __anext__(self) -> InviteEvent:
        while not self._events:
            if self.over:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._events.popleft()

    def stop(self) -> None:
        """No more events: the owner has released the dialog."""
        self.over = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # -- wishes ----------------------------------------------------------------------------------------------------

    def reinvite(self, body: bytes) -> None:
        """Offer a change; ``Reanswered`` tells what became of it. Glare (491) is tried again by the core."""
        self.core.reinvite(self, body)

    def answer_reinvite(self, body: bytes) -> None:
        """Accept the peer's offer."""
        self.core.answer_reinvite(self, 200, body)

    def refuse_reinvite(self, status: int) -> None:
        """Refuse the peer's offer: the dialog stays as it was."""
        self.core.answer_reinvite(self, status, b"")

    def bye(self, headers: Headers = ()) -> None:
        """Hang up. Before the ACK of our 200 the BYE waits for it (RFC 3261 section 15)."""
        self.core.bye(self, headers)

    def info(self, content_type: str, body: bytes) -> None:
        """Send an INFO request within the dialog."""
        self.core.info(self, content_type, body)

    # -- the timeline ----------------------------------------------------------------------------------------------

    def received(self, message: Request | Response) -> None:
        """Put a message of the peer's on the timeline."""
        self.observe(SipReceived(_summary(message), str(message.cseq), str(self.peer)))

    def sent(self, message: Request | Response) -> None:
        """Put a message of ours on the timeline."""
        self.observe(SipSent(_summary(message), str(message.cseq), str(self.peer)))


def _summary(message: Request | Response) -> str:
    return message.method if isinstance(message, Request) else f"{message.status} {message.reason}"


class IncomingInvite(InviteDialog):
    """Somebody's INVITE to us."""

    def __init__(self, core: Core, dialog: Dialog, peer: Address, request: Request, server: InviteServer) -> None:
        super().__init__(core, dialog, peer)
        self.request = request
        self.server = server
        self.answered = False
        self.refused = False
        self.hangup_waits: Headers | None = None
        """A BYE that waits for the ACK."""

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
        self.challenged = False
        self.client: InviteClient | None = None
        self.heard = False
        """A provisional response came: CANCEL may be sent."""
        self.cancelling = False

    def cancel(self) -> None:
        """Withdraw the INVITE; ``Cancelled`` tells when that is done. After the 200 it hangs up instead."""
        self.core.cancel(self)
