"""Room for sound: UDP ports and file descriptors."""

from __future__ import annotations

import resource
import socket
from pathlib import Path

from offhook.cli.doctor.finding import Finding, joined, ok, problem, warning
from offhook.cli.doctor.ports import try_to_bind
from offhook.cli.doctor.threads import in_thread
from offhook.cli.nodes import node_runs
from offhook.settings import Settings

SAMPLE = 100
"""Ports that are tried, spread over the range."""
LEG_DESCRIPTORS = 2
"""One for RTP, one for RTCP."""
OTHER_DESCRIPTORS = 64
FEW_LEGS = 20
_KERNEL = Path("/proc/sys/net/ipv4")


async def ports(settings: Settings, kernel: Path = _KERNEL) -> Finding:
    """Whether the ports of ``rtp_ports`` can be bound, are enough, and are nobody else's.

    Args:
        kernel: the folder in which the kernel says which ports it gives to programs that want any.
    """
    low, high = settings.rtp_ports
    legs = len(range(low + low % 2, high, 2))
    found = [await in_thread(lambda: _bindable(settings))]
    if legs < settings.max_calls:
        text = f"{low}-{high} has room for {legs} legs, but max_calls is {settings.max_calls}"
        remedy = "widen OFFHOOK_RTP_PORTS to two ports for each leg, or lower OFFHOOK_MAX_CALLS"
        found.append(warning("RTP ports", text, remedy))
    lent = _lent(low, high, kernel)
    if lent is not None:
        text = f"the kernel gives ports {lent[0]}-{lent[1]} to any program that wants one, and {low}-{high} overlaps with them"
        remedy = f"take OFFHOOK_RTP_PORTS from below {lent[0]}, or run: sysctl -w net.ipv4.ip_local_reserved_ports={low}-{high}"
        found.append(warning("RTP ports", text, remedy))
    return joined(found)


def _bindable(settings: Settings) -> Finding:
    low, high = settings.rtp_ports
    step = max(1, (high - low + 1) // SAMPLE)
    sample = range(low, high + 1, step)[:SAMPLE]
    errors = [error for port in sample if (error := try_to_bind(settings.sip.host, port, socket.SOCK_DGRAM)) is not None]
    text = f"{len(sample) - len(errors)} of {len(sample)} tried ports of {low}-{high} are free"
    if not errors:
        return ok("RTP ports", f"{text}; room for {len(range(low + low % 2, high, 2))} legs")
    if len(errors) == len(sample):
        remedy = "set OFFHOOK_SIP to an address of this machine, and OFFHOOK_RTP_PORTS to a range that nobody else uses"
        return problem("RTP ports", f"{text}: {errors[0].strerror or errors[0]}", remedy)
    if node_runs(settings.data):
        return ok("RTP ports", f"{text}; the node that runs may have the others")
    if len(errors) * 10 > len(sample):
        return warning("RTP ports", text, "another program uses this range ('ss -lnup'); set OFFHOOK_RTP_PORTS to another one")
    return ok("RTP ports", f"{text}; those that others have are passed over")


def _lent(low: int, high: int, kernel: Path) -> tuple[int, int] | None:
    """The range that the kernel lends from, where it overlaps with ours and ours is not reserved."""
    try:
        first, last = (int(word) for word in (kernel / "ip_local_port_range").read_text().split())
        reserved = (kernel / "ip_local_reserved_ports").read_text().strip()
    except (OSError, ValueError):
        return None
    overlap = set(range(max(low, first), min(high, last) + 1))
    for part in filter(None, reserved.split(",")):
        begin, _, end = part.partition("-")
        overlap -= set(range(int(begin), int(end or begin) + 1))
    return (first, last) if overlap else None


async def descriptors(settings: Settings, limit: int | None = None) -> Finding:
    """Whether there are file descriptors enough for ``max_calls``.

    Args:
        limit: the hard limit, to which the node raises its own; that of this program when not given.
    """
    if limit is None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limit == resource.RLIM_INFINITY:
        return ok("descriptors", "no limit on file descriptors")
    legs = max(0, limit - OTHER_DESCRIPTORS) // LEG_DESCRIPTORS
    text = f"{limit} file descriptors in this shell: room for {legs} legs"
    remedy = (
        f"raise it to {OTHER_DESCRIPTORS + LEG_DESCRIPTORS * settings.max_calls} or more (ulimit -Hn; systemd: LimitNOFILE=65536)"
    )
    if legs < FEW_LEGS:
        return problem("descriptors", text, remedy)
    if legs < settings.max_calls:
        return warning("descriptors", f"{text}, but max_calls is {settings.max_calls}", remedy)
    return ok("descriptors", text)
