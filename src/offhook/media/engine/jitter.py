"""The jitter ring: packets go in by their timestamp, one frame a tick comes out (RFC 3550; ITU-T G.114 for why it is short).

The playout delay of each leg follows its network. A stream begins ``DELAY_FRAMES`` behind its first packet. Where packets come
too late again and again it grows at once, by as much as the worst of them was late; where for a whole window every packet has
waited longer than it had to, it shrinks by one frame: in a pause of speech, or after a while wherever it is, and then two frames
are faded into one. A clock that runs faster or slower than ours is the same thing, only slower.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.media.engine import codecs
from offhook.media.engine.arrays import FRAME_SAMPLES, Flags, Numbers, Octets, Samples, Slots
from offhook.media.engine.codecs import SILENCE_OCTET, TABLE_CODECS, Codec
from offhook.media.engine.edges import duration
from offhook.media.engine.legs import RING_SLOTS, Legs

DELAY_FRAMES = 2
"""40 ms at the beginning, to which the wait for the next tick adds 0 to 20 ms."""
SPARE_FRAMES = 1
"""20 ms: how long even the slowest packets wait in a stream that has settled."""
MOST_FRAMES = 10
"""200 ms: the fastest packets of a stream never wait longer."""
WINDOW_TICKS = 100
"""2 s, after which it is looked whether a leg could do with less."""
LATE_TICKS = 3
"""Ticks of a window in which something came too late, after which the delay grows. One stall is no reason: it is over."""
SETTLE_TICKS = 5
"""How often some legs are looked at. A divisor of ``WINDOW_TICKS``."""
PATIENCE_TICKS = 150
"""3 s: for so long the shrinking waits for a pause of speech."""
LOST_TICKS = 5
"""When for so long nothing at all has come in time, and growing did not help, the stream is somewhere else."""
LATE_LIMIT = -50
"""Frames. What is a second late or more belongs to a stream that has jumped."""
SEQUENCE_JUMP = 3000
"""Beyond this the sender has started its numbers anew (RFC 3550 appendix A.1, MAX_DROPOUT)."""
UNSEEN = 2**14
"""The least wait in a window in which nothing came."""


def account(
    legs: Legs, tick: int, slots: Slots, sequence: NDArray[np.uint16], timestamp: NDArray[np.uint32], ssrc: NDArray[np.uint32]
) -> Numbers:
    """Find out when each packet is to be played, and keep the statistics. At most one packet a leg.

    Returns:
        The tick for each packet; one before ``tick`` is too late.
    """
    now = np.uint32(tick * FRAME_SAMPLES & 0xFFFFFFFF)
    ahead = _ahead(legs, now, slots, timestamp)
    known = legs.synced[slots] & (legs.ssrc_in[slots] == ssrc) & (ahead >= LATE_LIMIT) & (ahead < RING_SLOTS)
    late_since = legs.late_since[slots]
    known &= (late_since < 0) | (tick - late_since < LOST_TICKS)
    if not known.all():
        rows = legs.index[: legs.count][slots]
        for i in np.flatnonzero(~known):
            _begin(legs, tick, int(rows[i]), int(sequence[i]), int(timestamp[i]), int(ssrc[i]))
        ahead = _ahead(legs, now, slots, timestamp)
    ahead += _follow(legs, tick, slots, ahead)
    legs.ahead[slots] = ahead
    _count(legs, tick, slots, sequence, timestamp, ahead)
    return tick + ahead


def _ahead(legs: Legs, now: np.uint32, slots: Slots, timestamp: NDArray[np.uint32]) -> Numbers:
    """Frames until each packet is played."""
    samples: NDArray[np.int32] = (timestamp - legs.origin[slots] - now).view(np.int32)
    return np.floor_divide(samples, FRAME_SAMPLES, dtype=np.int64)


def _begin(legs: Legs, tick: int, slot: int, sequence: int, timestamp: int, ssrc: int) -> None:
    """A stream begins, or goes on somewhere else."""
    expected = int(legs.sequence_highest[slot] - legs.sequence_first[slot]) + 1 if legs.synced[slot] else 0
    jump = sequence - (int(legs.sequence_highest[slot]) & 0xFFFF)
    if not legs.synced[slot] or int(legs.ssrc_in[slot]) != ssrc or abs(jump) > SEQUENCE_JUMP:
        # The new numbers follow the old ones without a gap, so that what was lost so far stays counted.
        legs.sequence_first[slot] = sequence - expected
        legs.sequence_highest[slot] = sequence - 1
    legs.due_at[:, slot] = -1
    legs.ssrc_in[slot] = ssrc
    legs.synced[slot] = True
    legs.origin[slot] = (timestamp - FRAME_SAMPLES * (tick + DELAY_FRAMES)) & 0xFFFFFFFF
    legs.begins_at[slot] = tick + DELAY_FRAMES
    legs.transit[slot] = _signed(tick * FRAME_SAMPLES - timestamp)
    _forget_window(legs, slot)
    legs.most_before[slot], legs.late_since[slot], legs.shrink_by[slot] = 0, -1, 0


def _signed(number: int) -> int:
    return ((number + 2**31) & 0xFFFFFFFF) - 2**31


def _forget_window(legs: Legs, rows: int | slice) -> None:
    legs.least[rows], legs.most[rows], legs.late_ticks[rows], legs.worst[rows] = UNSEEN, 0, 0, 0


def _follow(legs: Legs, tick: int, slots: Slots, ahead: Numbers) -> Numbers | int:
    """Note how long the packets wait; where they come too late again and again, let the leg wait longer.

    Returns:
        The frames by which each packet is played later than it would have been.
    """
    legs.least[slots] = np.minimum(legs.least[slots], ahead)
    legs.most[slots] = np.maximum(legs.most[slots], ahead)
    late, since = ahead < 0, legs.late_since[slots]
    if (since >= 0).any():
        legs.late_since[slots] = np.where(late, since, -1)
    if not late.any():
        return 0
    rows = legs.index[: legs.count][slots]
    tardy = rows[late]
    legs.late_since[tardy] = np.where(legs.late_since[tardy] < 0, tick, legs.late_since[tardy])
    legs.worst[tardy] = np.maximum(legs.worst[tardy], -ahead[late])
    legs.late_ticks[tardy] += legs.late_at[tardy] != tick  # what comes in one burst was held up once
    legs.late_at[tardy] = tick
    room = MOST_FRAMES - np.maximum(legs.most[tardy], legs.most_before[tardy])
    by = np.minimum(legs.worst[tardy] + SPARE_FRAMES, room)
    growing = (legs.late_ticks[tardy] >= LATE_TICKS) & (by > 0)
    if not growing.any():
        return 0
    grown = np.zeros(legs.count, np.int64)
    grown[tardy[growing]] = by[growing]
    for frames in np.unique(by[growing]).tolist():
        _delay(legs, tick, tardy[growing & (by == frames)], frames)
    return grown[slots]


def _delay(legs: Legs, tick: int, rows: NDArray[np.intp], frames: int) -> None:
    """Play everything of these legs so many frames later; what waits already moves on in the ring."""
    due = legs.due_at[:, rows]
    due = np.where((due >= tick) & (due + frames < tick + RING_SLOTS), due + frames, -1)
    legs.due_at[:, rows] = np.roll(due, frames, axis=0)
    legs.ring[:, rows] = np.roll(legs.ring[:, rows], frames, axis=0)
    legs.origin[rows] -= np.uint32(frames * FRAME_SAMPLES)
    legs.latest_due[rows] += frames
    legs.least[rows], legs.late_ticks[rows], legs.worst[rows] = UNSEEN, 0, 0
    legs.most[rows] += frames
    legs.shrink_by[rows], legs.late_since[rows] = 0, -1
    for row in rows.tolist():
        edge = legs.rows[row].edge
        if edge is not None:
            edge.shift(tick, frames)


def settle(legs: Legs, tick: int) -> None:
    """Look at the legs whose window is over, some every few ticks; let those that wait for nothing wait one frame less."""
    if tick % SETTLE_TICKS:
        return
    over = slice(tick % WINDOW_TICKS // SETTLE_TICKS, legs.count, WINDOW_TICKS // SETTLE_TICKS)
    least = legs.least[over]
    if least.size:
        spare = ((least > SPARE_FRAMES) & (least < UNSEEN)) | (legs.most[over] > MOST_FRAMES)
        spare &= legs.shrink_by[over] == 0
        if spare.any():
            legs.shrink_by[over] = np.where(spare, tick + PATIENCE_TICKS, legs.shrink_by[over])
        legs.most_before[over] = legs.most[over]
        _forget_window(legs, over)
    by = legs.shrink_by[: legs.count]
    if by.any():
        ripe = (by > 0) & ((legs.quiet[: legs.count] > 1) | (by <= tick))
        if ripe.any():
            _hurry(legs, tick, np.flatnonzero(ripe))


def _hurry(legs: Legs, tick: int, rows: NDArray[np.intp]) -> None:
    """Play everything of these legs one frame earlier: the two that come next become one."""
    this, following = tick & (RING_SLOTS - 1), (tick + 1) & (RING_SLOTS - 1)
    first, second = legs.due_at[this, rows] == tick, legs.due_at[following, rows] == tick + 1
    for codec in TABLE_CODECS:  # of the others, each frame leans on the one before it: the first is just left out
        both = rows[first & second & (legs.codec[rows] == codec)]
        if both.size:
            legs.ring[following, both] = _faded(codec, legs.ring[this, both], legs.ring[following, both])
    lone = rows[first & ~second]
    legs.ring[following, lone], legs.due_at[following, lone] = legs.ring[this, lone], tick + 1
    due = legs.due_at[:, rows]
    legs.due_at[:, rows] = np.roll(np.where(due > tick, due - 1, -1), -1, axis=0)
    legs.ring[:, rows] = np.roll(legs.ring[:, rows], -1, axis=0)
    legs.origin[rows] += np.uint32(FRAME_SAMPLES)
    legs.latest_due[rows] -= 1
    legs.shrink_by[rows] = 0
    for row in rows.tolist():
        edge = legs.rows[row].edge
        if edge is not None:
            edge.shift(tick, -1)


_FADE_IN = np.linspace(0, 1, FRAME_SAMPLES, dtype=np.float32)


def _faded(codec: Codec, first: Octets, second: Octets) -> Octets:
    """``[legs, 160]``: frames that begin as the first and end as the second."""
    a, b = (codecs.linear(codec, octets.tobytes()).reshape(-1, FRAME_SAMPLES) for octets in (first, second))
    mixed: Samples = (a * (1 - _FADE_IN) + b * _FADE_IN).astype(np.int16)
    octets = np.empty_like(first)
    codecs.encode(mixed, np.full(len(mixed), codec, np.uint8), octets)
    return octets


def _count(
    legs: Legs, tick: int, slots: Slots, sequence: NDArray[np.uint16], timestamp: NDArray[np.uint32], ahead: Numbers
) -> None:
    legs.received[slots] += 1
    legs.heard_at[slots] = tick
    moved = (sequence - legs.sequence_highest[slots].astype(np.uint16)).view(np.int16)
    idle = (legs.latest_due[slots] < tick) & (moved == 1)
    if idle.any():  # the sender was silent (RFC 3551 section 4.1): nothing is missing before this packet
        legs.begins_at[slots] = np.where(idle, tick + ahead, legs.begins_at[slots])
    if (moved <= 0).any():
        legs.reordered[slots] += moved < 0
        moved = np.maximum(moved, 0)
    legs.sequence_highest[slots] += moved
    now = np.uint32(tick * FRAME_SAMPLES & 0xFFFFFFFF)
    late = ahead < 0
    if late.any():
        legs.late[slots] += late
    transit = (now - timestamp).view(np.int32)
    variation = np.abs(transit - legs.transit[slots])
    legs.transit[slots] = transit
    jitter = legs.jitter[slots]
    legs.jitter[slots] = jitter + (variation - jitter) / np.float32(16)


def count_one(legs: Legs, tick: int, slot: int, sequence: int, ssrc: int) -> None:
    """Count a packet that is no audio (a key, comfort noise): it has a number of the same row, so it is not lost."""
    if legs.synced[slot] and int(legs.ssrc_in[slot]) == ssrc:
        moved = ((sequence - int(legs.sequence_highest[slot]) + 2**15) & 0xFFFF) - 2**15
        legs.received[slot] += 1
        legs.heard_at[slot] = tick
        legs.reordered[slot] += moved < 0
        legs.sequence_highest[slot] += max(moved, 0)
        legs.begins_at[slot] = tick + DELAY_FRAMES  # while a key is held no audio comes, and none is missing


def store(legs: Legs, tick: int, slots: Slots, due: Numbers, payload: Octets) -> None:
    """Put whole frames into the ring; throw away what is late or there already.

    Args:
        legs: the ring and its statistics.
        tick: now.
        slots: whose they are, at most one a leg.
        due: ``[packets]``, from ``account``.
        payload: ``[packets, 160]`` octets.
    """
    rows = legs.index[: legs.count][slots]
    place = due & (RING_SLOTS - 1)
    legs.latest_due[slots] = np.maximum(legs.latest_due[slots], due)
    repeated = legs.due_at[place, rows] == due
    wanted = due >= tick
    if repeated.any():
        legs.duplicate[rows] += repeated
        legs.received[rows] -= repeated
        wanted &= ~repeated
    if not wanted.all():
        rows, place, due, payload = rows[wanted], place[wanted], due[wanted], payload[wanted]
    legs.ring[place, rows] = payload
    legs.due_at[place, rows] = due


def store_piece(legs: Legs, tick: int, slot: int, timestamp: int, payload: bytes) -> None:
    """Put a packet that is not 20 ms long where its samples belong, over as many frames as it covers."""
    at = _signed(timestamp - int(legs.origin[slot]))
    at = tick * FRAME_SAMPLES + _signed(at - tick * FRAME_SAMPLES)
    while payload:
        due, offset = divmod(at, FRAME_SAMPLES)
        part = payload[: FRAME_SAMPLES - offset]
        payload, at = payload[len(part) :], at + len(part)
        if not tick <= due < tick + RING_SLOTS:
            continue
        place = due & (RING_SLOTS - 1)
        if legs.due_at[place, slot] != due:
            legs.due_at[place, slot] = due
            legs.ring[place, slot] = SILENCE_OCTET[legs.codec[slot]]
        legs.ring[place, slot, offset : offset + len(part)] = np.frombuffer(part, np.uint8)
        legs.latest_due[slot] = max(int(legs.latest_due[slot]), due)


def store_coded(legs: Legs, tick: int, slot: int, timestamp: int, payload: bytes) -> None:
    """Give a packet of a codec that keeps its own frames to its coder."""
    edge = legs.rows[slot].edge
    assert edge is not None
    at = _signed(timestamp - int(legs.origin[slot]))
    position = tick * FRAME_SAMPLES + _signed(at - tick * FRAME_SAMPLES)
    if edge.put(position, payload, tick):
        last = (position + duration(payload) - 1) // FRAME_SAMPLES
        for due in range(position // FRAME_SAMPLES, min(last + 1, tick + RING_SLOTS)):
            legs.due_at[due & (RING_SLOTS - 1), slot] = due
        legs.latest_due[slot] = max(int(legs.latest_due[slot]), last)
    elif position >= tick * FRAME_SAMPLES:
        legs.duplicate[slot] += 1
        legs.received[slot] -= 1


def due_now(legs: Legs, tick: int) -> tuple[Octets, Flags]:
    """The frames of this tick, and for which legs there is one. What is missing from a running stream counts as concealed."""
    count, place = legs.count, tick & (RING_SLOTS - 1)
    present: Flags = legs.due_at[place, :count] == tick
    if not present.all():
        legs.concealed[:count] += ~present & (legs.latest_due[:count] > tick) & (legs.begins_at[:count] < tick)
    return legs.ring[place, :count], present
