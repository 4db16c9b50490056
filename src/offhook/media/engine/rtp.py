"""RTP headers (RFC 3550 section 5.1): of all legs at once as a structured array, and of a single odd packet."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from offhook.media.engine.arrays import Matrix, Octets
from offhook.media.engine.legs import DATAGRAM_ROOM, PACKET_OCTETS

VERSION_2 = 0x80
"""First octet of a header with nothing special: version 2, no padding, no extension, no CSRC."""
MARKER = 0x80
HEADER_OCTETS = 12


def _header(row_octets: int) -> np.dtype[np.void]:
    return np.dtype(
        {
            "names": ["flags", "payload_type", "sequence", "timestamp", "ssrc"],
            "formats": ["u1", "u1", ">u2", ">u4", ">u4"],
            "offsets": [0, 1, 2, 4, 8],
            "itemsize": row_octets,
        }
    )


_RECEIVED = _header(DATAGRAM_ROOM)
_SENT = _header(PACKET_OCTETS)


def headers_received(rx: Octets) -> Matrix:
    """The headers in the rows of a receive matrix, as one structured array over the same memory."""
    return rx.view(_RECEIVED)[:, 0]


def headers_sent(tx: Octets) -> Matrix:
    """The headers in the rows of a send matrix."""
    return tx.view(_SENT)[:, 0]


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet, read field by field."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


_FIXED = struct.Struct("!BBHII")


def parse(datagram: bytes) -> Packet | None:
    """Read a packet with whatever the header may hold: CSRCs, an extension, padding. ``None`` when it is no RTP packet."""
    if len(datagram) < HEADER_OCTETS or datagram[0] >> 6 != 2:
        return None
    flags, second, sequence, timestamp, ssrc = _FIXED.unpack_from(datagram)
    start, end = HEADER_OCTETS + 4 * (flags & 0x0F), len(datagram)
    if flags & 0x10:
        if start + 4 > end:
            return None
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
    if flags & 0x20:
        if datagram[-1] == 0:
            return None
        end -= datagram[-1]
    if start > end:
        return None
    return Packet(second & 0x7F, bool(second & MARKER), sequence, timestamp, ssrc, datagram[start:end])


def build(payload_type: int, *, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    """One packet with a plain header."""
    second = payload_type | (MARKER if marker else 0)
    return _FIXED.pack(VERSION_2, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload
