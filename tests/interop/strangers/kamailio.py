"""Kamailio with a configuration of ours, on UDP and TCP of one loopback port, and on TLS of the next one."""

from __future__ import annotations

import time
from pathlib import Path

from strangers.papers import Papers
from strangers.programs import LOOPBACK, Loopback, answers_options, free_ports, needed, needed_file

CONFIGURATIONS = Path(__file__).parent.parent / "kamailio"
TLS = """[server:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
private_key = {own}
certificate = {own}
[client:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
private_key = {own}
certificate = {own}
ca_list = {authority}
"""


class Kamailio(Loopback):
    """One proxy.

    Args:
        configuration: the name of a file in ``kamailio``.
        folder: where it keeps its files.
        papers: with them it speaks TLS too, and believes only whom this authority has certified.
        names: whom its own certificate is for.
        defines: symbols of the configuration; texts with their quotes.
    """

    def __init__(
        self, configuration: str, folder: Path, papers: Papers | None = None, names: tuple[str, ...] = (), **defines: str
    ) -> None:
        program = needed("kamailio", "kamailio")
        self.port = free_ports()
        self.tls_port = self.port + 1
        folder.mkdir(parents=True, exist_ok=True)
        listening = [word for kind in ("udp", "tcp") for word in ("-l", f"{kind}:{LOOPBACK}:{self.port}")]
        if papers is not None:
            needed_file("/usr/lib/*/kamailio/modules/tls.so", "kamailio-tls-modules")
            own = papers.certificate(*names) if names else papers.local
            (folder / "tls.cfg").write_text(TLS.format(own=own, authority=papers.authority))
            listening += ["-l", f"tls:{LOOPBACK}:{self.tls_port}"]
            defines["TLS_FILE"] = f'"{folder / "tls.cfg"}"'
        symbols = [word for name, value in defines.items() for word in ("-A", f"{name}={value}" if value else name)]
        self._command = [
            *(program, "-f", str(CONFIGURATIONS / configuration), "-DD", "-E", "-m", "32", "-M", "4"),
            *("-Y", str(folder), "-w", str(folder), "-P", str(folder / "kamailio.pid")),
            *(*listening, *symbols),
        ]
        self._start(folder / "kamailio.log")

    def _start(self, log: Path) -> None:
        super().__init__(self._command, log)
        try:
            answers_options(self.port, self)
        except BaseException:
            self.close()
            raise

    def restart(self) -> None:
        """End it and start it again on the same ports: all its connections are gone, and all that it knew."""
        self.close()
        self._start(self.log.with_name("kamailio-again.log"))

    @classmethod
    def edge(
        cls, folder: Path, node: str, *, relay: int | None = None, sound_only: bool = False, papers: Papers | None = None
    ) -> Kamailio:
        """In front of a node, which its dispatcher finds at the URI ``node``.

        Args:
            relay: the port of an rtpengine.
            sound_only: telephone-events are taken out of the callers' offers.
        """
        folder.mkdir(parents=True, exist_ok=True)
        destinations = folder / "dispatcher.list"
        destinations.write_text(f"1 {node}\n")
        symbols = {"DESTINATIONS": f'"{destinations}"', **_relay(relay), **({"SOUND_ONLY": ""} if sound_only else {})}
        return cls("edge.cfg", folder, papers, **symbols)

    @classmethod
    def proxy(
        cls, folder: Path, *, relay: int | None = None, papers: Papers | None = None, names: tuple[str, ...] = ()
    ) -> Kamailio:
        """A carrier's or an office's: phones register with it, and whoever calls them proves who he is."""
        return cls("proxy.cfg", folder, papers, names, **_relay(relay))

    def uri(self, user: str, transport: str = "udp") -> str:
        """Whom to call."""
        return f"sip:{user}@{self.at(transport)}" + ("" if transport == "udp" else f";transport={transport}")

    def at(self, transport: str = "udp") -> str:
        """``host:port`` of a transport."""
        return f"{LOOPBACK}:{self.tls_port if transport == 'tls' else self.port}"

    def passed(self, method: str) -> int:
        """How many requests of a method came by; those that were sent again count once."""
        text = self.log.read_text(errors="replace")
        return len({line.partition("passing ")[2] for line in text.splitlines() if f"passing {method} " in line})

    def wait_for(self, method: str, count: int, timeout_s: float = 20.0) -> None:
        """Wait until so many requests of a method have come by."""
        until = time.monotonic() + timeout_s
        while self.passed(method) < count:
            self.running()
            assert time.monotonic() < until, f"{self.passed(method)} {method} came by, not {count}:\n{self.said()}"
            time.sleep(0.02)


def _relay(port: int | None) -> dict[str, str]:
    return {} if port is None else {"RTPENGINE": f'"udp:{LOOPBACK}:{port}"'}
