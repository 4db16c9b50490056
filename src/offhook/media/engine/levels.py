"""How loud each leg is, how long it has been silent, and who wants to know."""

from __future__ import annotations

import math

import numpy as np

from offhook.media import wire
from offhook.media.engine.arrays import BLOCK, FRAME_MS, FRAME_SAMPLES, Reals
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.watching import Watches

SILENCE_POWER = float(256**2)
"""Mean square of the samples (an RMS of 256, -42 dBov) below which a frame is silence. Line noise lies well below, speech well
above."""
FLOOR_DBOV = -127.0


def measure(legs: Legs, scratch: Reals) -> None:
    """The power of each leg's frame, and for how many ticks it has been silent."""
    count = legs.count
    for begin in range(0, count, BLOCK):
        rows = slice(begin, min(begin + BLOCK, count))
        samples = scratch[: rows.stop - begin]
        np.copyto(samples, legs.pcm[rows])
        np.vecdot(samples, samples, out=legs.power[rows])
    power = legs.power[:count]
    power /= FRAME_SAMPLES
    quiet = legs.quiet[:count]
    quiet += 1
    quiet *= power < SILENCE_POWER


def scratch() -> Reals:
    """What ``measure`` computes in."""
    return np.empty((BLOCK, FRAME_SAMPLES), np.float32)


def dbov(power: float) -> float:
    """A mean square of 16-bit samples as a level: 0 is a square wave at full scale, -127 the lowest that RTP knows (RFC 6464)."""
    return max(FLOOR_DBOV, round(10 * math.log10(power / 32768**2), 1)) if power > 0 else FLOOR_DBOV


def meter(legs: Legs, tick: int) -> list[wire.Event]:
    """Add up the power of the legs that are metered; tell the level of those whose interval is over."""
    metered = np.flatnonzero(legs.meter_every[: legs.count])
    if not metered.size:
        return []
    legs.meter_power[metered] += legs.power[metered]
    told: list[wire.Event] = []
    for slot in metered[tick % legs.meter_every[metered] == 0].tolist():
        told.append(wire.LevelHeard(legs.rows[slot].number, dbov(float(legs.meter_power[slot]) / int(legs.meter_every[slot]))))
        legs.meter_power[slot] = 0
    return told


class SilenceWatches:
    """Who waits for a leg to fall silent. A leg from which nothing comes is silent."""

    def __init__(self) -> None:
        self.watches = Watches(2)

    def add(self, leg: Leg, request: int, minimum_ms: int, tick: int) -> None:
        """Wait for ``minimum_ms`` of silence, counted from now on."""
        self.watches.add(leg, request, (max(1, -(-minimum_ms // FRAME_MS)), tick))

    def check(self, legs: Legs, tick: int) -> list[wire.Event]:
        """Tell those whose silence is long enough; they are done then."""
        if not self.watches:
            return []
        minimum, since = self.watches.table.T
        slots = self.watches.slots(legs)
        quiet = np.where(slots >= 0, legs.quiet[slots], minimum)
        return self.watches.done(np.minimum(quiet, tick - since + 1) >= minimum)


LOOK_TICKS = 25
"""How often it is looked for legs from which nothing comes: every half second."""


def lost(legs: Legs, tick: int) -> list[wire.Event]:
    """Tell of the legs from which no packet has come for as long as somebody wants to know."""
    if tick % LOOK_TICKS:
        return []
    waited = legs.lost_after[: legs.count]
    told: list[wire.Event] = []
    for slot in np.flatnonzero((waited > 0) & (tick - legs.heard_at[: legs.count] >= waited)).tolist():
        leg = legs.rows[slot]
        told.append(wire.Done(leg.number, leg.loss_request))
        legs.lost_after[slot] = leg.lost_after = 0
    return told
