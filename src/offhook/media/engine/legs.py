"""All legs as a struct of arrays: one row a leg, all rows in use at the front."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from offhook.media import wire
from offhook.media.engine.arrays import FRAME_MS, FRAME_SAMPLES, SAMPLES_PER_MS, Flags, Matrix, Numbers, Octets, Reals, Samples
from offhook.media.engine.codecs import Codec

if TYPE_CHECKING:
    from offhook.media.engine.dialling import Dialling
    from offhook.media.engine.edges import Edge
    from offhook.media.engine.injecting import Injected
    from offhook.media.engine.keys import Keys
    from offhook.media.engine.peers import Address, Learner
    from offhook.media.engine.playing import Playing
    from offhook.media.engine.reports import Reporting
    from offhook.media.engine.secrecy import Secrecy

RING_SLOTS = 16
"""Frames of 20 ms that the jitter ring holds: a packet may come up to 320 ms before it is played. A power of two."""
DATAGRAM_ROOM = 576
"""Octets of a receive row. RTP with 60 ms of G.711 needs 492. An odd number of cache lines, so that rows spread over the whole
cache."""
COMFORT_NOISE = 13
"""The static payload type of what a silent peer sends (RFC 3389; RFC 3551 section 6)."""
HISTORY = 3
"""Ticks whose samples are kept: this one and the two before it."""
SUBSTITUTE_SAMPLES = 3 * FRAME_SAMPLES
PACKET_OCTETS = 12 + FRAME_SAMPLES
NOTHING = 2**62
"""Samples left of the nothing that a leg plays when it plays nothing."""


@dataclass(frozen=True, slots=True)
class _Column:
    """An array with one axis for the legs: ``before + (legs,) + after``."""

    dtype: type[np.generic]
    after: tuple[int, ...] = ()
    fill: int | float = 0
    before: tuple[int, ...] = ()

    def allocate(self, capacity: int) -> Matrix:
        return np.full((*self.before, capacity, *self.after), self.fill, self.dtype)

    def at(self, rows: int | slice) -> tuple[int | slice, ...]:
        return (*(slice(None),) * len(self.before), rows)


@dataclass(eq=False, slots=True)
class Leg:
    """What of a leg is not in the arrays: it is only looked at when something rare happens."""

    number: int
    socket: socket.socket
    slot: int = -1
    """Its row, -1 while it has no peer. It changes when another leg leaves."""
    ssrc: int = 0
    """Of what we send."""
    sending: bool = True
    receiving: bool = True
    payload_type: int = 0
    event_payload_type: int | None = None
    codec: Codec = Codec.PCMU
    flowing: bool = False
    """Whether its packets come steadily, so that it is read without asking first."""
    connected_at: int = 0
    """The tick in which its peer was told for the first time."""
    first_at: int = -1
    """That of the first packet; -1: none has come."""
    signalled: Address | None = None
    """Where the SDP says that it is."""
    learner: Learner | None = None
    """Until the peer's real address is known."""
    room: int = -1
    speaks: bool = True
    hears: bool = True
    gains: tuple[float, float] = (1.0, 1.0)
    """Of what is sent and of what is received."""
    seat: bool = False
    """There is no phone behind it."""
    injected: Injected | None = None
    meter_every: int = 0
    lost_after: int = 0
    """Ticks without a packet after which it is to be told that nothing comes any more; 0: never."""
    loss_request: int = 0
    edge: Edge | None = None
    """Its coder, where a table does not do."""
    secrecy: Secrecy | None = None
    """Its SRTP."""
    event_clock: int = 1
    """Ticks of the clock of its telephone events in one of 8000 Hz."""
    reporting: Reporting | None = None
    """Its RTCP."""
    keys: Keys | None = None
    inband: bool = False
    """Whether its keys may come as tones."""
    event_at: int = 0
    """The tick of its last telephone event, 0 before the first."""
    pressed: tuple[str, int, str] = ("", 0, "")
    """The last key, its tick, and by which means it was told."""
    playing: Playing | None = None
    dialling: list[Dialling] = field(default_factory=list)

    @property
    def plain(self) -> bool:
        """Whether its packets are as they are in the arrays: frames of 160 octets that nobody has sealed."""
        return self.secrecy is None and (self.edge is None or self.edge.rings)

    @property
    def payload_types(self) -> frozenset[int]:
        """That were agreed."""
        agreed = {self.payload_type, COMFORT_NOISE}
        return frozenset(agreed if self.event_payload_type is None else {*agreed, self.event_payload_type})


