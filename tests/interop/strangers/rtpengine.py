"""rtpengine in user space: a relay for RTP that Kamailio commands."""

from __future__ import annotations

import itertools
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from strangers.programs import LOOPBACK, Loopback, free_ports, needed

FIRST_PORT, PORTS, SLICES = 15_400, 120, 8
"""It does not see that another one has a port already: those of runs beside this one have another slice, most likely."""
_slices = itertools.count(os.getpid())


class Rtpengine(Loopback):
    """One relay on loopback; ``port`` takes the commands."""

    def __init__(self, folder: Path) -> None:
        program = needed("rtpengine", "rtpengine-daemon")
        self.port = free_ports()
        low = FIRST_PORT + next(_slices) % SLICES * PORTS
        self._ports = range(low, low + PORTS)
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "rtpengine.conf"
        configuration.write_text("[rtpengine]\ntable = -1\n")  # and not what lies in /etc
        super().__init__(
            [
                *(program, "--config-file", str(configuration), "--foreground", "--log-stderr", "--log-level=6"),
                *("--interface", LOOPBACK, "--listen-ng", f"{LOOPBACK}:{self.port}", "--num-threads=2"),
                *("--port-min", str(self._ports[0]), "--port-max", str(self._ports[-1])),
            ],
            folder / "rtpengine.log",
        )
        try:
            self._await_ready()
        except BaseException:
            self.close()
            raise

    def _await_ready(self) -> None:
        until = time.monotonic() + 20
        while self.ask("ping") != "pong":
            self.running()
            assert time.monotonic() < until, f"rtpengine does not answer:\n{self.said()}"

    def relays(self, address: str) -> bool:
        """Whether ``host:port`` is one of its media ports."""
        host, _, port = address.rpartition(":")
        return host == LOOPBACK and int(port) in self._ports

    def ask(self, command: str) -> str:
        """Send a command without parameters; the ``result`` that comes back, or nothing."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking, suppress(TimeoutError, ConnectionRefusedError):
            asking.settimeout(0.2)
            asking.sendto(f"1 d7:command{len(command)}:{command}e".encode(), (LOOPBACK, self.port))
            result = asking.recv(65_535).partition(b"6:result")[2]
            length, _, rest = result.partition(b":")
            return rest[: int(length)].decode()
        return ""
