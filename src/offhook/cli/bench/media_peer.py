"""The far end of the media benchmark, a process of its own: ``python media_peer.py LEGS``.

It holds two sockets a leg, one for each thing that is measured, and every 20 ms sends and reads on those of one group. What it
is to do comes as JSON lines on its standard input; it answers the first with the ports that it has bound.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import sys
import time
from collections import deque

import numpy as np

PERIOD_S = 0.02
FRAMES = 50
RTP = np.dtype(
    [("flags", "u1"), ("type", "u1"), ("sequence", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4"), ("payload", "u1", 160)]
)


class Group:
    """One socket a leg, and the packets for them."""

    def __init__(self, legs: int) -> None:
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in range(legs)]
        for own in self.sockets:
            own.bind(("127.0.0.1", 0))
        self.ports = [own.getsockname()[1] for own in self.sockets]
        self._packets = np.zeros(legs, RTP)
        self._packets["flags"] = 0x80
        self._packets["ssrc"] = np.arange(legs) + 1
        # Noise at the level of speech: mu-law codes around the middle of their range, either sign.
        random = np.random.default_rng(1)
        codes = np.clip(random.normal(0x40, 0x10, (FRAMES, 160)), 0x10, 0x7F).astype(np.uint8)
        self._audio = codes | (random.integers(0, 2, codes.shape, np.uint8) << 7)
        octets = memoryview(self._packets).cast("B")  # type: ignore[arg-type]
        self._rows = [octets[at : at + RTP.itemsize] for at in range(0, len(octets), RTP.itemsize)]
        self._tick = 0
        self._room = memoryview(bytearray(2048))

    def connect(self, ports: list[int]) -> None:
        for own, port in zip(self.sockets, ports, strict=True):
            own.connect(("127.0.0.1", port))

    def exchange(self) -> None:
        """Read what has come and send one packet a leg."""
        for own in self.sockets:
            try:
                own.recv_into(self._room)
            except OSError:
                continue
        tick = self._tick = self._tick + 1
        self._packets["sequence"] = tick & 0xFFFF
        self._packets["timestamp"] = tick * 160 & 0xFFFFFFFF
        self._packets["payload"] = self._audio[(tick + np.arange(len(self.sockets))) % FRAMES]
        sends = map(socket.socket.send, self.sockets, self._rows)
        while True:
            try:
                deque(sends, maxlen=0)
            except OSError:
                continue
            return

    def drain(self) -> None:
        """Throw away what is still queued."""
        for own in self.sockets:
            try:
                while True:
                    own.recv_into(self._room)
            except OSError:
                continue


def main() -> None:
    """Obey until the standard input ends."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    groups = [Group(int(sys.argv[1])) for _ in range(2)]
    print(json.dumps([group.ports for group in groups]), flush=True)
    active: Group | None = None
    due, unread = time.monotonic(), b""
    while True:
        wait_s = max(0.0, due - time.monotonic()) if active is not None else None
        if select.select([0], [], [], wait_s)[0]:
            octets = os.read(0, 2**20)
            if not octets:
                return
            *lines, unread = (unread + octets).split(b"\n")
            for command in map(json.loads, lines):
                if "connect" in command:
                    groups[command["connect"]].connect(command["ports"])
                if "serve" in command:
                    active = None if command["serve"] is None else groups[command["serve"]]
                    due = time.monotonic()
                    if active is not None:
                        active.drain()
        if active is not None and time.monotonic() >= due:
            active.exchange()
            due = max(due + PERIOD_S, time.monotonic() - PERIOD_S)


if __name__ == "__main__":
    main()
