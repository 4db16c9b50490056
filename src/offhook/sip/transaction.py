"""The four transactions of RFC 3261 section 17, with the Accepted states of RFC 6026, as tables.

A transaction has no socket and no clock: it is told what came, says what to send through ``Wire``, and asks for its timers there.
Timer values are those of RFC 3261 table 4 in seconds; over a reliable transport the ones that only absorb repeats are zero.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import ClassVar, Protocol

from offhook.sip.errors import IllegalTransition
from offhook.sip.headers import Address
from offhook.sip.message import Request, Response, respond
from offhook.sip.timers import Timer

T1 = 0.5
"""Estimated round trip, s."""
T2 = 4.0
"""The longest interval between repeats, s."""
T4 = 5.0
"""How long a message can stay in the network, s."""
TIMEOUT = 64 * T1
"""Timers B, D, F, H, J, L and M, s."""
MOST_REPEATS_TOLD = 11
"""Of one message in each direction: no client that keeps to the timers sends one more often."""
TRYING_AFTER = 0.2
"""A 100 goes out when the user has said nothing by then, s (section 17.2.1)."""


class Wire(Protocol):
    """What a transaction may ask of the core."""

    def transmit(self, data: bytes, address: Address, otherwise: Address | None = None) -> None:
        """Send bytes; ``otherwise`` is where a response goes when the connection that its request came by is gone."""

    def after(self, delay_s: float, act: Callable[[], None]) -> Timer:
        """Do something later."""

    def forget(self, transaction: Transaction) -> None:
        """The transaction has terminated."""

    def repeated(self, *, sent: bool) -> None:
        """A message was sent or came again."""


class State(Enum):
    """Section 17; ACCEPTED is RFC 6026."""

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


class Cue(Enum):
    """What moves a transaction."""

    REQUEST = auto()
    ACK = auto()
    PROVISIONAL = auto()
    SUCCESS = auto()
    FAILURE = auto()
    FINAL = auto()
    REPEAT = auto()
    """A retransmission timer: A, E or G."""
    TIMEOUT = auto()
    """Nothing came in time: B, F or H."""
    LINGERED = auto()
    """Repeats cannot come any more: D, I, J, K, L or M."""


Table = dict[tuple[State, Cue], State]


class Transaction:
    """What the four share: a state, a table, timers that end with it."""

    TABLE: ClassVar[Table]

    def __init__(
        self, wire: Wire, key: tuple[str, ...], address: Address, start: State, otherwise: Address | None = None
    ) -> None:
        self.key = key
        self.state = start
        self.address = address
        self.otherwise = otherwise
        self.on_repeat: Callable[[Request | Response, int, bool], None] | None = None
        """Told of each message that is sent (true) or came (false) again, and the how manyeth repeat it is."""
        self._wire = wire
        self._timers: list[Timer] = []
        self._repeats = [0, 0]

    def _move(self, cue: Cue) -> State:
        """Take the table's step; on the way out of a state its timers go."""
        try:
            new = self.TABLE[self.state, cue]
        except KeyError:
            raise IllegalTransition(self.state, cue) from None
        if new is not self.state:
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()
            self.state = new
            if new is State.TERMINATED:
                self._wire.forget(self)
        return new

    def accepts(self, cue: Cue) -> bool:
        """Whether the table knows this cue in the present state."""
        return (self.state, cue) in self.TABLE

    def _after(self, delay_s: float, act: Callable[[], None]) -> None:
        self._timers.append(self._wire.after(delay_s, act))

    def _linger(self, delay_s: float) -> None:
        """Stay for late repeats over UDP; be gone at once over a reliable transport when ``delay_s`` is 0."""
        if delay_s <= 0:
            self._move(Cue.LINGERED)
        else:
            self._after(delay_s, self._lingered)

    def _lingered(self) -> None:
        self._move(Cue.LINGERED)

    def _transmit(self, data: bytes) -> None:
        self._wire.transmit(data, self.address, self.otherwise)

    def repeated(self, message: Request | Response, *, sent: bool) -> None:
        """A message has been sent or came again."""
        self._repeats[sent] += 1
        self._wire.repeated(sent=sent)
        if self.on_repeat is not None and self._repeats[sent] <= MOST_REPEATS_TOLD:
            self.on_repeat(message, self._repeats[sent], sent)

    def _repeat(self, message: Request | Response, data: bytes, interval_s: float, *, cap_s: float | None) -> None:
        """Retransmit with doubling intervals while the state lasts."""

        def again() -> None:
            self._move(Cue.REPEAT)
            self._transmit(data)
            self.repeated(message, sent=True)
            self._repeat(message, data, interval_s * 2 if cap_s is None else min(interval_s * 2, cap_s), cap_s=cap_s)

        if not self.address.reliable:
            self._after(interval_s, again)

    def abort(self) -> None:
        """End it without another word: the transport failed or the stack stops."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self.state is not State.TERMINATED:
            self.state = State.TERMINATED
            self._wire.forget(self)


class InviteServer(Transaction):
    """Section 17.2.1 with RFC 6026 section 7.1."""

    TABLE: ClassVar[Table] = {
        (State.PROCEEDING, Cue.REQUEST): State.PROCEEDING,
        (State.PROCEEDING, Cue.PROVISIONAL): State.PROCEEDING,
        (State.PROCEEDING, Cue.SUCCESS): State.ACCEPTED,
        (State.PROCEEDING, Cue.FAILURE): State.COMPLETED,
        (State.COMPLETED, Cue.REQUEST): State.COMPLETED,
        (State.COMPLETED, Cue.REPEAT): State.COMPLETED,
        (State.COMPLETED, Cue.ACK): State.CONFIRMED,
        (State.COMPLETED, Cue.TIMEOUT): State.TERMINATED,
        (State.CONFIRMED, Cue.REQUEST): State.CONFIRMED,
        (State.CONFIRMED, Cue.ACK): State.CONFIRMED,
        (State.CONFIRMED, Cue.LINGERED): State.TERMINATED,
        (State.ACCEPTED, Cue.REQUEST): State.ACCEPTED,
        (State.ACCEPTED, Cue.SUCCESS): State.ACCEPTED,
        (State.ACCEPTED, Cue.LINGERED): State.TERMINATED,
    }

    def __init__(
        self, wire: Wire, key: tuple[str, ...], request: Request, reply_to: Address, otherwise: Address | None = None
    ) -> None:
        super().__init__(wire, key, reply_to, State.PROCEEDING, otherwise)
        self.request = request
        self.on_ack: Callable[[Request], None] | None = None
        """Told once of the ACK of a refusal."""
        self._last: bytes | None = None
        self._after(TRYING_AFTER, self._say_trying)

    def _say_trying(self) -> None:
        if self._last is None:
            self.respond(respond(self.request, 100))

    def receive(self) -> None:
        """The INVITE came again."""
        if not self.accepts(Cue.REQUEST):
            return
        state = self._move(Cue.REQUEST)
        self.repeated(self.request, sent=False)
        if self._last is None:
            self._say_trying()
        elif state in {State.PROCEEDING, State.COMPLETED}:
            self._transmit(self._last)

    def acknowledge(self, ack: Request) -> None:
        """The ACK of a refusal came, perhaps again."""
        if not self.accepts(Cue.ACK):
            return
        fresh = self.state is State.COMPLETED
        self._move(Cue.ACK)
        if fresh:
            self._linger(0 if self.address.reliable else T4)
            if self.on_ack is not None:
                self.on_ack(ack)

    def respond(self, response: Response) -> None:
        """Send a response of the user's; after a 2xx only that one again. Raises ``IllegalTransition`` for any other."""
        before = self.state
        self._move(Cue.PROVISIONAL if response.status < 200 else Cue.SUCCESS if response.status < 300 else Cue.FAILURE)
        self._last = response.to_bytes()
        self._transmit(self._last)
        if self.state is State.COMPLETED:
            self._repeat(response, self._last, T1, cap_s=T2)
            self._after(TIMEOUT, self._unacknowledged)
        elif self.state is State.ACCEPTED and before is State.PROCEEDING:
            self._linger(TIMEOUT)

    def _unacknowledged(self) -> None:
        self._move(Cue.TIMEOUT)


