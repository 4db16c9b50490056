"""RTCP packets (RFC 3550 section 6): compounds of sender and receiver reports, CNAME and BYE, built and read."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, GOODBYE = 200, 201, 202, 203
_FIRST_TYPE, _LAST_TYPE = 192, 223
_NTP_ZERO_S = 2_208_988_800
"""From 1900, where NTP begins, to 1970."""
_CNAME = 1
_HEADER = struct.Struct("!BBH")
_SENDER = struct.Struct("!IIIIII")
_BLOCK = struct.Struct("!IIIIII")
_LEAST = {SENDER_REPORT: _SENDER.size, RECEIVER_REPORT: 4}
_EACH = {SENDER_REPORT: _BLOCK.size, RECEIVER_REPORT: _BLOCK.size, GOODBYE: 4}
"""Octets that a packet of this type must have behind its header, at least and for each of what it counts."""
_LOST_LIMIT = 0x7FFFFF


@dataclass(frozen=True, slots=True)
class Block:
    """What one party has received of a source (section 6.4.1)."""

    ssrc: int
    fraction_lost: int
    """Since the report before, in 256ths."""
    lost: int
    """Since the beginning; negative where duplicates outnumber the losses."""
    highest: int
    """Sequence number with its cycles above it."""
    jitter: int
    """Units of the RTP clock."""
    last_report: int = 0
    """The middle 32 bits of the NTP time in the last sender report of that source; 0: there was none."""
    since_last_report: int = 0
    """1/65536 s."""


@dataclass(frozen=True, slots=True)
class Sender:
    """What a source says about its own stream."""

    ntp: int
    """64 bits: seconds since 1900, and 2**-32 s."""
    timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Report:
    """A compound, as far as we understand it."""

    ssrc: int
    sender: Sender | None
    blocks: tuple[Block, ...]
    goodbye: bool = False


def is_rtcp(datagram: bytes) -> bool:
    """Whether this is RTCP and no RTP, on a port where both were agreed on (RFC 5761 section 4). On others the same octet may be
    a payload type and a marker.
    """
    return len(datagram) > 1 and _FIRST_TYPE <= datagram[1] <= _LAST_TYPE


def ntp_time(wall_ns: int) -> int:
    """Nanoseconds since 1970 as an NTP timestamp of 64 bits."""
    seconds, rest = divmod(wall_ns, 1_000_000_000)
    return (seconds + _NTP_ZERO_S & 0xFFFFFFFF) << 32 | (rest << 32) // 1_000_000_000


def middle(ntp: int) -> int:
    """The 32 bits that reports go by: 1/65536 s."""
    return ntp >> 16 & 0xFFFFFFFF


def build(report: Report, cname: bytes) -> bytes:
    """A compound packet: the report, who it is from, and BYE where it says so."""
    blocks = b"".join(
        _BLOCK.pack(
            block.ssrc,
            (block.fraction_lost & 0xFF) << 24 | max(-_LOST_LIMIT, min(block.lost, _LOST_LIMIT)) & 0xFFFFFF,
            block.highest & 0xFFFFFFFF,
            block.jitter & 0xFFFFFFFF,
            block.last_report,
            block.since_last_report,
        )
        for block in report.blocks
    )
    if report.sender is None:
        first = _packet(RECEIVER_REPORT, len(report.blocks), struct.pack("!I", report.ssrc) + blocks)
    else:
        ntp, said = report.sender.ntp, report.sender
        sender = (report.ssrc, ntp >> 32, ntp & 0xFFFFFFFF, said.timestamp, said.packets & 0xFFFFFFFF, said.octets & 0xFFFFFFFF)
        first = _packet(SENDER_REPORT, len(report.blocks), _SENDER.pack(*sender) + blocks)
    items = struct.pack("!IBB", report.ssrc, _CNAME, len(cname)) + cname + b"\0"
    described = _packet(DESCRIPTION, 1, items.ljust(-(-len(items) // 4) * 4, b"\0"))
    return first + described + (_packet(GOODBYE, 1, struct.pack("!I", report.ssrc)) if report.goodbye else b"")


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def parse(datagram: bytes) -> Report | None:
    """Read a compound packet. Types that we do not know are passed over.

    Returns:
        ``None`` when it is no compound, or says more than it holds (appendix A.2).
    """
    if len(datagram) < 8 or datagram[1] not in {SENDER_REPORT, RECEIVER_REPORT}:
        return None
    at, report = 0, None
    while at < len(datagram):
        if at + 4 > len(datagram) or datagram[at] >> 6 != 2:
            return None
        flags, kind, words = _HEADER.unpack_from(datagram, at)
        end = at + 4 * (words + 1)
        if end > len(datagram):
            return None
        body, count = datagram[at + 4 : end], flags & 0x1F
        if len(body) < _LEAST.get(kind, 0) + count * _EACH.get(kind, 0):
            return None
        report = _take(report or Report(int.from_bytes(body[:4], "big"), None, ()), kind, count, body)
        at = end
    return report


def _take(report: Report, kind: int, count: int, body: bytes) -> Report:
    if kind == SENDER_REPORT:
        _, high, low, timestamp, packets, octets = _SENDER.unpack_from(body)
        sender = Sender(high << 32 | low, timestamp, packets, octets)
        return replace(report, sender=sender, blocks=report.blocks + _blocks(body[_SENDER.size :], count))
    if kind == RECEIVER_REPORT:
        return replace(report, blocks=report.blocks + _blocks(body[4:], count))
    if kind == GOODBYE:
        sources = {int.from_bytes(body[at : at + 4], "big") for at in range(0, 4 * count, 4)}
        return replace(report, goodbye=report.goodbye or report.ssrc in sources)
    return report


def _blocks(body: bytes, count: int) -> tuple[Block, ...]:
    found = []
    for at in range(0, count * _BLOCK.size, _BLOCK.size):
        ssrc, lost, highest, jitter, last, since = _BLOCK.unpack_from(body, at)
        total = (lost & 0xFFFFFF) - (0x1000000 if lost & 0x800000 else 0)
        found.append(Block(ssrc, lost >> 24, total, highest, jitter, last, since))
    return tuple(found)
