"""The jitter ring: packets go in by their timestamp, one frame a tick comes out (RFC 3550; ITU-T G.114 for why it is short).

The playout point is fixed when a stream begins: its first frame is played ``DELAY_FRAMES`` ticks after it came. A stream that
is found to run beside that point for a while (drift, a changed path) is set up anew or moved by one frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.media.engine.arrays import FRAME_SAMPLES, Flags, Numbers, Octets, Slots
from offhook.media.engine.codecs import SILENCE_OCTET
from offhook.media.engine.legs import RING_SLOTS, Legs

DELAY_FRAMES = 2
"""40 ms, to which the wait for the next tick adds 0 to 20 ms."""
LATE_LIMIT = -50
"""Frames. What is a second late or more belongs to a stream that has jumped."""
LATE_TICKS = 5
"""When for so long nothing has come in time, the playout point is wrong. (Many late packets at once are only the end of a
stall.)"""
DEEP_FRAMES = DELAY_FRAMES + 2
DEEP_RUN = 50
"""A second of packets that all wait longer than they need to: play one frame less."""
SEQUENCE_JUMP = 3000
"""Beyond this the sender has started its numbers anew (RFC 3550 appendix A.1, MAX_DROPOUT)."""


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
    known &= (late_since < 0) | (tick - late_since < LATE_TICKS)
    if not known.all():
        rows = legs.index[: legs.count][slots]
        for i in np.flatnonzero(~known):
            _begin(legs, tick, int(rows[i]), int(sequence[i]), int(timestamp[i]), int(ssrc[i]))
        ahead = _ahead(legs, now, slots, timestamp)
    _follow(legs, tick, slots, ahead)
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
    legs.late_since[slot], legs.deep_run[slot] = -1, 0


def _signed(number: int) -> int:
    return ((number + 2**31) & 0xFFFFFFFF) - 2**31


def _follow(legs: Legs, tick: int, slots: Slots, ahead: Numbers) -> None:
    """Watch for streams that have drifted away from their playout point."""
    late, deep = ahead < 0, ahead > DEEP_FRAMES
    since = legs.late_since[slots]
    if late.any() or (since >= 0).any():
        legs.late_since[slots] = np.where(late, np.where(since < 0, tick, since), -1)
    if deep.any() or legs.deep_run[slots].any():
        legs.deep_run[slots] = (legs.deep_run[slots] + 1) * deep
        overfull = legs.index[: legs.count][slots][legs.deep_run[slots] >= DEEP_RUN]
        legs.origin[overfull] += np.uint32(FRAME_SAMPLES)
        legs.deep_run[overfull] = 0


def _count(
    legs: Legs, tick: int, slots: Slots, sequence: NDArray[np.uint16], timestamp: NDArray[np.uint32], ahead: Numbers
) -> None:
    legs.received[slots] += 1
    legs.heard_at[slots] = tick
    moved = (sequence - legs.sequence_highest[slots].astype(np.uint16)).view(np.int16)
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


def due_now(legs: Legs, tick: int) -> tuple[Octets, Flags]:
    """The frames of this tick, and for which legs there is one. What is missing from a running stream counts as concealed."""
    count, place = legs.count, tick & (RING_SLOTS - 1)
    present: Flags = legs.due_at[place, :count] == tick
    if not present.all():
        legs.concealed[:count] += ~present & (legs.latest_due[:count] > tick) & (legs.begins_at[:count] < tick)
    return legs.ring[place, :count], present