class NonInviteServer(Transaction):
    """Section 17.2.2."""

    TABLE: ClassVar[Table] = {
        (State.TRYING, Cue.REQUEST): State.TRYING,
        (State.TRYING, Cue.PROVISIONAL): State.PROCEEDING,
        (State.TRYING, Cue.FINAL): State.COMPLETED,
        (State.TRYING, Cue.TIMEOUT): State.TERMINATED,
        (State.PROCEEDING, Cue.TIMEOUT): State.TERMINATED,
        (State.PROCEEDING, Cue.REQUEST): State.PROCEEDING,
        (State.PROCEEDING, Cue.PROVISIONAL): State.PROCEEDING,
        (State.PROCEEDING, Cue.FINAL): State.COMPLETED,
        (State.COMPLETED, Cue.REQUEST): State.COMPLETED,
        (State.COMPLETED, Cue.LINGERED): State.TERMINATED,
    }

    def __init__(
        self, wire: Wire, key: tuple[str, ...], request: Request, reply_to: Address, otherwise: Address | None = None
    ) -> None:
        super().__init__(wire, key, reply_to, State.TRYING, otherwise)
        self.request = request
        self._last: bytes | None = None
        self._after(TIMEOUT, self._unanswered)

    def receive(self) -> None:
        """The request came again."""
        if self.accepts(Cue.REQUEST):
            self._move(Cue.REQUEST)
            self.repeated(self.request, sent=False)
            if self._last is not None:
                self._transmit(self._last)

    def respond(self, response: Response) -> None:
        """Send a response of the user's; a second final one is dropped."""
        cue = Cue.PROVISIONAL if response.status < 200 else Cue.FINAL
        if not self.accepts(cue):
            return
        self._last = response.to_bytes()
        self._transmit(self._last)
        self._move(cue)
        if cue is Cue.FINAL:
            self._linger(0 if self.address.reliable else TIMEOUT)
        else:
            self._after(TIMEOUT, self._unanswered)

    def _unanswered(self) -> None:
        """Whoever was to answer has not: the client has given up by now, and a late answer would help nobody (RFC 4320)."""
        if self.accepts(Cue.TIMEOUT):
            self._move(Cue.TIMEOUT)


