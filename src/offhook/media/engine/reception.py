"""What has come since the last tick: read, told apart, and put where it belongs.

A leg in the middle of a stream has a packet in every tick, so it is read without asking epoll whether it has one: that would
cost a third of the read itself. Such legs *flow*. Legs that have nothing for a few ticks no longer flow; epoll watches them
until they do again.
"""

from __future__ import annotations

import select
import socket
import time
from array import array
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from offhook.media.engine import jitter, peers, rtcp, rtp
from offhook.media.engine.arrays import FRAME_SAMPLES, Matrix, Slots
from offhook.media.engine.concealment import noise_rms
from offhook.media.engine.keys import Press
from offhook.media.engine.legs import COMFORT_NOISE, DATAGRAM_ROOM, PACKET_OCTETS, Leg, Legs
from offhook.media.engine.rtp import HEADER_OCTETS, VERSION_2

FLOWS_AFTER = 3
"""Ticks in a row with a packet."""
STALLS_AFTER = 5
"""Ticks in a row without one."""
READS_A_TICK = 5
"""Packets of one leg that are taken in one tick at most: somebody who floods us costs no more than that."""
MORE_TICKS = 4
"""For so long after a packet of less than 20 ms another one is looked for in each tick."""
LOOK_TICKS = 8
"""How often a second packet is looked for where one may wait without being late. For all such legs at once: a second pass over
the arrays costs about as much for a few as for many."""
LOOK_ROUND = 256
"""Ticks in which every flowing leg is read once more than needed: a sender whose clock is faster than ours fills no queue. A
multiple of ``LOOK_TICKS``."""
LISTEN_TICKS = 64
"""How often it is looked for legs from which nothing comes."""
MUTE_TICKS = 250
"""5 s without a packet, after which a leg listens to everybody again."""
UNWANTED = 255
ONE_BY_ONE = 254
"""No payload type: the packets of this leg are decoded one by one."""

_recv_into = socket.socket.recv_into


def read(sockets: Sequence[socket.socket], rows: Sequence[memoryview]) -> NDArray[np.int16]:
    """Read one datagram from each socket into its row. Returns their lengths, 0 where there was none."""
    lengths = array("h")
    reads = map(_recv_into, sockets, rows)
    while len(lengths) < len(sockets):
        try:
            lengths.extend(reads)
        except OSError:
            # Nothing there, or the peer's port was closed (an ICMP error of an earlier send): the map goes on behind it.
            lengths.append(0)
    return np.frombuffer(lengths, np.int16)


