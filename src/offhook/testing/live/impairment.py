"""A bad network: a UDP relay that loses, holds up, reorders and repeats what passes through it, always the same way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Network:
    """What happens to datagrams on their way."""

    loss: float = 0.0
    """The share that never arrives, at random."""
    jitter_ms: float = 0.0
    """Each is held up for 0 to so many ms, on its own: those that follow closely overtake it."""
    delay_ms: float = 0.0
    """Each, beside the jitter."""
    duplicate: float = 0.0
    """The share that arrives twice."""


@dataclass(slots=True)
class Impairment:
    """A relay between whoever sends to ``port`` and the far end; answers go back to whoever sent last, unharmed."""

    network: Network
    port: int
    passed: int = 0
    lost: int = 0
    overtaken: int = 0
    """Datagrams that arrived after a later one."""
    _newest: int = field(default=-1)


class _Relay(asyncio.DatagramProtocol):
    def __init__(self, far: Address, network: Network, seed: int) -> None:
        self._far = far
        self._network = network
        self._chance = random.Random(seed)
        self._near: Address | None = None
        self._count = 0
        self.transport: asyncio.DatagramTransport | None = None
        self.told: Impairment | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        assert self.transport is not None
        if addr == self._far:
            if self._near is not None:
                self.transport.sendto(data, self._near)
            return
        self._near = addr
        number, self._count = self._count, self._count + 1
        if self._chance.random() < self._network.loss:
            assert self.told is not None
            self.told.lost += 1
            return
        for _ in range(1 + (self._chance.random() < self._network.duplicate)):
            held_ms = self._network.delay_ms + self._chance.uniform(0, self._network.jitter_ms)
            asyncio.get_running_loop().call_later(held_ms / 1000, self._pass_on, number, data)

    def _pass_on(self, number: int, data: bytes) -> None:
        if self.transport is None or self.transport.is_closing() or self.told is None:
            return
        self.transport.sendto(data, self._far)
        self.told.passed += 1
        self.told.overtaken += number < self.told._newest
        self.told._newest = max(self.told._newest, number)


@asynccontextmanager
async def impaired(far: Address, network: Network, *, seed: int = 1) -> AsyncIterator[Impairment]:
    """A relay to ``far`` on a free loopback port, for as long as the block runs."""
    relay = _Relay(far, network, seed)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: relay, local_addr=("127.0.0.1", 0))
    try:
        relay.told = Impairment(network, transport.get_extra_info("sockname")[1])
        yield relay.told
    finally:
        transport.close()
