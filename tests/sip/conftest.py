"""A network in memory: cores wired to each other, virtual time, and as much loss as a test wants."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from offhook.sip import Address, Core, CoreParts, IncomingInvite, Request, Response, parse_message

OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
ANSWER = OFFER.replace(b"4000", b"5000")
ALICE = Address("192.0.2.1", 5060)
BOB = Address("192.0.2.2", 5060)


@dataclass
class Faults:
    """What the network does to datagrams, each a probability from 0 to 1."""

    loss: float = 0.0
    duplication: float = 0.0
    delay_s: float = 0.01
    jitter_s: float = 0.0
    """Up to so much more, which also reorders."""


@dataclass
class Net:
    """Moves datagrams between cores and time forward; never sleeps."""

    faults: Faults = field(default_factory=Faults)
    seed: int = 1
    now: float = 100.0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.cores: dict[tuple[str, int], Core] = {}
        self.log: list[tuple[float, Address, Address, bytes]] = []
        self.drop: Callable[[bytes], bool] = lambda _data: False
        self._flying: list[tuple[float, int, bytes, Address, Address]] = []
        self._count = itertools.count()

    def core(
        self,
        address: Address,
        on_invite: Callable[[IncomingInvite], None] = lambda _invite: None,
        **more: object,
    ) -> Core:
        def token(length: int) -> str:
            return "".join(self.random.choice("0123456789abcdef") for _ in range(length))

        def transmit(data: bytes, to: Address, _otherwise: Address | None) -> None:
            self.send(data, Address(address.host, address.port, to.transport), to)

        parts = CoreParts(
            transmit=transmit,
            time=lambda: self.now,
            token=token,
            local=lambda _peer: (address.host, address.port),
            on_invite=on_invite,
            **more,  # type: ignore[arg-type]
        )
        self.cores[address.host, address.port] = Core(parts)
        return self.cores[address.host, address.port]

    def send(self, data: bytes, source: Address, to: Address) -> None:
        """Put a message on the wire."""
        self.log.append((self.now, source, to, data))
        if self.drop(data):
            return
        faults = self.faults if not to.reliable else Faults()
        for _ in range(2 if self.random.random() < faults.duplication else 1):
            if self.random.random() >= faults.loss:
                at = self.now + faults.delay_s + self.random.random() * faults.jitter_s
                heapq.heappush(self._flying, (at, next(self._count), data, source, to))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while True:
            due = [core.deadline for core in self.cores.values() if core.deadline is not None]
            due += [self._flying[0][0]] if self._flying else []
            if not due or min(due) > end:
                break
            self.now = max(self.now, min(due))
            while self._flying and self._flying[0][0] <= self.now:
                _, _, data, source, to = heapq.heappop(self._flying)
                if (to.host, to.port) in self.cores:
                    self.cores[to.host, to.port].receive(data, source)
            for core in self.cores.values():
                core.wake()
        self.now = end

    def said(self, start: str = "", since: float = 0.0) -> list[str]:
        """The first words of all messages sent: ``INVITE``, ``180``, …"""
        words = []
        for at, _, _, data in self.log:
            message = parse_message(data)
            word = message.method if isinstance(message, Request) else str(message.status)
            if word.startswith(start) and at >= since:
                words.append(word)
        return words

    def messages(self, word: str) -> list[Request | Response]:
        """All messages sent that are of this method or status."""
        found = [parse_message(data) for _, _, _, data in self.log]
        return [each for each in found if (each.method if isinstance(each, Request) else str(each.status)) == word]


@pytest.fixture
def net() -> Net:
    """A perfect network."""
    return Net()


@pytest.fixture(scope="session")
def make_net() -> type[Net]:
    """For tests that want faults or many networks."""
    return Net


@pytest.fixture(scope="session")
def faults() -> type[Faults]:
    return Faults


@pytest.fixture(scope="session")
def offer() -> bytes:
    return OFFER


@pytest.fixture(scope="session")
def answer() -> bytes:
    return ANSWER


@pytest.fixture(scope="session")
def alice() -> Address:
    return ALICE


@pytest.fixture(scope="session")
def bob() -> Address:
    return BOB


class Peer:
    """A hand-written far end: sends exactly the bytes that a test wants, and keeps what comes back."""

    def __init__(self, net: Net, **more: object) -> None:
        self.net = net
        self.invites: list[IncomingInvite] = []
        self.core = net.core(BOB, self.invites.append, **more)
        self.transport = "udp"

    def request(self, method: str = "INVITE", *, branch: str = "z9hG4bKa1", cseq: int = 1, to_tag: str = "", body: bytes = b"",
                call_id: str = "call-1", from_tag: str = "alice-tag", more: str = "", uri: str = "sip:bob@192.0.2.2",
                cseq_method: str | None = None) -> bytes:  # fmt: skip
        to = f"<sip:bob@192.0.2.2>{';tag=' + to_tag if to_tag else ''}"
        kind = "Content-Type: application/sdp\r\n" if body and "Content-Type" not in more else ""
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{self.transport.upper()} 192.0.2.1:5060;branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:alice@192.0.2.1>;tag={from_tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n"
            f"CSeq: {cseq} {cseq_method or method}\r\nContact: <sip:alice@192.0.2.1:5060>\r\n"
            f"{kind}{more}Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def send(self, data: bytes) -> list[Request | Response]:
        """Hand bytes to the core and return what it says at once."""
        before = len(self.net.log)
        self.core.receive(data, Address(ALICE.host, ALICE.port, self.transport))
        return self.said(before)

    def said(self, since: int = 0) -> list[Request | Response]:
        return [parse_message(data) for _, _, _, data in self.net.log[since:]]

    def dial(self, **more: object) -> IncomingInvite:
        self.send(self.request(body=OFFER, **more))  # type: ignore[arg-type]
        return self.invites[-1]

    def answered(self, *, acked: bool = True) -> IncomingInvite:
        """A call that we have answered."""
        invite = self.dial()
        invite.accept(ANSWER)
        if acked:
            self.send(self.request("ACK", branch="z9hG4bKack", to_tag=invite.local_tag))
            invite.take_events()
        return invite


@pytest.fixture
def peer(net: Net) -> Peer:
    return Peer(net)


@pytest.fixture
def make_peer(net: Net) -> Callable[..., Peer]:
    return lambda **more: Peer(net, **more)
