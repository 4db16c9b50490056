"""Kamailio with a configuration of ours, on UDP and TCP of one loopback port."""

from __future__ import annotations

from pathlib import Path

from strangers.programs import LOOPBACK, Loopback, answers_options, free_ports, needed

CONFIGURATIONS = Path(__file__).parent.parent / "kamailio"


class Kamailio(Loopback):
    """One proxy.

    Args:
        configuration: the name of a file in ``kamailio``.
        folder: where it keeps its files.
        defines: symbols of the configuration; texts with their quotes.
    """

    def __init__(self, configuration: str, folder: Path, **defines: str) -> None:
        program = needed("kamailio", "kamailio")
        self.port = free_ports()
        folder.mkdir(parents=True, exist_ok=True)
        listening = [word for kind in ("udp", "tcp") for word in ("-l", f"{kind}:{LOOPBACK}:{self.port}")]
        symbols = [word for name, value in defines.items() for word in ("-A", f"{name}={value}" if value else name)]
        super().__init__(
            [
                *(program, "-f", str(CONFIGURATIONS / configuration), "-DD", "-E", "-m", "32", "-M", "4"),
                *("-Y", str(folder), "-w", str(folder), "-P", str(folder / "kamailio.pid")),
                *(*listening, *symbols),
            ],
            folder / "kamailio.log",
        )
        try:
            answers_options(self.port, self)
        except BaseException:
            self.close()
            raise

    @classmethod
    def edge(cls, folder: Path, node: str, *, relay: int | None = None, sound_only: bool = False) -> Kamailio:
        """In front of a node, which its dispatcher finds at the URI ``node``.

        Args:
            relay: the port of an rtpengine.
            sound_only: telephone-events are taken out of the callers' offers.
        """
        folder.mkdir(parents=True, exist_ok=True)
        destinations = folder / "dispatcher.list"
        destinations.write_text(f"1 {node}\n")
        return cls(
            "edge.cfg", folder, DESTINATIONS=f'"{destinations}"', **_relay(relay), **({"SOUND_ONLY": ""} if sound_only else {})
        )

    @classmethod
    def proxy(cls, folder: Path, *, relay: int | None = None) -> Kamailio:
        """A carrier's or an office's: phones register with it, and whoever calls them proves who he is."""
        return cls("proxy.cfg", folder, **_relay(relay))

    def uri(self, user: str, transport: str = "udp") -> str:
        """Whom to call."""
        return f"sip:{user}@{LOOPBACK}:{self.port}" + ("" if transport == "udp" else f";transport={transport}")

    def passed(self, method: str) -> int:
        """How many requests of a method came by; those that were sent again count once."""
        text = self.log.read_text(errors="replace")
        return len({line.partition("passing ")[2] for line in text.splitlines() if f"passing {method} " in line})


def _relay(port: int | None) -> dict[str, str]:
    return {} if port is None else {"RTPENGINE": f'"udp:{LOOPBACK}:{port}"'}
