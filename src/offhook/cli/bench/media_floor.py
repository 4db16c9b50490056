"""The floor of the media benchmark, a process of its own: ``python media_floor.py LEGS``, the peer's ports as JSON on standard
input.

It does the least that a Python program can do to move the packets: on each of the same number of connected sockets, every 20
ms, one ``send`` and, where something is readable, one ``recv_into``, each leg with rows of its own, as its packets are its own.
Only these two loops are timed; finding out what is readable is not.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
import time

PERIOD_S = 0.02
ROW_OCTETS, PACKET_OCTETS = 576, 172


def main() -> None:
    """Print the own ports; then, for every line that says for how many seconds, the CPU time of sending, of reading, and the
    counts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    legs = int(sys.argv[1])
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in range(legs)]
    epoll = select.epoll()
    for own, port in zip(sockets, json.loads(sys.stdin.readline()), strict=True):
        own.bind(("127.0.0.1", 0))
        own.connect(("127.0.0.1", port))
        epoll.register(own.fileno(), select.EPOLLIN)
    print(json.dumps([own.getsockname()[1] for own in sockets]), flush=True)
    rows, packets = memoryview(bytearray(legs * ROW_OCTETS)), memoryview(bytes([0x80, *bytes(PACKET_OCTETS - 1)]) * legs)
    sends = [(own.send, packets[PACKET_OCTETS * leg : PACKET_OCTETS * (leg + 1)]) for leg, own in enumerate(sockets)]
    receives = {own.fileno(): (own.recv_into, rows[ROW_OCTETS * leg : ROW_OCTETS * (leg + 1)]) for leg, own in enumerate(sockets)}
    for line in sys.stdin:
        print(json.dumps(run(epoll, sends, receives, *json.loads(line))), flush=True)


def run(epoll: select.epoll, sends: list, receives: dict, settle_s: float, seconds: float) -> dict[str, float]:  # type: ignore[type-arg]
    """Exchange packets for a while. Returns the averages over all ticks but those in which it settles; µs per socket."""
    clock = time.thread_time_ns
    begun = time.monotonic()
    settling, ticks = int(settle_s / PERIOD_S), int((settle_s + seconds) / PERIOD_S)
    sending = receiving = asking = packets = 0
    for tick in range(ticks):
        time.sleep(max(0.0, begun + tick * PERIOD_S - time.monotonic()))
        before = clock()
        ready = epoll.poll(0, len(receives))
        asked = clock()
        for fd, _ in ready:
            recv_into, row = receives[fd]
            recv_into(row)
        received = clock()
        for send, packet in sends:
            send(packet)
        sent = clock()
        if tick >= settling:
            packets += len(ready)
            asking += asked - before
            receiving += received - asked
            sending += sent - received
    each = sending / ((ticks - settling) * len(sends)) / 1000
    return {"floor_us": receiving / max(1, packets) / 1000 + each, "asking_us": asking / max(1, packets) / 1000}


if __name__ == "__main__":
    main()