class ClientTransaction(Transaction):
    """What both client transactions share: a request, and somebody who wants the responses."""

    BEGINS: ClassVar[State]

    def __init__(
        self,
        wire: Wire,
        key: tuple[str, ...],
        request: Request,
        address: Address,
        on_response: Callable[[Response], None],
        on_failure: Callable[[str], None],
    ) -> None:
        super().__init__(wire, key, address, self.BEGINS)
        self.request = request
        self._on_response = on_response
        self._on_failure = on_failure

    REPEAT_CAP: ClassVar[float | None] = None
    """The longest interval between repeats, s; ``None`` where it doubles without end."""

    def start(self, data: bytes | None = None) -> None:
        """Send the request (``data``, where the caller has rendered it already) and arm its timers."""
        data = data if data is not None else self.request.to_bytes()
        self._transmit(data)
        self._repeat(self.request, data, T1, cap_s=self.REPEAT_CAP)
        self._after(TIMEOUT, self._timed_out)

    def _timed_out(self) -> None:
        if self.accepts(Cue.TIMEOUT):
            self._move(Cue.TIMEOUT)
            self._on_failure("timeout: no response came")

    @property
    def waiting(self) -> bool:
        """Whether no final response has come, and none is given up on."""
        return self.state in {State.CALLING, State.TRYING, State.PROCEEDING}

    def failed(self, why: str) -> None:
        """The transport could not send (section 17.1.4)."""
        if self.waiting:
            self.abort()
            self._on_failure(why)

    def receive(self, response: Response) -> None:
        """A response came that matches."""
        raise NotImplementedError


