"""The machine: its clock, its size, and what its kernel gives a socket."""

from __future__ import annotations

import ctypes
import os
import socket
from email.utils import parsedate_to_datetime
from pathlib import Path

from offhook.cli.doctor.configuration import contents_of
from offhook.cli.doctor.finding import Finding, ok, warning
from offhook.cli.doctor.web import Unreachable, head
from offhook.clock import Clock
from offhook.settings import Settings
from offhook.sip import UDP_BUFFER_BYTES

TOLERANCE_S = 5.0
"""A Date has whole seconds, and takes its time to come."""
LITTLE_MEMORY = 512 << 20
_UNSYNCHRONISED = 0x0040
"""STA_UNSYNC of adjtimex(2)."""
_NO_LIMIT = 1 << 60


class _Timex(ctypes.Structure):
    """The beginning of ``struct timex``, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("max_error", ctypes.c_long),
        ("estimated_error", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def synchronised(flag: Path = Path("/run/systemd/timesync/synchronized")) -> bool | None:
    """Whether something keeps the clock right; ``None``: the kernel does not tell."""
    if flag.exists():
        return True
    state = _Timex()
    try:
        if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(state)) < 0:
            return None
    except (OSError, AttributeError):
        return None
    return not state.status & _UNSYNCHRONISED


async def clock(settings: Settings) -> Finding:
    """Whether the date and time are right: by the server of the answer URL, and by whether anything keeps them so."""
    kept = synchronised()
    remedy = "run a time service: systemd-timesyncd, chrony or ntpd"
    stored = await contents_of(settings)
    url = settings.answer_url or next((url for _, url in stored.urls), None)
    off = await _off_by(url, settings) if url else None
    if off is not None and abs(off) > TOLERANCE_S:
        direction = "ahead of" if off > 0 else "behind"
        text = (
            f"this clock is {abs(off):.0f} s {direction} that of the answer URL's server; times in records and signatures are off"
        )
        return warning("clock", text, remedy)
    text = "within 5 s of the answer URL's server" if off is not None else "not compared with another"
    if kept is False:
        return warning("clock", f"nothing keeps the clock right (the kernel says: not synchronised); it is {text}", remedy)
    return ok("clock", f"{'synchronised' if kept else 'the kernel does not tell who keeps it'}; {text}")


async def _off_by(url: str, settings: Settings) -> float | None:
    """Seconds that we are ahead of a web server; ``None``: it does not tell."""
    try:
        reply = await head(url, allow_private=settings.allow_private_urls)
        theirs = parsedate_to_datetime(reply.headers.get("date", ""))
    except (Unreachable, ValueError):
        return None
    if theirs.tzinfo is None:
        return None
    return (Clock().wall() - theirs).total_seconds() - 0.5  # it was cut to whole seconds: half a one is the best guess


async def size(settings: Settings, system: Path = Path("/")) -> Finding:  # noqa: ARG001 - as all checks
    """Cores and memory, as far as this program may use them.

    Args:
        system: where ``proc`` and ``sys`` are.
    """
    cores: float = len(os.sched_getaffinity(0))
    quota = _quota(system)
    cores = min(cores, quota) if quota is not None else cores
    memory = _memory(system)
    text = f"{cores:g} core{'' if cores == 1 else 's'}, {memory / 1e9:.1f} GB of memory to be had"
    if cores < 2:
        remedy = "give it two: one for the media engine, whose every 20 ms must not wait, and one for everything else"
        return warning("machine", text, remedy)
    if memory < LITTLE_MEMORY:
        return warning("machine", text, "give it 512 MB or more, or stop other programs: a voice alone takes some hundred MB")
    return ok("machine", text)


def _quota(system: Path) -> float | None:
    """Cores that the control group grants; ``None``: no limit."""
    words = _words(system / "sys/fs/cgroup/cpu.max") or [
        *_words(system / "sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
        *_words(system / "sys/fs/cgroup/cpu/cpu.cfs_period_us"),
    ]
    try:
        quota, period = int(words[0]), int(words[1])
    except (ValueError, IndexError):
        return None
    return quota / period if quota > 0 and period > 0 else None


def _memory(system: Path) -> int:
    """Octets that can still be had: what the kernel thinks, or the control group if that is less."""
    rows = (line.split() for line in (system / "proc/meminfo").read_text().splitlines())
    available = next((int(words[1]) * 1024 for words in rows if words[0] == "MemAvailable:"), _NO_LIMIT)
    for most, used in (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")):
        limit, taken = _words(system / "sys/fs/cgroup" / most), _words(system / "sys/fs/cgroup" / used)
        if limit and taken and limit[0].isdigit() and int(limit[0]) < _NO_LIMIT:
            available = min(available, max(0, int(limit[0]) - int(taken[0])))
    return available


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


async def buffers(settings: Settings, wanted: int = UDP_BUFFER_BYTES) -> Finding:  # noqa: ARG001 - as all checks
    """Whether the kernel lets a UDP socket keep as many octets as SIP asks for.

    Args:
        wanted: octets.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
        given = probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # the kernel tells twice of what it grants (socket(7))
    if given < wanted:
        text = f"a UDP socket may keep {given // 1024} kB, SIP asks for {wanted // 1024} kB: a burst of calls may lose messages"
        return warning("UDP buffers", text, f"sysctl -w net.core.rmem_max={wanted}, and the same line in /etc/sysctl.d")
    return ok("UDP buffers", f"a UDP socket may keep {given // 1024} kB, as much as SIP asks for")
