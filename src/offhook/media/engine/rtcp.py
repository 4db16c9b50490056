"""RTCP packets (RFC 3550 section 6): compounds of sender and receiver reports, CNAME and BYE, built and read."""

from __future__ import annotations

import struct
from dataclasses import dataclass

SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, GOODBYE = 200, 201, 202, 203
FIRST_TYPE, LAST_TYPE = 192, 223
"""Second octets that mean RTCP where it comes on the port of RTP (RFC 5761 section 4)."""
_NTP_ZERO_S = 2_208_988_800
"""From 1900, where NTP begins, to 1970."""
_CNAME = 1
_HEADER = struct.Struct("!BBH")
_SENDER = struct.Struct("!IIIIII")
_BLOCK = struct.Struct("!IIIIII")
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
    """Read a compound packet; ``None`` when it is none (appendix A.2). What we do not know in it is passed over."""
    if len(datagram) < 8 or datagram[1] not in {SENDER_REPORT, RECEIVER_REPORT}:
        return None
    at, report = 0, Report(int.from_bytes(datagram[4:8], "big"), None, ())
    while at < len(datagram):
        if at + 4 > len(datagram) or datagram[at] >> 6 != 2:
            return None
        flags, kind, words = _HEADER.unpack_from(datagram, at)
        end = at + 4 * (words + 1)
        if end > len(datagram):
            return None
        report = _take(report, kind, flags & 0x1F, datagram[at + 4 : end])
        at = end
    return report


def _take(report: Report, kind: int, count: int, body: bytes) -> Report:
    if kind == SENDER_REPORT and len(body) >= _SENDER.size:
        _, high, low, timestamp, packets, octets = _SENDER.unpack_from(body)
        sender = Sender(high << 32 | low, timestamp, packets, octets)
        return Report(report.ssrc, sender, report.blocks + _blocks(body[_SENDER.size :], count), report.goodbye)
    if kind == RECEIVER_REPORT:
        return Report(report.ssrc, report.sender, report.blocks + _blocks(body[4:], count), report.goodbye)
    if kind == GOODBYE:
        sources = {int.from_bytes(body[at : at + 4], "big") for at in range(0, min(4 * count, len(body)), 4)}
        return Report(report.ssrc, report.sender, report.blocks, report.goodbye or report.ssrc in sources)
    return report


def _blocks(body: bytes, count: int) -> tuple[Block, ...]:
    found = []
    for at in range(0, min(count, len(body) // _BLOCK.size) * _BLOCK.size, _BLOCK.size):
        ssrc, lost, highest, jitter, last, since = _BLOCK.unpack_from(body, at)
        total = (lost & 0xFFFFFF) - (0x1000000 if lost & 0x800000 else 0)
        found.append(Block(ssrc, lost >> 24, total, highest, jitter, last, since))
    return tuple(found)
