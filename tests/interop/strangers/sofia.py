"""A phone on Sofia-SIP, the stack of FreeSWITCH and of many products: 100rel, UPDATE, session timers, INFO and REFER by the book.

The program is our own ``sofia.c``, compiled against Debian's library.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from strangers.programs import LOOPBACK, Loopback, free_ports, needed
from strangers.rtp import RtpEnd

SOURCE = Path(__file__).with_suffix(".c")
_MESSAGE = re.compile(r"^(send|recv) \d+ bytes [^\n]*:\n   -{72}\n(.*?)\n   -{72}$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """A SIP message as it stands in the trace: the fields with lower-case names, one value each time one was there."""

    sent: bool
    """By the phone."""
    kind: str
    """``PRACK`` for a request, ``200 INVITE`` for a response."""
    fields: dict[str, list[str]]
    body: str

    def __getitem__(self, name: str) -> str:
        """The only value of a field; empty where there is none."""
        [value] = self.fields.get(name, [""])
        return value

    @property
    def direction(self) -> str:
        """What the description says; ``sendrecv`` is not always said."""
        found = re.findall(r"^a=(sendrecv|sendonly|recvonly|inactive)$", self.body, re.MULTILINE)
        return found[0] if found else "sendrecv"

    @property
    def media_port(self) -> int:
        """Where the described stream is to be sent."""
        found = re.search(r"^m=audio (\d+) ", self.body, re.MULTILINE)
        assert found is not None, self
        return int(found[1])


class Sofia(Loopback):
    """One phone, for one call.

    Args:
        program: as ``compiled`` has made it.
        end: where its sound comes and goes.
        options: those of ``sofia.c``.
    """

    def __init__(self, program: Path, folder: Path, end: RtpEnd, **options: str | int) -> None:
        self.port = free_ports()
        self.end = end
        words = [f"{name}={value}" for name, value in {"url": f"sip:{LOOPBACK}:{self.port}", "rtp": end.port, **options}.items()]
        log = folder / f"sofia-{self.port}.log"
        super().__init__([str(program), *words], log, stdin=True, environment={"TPORT_LOG": "1"})
        self._read = 0
        try:
            self.wait_for("ready")
        except BaseException:
            self.close()
            raise

    @staticmethod
    def compiled(folder: Path) -> Path:
        """The program; the test is skipped where it cannot be made."""
        compiler, finder = needed("gcc", "gcc"), needed("pkg-config", "pkg-config")
        flags = subprocess.run([finder, "--cflags", "--libs", "sofia-sip-ua"], capture_output=True, text=True, check=False)
        if flags.returncode:
            if os.environ.get("OFFHOOK_REQUIRE_PEERS"):
                pytest.fail("sofia-sip-ua is missing, and OFFHOOK_REQUIRE_PEERS is set")
            pytest.skip("sofia-sip-ua is not installed (Debian: libsofia-sip-ua-dev; .ci/run installs it)")
        program = folder / "sofia"
        subprocess.run([compiler, "-std=gnu11", "-O1", "-o", str(program), str(SOURCE), *flags.stdout.split()], check=True)
        return program

    def do(self, command: str) -> None:
        """Any of the commands of ``sofia.c``."""
        self.running()
        self.stdin.write(command.encode() + b"\n")
        self.stdin.flush()

    def wait_for(self, event: str, timeout_s: float = 20.0) -> str:
        """Wait until it tells of this, after what was waited for before; the rest of the line."""
        until = time.monotonic() + timeout_s
        pattern = re.compile(rf"^\* {re.escape(event)}(?: (.*))?\n", re.MULTILINE)
        while (found := pattern.search(self._log(), self._read)) is None:
            self.running()
            assert time.monotonic() < until, f"Sofia does not tell of {event!r}:\n{self.said()}"
            time.sleep(0.01)
        self._read = found.end()
        return (found[1] or "").strip()

    def _log(self) -> str:
        return self.log.read_text(errors="replace")

    def messages(self) -> list[Said]:
        """All messages up to now."""
        return [_read(way == "send", text) for way, text in _MESSAGE.findall(self._log())]

    def sent(self, kind: str, count: int = 1, timeout_s: float = 20.0) -> list[Said]:
        """Wait until it has sent so many; all of them."""
        return self._await(kind, count, timeout_s, sent=True)

    def got(self, kind: str, count: int = 1, timeout_s: float = 20.0) -> list[Said]:
        """Wait until it has got so many; all of them."""
        return self._await(kind, count, timeout_s, sent=False)

    def _await(self, kind: str, count: int, timeout_s: float, *, sent: bool) -> list[Said]:
        until = time.monotonic() + timeout_s
        while len(found := [each for each in self.messages() if (each.sent, each.kind) == (sent, kind)]) < count:
            assert time.monotonic() < until, f"{len(found)} of {kind}, not {count}:\n{self.said()}"
            time.sleep(0.01)
        return found

    def wait_for_silence(self, seconds: float = 0.5, timeout_s: float = 15.0) -> None:
        """Wait until no sound has come for so long."""
        until = time.monotonic() + timeout_s
        while time.monotonic() - self.end.packets[-1].at < seconds:
            assert time.monotonic() < until, "the sound goes on"
            time.sleep(0.02)

    def uri(self, transport: str = "udp") -> str:
        """Whom to call."""
        return f"sip:sofia@{LOOPBACK}:{self.port}" + ("" if transport == "udp" else f";transport={transport}")


def _read(sent: bool, text: str) -> Said:
    lines = [line[3:] for line in text.split("\n")]
    blank = lines.index("") if "" in lines else len(lines)
    fields: dict[str, list[str]] = {}
    for line in lines[1:blank]:
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), []).append(value.strip())
    first = lines[0].split()
    kind = f"{first[1]} {fields['cseq'][0].split()[1]}" if first[0] == "SIP/2.0" else first[0]
    return Said(sent, kind, fields, "\n".join(lines[blank + 1 :]))
