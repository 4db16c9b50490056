"""G.711 for all legs at once: octets to samples, samples to octets, by table (ITU-T G.711; RFC 3551 section 4.5.14)."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from offhook.media.engine.arrays import BLOCK, Matrix, Octets, Samples


class Codec(IntEnum):
    """How a leg's octets are coded: by a table, or at the edge (see ``edges``)."""

    PCMU = 0
    PCMA = 1
    G722 = 2
    OPUS = 3


TABLE_CODECS = frozenset({Codec.PCMU, Codec.PCMA})
"""Those whose octets stand for a sample each, whatever came before."""
SILENCE_OCTET = np.array([0xFF, 0xD5, 0xFA, 0], np.uint8)
"""What stands for a sample of nothing, by codec."""


def _mulaw_to_linear(octet: int) -> int:
    octet ^= 0xFF
    magnitude = ((((octet & 0x0F) << 3) + 0x84) << ((octet & 0x70) >> 4)) - 0x84
    return -magnitude if octet & 0x80 else magnitude


def _bits(magnitudes: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many bits each takes."""
    bits: NDArray[np.int64] = np.asarray(np.frexp(magnitudes)[1], np.int64)
    return bits


def _linear_to_mulaw(samples: NDArray[np.int64]) -> NDArray[np.int64]:
    # G.711 codes 14 bits: the two lowest of our 16 are dropped first, rounding towards minus infinity.
    sign = np.where(samples < 0, 0x7F, 0xFF)
    magnitude = np.minimum(np.abs(samples >> 2), 8158) + 33
    segment = _bits(magnitude) - 6
    octets: NDArray[np.int64] = ((segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)) ^ sign
    return octets


def _alaw_to_linear(octet: int) -> int:
    octet ^= 0x55
    segment = (octet & 0x70) >> 4
    magnitude = ((octet & 0x0F) << 4) + 8
    if segment:
        magnitude = (magnitude + 0x100) << (segment - 1)
    return magnitude if octet & 0x80 else -magnitude


def _linear_to_alaw(samples: NDArray[np.int64]) -> NDArray[np.int64]:
    samples = samples >> 3  # 13 bits
    sign = np.where(samples >= 0, 0xD5, 0x55)
    magnitude = np.where(samples >= 0, samples, -samples - 1)
    segment = np.maximum(_bits(magnitude) - 5, 0)
    octets: NDArray[np.int64] = ((segment << 4) | ((magnitude >> np.maximum(segment, 1)) & 0x0F)) ^ sign
    return octets


def _decoding(to_linear: Callable[[int], int]) -> NDArray[np.uint32]:
    """Two octets in, two samples out: looking up pairs halves the look-ups, and 256 KiB still fit the cache."""
    samples = np.array([to_linear(octet) for octet in range(256)], np.int16)
    pairs = np.empty((256, 256, 2), "<i2")
    pairs[:, :, 0] = samples[np.newaxis, :]  # the first octet is the low one of a little-endian pair
    pairs[:, :, 1] = samples[:, np.newaxis]
    return pairs.reshape(-1).view(np.uint32)


def _encoding(from_linear: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> Octets:
    samples = np.arange(65536, dtype=np.uint16).view(np.int16)
    return from_linear(samples.astype(np.int64)).astype(np.uint8)


_DECODING = {Codec.PCMU: _decoding(_mulaw_to_linear), Codec.PCMA: _decoding(_alaw_to_linear)}
_ENCODING = {Codec.PCMU: _encoding(_linear_to_mulaw), Codec.PCMA: _encoding(_linear_to_alaw)}


def decode(octets: Octets, codecs: Octets, samples: Samples) -> None:
    """Decode one tick of all legs.

    Args:
        octets: ``[legs, even]``, contiguous.
        codecs: ``[legs]``, a ``Codec`` each.
        samples: ``[legs, even]``, contiguous, overwritten.
    """
    pairs, found = octets.view(np.uint16), samples.view(np.uint32)
    for begin in range(0, len(octets), BLOCK):  # NumPy makes 64-bit indices first: of a block they stay in the cache
        rows = slice(begin, begin + BLOCK)
        # With mode="raise" NumPy buffers the result before it writes to `out`.
        np.take(_DECODING[Codec.PCMU], pairs[rows], out=found[rows], mode="clip")
    others = np.flatnonzero(codecs == Codec.PCMA)
    if others.size:
        samples.view(np.uint32)[others] = _DECODING[Codec.PCMA][octets.view(np.uint16)[others]]


def encode(samples: Samples, codecs: Octets, octets: Octets) -> None:
    """Encode one tick of all legs into their packets.

    Args:
        samples: ``[legs, any]``.
        codecs: ``[legs]``, a ``Codec`` each.
        octets: ``[legs, any]``, overwritten.
    """
    for begin in range(0, len(samples), BLOCK):
        rows = slice(begin, begin + BLOCK)
        np.take(_ENCODING[Codec.PCMU], samples[rows].view(np.uint16), out=octets[rows], mode="clip")
    others = np.flatnonzero(codecs == Codec.PCMA)
    if others.size:
        octets[others] = _ENCODING[Codec.PCMA][samples[others].view(np.uint16)]


def linear(codec: Codec, octets: bytes) -> Matrix:
    """Samples of a few octets, for what does not come in frames of 20 ms."""
    pairs = np.frombuffer(octets + b"\0" * (len(octets) % 2), np.uint16)
    return _DECODING[codec][pairs].view(np.int16)[: len(octets)]
