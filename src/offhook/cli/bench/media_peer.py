"""The far end of the media benchmark, a process of its own: ``python media_peer.py LEGS PAYLOAD_TYPES SLICES``.

It holds two sockets a leg, one for each thing that is measured, and serves those of one group: every 20 ms it reads what has
come from each leg and sends it a packet, the legs spread evenly over so many slices of the 20 ms: phones are; with one slice
all packets come at once. What it is to do comes as JSON
lines on its standard input; before that it says which ports it has bound, the last of them for the RTCP of all legs.

Of the legs that it watches it keeps when the kernel got each packet (``SO_TIMESTAMPNS``): for the gaps between them, and for how
long after a key the first packet came without the prompt.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np

PERIOD_NS = 20_000_000
BEHIND_LIMIT_NS = PERIOD_NS // 2
"""Who is further behind leaves slices out."""
FRAMES = 50
RTP = np.dtype(
    [("flags", "u1"), ("type", "u1"), ("sequence", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4"), ("payload", "u1", 160)]
)
EVENT = struct.Struct("!BBHIIBBH")
"""A telephone event with its RTP header (RFC 4733 section 2.3)."""
EVENT_TYPE = 101
KEY_PACKETS, KEY_ENDS = 5, 3
"""A key is down for 100 ms; its end is sent three times."""
SO_TIMESTAMPNS = 35
"""Linux's; Python has no name for it."""
STAMP = struct.Struct("@qq")
PCMA = 8
QUIET = {0: b"\xff\x7f\xfe\x7e", PCMA: b"\xd5\x55\xd4\x54"}
"""By payload type, the codes nearest to nothing, the best first."""
GAP_STEP_NS, GAP_REACH_NS = 250_000, 10_000_000


class Key:
    """A key that is pressed on one leg, from ``due_ns`` on, in the leg's own turn."""

    def __init__(self, due_ns: int) -> None:
        self.due_ns = due_ns
        self.down_ns = 0
        """When its first packet went, by the clock that the kernel stamps packets with."""
        self.silent = False
        self._sent = self._began = 0

    @property
    def over(self) -> bool:
        return self._sent == KEY_PACKETS + KEY_ENDS

    def packet(self, tick: int, sequence: int, ssrc: int) -> bytes:
        """The next one: the timestamp is that of the beginning, the duration grows."""
        first, end = self._sent == 0, self._sent >= KEY_PACKETS
        if first:
            self._began, self.down_ns = tick, time.time_ns()
        self._sent += 1
        duration = 160 * min(self._sent, KEY_PACKETS)
        stamp = self._began * 160 & 0xFFFFFFFF
        return EVENT.pack(0x80, first << 7 | EVENT_TYPE, sequence, stamp, ssrc, 5, end << 7 | 10, duration)