class InviteClient(ClientTransaction):
    """Section 17.1.1 with RFC 6026 section 7.2."""

    BEGINS = State.CALLING

    TABLE: ClassVar[Table] = {
        (State.CALLING, Cue.REPEAT): State.CALLING,
        (State.CALLING, Cue.TIMEOUT): State.TERMINATED,
        (State.CALLING, Cue.PROVISIONAL): State.PROCEEDING,
        (State.CALLING, Cue.SUCCESS): State.ACCEPTED,
        (State.CALLING, Cue.FAILURE): State.COMPLETED,
        (State.PROCEEDING, Cue.PROVISIONAL): State.PROCEEDING,
        (State.PROCEEDING, Cue.SUCCESS): State.ACCEPTED,
        (State.PROCEEDING, Cue.FAILURE): State.COMPLETED,
        (State.COMPLETED, Cue.FAILURE): State.COMPLETED,
        (State.COMPLETED, Cue.LINGERED): State.TERMINATED,
        (State.ACCEPTED, Cue.SUCCESS): State.ACCEPTED,
        (State.ACCEPTED, Cue.LINGERED): State.TERMINATED,
    }

    def receive(self, response: Response) -> None:
        """Pass it up; acknowledge a refusal here (the ACK of a 2xx is the dialog's), again for each repeat."""
        cue = Cue.PROVISIONAL if response.status < 200 else Cue.SUCCESS if response.status < 300 else Cue.FAILURE
        if not self.accepts(cue):
            return
        before = self.state
        self._move(cue)
        if cue is Cue.FAILURE:
            self._transmit(ack_of_refusal(self.request, response).to_bytes())
        if before is State.COMPLETED:
            self.repeated(response, sent=False)
            return
        if cue is Cue.FAILURE:
            self._linger(0 if self.address.reliable else TIMEOUT)
        elif cue is Cue.SUCCESS and before is not State.ACCEPTED:
            self._linger(TIMEOUT)
        self._on_response(response)


class NonInviteClient(ClientTransaction):
    """Section 17.1.2."""

    BEGINS = State.TRYING
    REPEAT_CAP = T2

    TABLE: ClassVar[Table] = {
        (State.TRYING, Cue.REPEAT): State.TRYING,
        (State.TRYING, Cue.TIMEOUT): State.TERMINATED,
        (State.TRYING, Cue.PROVISIONAL): State.PROCEEDING,
        (State.TRYING, Cue.FINAL): State.COMPLETED,
        (State.PROCEEDING, Cue.REPEAT): State.PROCEEDING,
        (State.PROCEEDING, Cue.TIMEOUT): State.TERMINATED,
        (State.PROCEEDING, Cue.PROVISIONAL): State.PROCEEDING,
        (State.PROCEEDING, Cue.FINAL): State.COMPLETED,
        (State.COMPLETED, Cue.LINGERED): State.TERMINATED,
    }

    def receive(self, response: Response) -> None:
        """Pass it up, once."""
        cue = Cue.PROVISIONAL if response.status < 200 else Cue.FINAL
        if not self.accepts(cue):
            return
        before = self.state
        self._move(cue)
        if cue is Cue.FINAL:
            self._linger(0 if self.address.reliable else T4)
        elif before is State.TRYING:
            # The move cancelled the timers: E goes on at T2, F at what is left; restarting F errs on the patient side.
            self._repeat(self.request, self.request.to_bytes(), T2, cap_s=T2)
            self._after(TIMEOUT, self._timed_out)
        self._on_response(response)


def ack_of_refusal(invite: Request, response: Response) -> Request:
    """The ACK of a 300 to 699 response: same branch, To from the response (section 17.1.1.3)."""
    headers = [("Via", str(invite.via))]
    headers += [("Route", value) for value in invite.headers_all("route")]
    headers += [
        ("Max-Forwards", "70"),
        ("From", invite.header("from") or ""),
        ("To", response.header("to") or ""),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} ACK"),
    ]
    return Request("ACK", invite.uri_text, headers)