class Reception:
    """Reads all legs once a tick.

    Args:
        legs: into whose jitter ring the frames go.
        pressed: called for every key, in the same tick.
        reported: called for every RTCP packet that comes on the port of RTP, with the wall clock's ns.
    """

    def __init__(self, legs: Legs, pressed: Callable[[Leg, Press], None], reported: Callable[[Leg, bytes, int], object]) -> None:
        self._legs = legs
        self._pressed = pressed
        self._reported = reported
        self._epoll = select.epoll()
        self._watched: dict[int, Leg] = {}
        self._flow: Slots = slice(0, 0)
        self._flow_index: NDArray[np.intp] = np.empty(0, np.intp)
        self._sockets: list[socket.socket] = []
        self._rows: list[memoryview] = []
        self._rounds: list[NDArray[np.intp]] = []
        """Places in the flow by the part of the round in which they are read once more than needed."""
        self._headers: Matrix = rtp.headers_received(legs.rx)
        self._version = -1
        self.misses = 0
        """Reads that found nothing."""

    def add(self, leg: Leg) -> None:
        """Watch a leg that has a peer now."""
        self._watch(leg)

    def remove(self, leg: Leg) -> None:
        """The leg ends: its socket is closed next."""
        self._unwatch(leg)
        leg.flowing = False

    def close(self) -> None:
        self._epoll.close()

    def run(self, tick: int) -> None:
        """Take in everything that has come, up to ``READS_A_TICK`` packets a leg."""
        legs = self._legs
        if self._version != legs.version:
            self._settle()
        if self._sockets:
            lengths = read(self._sockets, self._rows)
            missed = lengths == 0
            self._sort(tick, self._flow, lengths)
            self._note_misses(missed)
            self._read_again(tick, missed)
        if self._watched:
            self._read_watched(tick)
        self.listen_again(tick)

    def listen_again(self, tick: int) -> None:
        """Legs from which nothing has come for a while may have got another address on the way (a NAT that forgot them)."""
        legs = self._legs
        count = legs.count
        if tick % LISTEN_TICKS or not count:
            return
        mute = (
            (tick - legs.heard_at[:count] >= MUTE_TICKS) & (legs.received[:count] > 0) & (legs.payload_type[:count] != UNWANTED)
        )
        for slot in np.flatnonzero(mute).tolist():
            leg = legs.rows[slot]
            known = peers.real_address(leg.socket) if leg.learner is None else None
            if known is not None:
                peers.disconnect(leg.socket)
                leg.learner = peers.Learner(leg.socket, known, leg.payload_types, None, leg.secrecy)
                legs.version += 1

    def _settle(self) -> None:
        """Who flows has changed: make the lists that ``run`` goes through."""
        legs = self._legs
        flowing = [leg for leg in legs.rows if leg.flowing]
        everybody = len(flowing) == legs.count
        self._flow_index = np.array([leg.slot for leg in flowing], np.intp)
        self._flow = slice(0, legs.count) if everybody else self._flow_index
        self._sockets = [leg.socket for leg in flowing]
        self._rows = [legs.rx_rows[leg.slot] for leg in flowing]
        parts = LOOK_ROUND // LOOK_TICKS
        self._rounds = [np.flatnonzero(self._flow_index % parts == part) for part in range(parts)]
        self._headers = rtp.headers_received(legs.rx)
        self._version = legs.version

    def _note_misses(self, missed: NDArray[np.bool_]) -> None:
        legs, flow = self._legs, self._flow
        legs.misses[flow] = (legs.misses[flow] + 1) * missed
        if missed.any():
            late = self._flow_index[missed]
            self.misses += late.size
            for slot in late[legs.misses[late] >= STALLS_AFTER].tolist():
                self._watch(legs.rows[slot])

    def _read_again(self, tick: int, missed: NDArray[np.bool_]) -> None:
        """Look for a second packet where one may wait.

        Packets that come about when they are read are now in time for a tick, now for the next. They may as well wait in the
        socket as in the ring, as long as they are read before they are played: that is what ``ahead`` tells. Whoever had none a
        moment ago is not asked again: what has come since would be just in time in every tick, at twice the price.
        """
        legs, flow = self._legs, self._flow
        looked = (legs.ahead[flow] < 0) | (legs.more_until[flow] > tick)
        if tick % LOOK_TICKS == 0:
            looked |= legs.ahead[flow] < jitter.SPARE_FRAMES
            looked[self._rounds[tick // LOOK_TICKS % len(self._rounds)]] = True
        looked &= ~missed
        wanted = self._flow_index[looked]
        for again in range(READS_A_TICK - 1):
            if not wanted.size:
                return
            slots = wanted.tolist()
            lengths = read([legs.rows[slot].socket for slot in slots], [legs.rx_rows[slot] for slot in slots])
            found = lengths > 0
            self.misses += int(wanted.size - np.count_nonzero(found))
            wanted = wanted[found]
            if wanted.size:
                self._sort(tick, wanted, lengths[found])
                if again:  # a whole queue, as after a stall, is a delay until it is read; a single packet was just early
                    legs.more_until[wanted] = tick + MORE_TICKS

    def _read_watched(self, tick: int) -> None:
        """Read the legs that do not flow: epoll knows which have something."""
        legs = self._legs
        for again in range(READS_A_TICK):
            ready = self._epoll.poll(0, len(self._watched)) if self._watched else []
            if not ready:
                return
            slots, lengths = [], []
            for fd, _ in ready:
                leg = self._watched[fd]
                length = self._read_one(leg, legs.rx_rows[leg.slot])
                if length:
                    slots.append(leg.slot)
                    lengths.append(length)
                    if not again:
                        self._note_packet(leg, tick)
            if slots:
                self._sort(tick, np.array(slots, np.intp), np.array(lengths, np.int16))
                self._note_first(tick, slots)

    def _read_one(self, leg: Leg, row: memoryview) -> int:
        try:
            if leg.learner is None:
                return leg.socket.recv_into(row)
            length = leg.learner.receive(row)
        except OSError:
            return 0
        if leg.learner.done:
            leg.learner = None
            self._legs.version += 1
        return length

    def _note_packet(self, leg: Leg, tick: int) -> None:
        legs, slot = self._legs, leg.slot
        legs.misses[slot] = legs.misses[slot] + 1 if legs.more_until[slot] == tick - 1 else 1
        legs.more_until[slot] = tick
        if legs.misses[slot] >= FLOWS_AFTER and leg.learner is None and leg.receiving:
            self._unwatch(leg)
            leg.flowing = True
            legs.misses[slot] = 0
            legs.more_until[slot] = tick + MORE_TICKS
            legs.version += 1

    def _note_first(self, tick: int, slots: Sequence[int]) -> None:
        """When each leg got its first packet; only what could be opened and was wanted counts."""
        legs = self._legs
        for slot in slots:
            leg = legs.rows[slot]
            if leg.first_at < 0 and legs.received[slot] > 0:
                leg.first_at = tick

    def _watch(self, leg: Leg) -> None:
        leg.flowing = False
        self._epoll.register(leg.socket.fileno(), select.EPOLLIN)
        self._watched[leg.socket.fileno()] = leg
        if leg.slot >= 0:
            self._legs.misses[leg.slot] = 0
        self._legs.version += 1

    def _unwatch(self, leg: Leg) -> None:
        if self._watched.pop(leg.socket.fileno(), None) is not None:
            self._epoll.unregister(leg.socket.fileno())

    def _sort(self, tick: int, slots: Slots, lengths: NDArray[np.int16]) -> None:
        """Frames of 20 ms into the ring all at once; everything else is looked at one by one. At most one packet a leg."""
        legs = self._legs
        if legs.sealed[slots].any():
            lengths = self._open(slots, lengths)
        headers = self._headers[slots]
        plain = lengths == PACKET_OCTETS
        plain &= headers["flags"] == VERSION_2
        plain &= headers["payload_type"] & 0x7F == legs.payload_type[slots]
        if plain.all():
            self._store(tick, slots, headers)
            return
        rows = legs.index[: legs.count][slots]
        if plain.any():
            self._store(tick, rows[plain], headers[plain])
        odd = np.flatnonzero(~plain & (lengths > 0)).tolist()
        pieces = [self._odd(tick, legs.rows[rows[i]], bytes(legs.rx_rows[rows[i]][: lengths[i]])) for i in odd]
        self._store_pieces(tick, [piece for piece in pieces if piece is not None])

    def _open(self, slots: Slots, lengths: NDArray[np.int16]) -> NDArray[np.int16]:
        """Put what was in sealed packets in their place. Returns the lengths, 0 where a packet is not the peer's."""
        legs, opened = self._legs, lengths.copy()
        rows = legs.index[: legs.count][slots]
        for i in np.flatnonzero(legs.sealed[slots] & (lengths > 0)).tolist():
            leg, row = legs.rows[rows[i]], legs.rx_rows[rows[i]]
            packet = bytes(row[: lengths[i]])
            if leg.secrecy is None or (leg.reporting is not None and leg.reporting.mux and rtcp.is_rtcp(packet)):
                continue
            inside = leg.secrecy.open(packet) or b""
            row[: len(inside)] = inside
            opened[i] = len(inside)
        return opened

    def _store(self, tick: int, slots: Slots, headers: Matrix) -> None:
        legs = self._legs
        sequence, timestamp = headers["sequence"].astype(np.uint16), headers["timestamp"].astype(np.uint32)
        due = jitter.account(legs, tick, slots, sequence, timestamp, headers["ssrc"].astype(np.uint32))
        jitter.store(legs, tick, slots, due, legs.rx[slots, HEADER_OCTETS:PACKET_OCTETS])

    def _store_pieces(self, tick: int, pieces: Sequence[tuple[Leg, rtp.Packet]]) -> None:
        """Audio that is no frame of 20 ms of a table codec."""
        if not pieces:
            return
        timestamps = [packet.timestamp if leg.edge is None else leg.edge.clock(packet.timestamp) for leg, packet in pieces]
        jitter.account(
            self._legs,
            tick,
            np.array([leg.slot for leg, _ in pieces]),
            np.array([packet.sequence for _, packet in pieces], np.uint16),
            np.array(timestamps, np.uint32),
            np.array([packet.ssrc for _, packet in pieces], np.uint32),
        )
        for (leg, packet), timestamp in zip(pieces, timestamps, strict=True):
            if len(packet.payload) < FRAME_SAMPLES:  # Opus always: its octets do not tell how long it is
                self._legs.more_until[leg.slot] = tick + MORE_TICKS
            store = jitter.store_piece if leg.edge is None or leg.edge.rings else jitter.store_coded
            store(self._legs, tick, leg.slot, timestamp, packet.payload)

    def _odd(self, tick: int, leg: Leg, datagram: bytes) -> tuple[Leg, rtp.Packet] | None:
        """A key, a frame of another length, a header with something special in it, or nothing of ours at all.

        Returns:
            What is audio, and still to be stored.
        """
        if leg.reporting is not None and leg.reporting.mux and rtcp.is_rtcp(datagram):
            if leg.learner is None:
                self._reported(leg, datagram, time.time_ns())
            return None
        if len(datagram) >= DATAGRAM_ROOM:
            return None  # it was longer, and is cut: nothing that we have agreed on is
        packet = rtp.parse(datagram)
        if packet is None or not leg.receiving or not packet.payload:
            return None
        if packet.payload_type == leg.payload_type:
            return leg, packet
        jitter.count_one(self._legs, tick, leg.slot, packet.sequence, packet.ssrc)
        if packet.payload_type == leg.event_payload_type and leg.keys is not None:
            leg.event_at = tick
            timestamp = packet.timestamp // leg.event_clock
            for press in leg.keys.receive(packet.ssrc, timestamp, packet.marker, packet.payload, leg.event_clock):
                self._pressed(leg, press)
        elif packet.payload_type == COMFORT_NOISE:
            self._legs.noise[leg.slot] = noise_rms(packet.payload[0])
        return None
