"""SIP.js, the library of browsers' phones, in Node.js: SIP over WebSocket with a sound that the test owns."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from strangers.commanded import Commanded
from strangers.programs import LOOPBACK, needed

SOURCES = Path(__file__).parent.parent / "sipjs"


def installed(folder: Path) -> Path:
    """The program with the libraries that its lock names, in ``folder``. The test is skipped where they cannot be fetched, and
    fails where all peers are required to be.
    """
    needed("node", "nodejs")
    npm = needed("npm", "npm")
    shutil.copytree(SOURCES, folder)
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    if done.returncode != 0:
        why = f"npm cannot fetch SIP.js: {done.stderr.strip()[-400:]}"
        if os.environ.get("OFFHOOK_REQUIRE_PEERS"):
            pytest.fail(f"{why}; and OFFHOOK_REQUIRE_PEERS is set")
        pytest.skip(why)
    return folder / "phone.mjs"


class SipJs(Commanded):
    """One user's browser. The commands are those of ``sipjs/phone.mjs``; calls go by the names that the test gives them.

    Args:
        program: where ``installed`` has put it.
        folder: for its log.
        server: the URL of the WebSocket.
        authority: of the server's certificate, PEM.
        reliable: what it makes of reliable provisional responses: ``Unsupported``, ``Supported`` or ``Required``.
    """

    def __init__(
        self,
        program: Path,
        folder: Path,
        *,
        server: str,
        user: str,
        password: str,
        authority: Path | None = None,
        reliable: str = "Unsupported",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        wishes = {"user": user, "password": password, "domain": LOOPBACK, "server": server, "reliable": reliable}
        trusted = {} if authority is None else {"NODE_EXTRA_CA_CERTS": str(authority)}
        log = folder / f"{user}-{len(list(folder.glob('*.log')))}.log"
        super().__init__([needed("node", "nodejs"), str(program), json.dumps(wishes)], log, environment=trusted)

    def says(self, text: str, timeout_s: float = 20.0) -> None:
        """Wait until this is in what SIP.js says of itself."""
        until = time.monotonic() + timeout_s
        while text not in self.log.read_text(errors="replace"):
            self.running()
            assert time.monotonic() < until, f"no {text!r} in:\n{self.said()}"
            time.sleep(0.02)
