"""Codecs whose octets do not stand for samples one by one: G.722 and Opus, converted at the edge of the arrays.

Each leg of this group has an encoder and a decoder with a state of its own, so they are gone through one by one; the mix does not
know of them. Both work at 8000 Hz: G.722 in the mode of its lower band, Opus as its own decoder resamples.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

import numpy as np

from offhook.media.engine.arrays import FRAME_SAMPLES, Flags, Octets, Samples
from offhook.media.engine.codecs import Codec
from offhook.media.engine.legs import PACKET_OCTETS, Leg, Legs
from offhook.media.engine.rtp import HEADER_OCTETS

OPUS_CLOCK = 6
"""Ticks of Opus's RTP clock of 48000 Hz in one of ours (RFC 7587 section 4.1)."""
_BITRATE = 24_000
_COMPLEXITY = 1
_EXPECTED_LOSS = 5
"""Percent: how much an encoder spends on repeating itself (RFC 6716 section 2.1.7)."""
_CONCEALED_LIMIT = 5 * FRAME_SAMPLES
"""What the decoder makes up by itself; after that nothing more is coming."""
_NEVER = 2**62
_OPUS_MS_10 = (100, 200, 400, 600)
_OPUS_HYBRID_MS_10 = (100, 200)
_OPUS_CELT_MS_10 = (25, 50, 100, 200)


class Edge(Protocol):
    """The codec of one leg."""

    rings: bool
    """Whether its frames are 160 octets and wait in the jitter ring like all others."""

    def encode(self, samples: Samples) -> bytes:
        """The payload of one frame.

        Args:
            samples: 160.
        """

    def decode(self, octets: bytes) -> bytes:
        """What 160 octets of the ring stand for: 160 samples of 16 bits."""

    def put(self, position: int, payload: bytes, tick: int) -> bool:
        """Keep a payload until it is due. False when it is there already, or is none.

        Args:
            position: of its first sample, counted from tick 0.
        """

    def take(self, tick: int) -> bytes | None:
        """The samples of this tick; ``None`` when nothing is coming."""

    def shift(self, tick: int, frames: int) -> None:
        """Everything from ``tick`` on is due so many frames later; -1: earlier, and one is left out."""

    def clock(self, timestamp: int) -> int:
        """An RTP timestamp of its clock on ours of 8000 Hz."""


class G722:
    """ITU-T G.722 at 64 kbit/s. Its RTP clock is 8000 Hz by an old mistake (RFC 3551 section 4.5.2), which suits us."""

    rings = True

    def __init__(self) -> None:
        codec = import_module("G722").G722
        self._encoder, self._decoder = codec(8000, 64000), codec(8000, 64000)

    def encode(self, samples: Samples) -> bytes:
        encoded: bytes = self._encoder.encode(samples)
        return encoded

    def decode(self, octets: bytes) -> bytes:
        decoded: bytes = self._decoder.decode(octets).tobytes()
        return decoded

    def put(self, position: int, payload: bytes, tick: int) -> bool:
        raise NotImplementedError  # it rings

    def take(self, tick: int) -> bytes | None:
        raise NotImplementedError

    def shift(self, tick: int, frames: int) -> None:
        """Its frames are in the ring, and move with it."""

    def clock(self, timestamp: int) -> int:
        return timestamp


