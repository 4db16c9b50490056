"""Who reports when, and what is learnt from the reports of others (RFC 3550 section 6).

Reports are rare: one of each leg in about five seconds. None of this is in the way of the packets.
"""

from __future__ import annotations

import random
import secrets
import select
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from offhook.media.engine import peers, rtcp, rtp
from offhook.media.engine.arrays import FRAME_SAMPLES
from offhook.media.engine.codecs import Codec
from offhook.media.engine.edges import OPUS_CLOCK
from offhook.media.engine.legs import Leg, Legs

INTERVAL_TICKS = 250
"""5 s, of which every interval is half to one and a half (section 6.3.1): legs that began together do not report together."""
LOOK_TICKS = 10
"""How often reports are read. The kernel notes when each has come."""
_ROOM = 2048
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")
_NEVER = 2**62


@dataclass(eq=False, slots=True)
class Reporting:
    """What a leg's reports are made of beside the arrays, and what its peer has reported."""

    socket: socket.socket | None
    """The one above the port of RTP; ``None``: it could not be had."""
    mux: bool = False
    """On the port of RTP itself (RFC 5761)."""
    port: int | None = None
    """Where the peer said it takes reports (RFC 3605); ``None``: above its port of RTP."""
    # Of the last report that came
    last_report: int = 0
    came_ns: int = 0
    # Of the last report that went
    expected: int = 0
    received: int = 0
    # What the peer says of us
    round_trip_ms: float | None = None
    remote_lost: int | None = None
    remote_fraction: float = 0.0
    remote_jitter: int = 0


