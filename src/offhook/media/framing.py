"""How the processes of the media plane speak over their sockets: four octets of length (big-endian), and a MessagePack array that
is tagged and has no names.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import msgspec

MESSAGE_LIMIT = 16 * 2**20
"""Octets. A longer message can only be a mistake of ours."""
_LENGTH = struct.Struct(">I")
_T = TypeVar("_T")
_encode = msgspec.msgpack.Encoder().encode


def pack(message: msgspec.Struct | Sequence[msgspec.Struct]) -> bytes:
    """One message, or several in one, with its length before it."""
    body = _encode(message)
    return _LENGTH.pack(len(body)) + body


class Unpacker(Generic[_T]):
    """Octets in, messages out, whatever pieces they come in.

    Args:
        kind: what a message is, e.g. ``Command`` or ``list[Event]``.
    """

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[_T] = msgspec.msgpack.Decoder(kind)
        self._buffer = bytearray()

    def feed(self, octets: bytes) -> Iterator[_T]:
        """The messages that are complete now. Raises ``ValueError`` when the stream is not one of ours."""
        self._buffer += octets
        return self._take()

    def _take(self) -> Iterator[_T]:
        start = 0
        try:
            while len(self._buffer) - start >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._buffer, start)
                if length > MESSAGE_LIMIT:
                    raise ValueError(f"a message of {length} octets")
                end = start + _LENGTH.size + length
                if end > len(self._buffer):
                    break
                body = bytes(memoryview(self._buffer)[start + _LENGTH.size : end])
                start = end
                yield self._decoder.decode(body)
        finally:
            del self._buffer[:start]