class Group:
    """One socket a leg, and the packets for them.

    Args:
        legs: how many.
        types: the payload types of the legs, in turns.
    """

    def __init__(self, legs: int, types: Sequence[int]) -> None:
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in range(legs)]
        for own in self.sockets:
            own.bind(("127.0.0.1", 0))
        self.ports = [own.getsockname()[1] for own in self.sockets]
        self.quiet = False
        self._types = [types[number % len(types)] for number in range(legs)]
        self._alaw = np.array([kind == PCMA for kind in self._types], np.intp)
        self._packets = np.zeros(legs, RTP)
        self._packets["flags"], self._packets["type"], self._packets["ssrc"] = 0x80, self._types, np.arange(legs) + 1
        self._audio, self._silence = _noise(), np.array([QUIET[kind][:1] for kind in (0, PCMA)], "S1").view(np.uint8)
        octets = memoryview(self._packets).cast("B")  # type: ignore[arg-type]
        self._rows = [octets[at : at + RTP.itemsize] for at in range(0, len(octets), RTP.itemsize)]
        self._room = memoryview(bytearray(2048))
        self._stamps: dict[int, list[int]] = {}
        """Of the legs that are watched."""
        self._keys: dict[int, Key] = {}
        self._delays_ns: list[int] = []

    def connect(self, ports: list[int]) -> None:
        for own, port in zip(self.sockets, ports, strict=True):
            own.connect(("127.0.0.1", port))

    def watch(self, legs: list[int]) -> None:
        """Have the kernel note when packets come for these legs, and for no others."""
        for leg in self._stamps.keys() ^ set(legs):
            self.sockets[leg].setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, int(leg not in self._stamps))
        self._stamps = {leg: [] for leg in legs}

    def press(self, legs: list[int], within_s: float) -> None:
        """Press a key on each of these legs, one after another."""
        step_ns = int(within_s * 1e9 / len(legs))
        self._keys = {leg: Key(time.time_ns() + number * step_ns) for number, leg in enumerate(legs)}

    def exchange(self, tick: int, part: int, slices: int) -> None:
        """Read what has come from the legs whose turn it is, and send each a packet."""
        count = len(self.sockets)
        rows = slice(part * count // slices, (part + 1) * count // slices)
        watched = self._stamps.keys() & range(rows.start, rows.stop)
        _exhaust(map(socket.socket.recv_into, self._without(watched, self.sockets, rows), repeat(self._room)))
        for leg in watched:
            self._read(leg)
        packets, alaw = self._packets[rows], self._alaw[rows]
        packets["sequence"] += 1
        packets["timestamp"] = tick * 160 & 0xFFFFFFFF
        audio = self._audio[alaw, (tick + np.arange(rows.start, rows.stop)) % FRAMES]
        packets["payload"] = self._silence[alaw, np.newaxis] if self.quiet else audio
        pressing = self._press(tick, range(rows.start, rows.stop)) if self._keys else set()
        _exhaust(map(socket.socket.send, self._without(pressing, self.sockets, rows), self._without(pressing, self._rows, rows)))

    def told(self) -> dict[str, Any]:
        """What was found since the last time; forgets it."""
        gaps = [np.diff(np.array(stamps, np.int64)) for stamps in self._stamps.values()]
        places = (np.concatenate([np.empty(0, np.int64), *gaps]) - PERIOD_NS + GAP_REACH_NS) // GAP_STEP_NS
        bins = 2 * GAP_REACH_NS // GAP_STEP_NS
        counts = np.bincount(np.clip(places, 0, bins - 1), minlength=bins).tolist()
        unanswered = sum(not key.silent for key in self._keys.values())
        found = {"gaps": counts, "keys_ms": [delay / 1e6 for delay in self._delays_ns], "keys_unanswered": unanswered}
        self._stamps = {leg: [] for leg in self._stamps}
        self._keys, self._delays_ns = {}, []
        return found

    def drain(self) -> None:
        """Throw away what is still queued."""
        for own in self.sockets:
            _drain(own)

    def _without(self, some: set[int], things: list[Any], rows: slice) -> list[Any]:
        return [things[leg] for leg in range(rows.start, rows.stop) if leg not in some] if some else things[rows]

    def _read(self, leg: int) -> None:
        """Everything that waits, with the times at which it came."""
        try:
            while True:
                length, told, _, _ = self.sockets[leg].recvmsg_into([self._room], 64)
                seconds, nanoseconds = STAMP.unpack(told[0][2])
                self._note(leg, seconds * 1_000_000_000 + nanoseconds, bytes(self._room[12:length]))
        except OSError:
            return

    def _note(self, leg: int, at_ns: int, payload: bytes) -> None:
        self._stamps[leg].append(at_ns)
        key = self._keys.get(leg)
        if key is None or key.silent or not 0 < key.down_ns < at_ns:
            return
        if not payload.strip(QUIET[self._types[leg]]):
            self._delays_ns.append(at_ns - key.down_ns)
            key.silent = True

    def _press(self, tick: int, turn: range) -> set[int]:
        """Send the packets of the keys that are down, in the place of audio. Returns whose they are."""
        now_ns = time.time_ns()
        down = {leg for leg in self._keys.keys() & turn if self._keys[leg].due_ns <= now_ns and not self._keys[leg].over}
        for leg in down:
            header = self._packets[leg]
            self.sockets[leg].send(self._keys[leg].packet(tick, int(header["sequence"]), int(header["ssrc"])))
        return down


def _noise() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """``[codec, frames, 160]``: noise at the level of speech, codes around the middle of their range, mu-law and A-law."""
    random = np.random.default_rng(1)
    codes = np.clip(random.normal(0x40, 0x10, (FRAMES, 160)), 0x10, 0x7F).astype(np.uint8)
    signs = random.integers(0, 2, codes.shape, np.uint8) << 7
    return np.stack([codes | signs, ((0x7F - codes) ^ 0x55) | signs])


def _drain(own: socket.socket) -> None:
    try:
        while True:
            own.recv(2048)
    except OSError:
        return


def _exhaust(calls: Iterator[object]) -> None:
    """Make all of them; one that fails (nothing there, a port that is closed) keeps none of the others."""
    while True:
        try:
            deque(calls, maxlen=0)
        except OSError:
            continue
        return


class Peer:
    """Obeys, and serves the active group by the clock."""

    def __init__(self, groups: list[Group], reports: socket.socket, slices: int) -> None:
        self._groups, self._reports, self._slices = groups, reports, slices
        self._slice_ns = PERIOD_NS // slices
        self._active: Group | None = None
        self._zero_ns = time.monotonic_ns()
        self._slice = 0
        self._left_out = self._served = 0

    def obey(self, command: dict[str, Any]) -> None:
        match command:
            case {"connect": group, "ports": ports}:
                self._groups[group].connect(ports)
            case {"serve": None}:
                self._active = None
            case {"serve": group, **how}:
                self._active = self._groups[group]
                self._active.quiet = how.get("quiet", False)
                self._active.drain()
                self._slice = (time.monotonic_ns() - self._zero_ns) // self._slice_ns
            case {"watch": legs}:
                self._groups[0].watch(legs)
            case {"press": legs, "within_s": seconds}:
                self._groups[0].press(legs, seconds)
            case {"tell": _}:
                _drain(self._reports)
                found = self._groups[0].told() | {"left_out": self._left_out, "served": self._served}
                self._left_out = self._served = 0
                print(json.dumps(found), flush=True)

    def wait_s(self) -> float | None:
        """Until the next slice; ``None``: there is none."""
        if self._active is None:
            return None
        return max(0, self._zero_ns + self._slice * self._slice_ns - time.monotonic_ns()) / 1e9

    def serve(self) -> None:
        """Do the slice that is due, if one is."""
        behind = (time.monotonic_ns() - self._zero_ns) // self._slice_ns - self._slice
        if self._active is None or behind < 0:
            return
        if behind * self._slice_ns > BEHIND_LIMIT_NS:
            self._left_out += behind
            self._slice += behind
        self._active.exchange(*divmod(self._slice, self._slices), self._slices)
        self._slice += 1
        self._served += 1


def main() -> None:
    """Obey until the standard input ends."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    legs, types, slices = int(sys.argv[1]), [int(kind) for kind in sys.argv[2].split(",")], int(sys.argv[3])
    groups = [Group(legs, types) for _ in range(2)]
    reports = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    reports.bind(("127.0.0.1", 0))
    print(json.dumps([[group.ports for group in groups], reports.getsockname()[1]]), flush=True)
    peer, unread = Peer(groups, reports, slices), b""
    while True:
        if select.select([0], [], [], peer.wait_s())[0]:
            octets = os.read(0, 2**20)
            if not octets:
                return
            *lines, unread = (unread + octets).split(b"\n")
            for command in map(json.loads, lines):
                peer.obey(command)
        peer.serve()


if __name__ == "__main__":
    main()
