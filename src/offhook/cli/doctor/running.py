"""Who is there already: a node on this data folder, another program on a port."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_LISTENING = {"0A", "07"}
"""States of ``/proc/net``: a TCP socket that listens, a UDP socket that is not connected."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a port."""

    pid: int
    name: str
    is_node: bool
    """It is the node that runs on the data folder."""

    def __str__(self) -> str:
        return f"{self.name} (process {self.pid})"


def holder(port: int, kind: socket.SocketKind, data: Path) -> Holder | None:
    """The process that has the port; ``None``: nobody has, or it is another user's and only root may know."""
    inodes = set(_inodes(port, "tcp" if kind is socket.SOCK_STREAM else "udp"))
    lock = os.path.realpath(data / "node.lock")
    for folder in Path("/proc").glob("[0-9]*") if inodes else ():
        opened = _opened(folder)
        if any(target in opened for target in (f"socket:[{inode}]" for inode in inodes)):
            return Holder(int(folder.name), _name(folder), lock in opened)
    return None


def _inodes(port: int, protocol: str) -> Iterator[str]:
    for table in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
        with suppress(OSError):
            for row in Path(table).read_text().splitlines()[1:]:
                words = row.split()
                if int(words[1].rpartition(":")[2], 16) == port and words[3] in _LISTENING:
                    yield words[9]


def _opened(process: Path) -> set[str]:
    found = set()
    with suppress(OSError):  # it has ended, or is another user's
        for each in (process / "fd").iterdir():
            with suppress(OSError):
                found.add(os.readlink(each))  # noqa: PTH115 - a Path would cut what is no path
    return found


def _name(process: Path) -> str:
    with suppress(OSError):
        words = (process / "cmdline").read_bytes().split(b"\0")
        program = Path(words[0].decode(errors="replace")).name
        if re.match(r"python[\d.]*$", program):  # what it runs says more than what it is
            program = next(
                (Path(word.decode(errors="replace")).name for word in words[1:] if word[:1] not in {b"-", b""}), program
            )
        return program or (process / "comm").read_text().strip()
    return "a program"