class Reports:
    """Sends and reads the reports of all legs."""

    def __init__(self, legs: Legs) -> None:
        self._legs = legs
        self._epoll = select.epoll()
        self._watched: dict[int, Leg] = {}
        self._cname = secrets.token_hex(8).encode()
        """Random: where the node runs is nobody's business (RFC 7022)."""

    def add(self, leg: Leg, tick: int) -> None:
        """The leg has a peer: it reports from now on."""
        reporting = leg.reporting
        if reporting is None or leg.slot < 0:
            return
        self._legs.report_at[leg.slot] = tick + _interval()
        if reporting.socket is not None and reporting.socket.fileno() not in self._watched:
            reporting.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._watched[reporting.socket.fileno()] = leg
            self._epoll.register(reporting.socket.fileno(), select.EPOLLIN)

    def remove(self, leg: Leg, tick: int) -> None:
        """The leg ends: say goodbye."""
        reporting = leg.reporting
        if reporting is None:
            return
        if leg.slot >= 0 and (self._legs.sent[leg.slot] or self._legs.received[leg.slot]):
            self._send(leg, tick, goodbye=True)
        if reporting.socket is not None:
            if self._watched.pop(reporting.socket.fileno(), None) is not None:
                self._epoll.unregister(reporting.socket.fileno())
            reporting.socket.close()
        leg.reporting = None

    def run(self, tick: int) -> None:
        """Send what is due, read what has come."""
        if tick % LOOK_TICKS or not self._legs.count:
            return
        legs = self._legs
        for slot in np.flatnonzero(legs.report_at[: legs.count] <= tick).tolist():
            legs.report_at[slot] = tick + _interval()
            self._send(legs.rows[slot], tick)
        if self._watched:
            for fd, _ in self._epoll.poll(0, len(self._watched)):
                self._read(self._watched[fd])

    def _send(self, leg: Leg, tick: int, *, goodbye: bool = False) -> None:
        reporting = leg.reporting
        to = None if reporting is None else self._destination(leg, reporting)
        if reporting is None or to is None:
            return
        own, address = to
        wall_ns = time.time_ns()
        report = rtcp.Report(self._ssrc(leg), self._sender(leg, tick, wall_ns), self._received(leg, reporting, wall_ns), goodbye)
        with suppress(OSError):
            octets = rtcp.build(report, self._cname)
            own.sendto(octets if leg.secrecy is None else leg.secrecy.seal_report(octets), address)

    def _destination(self, leg: Leg, reporting: Reporting) -> tuple[socket.socket, peers.Address] | None:
        """Beside where its RTP really comes from, if that is known by now."""
        where = leg.learner.address if leg.learner is not None else peers.real_address(leg.socket)
        if where is None:
            return None
        if reporting.mux:
            return leg.socket, where
        if reporting.socket is None:
            return None
        told = reporting.port is not None and leg.signalled is not None and where[0] == leg.signalled[0]
        port = reporting.port if told else where[1] + 1
        return (reporting.socket, (where[0], port, *where[2:])) if port is not None and port < 2**16 else None

    def _ssrc(self, leg: Leg) -> int:
        return int(rtp.headers_sent(self._legs.tx)[leg.slot]["ssrc"])

    def _sender(self, leg: Leg, tick: int, wall_ns: int) -> rtcp.Sender | None:
        """``None`` while we send nothing: then it is a receiver report."""
        legs, slot = self._legs, leg.slot
        if not leg.sending or not legs.sent[slot]:
            return None
        clock = OPUS_CLOCK if leg.codec is Codec.OPUS else 1
        timestamp = (int(legs.timestamp_out[slot]) + tick * FRAME_SAMPLES) * clock & 0xFFFFFFFF
        packets = int(legs.sent[slot])
        return rtcp.Sender(rtcp.ntp_time(wall_ns), timestamp, packets, packets * FRAME_SAMPLES)

    def _received(self, leg: Leg, reporting: Reporting, wall_ns: int) -> tuple[rtcp.Block, ...]:
        legs, slot = self._legs, leg.slot
        if not legs.synced[slot]:
            return ()
        expected = int(legs.sequence_highest[slot] - legs.sequence_first[slot]) + 1
        received = int(legs.received[slot])
        newly, missed = expected - reporting.expected, expected - reporting.expected - (received - reporting.received)
        reporting.expected, reporting.received = expected, received
        since = (wall_ns - reporting.came_ns) * 65536 // 1_000_000_000 if reporting.last_report else 0
        return (
            rtcp.Block(
                int(legs.ssrc_in[slot]),
                min(255, max(0, missed) * 256 // newly) if newly > 0 else 0,
                expected - received,
                int(legs.sequence_highest[slot]) & 0xFFFFFFFF,
                int(legs.jitter[slot]),
                reporting.last_report,
                max(0, since) & 0xFFFFFFFF,
            ),
        )

    def _read(self, leg: Leg) -> None:
        reporting = leg.reporting
        if reporting is None or reporting.socket is None:
            return
        for _ in range(4):
            try:
                datagram, told, _, source = reporting.socket.recvmsg(_ROOM, 64)
            except OSError:
                return
            where = leg.learner.address if leg.learner is not None else peers.real_address(leg.socket)
            if leg.slot >= 0 and where is not None and source[0] == where[0]:
                self.take(leg, datagram, _arrival_ns(told))

    def take(self, leg: Leg, datagram: bytes, wall_ns: int) -> None:
        """Learn from a report that has come.

        Args:
            wall_ns: when it came.
        """
        if leg.secrecy is not None:
            datagram = leg.secrecy.open_report(datagram) or b""
        reporting, report = leg.reporting, rtcp.parse(datagram)
        if reporting is None or report is None:
            return
        if report.sender is not None:
            reporting.last_report, reporting.came_ns = rtcp.middle(report.sender.ntp), wall_ns
        ours = self._ssrc(leg)
        for block in report.blocks:
            if block.ssrc == ours:
                reporting.remote_lost, reporting.remote_jitter = block.lost, block.jitter
                reporting.remote_fraction = block.fraction_lost / 256
                if block.last_report:
                    there = rtcp.middle(rtcp.ntp_time(wall_ns)) - block.last_report - block.since_last_report
                    there = (there + 2**31 & 0xFFFFFFFF) - 2**31
                    if 0 <= there < 60 * 65536:
                        reporting.round_trip_ms = there * 1000 / 65536


def _interval() -> int:
    return round(INTERVAL_TICKS * random.uniform(0.5, 1.5))


def _arrival_ns(told: list[tuple[int, int, bytes]]) -> int:
    """When the kernel took the datagram in."""
    for _, kind, value in told:
        if kind == _SO_TIMESTAMPNS and len(value) >= _TIMESPEC.size:
            seconds, rest = _TIMESPEC.unpack_from(value)
            return int(seconds) * 1_000_000_000 + int(rest)
    return time.time_ns()
