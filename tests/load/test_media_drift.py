"""Calls between phones whose clocks differ from ours: neither the delay nor the memory grows.

Run for an hour with ``OFFHOOK_LOAD=full`` (``OFFHOOK_DRIFT_S`` says otherwise); the short run exaggerates the drift instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import statistics
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.clock import Clock
from offhook.media import Channel, Media, RtpPeer

pytestmark = pytest.mark.load
CALLS = 25
"""Of two phones each."""
_HEADER = struct.Struct("!BBHII")
_DIGITS = 4


def _numbered(number: int) -> bytes:
    """A frame that says which it is: mu-law codes that come out of the node as they went in, with a sum to tell real ones."""
    digits = [number >> shift & 0x3F for shift in range(0, 6 * _DIGITS, 6)]
    return bytes([*(0x80 | digit for digit in digits), 0x80 | sum(digits) & 0x3F, *[0xFF] * (160 - _DIGITS - 1)])


def _number(payload: bytes) -> int | None:
    """Which frame this is; ``None`` for one that was made up or faded."""
    digits = [octet & 0x3F for octet in payload[:_DIGITS]]
    whole = len(payload) == 160 and payload[_DIGITS] == 0x80 | sum(digits) & 0x3F and payload[_DIGITS + 1 :] == b"\xff" * 155
    return sum(digit << 6 * place for place, digit in enumerate(digits)) if whole else None


class _Phone:
    """Sends by its own clock, and measures how long what comes was on its way."""

    def __init__(self, ppm: float, began: float) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.period = 0.02 * (1 - ppm * 1e-6)
        self.began = began
        self.sent = 0
        self.delays_ms: list[float] = []
        self.other: _Phone
        asyncio.get_running_loop().add_reader(self.socket, self._read)

    def sent_at(self, number: int) -> float:
        return self.began + number * self.period

    def send_due(self, now: float) -> None:
        while self.sent_at(self.sent) <= now:
            stamp = self.sent * 160 & 0xFFFFFFFF
            self.socket.send(_HEADER.pack(0x80, 0, self.sent & 0xFFFF, stamp, id(self) & 0xFFFFFFFF) + _numbered(self.sent))
            self.sent += 1

    def _read(self) -> None:
        now = asyncio.get_running_loop().time()
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                number = _number(self.socket.recv(2048)[_HEADER.size :])
                if number is not None and number < self.other.sent:
                    self.delays_ms.append((now - self.other.sent_at(number)) * 1000)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()


def _rss_kb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


@contextlib.contextmanager
def _calls(media: Media, ppm: float) -> Iterator[list[tuple[Channel, _Phone]]]:
    """Bridged pairs; the one phone's clock is fast, the other's slow."""
    began = asyncio.get_running_loop().time() + 0.1
    legs: list[tuple[Channel, _Phone]] = []
    for number in range(2 * CALLS):
        channel, phone = media.open(), _Phone(-ppm if number % 2 else ppm, began + number * 0.0007)
        channel.connect(RtpPeer("127.0.0.1", phone.socket.getsockname()[1], 0, "PCMU", 101))
        channel.join(number // 2)
        phone.socket.connect(("127.0.0.1", channel.port))
        legs.append((channel, phone))
    for (_, a), (_, b) in zip(legs[::2], legs[1::2], strict=True):
        a.other, b.other = b, a
    try:
        yield legs
    finally:
        for _, phone in legs:
            phone.close()


async def _talk(phones: list[_Phone], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while (now := loop.time()) < until:
        for phone in phones:
            phone.send_due(now)
        await asyncio.sleep(0.004)


def test_clocks_that_drift_let_neither_the_delay_nor_the_memory_grow(*, full: bool) -> None:
    seconds, ppm = (float(os.environ.get("OFFHOOK_DRIFT_S", "3600")), 200) if full else (8.0, 5000)
    parts = 60 if full else 4

    async def story() -> None:
        async with Media(ports=(29000, 29400), host="127.0.0.1", clock=Clock()) as media:
            with _calls(media, ppm) as legs:
                phones = [phone for _, phone in legs]
                medians, worst, memory = [], [], []
                for part in range(parts):
                    await _talk(phones, seconds / parts)
                    delays = [each for phone in phones for each in phone.delays_ms]
                    expected = seconds / parts / 0.02 * len(phones)
                    assert len(delays) > 0.9 * expected * (0.8 if part == 0 else 1)
                    medians.append(statistics.median(delays))
                    worst.append(sorted(delays)[int(len(delays) * 0.999)])
                    memory.append(_rss_kb(media.engine_pid))
                    for phone in phones:
                        phone.delays_ms.clear()
                    if full:
                        print(f"{part + 1}/{parts}: median {medians[-1]:.1f} ms, p99.9 {worst[-1]:.1f} ms, {memory[-1]} kB")
                told = [await channel.statistics() for channel, _ in legs]
                figures = await media.figures()
                print(
                    f"late {sum(each.packets_late for each in told)}, lost {sum(each.packets_lost for each in told)}, "
                    f"concealed {sum(each.frames_concealed for each in told)} of {sum(each.packets_received for each in told)}, "
                    f"ticks skipped {figures.ticks_skipped}"
                )
                assert statistics.median(medians[-parts // 4 :]) < medians[0] + 20
                assert statistics.median(medians) < 100
                assert memory[-1] < memory[0] * 1.05 + 1024
                for channel, _ in legs:
                    await channel.aclose()

    asyncio.run(story())
