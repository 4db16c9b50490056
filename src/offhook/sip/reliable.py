"""Reliable provisional responses (RFC 3262): what we send is repeated until its PRACK, what comes gets one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from offhook.sip.dialog import Dialog
from offhook.sip.errors import SipParseError
from offhook.sip.invite import IncomingInvite, InviteDialog, OutgoingInvite
from offhook.sip.message import Request, Response
from offhook.sip.sending import Sending
from offhook.sip.transaction import T1, TIMEOUT

if TYPE_CHECKING:
    from offhook.sip.core import Core
    from offhook.sip.timers import Timer

TAG = "100rel"
MAX_WAITING = 8
"""Provisional responses that wait until the one before them is acknowledged."""


def wants(request: Request) -> tuple[bool, bool]:
    """Whether the caller can acknowledge provisional responses, and whether it insists on it."""
    required = TAG in {each.lower() for each in request.items("require")}
    return required or TAG in {each.lower() for each in request.items("supported")}, required


class Provisionals:
    """The reliable provisional responses to one INVITE: one after another (section 3).

    Args:
        core: timers and randomness.
        usage: whose INVITE it is.
        send: hands a response to the transaction.
        given_up: called when no PRACK came for 32 s.
    """

    def __init__(self, core: Core, usage: IncomingInvite, send: Callable[[Response], None], given_up: Callable[[], None]) -> None:
        self._core = core
        self._usage = usage
        self._send = send
        self._given_up = given_up
        self._number = int(core.parts.token(7), 16)
        """RSeq begins anywhere (section 3)."""
        self._waiting: deque[Response] = deque()
        self._open: Response | None = None
        self._timers: list[Timer] = []
        self._then: Callable[[], None] | None = None

    @property
    def open(self) -> bool:
        """Whether one is not acknowledged yet: a 200 that follows must wait, lest it overtake a description (section 5)."""
        return self._open is not None

    def when_acknowledged(self, then: Callable[[], None]) -> None:
        """Do this after the PRACK of all that is on its way."""
        self._then = then

    def put(self, response: Response) -> None:
        """Send one, or keep it until those before it are acknowledged."""
        if self._open is None:
            self._begin(response)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(response)

    def _begin(self, response: Response) -> None:
        self._number += 1
        response.headers += [("Require", TAG), ("RSeq", str(self._number))]
        self._open = response
        self._send(response)
        self._timers = [self._core.after(T1, lambda: self._again(2 * T1)), self._core.after(TIMEOUT, self._nobody)]

    def _again(self, interval_s: float) -> None:
        if self._open is not None:
            self._send(self._open)
            self._usage.server.repeated(self._open, sent=True)
            self._timers[0] = self._core.after(interval_s, lambda: self._again(2 * interval_s))

    def _nobody(self) -> None:
        self.stop()
        self._given_up()

    def awaits(self, prack: Request) -> bool:
        """Whether a PRACK is for what waits for one."""
        told = (prack.header("rack") or "").split()
        return self._open is not None and told == [str(self._number), str(self._usage.request.cseq.number), "INVITE"]

    def acknowledged(self) -> None:
        """The PRACK came: go on with the next one, or with what waited for it."""
        self.stop()
        if self._waiting:
            self._begin(self._waiting.popleft())
        elif self._then is not None:
            then, self._then = self._then, None
            then()

    def stop(self) -> None:
        """Repeat no more."""
        for timer in self._timers:
            timer.cancel()
        self._timers, self._open = [], None


class Pracks:
    """Acknowledges the reliable provisional responses to our own INVITE, of each fork by itself (section 4)."""

    def __init__(self, core: Core, usage: OutgoingInvite) -> None:
        self._core = core
        self._usage = usage
        self._last: dict[str, int] = {}
        self.settled: set[str] = set()
        """The tags of forks that have answered our offer reliably: they may make one of their own (RFC 3311 section 5.1)."""
        self.changed: set[str] = set()
        """The tags of those that have: what their responses to the INVITE describe is out of date."""

    def take(self, response: Response) -> bool:
        """A provisional response came. Returns whether it is to be passed on: neither a repeat nor out of order."""
        number = response.header("rseq")
        if TAG not in {each.lower() for each in response.items("require")} or number is None:
            return True
        if not (number.isascii() and number.isdigit() and len(number) <= 10):
            return False
        fork = response.to.tag or ""
        last = self._last.get(fork)
        if last is not None and int(number) != last + 1:
            return False
        self._last[fork] = int(number)
        try:
            dialog = self._usage.dialog.confirmed_by(response)
        except SipParseError:
            return True
        self._acknowledge(dialog, f"{number} {response.cseq.number} INVITE")
        if response.description:
            self.settled.add(fork)
        return True

    def _acknowledge(self, dialog: Dialog, told: str) -> None:
        usage = self._usage
        fork = InviteDialog(self._core, dialog, usage.peer)
        fork.flow, fork.credentials, fork.observe = usage.flow, usage.credentials, usage.observe
        fork.phase = usage.phase.CONFIRMED
        fields = [("RAck", told), ("User-Agent", self._core.parts.user_agent)]
        Sending(self._core, fork, "PRACK", headers=fields, on_response=_nothing, on_failure=_nothing).start()
        usage.dialog.local_sequence = dialog.local_sequence  # the forks and the INVITE's own dialog count together


def _nothing(_result: object) -> None:
    """Without a 200 to the PRACK the provisional response comes again, and gets none: then the callee gives up."""
