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

from offhook.media.engine import peers, rtcp
from offhook.media.engine.arrays import FRAME_SAMPLES
from offhook.media.engine.codecs import Codec
from offhook.media.engine.edges import OPUS_CLOCK
from offhook.media.engine.legs import NOTHING, Leg, Legs

INTERVAL_TICKS = 250
"""5 s, of which every interval is half to one and a half (section 6.3.1): legs that began together do not report together."""
FIRST_TICKS = INTERVAL_TICKS // 2
"""The first report of a leg may come sooner (section 6.2): short calls have one too."""
LOOK_TICKS = 5
"""How often it is looked who has something to report or to read. Many at once cost a third of what they cost one by one, with
cold caches; the kernel notes when what is read later has come."""
AT_ONCE, AT_ONCE_PART = 40, 25
"""So many, or one of so many legs, are served in one look at most, so that no tick has all the work: twice the average."""
_ROOM = 2048
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")
_ROUNDING = 1 << 12
"""1/16 s: a round trip that is less than nothing by so little is nothing, and clocks that are read coarsely."""


@dataclass(eq=False, slots=True)
class Reporting:
    """What a leg's reports are made of beside the arrays, and what its peer has reported."""

    socket: socket.socket | None
    """The one above the port of RTP; ``None``: it could not be had."""
    mux: bool = False
    """On the port of RTP itself (RFC 5761)."""
    port: int | None = None
    """Where the peer said it takes reports (RFC 3605); ``None``: above its port of RTP."""
    found: tuple[peers.Address, peers.Address] | None = None
    """Where its RTP went when a report of it came, and where that came from: behind a NAT no other port is open (RFC 4961)."""
    # Of the last sender report that came
    source: int = 0
    """Its SSRC."""
    last_report: int = 0
    came_ns: int = 0
    # Of the last report that went
    spoke: bool = False
    """Whether there was one."""
    about: int = 0
    """The SSRC that it was about."""
    expected: int = 0
    received: int = 0
    lost_before: int = 0
    """Of the sources before that one."""
    # What the peer says of us
    round_trip_ms: float | None = None
    remote_lost: int | None = None
    remote_expected: int = 0
    """What we had sent by then."""
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
        """The leg has a peer, or another one: it reports from now on."""
        reporting = leg.reporting
        if reporting is None or leg.slot < 0:
            return
        if self._legs.report_at[leg.slot] == NOTHING:
            self._legs.report_at[leg.slot] = tick + _interval(FIRST_TICKS)
        if reporting.socket is not None and reporting.socket.fileno() not in self._watched:
            reporting.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._watched[reporting.socket.fileno()] = leg
            self._epoll.register(reporting.socket.fileno(), select.EPOLLIN)

    def remove(self, leg: Leg, tick: int) -> None:
        """The leg ends: say goodbye, unless nobody has ever heard of us (section 6.3.7)."""
        reporting = leg.reporting
        if reporting is None:
            return
        if leg.slot >= 0 and (self._legs.sent[leg.slot] or reporting.spoke):
            self._send(leg, tick, goodbye=True)
        if reporting.socket is not None:
            if self._watched.pop(reporting.socket.fileno(), None) is not None:
                self._epoll.unregister(reporting.socket.fileno())
            reporting.socket.close()
        leg.reporting = None

    def run(self, tick: int) -> None:
        """Send what is due, read what has come."""
        if tick % LOOK_TICKS:
            return
        legs = self._legs
        at_once = max(AT_ONCE, legs.count // AT_ONCE_PART)
        for slot in np.flatnonzero(legs.report_at[: legs.count] <= tick)[:at_once].tolist():
            legs.report_at[slot] = tick + _interval(INTERVAL_TICKS)
            self._send(legs.rows[slot], tick)
        if self._watched:
            for fd, _ in self._epoll.poll(0, at_once):
                self._read(self._watched[fd])

    def _send(self, leg: Leg, tick: int, *, goodbye: bool = False) -> None:
        reporting = leg.reporting
        to = None if reporting is None else self._destination(leg, reporting)
        if reporting is None or to is None:
            return
        own, address = to
        wall_ns = time.time_ns()
        report = rtcp.Report(leg.ssrc, self._sender(leg, tick, wall_ns), self._received(leg, reporting, wall_ns), goodbye)
        with suppress(OSError):
            octets = rtcp.build(report, self._cname)
            own.sendto(octets if leg.secrecy is None else leg.secrecy.seal_report(octets), address)
            reporting.spoke = True

    def _destination(self, leg: Leg, reporting: Reporting) -> tuple[socket.socket, peers.Address] | None:
        """Where its reports come from, or else beside where its RTP really comes from, if that is known by now."""
        where = _rtp_address(leg)
        if where is None:
            return None
        if reporting.mux:
            return leg.socket, where
        if reporting.socket is None:
            return None
        if reporting.found is not None and reporting.found[0] == where:
            return reporting.socket, reporting.found[1]
        told = reporting.port is not None and leg.signalled is not None and where[0] == leg.signalled[0]
        port = reporting.port if told else where[1] + 1
        return (reporting.socket, (where[0], port, *where[2:])) if port is not None and port < 2**16 else None

    def _sender(self, leg: Leg, tick: int, wall_ns: int) -> rtcp.Sender | None:
        """``None`` while we send nothing: then it is a receiver report."""
        legs, slot = self._legs, leg.slot
        if not leg.sending or not legs.sent[slot]:
            return None
        timestamp = (int(legs.timestamp_out[slot]) + tick * FRAME_SAMPLES) * _clock(leg) & 0xFFFFFFFF
        packets = int(legs.sent[slot])
        octets = packets * FRAME_SAMPLES - int(legs.octets_short[slot])
        return rtcp.Sender(rtcp.ntp_time(wall_ns), timestamp, packets, octets)

    def _received(self, leg: Leg, reporting: Reporting, wall_ns: int) -> tuple[rtcp.Block, ...]:
        """What came of the one source that there is, duplicates included (section 6.4.1)."""
        legs, slot = self._legs, leg.slot
        if not legs.synced[slot]:
            return ()
        ssrc = int(legs.ssrc_in[slot])
        if ssrc != reporting.about:
            reporting.about, reporting.lost_before = ssrc, reporting.expected - reporting.received
        expected = int(legs.sequence_highest[slot] - legs.sequence_first[slot]) + 1
        received = int(legs.received[slot] + legs.duplicate[slot])
        newly, missed = expected - reporting.expected, expected - reporting.expected - (received - reporting.received)
        reporting.expected, reporting.received = expected, received
        last = reporting.last_report if reporting.source == ssrc else 0
        since = max(0, wall_ns - reporting.came_ns) * 65536 // 1_000_000_000 if last else 0
        return (
            rtcp.Block(
                ssrc,
                min(255, max(0, missed) * 256 // newly) if newly > 0 else 0,
                expected - received - reporting.lost_before,
                int(legs.sequence_highest[slot]) & 0xFFFFFFFF,
                int(legs.jitter[slot]) * _clock(leg),
                last,
                since & 0xFFFFFFFF,
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
            where = _rtp_address(leg)
            if where is not None and source[0] == where[0] and self.take(leg, datagram, _arrival_ns(told)):
                reporting.found = (where, source)

    def take(self, leg: Leg, datagram: bytes, wall_ns: int) -> bool:
        """Learn from a report that has come. Returns whether it is of our peer: from or about one of the two streams.

        Args:
            leg: that it came to; it has a slot.
            datagram: the octets, whatever they are.
            wall_ns: when it came.
        """
        if leg.secrecy is not None:
            datagram = leg.secrecy.open_report(datagram) or b""
        reporting, report = leg.reporting, rtcp.parse(datagram)
        if reporting is None or report is None:
            return False
        if report.sender is not None:
            reporting.source, reporting.last_report = report.ssrc, rtcp.middle(report.sender.ntp)
            reporting.came_ns = wall_ns
        about_us = [block for block in report.blocks if block.ssrc == leg.ssrc]
        for block in about_us:
            reporting.remote_lost, reporting.remote_jitter = block.lost, block.jitter // _clock(leg)
            reporting.remote_expected = int(self._legs.sent[leg.slot])
            round_trip = _round_trip(block, wall_ns)
            reporting.round_trip_ms = reporting.round_trip_ms if round_trip is None else round_trip
        return bool(about_us) or bool(self._legs.synced[leg.slot] and report.ssrc == int(self._legs.ssrc_in[leg.slot]))


def _clock(leg: Leg) -> int:
    """Ticks of its RTP clock in one of 8000 Hz."""
    return OPUS_CLOCK if leg.codec is Codec.OPUS else 1


def _rtp_address(leg: Leg) -> peers.Address | None:
    return leg.learner.address if leg.learner is not None else peers.real_address(leg.socket)


def _round_trip(block: rtcp.Block, wall_ns: int) -> float | None:
    """In ms (section 6.4.1); ``None`` where the peer had no report of ours yet, or clocks have jumped."""
    if not block.last_report:
        return None
    there = rtcp.middle(rtcp.ntp_time(wall_ns)) - block.last_report - block.since_last_report
    there = (there + 2**31 & 0xFFFFFFFF) - 2**31
    return max(0, there) * 1000 / 65536 if -_ROUNDING <= there < 60 * 65536 else None


def _interval(mean_ticks: int) -> int:
    return round(mean_ticks * random.uniform(0.5, 1.5))


def _arrival_ns(told: list[tuple[int, int, bytes]]) -> int:
    """When the kernel took the datagram in."""
    for _, kind, value in told:
        if kind == _SO_TIMESTAMPNS and len(value) >= _TIMESPEC.size:
            seconds, rest = _TIMESPEC.unpack_from(value)
            return int(seconds) * 1_000_000_000 + int(rest)
    return time.time_ns()
