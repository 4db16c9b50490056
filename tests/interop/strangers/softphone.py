"""A softphone made of baresip in a process of its own: calls, is called, listens, speaks, presses keys, holds."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from strangers.commanded import Commanded
from strangers.papers import Papers
from strangers.programs import LOOPBACK, free_ports

PROGRAM = Path(__file__).parent / "softphone_process.py"


class Softphone(Commanded):
    """One phone. Its commands: ``dial`` ``uri``, ``answer``, ``press`` ``keys``, ``say`` what is in a ``file``, ``hold``,
    ``resume``, ``hang_up``.

    Args:
        password: for its registrar.
        server: ``host:port`` of its registrar; without one it only calls.
        transport: that of its registration; of calls, the URI says.
        papers: whom it believes when it connects by TLS; else anybody.
        reachable: whether it has a certificate of theirs and takes TLS connections, on the port after its own.
        sealed: whether it sends and takes SRTP (SDES) and nothing else.
    """

    def __init__(
        self,
        folder: Path,
        *,
        user: str = "14155550100",
        password: str = "",
        server: str | None = None,
        transport: str = "udp",
        codec: str = "pcmu",
        papers: Papers | None = None,
        reachable: bool = False,
        sealed: bool = False,
    ) -> None:
        pytest.importorskip("baresip")
        folder.mkdir(parents=True, exist_ok=True)
        self._heard = folder / f"{user}.heard"
        self._heard.touch()
        wishes = {
            "user": user,
            "password": password,
            "domain": server or LOOPBACK,
            "register": server is not None,
            "transport": transport,
            "codec": codec,
            "listen": f"{LOOPBACK}:{free_ports()}",
            "heard": str(self._heard),
            "settings": _tls(papers, reachable=reachable),
            "parameters": ["mediaenc=srtp-mand"] if sealed else [],
        }
        super().__init__([sys.executable, str(PROGRAM), json.dumps(wishes)], folder / f"{user}.log")

    def heard(self) -> npt.NDArray[np.float64]:
        """What it has heard up to now, 8000 Hz."""
        octets = self._heard.read_bytes()
        return np.frombuffer(octets[: len(octets) // 2 * 2], "<i2").astype(np.float64)

    def hears(self, seconds: float, timeout_s: float = 20.0) -> npt.NDArray[np.float64]:
        """Wait until it has heard so much more sound (not silence) than before; that sound."""
        before = len(self.heard())
        until = time.monotonic() + timeout_s
        while True:
            sound = self.heard()[before:]
            if np.count_nonzero(np.abs(sound) > 50) >= seconds * 8000 * 0.9:
                return sound
            self.running()
            assert time.monotonic() < until, f"it heard {len(sound) / 8000:.1f} s, and hardly a sound:\n{self.said()}"
            time.sleep(0.02)

    def falls_silent(self, seconds: float = 0.4, timeout_s: float = 15.0) -> None:
        """Wait until it has heard no sound for so long."""
        until = time.monotonic() + timeout_s
        quiet_since, loud = time.monotonic(), -1
        while time.monotonic() - quiet_since < seconds:
            if (now := int(np.count_nonzero(np.abs(self.heard()) > 50))) != loud:
                quiet_since, loud = time.monotonic(), now
            assert time.monotonic() < until, "the sound goes on"
            time.sleep(0.02)


def _tls(papers: Papers | None, *, reachable: bool) -> list[str]:
    """Lines of its configuration."""
    if papers is None:
        return []
    own = [f"sip_certificate {papers.local}"] if reachable else []
    return [f"sip_cafile {papers.authority}", "sip_verify_server yes", *own]
