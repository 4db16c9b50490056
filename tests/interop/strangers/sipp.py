"""sipp: plays a scenario against a node, and fails where the node says anything else."""

from __future__ import annotations

import re
import time
from pathlib import Path

from strangers.programs import LOOPBACK, Loopback, free_ports, needed

SCENARIOS = Path(__file__).parent.parent / "sipp"
MODES = {"udp": "u1", "tcp": "t1"}
"""The transports that it speaks, and its words for them."""
_RECEIVED = re.compile(r"message received \[\d+\] bytes :\n\n(.*?)\n-{20,}", re.DOTALL)
LIMIT_S = 30


class Sipp(Loopback):
    """One call by a scenario of the folder ``sipp``.

    Args:
        peer: ``host:port`` of the node or of the proxy before it.
        keys: what stands in brackets in the scenario, beside what sipp knows itself.
    """

    def __init__(self, scenario: str, peer: str, folder: Path, *, transport: str = "udp", **keys: str | int) -> None:
        program = needed("sipp", "sip-tester")
        self.port, media = free_ports(), free_ports()
        self.folder = folder
        values = [word for name, value in keys.items() for word in ("-key", name, str(value))]
        super().__init__(
            [
                *(program, peer, "-sf", str(SCENARIOS / scenario), "-s", "14155550199", "-t", MODES[transport], "-m", "1"),
                *("-i", LOOPBACK, "-p", str(self.port), "-mi", LOOPBACK, "-mp", str(media), "-nostdin", "-nd"),
                *("-timeout", str(LIMIT_S), "-timeout_error", "-trace_err", "-trace_msg", *values),
            ],
            folder / f"sipp-{self.port}.log",
        )

    def succeeded(self) -> None:
        """Wait for its end; every message must have been the one that the scenario says."""
        code = self.process.wait(LIMIT_S + 10)
        assert code == 0, f"sipp ended with {code}\n" + "\n".join(each.read_text()[-3000:] for each in self._told())

    def _told(self) -> list[Path]:
        return [*sorted(self.folder.glob("*_errors.log")), *sorted(self.folder.glob("*_messages.log"))]

    def messages(self) -> str:
        """All SIP messages of this run."""
        found = list(self.folder.glob(f"*_{self.process.pid}_messages.log"))
        return found[0].read_text() if found else ""

    def wait_for_message(self, text: str, timeout_s: float = 20.0) -> None:
        """Wait until this has been in a message."""
        until = time.monotonic() + timeout_s
        while text not in self.messages():
            assert time.monotonic() < until, f"no {text!r} in:\n{self.messages()[-3000:]}"
            time.sleep(0.02)

    def directions(self) -> list[str]:
        """Those in the descriptions that came, one after another."""
        texts = _RECEIVED.findall(self.messages().replace("\r", "") + "\n" + 20 * "-")
        return [word for text in texts for word in re.findall(r"^a=(sendrecv|sendonly|recvonly|inactive)$", text, re.MULTILINE)]

    def listening(self, timeout_s: float = 20.0) -> None:
        """Wait until it has its port, as a callee must before it is called."""
        until = time.monotonic() + timeout_s
        while f":{self.port:04X} " not in Path("/proc/net/udp").read_text() + Path("/proc/net/tcp").read_text():
            self.running()
            assert time.monotonic() < until, f"sipp does not listen:\n{self.said()}"
            time.sleep(0.02)
