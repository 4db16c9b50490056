"""The floor of the media benchmark, a process of its own: ``python media_floor.py LEGS``, the peer's ports as JSON on standard
input.

It does the least that a Python program can do to move the packets: on each of the same number of connected sockets, every 20
ms, one ``send`` and, where something is readable, one ``recv_into``. Only these two loops are timed; finding out what is
readable is not.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

PERIOD_S = 0.02
PACKET = bytes([0x80]) + bytes(171)


def main() -> None:
    """Print the own ports; then, for every line that says for how many seconds, the CPU time of sending, of reading, and the
    counts."""
    legs = int(sys.argv[1])
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in range(legs)]
    epoll = select.epoll()
    for own, port in zip(sockets, json.loads(sys.stdin.readline()), strict=True):
        own.bind(("127.0.0.1", 0))
        own.connect(("127.0.0.1", port))
        epoll.register(own.fileno(), select.EPOLLIN)
    print(json.dumps([own.getsockname()[1] for own in sockets]), flush=True)
    sends = [own.send for own in sockets]
    recv_into = {own.fileno(): own.recv_into for own in sockets}
    for line in sys.stdin:
        print(json.dumps(run(epoll, sends, recv_into, float(line))), flush=True)


def run(epoll: select.epoll, sends: list, recv_into: dict, seconds: float) -> dict[str, int]:  # type: ignore[type-arg]
    """Exchange packets for a while; what is measured begins after the first tenth of it."""
    row, clock = memoryview(bytearray(576)), time.thread_time_ns
    begun = time.monotonic()
    sending = reading = asking = sent = read = tick = 0
    while (wait_s := begun + tick * PERIOD_S - time.monotonic()) < seconds and tick * PERIOD_S < seconds:
        if wait_s > 0:
            time.sleep(wait_s)
        before = clock()
        ready = epoll.poll(0, len(recv_into))
        asked = clock()
        for fd, _ in ready:
            recv_into[fd](row)
        received = clock()
        for send in sends:
            send(PACKET)
        done = clock()
        tick += 1
        if tick * PERIOD_S > seconds / 10:
            asking, reading, sending = asking + asked - before, reading + received - asked, sending + done - received
            read, sent = read + len(ready), sent + len(sends)
    return {"asking_ns": asking, "reading_ns": reading, "sending_ns": sending, "read": read, "sent": sent}


if __name__ == "__main__":
    main()