class Opus:
    """Opus (RFC 6716, RFC 7587). Its frames are as long as they need to be, so they wait here and not in the ring."""

    rings = False

    def __init__(self) -> None:
        opus = import_module("opuslib_next")
        self._broken = (opus.OpusError, ValueError)
        self._encoder = opus.Encoder(8000, 1, "voip")
        self._encoder.bitrate, self._encoder.complexity = _BITRATE, _COMPLEXITY
        self._encoder.inband_fec, self._encoder.packet_loss_perc = 1, _EXPECTED_LOSS
        self._decoder = opus.Decoder(8000, 1)
        self._waiting: dict[int, bytes] = {}
        """Payloads by the position of their first sample."""
        self._rest = b""
        """Samples that were decoded and belong to the next tick."""
        self._made_up = _CONCEALED_LIMIT
        """Samples in a row for which nothing had come."""
        self._newest: int | None = None

    def encode(self, samples: Samples) -> bytes:
        encoded: bytes = self._encoder.encode(samples.tobytes(), FRAME_SAMPLES)
        return encoded

    def decode(self, octets: bytes) -> bytes:
        raise NotImplementedError  # it does not ring

    def put(self, position: int, payload: bytes, tick: int) -> bool:
        if position in self._waiting or not duration(payload) or position < tick * FRAME_SAMPLES:
            return False
        self._waiting[position] = payload
        return True

    def take(self, tick: int) -> bytes | None:
        begin = tick * FRAME_SAMPLES
        sound = self._rest
        while len(sound) < 2 * FRAME_SAMPLES:
            made = self._next(begin + len(sound) // 2)
            if not made:
                break
            sound += made
        self._rest = sound[2 * FRAME_SAMPLES :]
        if not sound:
            return None
        return sound[: 2 * FRAME_SAMPLES].ljust(2 * FRAME_SAMPLES, b"\0")

    def _next(self, position: int) -> bytes:
        """What is played from there on: the frame that is due, or what its successor says about it, or a guess."""
        due = min(self._waiting, default=_NEVER)
        while due < position:  # it was overtaken when the delay shrank; the decoder has to know it all the same
            self._decode(self._waiting.pop(due))
            due = min(self._waiting, default=_NEVER)
        if due < position + FRAME_SAMPLES // 2:
            self._made_up = 0
            return self._decode(self._waiting.pop(due))
        if self._made_up >= _CONCEALED_LIMIT:
            return b""
        self._made_up += FRAME_SAMPLES
        follower = self._waiting.get(position + FRAME_SAMPLES)
        return self._conceal(follower)

    def _decode(self, payload: bytes) -> bytes:
        try:
            decoded: bytes = self._decoder.decode(payload, duration(payload))
        except self._broken:
            return bytes(2 * FRAME_SAMPLES)
        return decoded

    def _conceal(self, follower: bytes | None) -> bytes:
        try:
            guessed: bytes = self._decoder.decode(follower or b"", FRAME_SAMPLES, follower is not None)
        except self._broken:
            return bytes(2 * FRAME_SAMPLES)
        return guessed

    def shift(self, tick: int, frames: int) -> None:  # noqa: ARG002 - what is overtaken is found when it is taken
        by = frames * FRAME_SAMPLES
        self._waiting = {position + by: payload for position, payload in self._waiting.items()}

    def clock(self, timestamp: int) -> int:
        if self._newest is None:
            self._newest = timestamp
        since = ((timestamp - self._newest + 2**31) & 0xFFFFFFFF) - 2**31
        self._newest += since  # goes on beyond 32 bits, so that no wrap is lost in the division
        return self._newest // OPUS_CLOCK & 0xFFFFFFFF


def duration(payload: bytes) -> int:
    """How many samples at 8000 Hz an Opus packet stands for, from its first octets (RFC 6716 section 3.1); 0: it is none."""
    if not payload:
        return 0
    config, code = payload[0] >> 3, payload[0] & 0x03
    if config < 12:
        tenths = _OPUS_MS_10[config & 3]
    elif config < 16:
        tenths = _OPUS_HYBRID_MS_10[config & 1]
    else:
        tenths = _OPUS_CELT_MS_10[config & 3]
    frames = 1 if code == 0 else 2 if code < 3 else payload[1] & 0x3F if len(payload) > 1 else 0
    samples = tenths * frames * 8 // 10
    return samples if samples <= 960 else 0


class Edges:
    """The legs of the group."""

    def __init__(self) -> None:
        self._legs: list[Leg] = []

    def settle(self, legs: Legs) -> None:
        """Take in who they are."""
        self._legs = [leg for leg in legs.rows if leg.edge is not None]

    def decode(self, legs: Legs, octets: Octets, present: Flags, tick: int) -> None:
        """Put the samples of this tick into ``legs.pcm``; ``present`` says whose there are, and is made to."""
        for leg in self._legs:
            edge, slot = leg.edge, leg.slot
            assert edge is not None
            if edge.rings:
                sound = edge.decode(octets[slot].tobytes()) if present[slot] else None
            else:
                sound = edge.take(tick)
                present[slot] = sound is not None
            if sound is not None:
                legs.pcm[slot] = np.frombuffer(sound, np.int16)

    def encode(self, legs: Legs) -> None:
        """Put the payloads of those that fit into their packets."""
        for leg in self._legs:
            if leg.edge is not None and leg.edge.rings:
                legs.tx[leg.slot, HEADER_OCTETS:PACKET_OCTETS] = np.frombuffer(leg.edge.encode(legs.out[leg.slot]), np.uint8)


def of(codec: Codec) -> Edge | None:
    """A new coder for a leg; ``None``: its codec is a table."""
    makers: dict[Codec, type[G722] | type[Opus]] = {Codec.G722: G722, Codec.OPUS: Opus}
    return makers[codec]() if codec in makers else None
