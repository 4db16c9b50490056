"""A scripted RTP peer on a real socket, and an engine to talk to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import numpy as np
import pytest

from offhook.clock import Clock
from offhook.media import Channel, Media, RtpPeer

HEADER = struct.Struct("!BBHII")


def _table() -> np.ndarray:
    octets = np.arange(256)
    inverted = octets ^ 0xFF
    magnitude = ((((inverted & 0x0F) << 3) + 0x84) << ((inverted & 0x70) >> 4)) - 0x84
    return np.where(inverted & 0x80, -magnitude, magnitude).astype(np.int16)


LINEAR = _table()


class Peer:
    """The far end of one leg: sends what it is told, keeps what comes."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        self.sequence, self.timestamp, self.ssrc = 65530, 2**32 - 800, id(self) & 0xFFFFFFFF
        self.packets: list[tuple[int, bool, int, int, bytes]] = []
        """Payload type, marker, sequence, timestamp, payload."""
        self.raw: list[bytes] = []
        """What is no RTP: reports over the same port."""
        self.heard_ssrc: int | None = None
        """Of what comes."""
        asyncio.get_running_loop().add_reader(self.socket, self._read)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                datagram = self.socket.recv(2048)
                if 192 <= datagram[1] <= 223:
                    self.raw.append(datagram)
                    continue
                _, second, sequence, timestamp, self.heard_ssrc = HEADER.unpack_from(datagram)
                self.packets.append((second & 0x7F, bool(second & 0x80), sequence, timestamp, datagram[12:]))

    def send(self, to: int, payload: bytes, payload_type: int = 0, *, marker: bool = False, timestamp: int | None = None) -> None:
        second = payload_type | (0x80 if marker else 0)
        stamp = self.timestamp if timestamp is None else timestamp
        header = HEADER.pack(0x80, second, self.sequence & 0xFFFF, stamp & 0xFFFFFFFF, self.ssrc)
        self.sequence += 1
        self.socket.sendto(header + payload, ("127.0.0.1", to))

    async def talk(self, to: int, octets: bytes, frame: int = 160) -> None:
        """Send mu-law octets in real time."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number, at in enumerate(range(0, len(octets), frame)):
            await asyncio.sleep(max(0.0, begun + number * frame / 8000 - loop.time()))
            self.send(to, octets[at : at + frame])
            self.timestamp += frame

    def heard(self) -> np.ndarray:
        """The samples of all audio packets so far."""
        octets = b"".join(payload for kind, _, _, _, payload in self.packets if kind == 0)
        return LINEAR[np.frombuffer(octets, np.uint8)]

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()


class Bench:
    """One engine, and legs with peers."""

    def __init__(self, media: Media) -> None:
        self.media = media
        self._open: list[tuple[Channel, Peer]] = []

    def leg(self, *, event_payload_type: int | None = 101, connected: bool = True) -> tuple[Channel, Peer]:
        channel, peer = self.media.open(), Peer()
        if connected:
            channel.connect(RtpPeer("127.0.0.1", peer.port, 0, "PCMU", event_payload_type))
        self._open.append((channel, peer))
        return channel, peer

    async def aclose(self) -> None:
        for channel, peer in self._open:
            await channel.aclose()
            peer.close()


@contextlib.asynccontextmanager
async def _bench(low: int = 13000, high: int = 13999) -> AsyncIterator[Bench]:
    async with Media(ports=(low, high), host="127.0.0.1", clock=Clock()) as media:
        bench = Bench(media)
        try:
            yield bench
        finally:
            await bench.aclose()


@pytest.fixture
def bench() -> object:
    """``async with bench() as b: channel, peer = b.leg()``."""
    return _bench


@pytest.fixture
def mulaw() -> object:
    """Encode samples, by the nearest code of the table."""
    order = np.argsort(LINEAR, kind="stable")
    levels = LINEAR[order].astype(np.int32)

    def encode(samples: np.ndarray) -> bytes:
        place = np.clip(np.searchsorted(levels, samples), 1, 255)
        lower = np.abs(levels[place - 1] - samples) <= np.abs(levels[place] - samples)
        return bytes(order[np.where(lower, place - 1, place)].astype(np.uint8))

    return encode
