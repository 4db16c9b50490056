"""When sockets are read: every packet in time, few reads in vain. No engine and no clock: a tick is a call."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest

from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.reception import LOOK_ROUND, STALLS_AFTER, Reception

HEADER = struct.Struct("!BBHII")


class Line:
    """One leg, and the phone at its other end."""

    def __init__(self) -> None:
        self.phone, ours = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in range(2))
        for each in (self.phone, ours):
            each.bind(("127.0.0.1", 0))
        self.phone.connect(ours.getsockname())
        ours.connect(self.phone.getsockname())
        self.legs, self.leg = Legs(), Leg(1, ours)
        self.legs.admit(self.leg)
        self.legs.payload_type[0] = 0
        self.reception = Reception(self.legs, lambda *_: None, lambda *_: None)
        self.reception.add(self.leg)
        self.tick = self.sent = 0

    def send(self, samples: int = 160) -> None:
        header = HEADER.pack(0x80, 0, self.sent & 0xFFFF, self.sent * samples & 0xFFFFFFFF, 7)
        self.phone.send(header + bytes(samples))
        self.sent += 1

    def read(self) -> None:
        self.reception.run(self.tick)
        self.tick += 1

    def steady(self, ticks: int) -> None:
        """One packet well before each tick."""
        for _ in range(ticks):
            self.send()
            self.read()

    @property
    def received(self) -> int:
        return int(self.legs.received[0])

    @property
    def late(self) -> int:
        return int(self.legs.late[0])

    def waiting(self) -> int:
        """Packets that are in the socket, which is empty then."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self.leg.socket.recv(2048)
                count += 1
        return count

    def close(self) -> None:
        self.reception.close()
        self.leg.socket.close()
        self.phone.close()


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


def test_a_steady_stream_is_read_once_a_tick(line: Line) -> None:
    line.steady(10)
    assert line.leg.flowing
    before = line.reception.misses
    line.steady(4 * LOOK_ROUND)
    assert line.received == line.sent
    assert line.reception.misses - before == 4


def test_packets_that_come_about_when_they_are_read_cost_hardly_more(line: Line) -> None:
    line.steady(10)
    before = line.reception.misses
    for number in range(8 * LOOK_ROUND):
        # Now just before the tick, now just after.
        if number % 3:
            line.send()
            line.read()
        else:
            line.read()
            line.send()
    assert line.late == 0
    assert line.sent - line.received <= 1
    assert line.reception.misses - before < 0.15 * 8 * LOOK_ROUND


def test_packets_that_come_just_after_each_tick_are_read_in_the_next(line: Line) -> None:
    line.steady(10)
    before = line.reception.misses
    for _ in range(8 * LOOK_ROUND):
        line.read()
        line.send()
    assert (line.late, line.sent - line.received) == (0, 1)
    assert line.reception.misses - before < 0.15 * 8 * LOOK_ROUND


def test_what_was_held_up_is_read_at_once_when_it_comes(line: Line) -> None:
    line.steady(10)
    for _ in range(STALLS_AFTER - 1):
        line.read()
    for _ in range(STALLS_AFTER):
        line.send()
    line.read()
    assert line.received == line.sent
    line.steady(20)
    assert line.waiting() == 0


@pytest.mark.parametrize(("samples", "a_tick"), [(80, 2), (40, 4)])
def test_a_sender_of_short_packets_leaves_nothing_waiting(line: Line, samples: int, a_tick: int) -> None:
    for _ in range(4 * LOOK_ROUND):
        for _ in range(a_tick):
            line.send(samples)
        line.read()
        assert line.sent - line.received <= 3 * a_tick
    assert line.late == 0
    assert line.waiting() <= a_tick


def test_after_a_lost_packet_nothing_is_looked_for_again_and_again(line: Line) -> None:
    line.steady(10)
    before = line.reception.misses
    for _ in range(10):
        line.read()
        line.sent += 1
        line.steady(19)
    assert line.reception.misses - before < 10 * 5
    assert line.waiting() == 0
