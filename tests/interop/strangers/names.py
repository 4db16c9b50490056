"""dnsmasq with records of a test's own, and nothing else: no domain but those exists."""

from __future__ import annotations

import getpass
import socket
import time
from pathlib import Path

from strangers.programs import LOOPBACK, Loopback, free_ports, needed


class Names(Loopback):
    """A name server on loopback.

    Args:
        records: lines of its configuration, such as ``host-record=`` and ``srv-host=``.
    """

    def __init__(self, folder: Path, *records: str) -> None:
        program = needed("dnsmasq", "dnsmasq-base")
        self.port = free_ports()
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "dnsmasq.conf"
        lines = ["no-resolv", "no-hosts", "bind-interfaces", f"listen-address={LOOPBACK}", "local=/example/", "log-queries"]
        lines += [f"port={self.port}", f"user={getpass.getuser()}", "pid-file=", "log-facility=-", *records]
        configuration.write_text("\n".join(lines) + "\n")
        super().__init__([program, "--keep-in-foreground", f"--conf-file={configuration}"], folder / "dnsmasq.log")
        try:
            self._await_ready()
        except BaseException:
            self.close()
            raise

    def _await_ready(self) -> None:
        until = time.monotonic() + 20
        while True:
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, self.port)) == 0:
                    return
            self.running()
            assert time.monotonic() < until, f"dnsmasq does not listen:\n{self.said()}"
            time.sleep(0.05)
