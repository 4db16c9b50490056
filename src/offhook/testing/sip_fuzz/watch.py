"""A core in virtual time that is watched: after every step, what must always hold is checked."""

from __future__ import annotations

import contextlib
import random
from collections import Counter, deque
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from offhook.sip import (
    Address,
    Core,
    CoreParts,
    IncomingInvite,
    IncomingRequest,
    Message,
    Request,
    Response,
    SipParseError,
    parse_message,
)

MAGIC = "z9hG4bK"
SURPLUS_BYTES = 1024
"""How much longer than a datagram its answer may be when nothing is remembered of it: such an answer goes to whoever the datagram
says that it is from. There is at most one."""
MAX_WAKES = 200_000
"""Times that one advance may have to wake the core."""
OUR_ADDRESSES = {"4": ("192.0.2.2", 5060), "6": ("2001:db8::2", 5060)}
SINGLE = ("from", "to", "call-id", "cseq")

Located = Callable[[Address | None, str], None]


class Finding(AssertionError):
    """Something that must always hold does not."""


class Watch:
    """One core, its network, its clock and its names."""

    def __init__(self, rng: random.Random, figures: Counter[str]) -> None:
        self.rng = rng
        self.figures = figures
        self.now = 1000.0
        self.sent: deque[Request | Response] = deque(maxlen=256)
        """What the core said and nobody has looked at yet."""
        self.arrived: list[IncomingInvite] = []
        self.on_invite: Callable[[IncomingInvite], None] = self.arrived.append
        self.requests: list[IncomingRequest] = []
        """Those that the owner answers later."""
        self.on_request: Callable[[IncomingRequest], None] = self._requested
        self.locating = "now"
        """``now``, ``later`` or ``never``: when host names become addresses."""
        self.lookups: list[tuple[float, Located, Address]] = []
        self._taking: Request | Response | None = None
        self._answers: list[bytes] = []
        self._finals: WeakKeyDictionary[object, int] = WeakKeyDictionary()
        """By server transaction."""
        self._rung: set[str] = set()
        self._refused: set[str] = set()
        self._challenges: Counter[str] = Counter()
        self._byes: dict[tuple[str, ...], set[int]] = {}
        self._sequences: dict[tuple[str, ...], int] = {}
        self.core = Core(
            CoreParts(
                transmit=self._transmit,
                time=lambda: self.now,
                token=lambda length: "".join(rng.choice("0123456789abcdef") for _ in range(length)),
                local=lambda peer: OUR_ADDRESSES["6" if ":" in peer.host else "4"],
                on_invite=self._invited,
                on_request=self._asked,
                hears=lambda _source, _request: rng.random() < 0.995,
                locate=self._locate,
                candidates=self._candidates if rng.random() < 0.5 else None,
                transports=frozenset({"udp", "tcp", "tls", "ws"}),
                session_s=rng.choice((1800, 90, 0)),
                max_transactions=rng.choice((400, 400, 12)),
            )
        )
        self._at_birth = tables(self.core)

    def _invited(self, invite: IncomingInvite) -> None:
        self.on_invite(invite)

    def _asked(self, request: IncomingRequest) -> None:
        self.on_request(request)

    def _requested(self, request: IncomingRequest) -> None:
        self.figures["requests to us outside of dialogs"] += 1
        held = self.rng.random() < 0.5
        if held and not request.hold():
            return
        if not held or self.rng.random() < 0.5:
            request.respond(self.rng.choice((200, 401, 403, 500)), [("Contact", "<sip:peer@192.0.2.1>;expires=60")])
        else:
            self.requests.append(request)

    # -- what goes in ----------------------------------------------------------------------------------------------

    def receive(self, data: bytes, source: Address) -> None:
        """Hand it to the core; check what comes of it."""
        self.figures["messages received"] += 1
        self._taking, self._answers = _read(data), []
        before = set(self.core.transactions)
        self._expect(self._taking)
        try:
            self.core.receive(data, source)
            self._check_answers(data, source, before)
        finally:
            self._taking = None

    def advance(self, seconds: float, *, at_once: bool = False) -> None:
        """Let time pass; ``at_once`` as on a machine that slept: everything is due at the end."""
        end, wakes = self.now + seconds, 0
        while not at_once:
            due = [
                each for each in (self.core.deadline, min((at for at, _, _ in self.lookups), default=None)) if each is not None
            ]
            if not due or min(due) > end:
                break
            self.now = max(self.now, min(due))
            self._turn()
            wakes += 1
            if wakes > MAX_WAKES:
                raise Finding("the core wants to be woken for ever")
        self.now = end
        self._turn()

    def _turn(self) -> None:
        due = [each for each in self.lookups if each[0] <= self.now]
        self.lookups = [each for each in self.lookups if each[0] > self.now]
        for _, then, address in due:
            self._found(then, address)
        self.core.wake()
        if self.core.deadline is not None and self.core.deadline <= self.now:
            raise Finding("a timer is still due after wake()")

    def _locate(self, address: Address, then: Located) -> None:
        if self.locating == "now":
            self._found(then, address)
        else:
            delay_s = self.rng.choice((0.001, 0.3, 3.0, 40.0)) if self.locating == "later" else 40.0
            self.lookups.append((self.now + delay_s, then, address))

    def _candidates(self, address: Address, choose: bool, then: Callable[[list[Address], str], None]) -> None:
        """As a zone with several servers, some of them over other transports."""

        def found(one: Address | None, why: str) -> None:
            port = address.port or 5060
            hosts = (
                []
                if one is None
                else [one.host, *self.rng.sample(("192.0.2.78", "192.0.2.79", "2001:db8::9"), self.rng.randrange(3))]
            )
            kinds = ("udp", "tcp") if choose else (address.transport,)
            then([Address(host, port, self.rng.choice(kinds), name=address.host) for host in hosts], why)

        self._locate(address, found)

    def _found(self, then: Located, address: Address) -> None:
        if address.host == "a..b" or self.locating == "never":
            then(None, "transport: no such host")
        else:
            host = address.host if address.host[:1].isdigit() else "192.0.2.77"
            then(Address(host, address.port, address.transport), "")

    # -- what comes out --------------------------------------------------------------------------------------------

    def _transmit(self, data: bytes, address: Address, otherwise: Address | None) -> None:
        self.figures["messages sent"] += 1
        if not address.host or (otherwise is not None and not otherwise.host):
            raise Finding(f"something is sent nowhere: {data[:80]!r}")
        try:
            message = parse_message(data, stream=True)
        except SipParseError as error:
            if "more than" in str(error) or "longer than" in str(error):
                return  # a message at the limits of size gets an answer over them
            raise Finding(f"what we sent is no message ({error}): {data[:2000]!r}") from error
        message.headers.pop()  # Content-Length, which is added again
        if message.to_bytes() != data:
            raise Finding(f"what we sent reads differently when it is written again: {data[:2000]!r}")
        if isinstance(message, Request):
            self.figures[f"{message.method} sent"] += 1
            self._check_request(message)
        else:
            self._answers.append(data)
            self._check_response(message)
        self.sent.append(message)

    def _check_request(self, request: Request) -> None:
        try:
            uri, sequence, tag = request.uri, request.cseq, request.from_.tag
            if request.method == "ACK" and request.via.branch in self._refused:
                return  # its To is that of the refusal, whatever stood there
            key = (request.call_id, tag or "", request.to.tag or "")
            request.check_vias()
            if request.method == "INVITE" and request.contact is None:
                raise Finding("an INVITE of ours has no Contact")
        except SipParseError as error:
            raise Finding(f"we would not take our own {request.method}: {error}\n{request.to_bytes()[:1500]!r}") from error
        if sequence.method != request.method or not tag or not request.via.branch.startswith(MAGIC) or uri.headers:
            raise Finding(f"a request of ours is malformed: {request.to_bytes()[:1500]!r}")
        if request.header("max-forwards") != "70":
            raise Finding("a request of ours has no Max-Forwards")
        if request.method == "CANCEL" and request.via.branch not in self._rung:
            raise Finding("CANCEL before a provisional response (RFC 3261 section 9.1)")
        if request.method not in {"ACK", "CANCEL"}:
            self._check_sequence(request, key)

    def _check_sequence(self, request: Request, key: tuple[str, ...]) -> None:
        number = request.cseq.number
        retry = (request.via.branch,)
        if self._sequences.setdefault(retry, number) != number:
            raise Finding("one branch, two CSeq numbers")
        if number < self._sequences.get(key, 0) and number != self._sequences[retry]:
            raise Finding(f"our CSeq goes back, from {self._sequences[key]} to {number} (RFC 3261 section 12.2.1.1)")
        self._sequences[key] = max(number, self._sequences.get(key, 0))
        if request.method == "BYE":
            said = self._byes.setdefault(key, set())
            said.add(number)
            if len(said) > 1 + self._challenges[key[0]]:
                raise Finding("a dialog is hung up twice")

    def _check_response(self, response: Response) -> None:
        taken = self._taking
        acknowledging = isinstance(taken, Request) and taken.method == "ACK"
        if acknowledging and (response.header("cseq") or "").split()[-1:] == ["ACK"]:
            raise Finding(f"{response!r} to an ACK")
        if isinstance(taken, Response) and not isinstance(response, Request):
            self._check_own(taken, response)
        for name in SINGLE:
            if len(response.headers_all(name)) > 1:
                raise Finding(f"a response of ours has several {name} fields")
        with contextlib.suppress(SipParseError):
            self._check_final(self.core.transactions.get(_server_key(response)), response.status)
        if response.status in {400, 501, 505}:
            return  # it copies what was wrong with the request
        try:
            _ = response.via, response.from_, response.to, response.call_id
            method = response.cseq.method
            if response.status < 300 and method == "INVITE" and response.status > 100 and response.contact is None:
                raise Finding(f"{response!r} to an INVITE has no Contact")
        except SipParseError as error:
            raise Finding(f"we would not take our own response: {error}\n{response.to_bytes()[:1500]!r}") from error
        if response.status > 100 and response.to.tag is None:
            raise Finding(f"{response!r} has no To tag")

    def _check_own(self, taken: Response, response: Response) -> None:
        """A response of the peer's may end a call, and with it what is open of its requests; it is not answered itself."""
        if response.status != 487 or _server_key(response) not in self.core.transactions:
            raise Finding(f"{taken!r} got {response!r}")

    def _check_final(self, transaction: object | None, status: int) -> None:
        if transaction is not None:
            final = self._finals.get(transaction)
            if final is not None and status != final:
                raise Finding(f"{status} after {final} in one transaction")
            if status >= 200:
                self._finals[transaction] = status

    def _expect(self, message: Message | None) -> None:
        if isinstance(message, Response):
            try:
                if message.status < 200:
                    self._rung.add(message.via.branch)
                elif message.status >= 300:
                    self._refused.add(message.via.branch)
                    asked: Any = self.core.transactions.get(("client", message.via.branch, message.cseq.method))
                    if message.status in {401, 407} and asked is not None:
                        self._challenges[asked.request.call_id] += 1
            except SipParseError:
                return

    def _check_answers(self, data: bytes, source: Address, before: set[tuple[str, ...]]) -> None:
        """What is answered and forgotten must not be worth a forger's while."""
        taken = self._taking
        if isinstance(taken, Request) and taken.method in {"ACK", "CANCEL"}:
            return
        try:
            old_style = taken is not None and (not taken.via.branch.startswith(MAGIC) or taken.via.branch == MAGIC)
            known = isinstance(taken, Request) and (old_style or _server_key(taken) in before | set(self.core.transactions))
        except SipParseError:
            known = False
        if known or source.transport != "udp":
            return
        if len(self._answers) > 1:
            raise Finding(f"{len(self._answers)} answers to one message that leaves no trace")
        surplus = sum(map(len, self._answers)) - len(data)
        self.figures["most bytes by which an answer is longer"] = max(
            self.figures["most bytes by which an answer is longer"], surplus
        )
        if surplus > SURPLUS_BYTES:
            raise Finding(f"the answer is {surplus} bytes longer than the message")

    # -- the end ---------------------------------------------------------------------------------------------------

    def check_empty(self) -> None:
        """After all timers have run out nothing is left, in whatever table."""
        if self.requests:
            raise Finding("somebody's request was never answered")
        if len(self.core.timers):
            raise Finding(f"{len(self.core.timers)} timers are left")
        for name, size in tables(self.core).items():
            if size > self._at_birth.get(name, 0) and name not in BOUNDED:
                raise Finding(f"{name} holds {size}")
        for notes in (self._rung, self._refused, self._challenges, self._byes, self._sequences, self.sent, self.arrived):
            notes.clear()


BOUNDED = frozenset({"core.failover._until", "core.messages", "core.repeats"})
"""Tables that may keep something for good, because a limit of their own bounds them: the last two are figures, by method and
status.
"""


def tables(core: Core) -> dict[str, int]:
    """Every table of the core and of its parts, and how much is in it."""
    found: dict[str, int] = {}
    parts = {"core": core} | {
        f"core.{name}": part
        for name, part in vars(core).items()
        if type(part).__module__.startswith("offhook.sip") and name != "timers"
    }
    for owner, part in parts.items():
        for name, value in getattr(part, "__dict__", {}).items():
            if isinstance(value, dict | set | list | deque):
                found[f"{owner}.{name}"] = len(value)
    return found


def _server_key(message: Request | Response) -> tuple[str, ...]:
    """Under what the core keeps the server transaction of this request or response (RFC 3261 section 17.2.3)."""
    method = message.method if isinstance(message, Request) else message.cseq.method
    return ("server", message.via.branch, message.via.host.lower(), str(message.via.port), method)


def _read(data: bytes) -> Request | Response | None:
    try:
        return parse_message(data)
    except SipParseError as error:
        return error.partial if isinstance(error.partial, Request | Response) else None
