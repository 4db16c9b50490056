"""What every stranger needs: its program, a free port, and an end."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

import pytest

LOOPBACK = "127.0.0.1"
_FIRST_PORT, _PORTS = 13_000, 2_400
"""Between those of the tests' own phones and those of the nodes' RTP, and under those that the system gives to others."""
_BLOCK = 8
_blocks = itertools.count(os.getpid())


def needed(program: str, package: str) -> str:
    """Where a program is. The test is skipped where it is not installed, and fails where all peers are required to be."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if found is None:
        if os.environ.get("OFFHOOK_REQUIRE_PEERS"):
            pytest.fail(f"{program} is missing, and OFFHOOK_REQUIRE_PEERS is set")
        pytest.skip(f"{program} is not installed (Debian: {package}; .ci/run installs it)")
    return found


def needed_file(pattern: str, package: str) -> None:
    """The same for a part of a program that is a package of its own: a file of an absolute path with wildcards."""
    if any(Path("/").glob(pattern.lstrip("/"))):
        return
    if os.environ.get("OFFHOOK_REQUIRE_PEERS"):
        pytest.fail(f"{pattern} is missing, and OFFHOOK_REQUIRE_PEERS is set")
    pytest.skip(f"{pattern} is not installed (Debian: {package}; .ci/run installs it)")


def free_ports(count: int = _BLOCK) -> int:
    """The first of that many ports in a row, an even one, all free for UDP and TCP now; no two calls get the same."""
    for _ in range(_PORTS // _BLOCK):
        first = _FIRST_PORT + next(_blocks) * _BLOCK % _PORTS
        with ExitStack() as opened, suppress(OSError):
            for port in range(first, first + count):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    opened.enter_context(socket.socket(socket.AF_INET, kind)).bind((LOOPBACK, port))
            return first
    raise RuntimeError("no free ports")


class Loopback:
    """A program that runs beside the test and ends with it; its output is in a file."""

    def __init__(self, command: list[str], log: Path, *, stdin: bool = False, environment: dict[str, str] | None = None) -> None:
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    @property
    def stdin(self) -> IO[bytes]:
        """Where it takes commands."""
        assert self.process.stdin is not None
        return self.process.stdin

    def said(self) -> str:
        """The end of what it has printed."""
        return self.log.read_text(errors="replace")[-6000:]

    def running(self) -> None:
        """Fail with its output where it has ended."""
        assert self.process.poll() is None, f"{self.log.stem} ended with {self.process.returncode}:\n{self.said()}"

    def close(self) -> None:
        """End it and all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(5)
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()


def answers_options(port: int, program: Loopback, *, timeout_s: float = 20.0) -> None:
    """Wait until a SIP server answers OPTIONS over UDP, and takes connections."""
    request = (
        f"OPTIONS sip:ready@{LOOPBACK}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {{here}};branch=z9hG4bKready{{turn}}\r\n"
        f"From: <sip:ready@{LOOPBACK}>;tag=1\r\nTo: <sip:ready@{LOOPBACK}:{port}>\r\nCall-ID: ready{{turn}}\r\n"
        "CSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n"
    )
    until = time.monotonic() + timeout_s
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.bind((LOOPBACK, 0))
        asking.settimeout(0.2)
        port_here: int = asking.getsockname()[1]
        here = f"{LOOPBACK}:{port_here}"
        for turn in itertools.count():
            program.running()
            assert time.monotonic() < until, f"nothing answers on port {port}:\n{program.said()}"
            asking.sendto(request.format(here=here, turn=turn).encode(), (LOOPBACK, port))
            with suppress(TimeoutError, ConnectionRefusedError):
                if asking.recv(2048).startswith(b"SIP/2.0 "):
                    break
    socket.create_connection((LOOPBACK, port), 5).close()