class Legs:
    """The rows 0 to ``count`` are in use; whoever leaves is replaced by the last, so that every step works on plain slices."""

    # In. The ring is [slot, leg, 160], not [leg, slot, 160]: what is played in a tick is then one contiguous matrix.
    rx: Octets
    ring: Octets
    due_at: Numbers
    """``[slot, leg]``: the tick in which this frame is to be played; any other tick: nothing is there."""
    payload_type: Octets
    """255 when what comes is not wanted."""
    sealed: Flags
    """Whether its packets are SRTP."""
    codec: Octets
    ssrc_in: NDArray[np.uint32]
    origin: NDArray[np.uint32]
    """The timestamp that is played in tick 0, modulo 2**32."""
    synced: Flags
    latest_due: Numbers
    begins_at: Numbers
    """The tick before which nothing of this stream can be missing."""
    late_since: Numbers
    """The tick since which everything that comes is late; -1: it is not."""
    # How long its packets wait to be played, frames, in this window (see ``jitter``)
    least: Numbers
    most: Numbers
    most_before: Numbers
    """In the window before this one."""
    worst: Numbers
    """By how many frames the latest one was too late."""
    late_ticks: Numbers
    """Ticks in which one was."""
    late_at: Numbers
    """The last of them."""
    shrink_by: Numbers
    """The tick by which its delay is to have shrunk, in a pause of speech if there is one before; 0: it need not."""
    misses: NDArray[np.int16]
    """Ticks in a row in which a flowing leg had no packet; of another leg, ticks in which it had one."""
    more_until: Numbers
    """Until this tick more than one packet a tick is expected; of a leg that does not flow, the last tick with a packet."""
    ahead: Numbers
    """Frames until the packet that came last is played."""
    # Statistics of what came (RFC 3550 appendix A)
    sequence_highest: Numbers
    """Extended by its cycles."""
    sequence_first: Numbers
    received: Numbers
    late: Numbers
    duplicate: Numbers
    reordered: Numbers
    concealed: Numbers
    transit: NDArray[np.int32]
    jitter: Reals
    """In samples."""
    report_at: Numbers
    """The tick of its next RTCP report."""
    # Heard
    pcms: Samples
    """``[3, legs, 160]``: this tick's samples and those of the two before it, in turns."""
    pcm: Samples
    """``[legs, 160]``: of this tick, one of ``pcms``."""
    gap: Numbers
    """Ticks in a row for which no frame was there."""
    noise: Reals
    """RMS of the comfort noise that stands in for what the peer does not send; 0: none was asked for."""
    substitute: Samples
    """``[legs, 480]``: what is played in the place of frames that are missing."""
    power: Reals
    """Mean square of the samples of this tick."""
    quiet: Numbers
    """Ticks of silence in a row, this one included."""
    meter_every: Numbers
    """Ticks; 0 = nobody wants to know."""
    meter_power: Reals
    heard_at: Numbers
    """The tick in which the last packet came."""
    lost_after: Numbers
    # Out
    tx: Octets
    out: Samples
    sequence_out: NDArray[np.uint16]
    """The sequence number of packet 0 of the engine's count."""
    timestamp_out: NDArray[np.uint32]
    """The timestamp of tick 0."""
    sent: Numbers
    octets_short: Numbers
    """By how many octets all packets sent were shorter than frames of 160, for the sender reports."""
    at: Numbers
    """Where in the arena the next sample of the playlist lies."""
    left: Numbers
    """Samples until this piece of the playlist ends."""
    step: Numbers
    """160, or 0 for silence, which stays where it is."""
    room: NDArray[np.int32]
    """-1: in none."""
    speaks: Flags
    hears: Flags
    gain_sent: Reals
    gain_received: Reals

    _COLUMNS: ClassVar = {
        "rx": _Column(np.uint8, (DATAGRAM_ROOM,)),
        "ring": _Column(np.uint8, (FRAME_SAMPLES,), before=(RING_SLOTS,)),
        "due_at": _Column(np.int64, fill=-1, before=(RING_SLOTS,)),
        "payload_type": _Column(np.uint8, fill=255),
        "sealed": _Column(np.bool_),
        "codec": _Column(np.uint8),
        "ssrc_in": _Column(np.uint32),
        "origin": _Column(np.uint32),
        "synced": _Column(np.bool_),
        "latest_due": _Column(np.int64, fill=-1),
        "begins_at": _Column(np.int64),
        "late_since": _Column(np.int64, fill=-1),
        "least": _Column(np.int64, fill=2**14),
        "most": _Column(np.int64),
        "most_before": _Column(np.int64),
        "worst": _Column(np.int64),
        "late_ticks": _Column(np.int64),
        "late_at": _Column(np.int64, fill=-1),
        "shrink_by": _Column(np.int64),
        "misses": _Column(np.int16),
        "more_until": _Column(np.int64),
        "ahead": _Column(np.int64),
        "sequence_highest": _Column(np.int64),
        "sequence_first": _Column(np.int64),
        "received": _Column(np.int64),
        "late": _Column(np.int64),
        "duplicate": _Column(np.int64),
        "reordered": _Column(np.int64),
        "concealed": _Column(np.int64),
        "transit": _Column(np.int32),
        "jitter": _Column(np.float32),
        "report_at": _Column(np.int64, fill=NOTHING),
        "pcms": _Column(np.int16, (FRAME_SAMPLES,), before=(HISTORY,)),
        "gap": _Column(np.int64, fill=2**20),
        "noise": _Column(np.float32),
        "substitute": _Column(np.int16, (SUBSTITUTE_SAMPLES,)),
        "power": _Column(np.float32),
        "quiet": _Column(np.int64),
        "meter_every": _Column(np.int64),
        "meter_power": _Column(np.float32),
        "heard_at": _Column(np.int64),
        "lost_after": _Column(np.int64),
        "tx": _Column(np.uint8, (PACKET_OCTETS,)),
        "out": _Column(np.int16, (FRAME_SAMPLES,)),
        "sequence_out": _Column(np.uint16),
        "timestamp_out": _Column(np.uint32),
        "sent": _Column(np.int64),
        "octets_short": _Column(np.int64),
        "at": _Column(np.int64),
        "left": _Column(np.int64, fill=NOTHING),
        "step": _Column(np.int64),
        "room": _Column(np.int32, fill=-1),
        "speaks": _Column(np.bool_, fill=True),
        "hears": _Column(np.bool_, fill=True),
        "gain_sent": _Column(np.float32, fill=1),
        "gain_received": _Column(np.float32, fill=1),
    }

    def __init__(self, capacity: int = 16) -> None:
        self.count = 0
        self.version = 0
        """Grows whenever who sits where, or what belongs to whom, has changed: lists made from it are stale then."""
        self.rows: list[Leg] = []
        self.capacity = capacity
        for name, column in self._COLUMNS.items():
            setattr(self, name, column.allocate(capacity))
        self._view()

    def __iter__(self) -> Iterator[Leg]:
        return iter(self.rows)

    def admit(self, leg: Leg) -> int:
        """Give the leg a row, as fresh as on the first day."""
        if self.count == self.capacity:
            self._grow()
        slot = self.count
        for name, column in self._COLUMNS.items():
            getattr(self, name)[column.at(slot)] = column.fill
        leg.slot = slot
        self.rows.append(leg)
        self.count += 1
        self.version += 1
        return slot

    def dismiss(self, leg: Leg) -> None:
        """Take the leg's row away; the last leg moves into it."""
        hole, last = leg.slot, self.count - 1
        if hole != last:
            for name, column in self._COLUMNS.items():
                array = getattr(self, name)
                array[column.at(hole)] = array[column.at(last)]
            self.rows[hole] = self.rows[last]
            self.rows[hole].slot = hole
        self.rows.pop()
        leg.slot = -1
        self.count -= 1
        self.version += 1

    def turn(self, tick: int) -> None:
        """``pcm`` is from now on that of this tick."""
        self.pcm = self.pcms[tick % HISTORY]

    def statistics(self, leg: Leg, request: int) -> wire.Statistics:
        """What the leg's RTP went through so far."""
        if leg.slot < 0:
            return wire.Statistics(leg.number, request)
        expected = int(self.sequence_highest[leg.slot] - self.sequence_first[leg.slot]) + 1 if self.synced[leg.slot] else 0
        columns = (self.sent, self.received, self.late, self.duplicate, self.reordered, self.concealed)
        sent, received, late, duplicate, reordered, concealed = (int(column[leg.slot]) for column in columns)
        jitter_ms = round(float(self.jitter[leg.slot]) / SAMPLES_PER_MS, 2)
        lost = max(0, expected - received)
        told = wire.Statistics(leg.number, request, sent, received, lost, late, duplicate, reordered, jitter_ms, concealed)
        first_ms = (leg.first_at - leg.connected_at) * FRAME_MS if received and leg.first_at >= 0 else None
        waits_ms = max(0, int(max(self.most[leg.slot], self.most_before[leg.slot]))) * FRAME_MS
        report = leg.reporting
        if report is None:
            return msgspec.structs.replace(told, playout_ms=waits_ms, first_packet_ms=first_ms)
        return msgspec.structs.replace(
            told,
            playout_ms=waits_ms,
            first_packet_ms=first_ms,
            round_trip_ms=report.round_trip_ms,
            remote_lost=report.remote_lost,
            remote_expected=report.remote_expected,
            remote_jitter_ms=None if report.remote_lost is None else round(report.remote_jitter / SAMPLES_PER_MS, 2),
        )

    def _grow(self) -> None:
        for name, column in self._COLUMNS.items():
            old = getattr(self, name)
            new = column.allocate(2 * self.capacity)
            new[column.at(slice(self.capacity))] = old
            setattr(self, name, new)
        self.capacity *= 2
        self._view()

    def _view(self) -> None:
        """Make one ready ``memoryview`` per row and side: making them in the tick would cost more than what they are for."""
        rx, tx = memoryview(self.rx), memoryview(self.tx)  # type: ignore[arg-type]
        flat_rx, flat_tx = rx.cast("B"), tx.cast("B")
        self.rx_rows = [flat_rx[at : at + DATAGRAM_ROOM] for at in range(0, len(flat_rx), DATAGRAM_ROOM)]
        self.tx_rows = [flat_tx[at : at + PACKET_OCTETS] for at in range(0, len(flat_tx), PACKET_OCTETS)]
        self.turn(0)
        self.index: NDArray[np.intp] = np.arange(self.capacity, dtype=np.intp)
