"""Where somebody speaks: the beginning and the end of sound that stands out from the noise of its line.

This tells sound from background, by its level alone: a voice, music and a cough are all the same to it. It does not tell what is
said, nor by whom. The background is followed while nobody speaks, so that a noisy line does not look like an endless talker.
"""

from __future__ import annotations

import numpy as np

from offhook.media import wire
from offhook.media.engine.arrays import FRAME_MS
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.watching import Watches

ABOVE = 10 ** (9 / 10)
"""A voice is 9 dB above the background."""
LOWEST_POWER = 32768.0**2 * 10 ** (-52 / 10)
"""What is softer than -52 dBov is none, however quiet the line."""
HIGHEST_FLOOR = 32768.0**2 * 10 ** (-34 / 10)
"""What the background is taken to be at first, unless it is quieter: the first sound may be a voice already."""
_FALL, _RISE, _RISE_WHILE_SPEAKING = 0.5, 1.02, 1.003
"""A tick: the background falls at once, and rises by 4 dB a second, under a voice by 0.6 dB."""
NOTHING = 1.0
"""What is softer is no background: no packet has come so far, or the far end sends zeros before it sends its line."""
_START, _STOP, _FLOOR, _LOUD, _SOFT, _SPEAKING, _TICKS, _EVERY, _HEARD = range(9)


class VoiceWatches:
    """Who wants to know when a leg's party begins and ceases to speak."""

    def __init__(self) -> None:
        self.watches = Watches(9)

    def add(self, leg: Leg, request: int, start_ms: int, stop_ms: int, every_ms: int = 0) -> None:
        """Watch a leg until it is dropped.

        Args:
            every_ms: tell so often how far the watch has come, whether anything has changed or not; 0: do not.
        """
        start, stop = (max(1, -(-each // FRAME_MS)) for each in (start_ms, stop_ms))
        self.watches.add(leg, request, (start, stop, 0, 0, 0, 0, 0, -(-every_ms // FRAME_MS), 0))

    def check(self, legs: Legs) -> list[wire.Event]:
        """Go on by one tick; tell whose voice began or ended, and who wants to know the time."""
        if not self.watches:
            return []
        table, slots = self.watches.table, self.watches.slots(legs)
        power = np.where(slots >= 0, legs.power[slots], 0).astype(np.float64)
        floor, speaking = table[:, _FLOOR], table[:, _SPEAKING] > 0
        fresh = (table[:, _HEARD] == 0) & (power > NOTHING)
        table[fresh, _HEARD] = 1
        floor[fresh] = np.minimum(power[fresh], HIGHEST_FLOOR)
        table[:, _TICKS] += 1
        loud = power > np.maximum(floor * ABOVE, LOWEST_POWER)
        rise = np.where(speaking | loud, _RISE_WHILE_SPEAKING, _RISE)
        floor[:] = np.where(power < floor, floor + _FALL * (power - floor), np.minimum(np.maximum(floor, 1) * rise, power))
        table[:, _LOUD] = (table[:, _LOUD] + 1) * loud
        table[:, _SOFT] = (table[:, _SOFT] + 1) * ~loud
        begun = ~speaking & (table[:, _LOUD] >= table[:, _START])
        ended = speaking & (table[:, _SOFT] >= table[:, _STOP])
        table[:, _SPEAKING] = np.where(begun, 1, np.where(ended, 0, table[:, _SPEAKING]))
        told: list[wire.Event] = []
        for i in np.flatnonzero(begun | ended).tolist():
            leg, request = self.watches.who(i)
            run, ticks = int(table[i, _LOUD] if begun[i] else table[i, _SOFT]), int(table[i, _TICKS])
            told.append(wire.VoiceChanged(leg.number, request, bool(begun[i]), (ticks - run) * FRAME_MS, ticks * FRAME_MS))
        every = table[:, _EVERY]
        for i in np.flatnonzero((every > 0) & (table[:, _TICKS] % np.maximum(every, 1) == 0)).tolist():
            leg, request = self.watches.who(i)
            told.append(wire.VoiceWatched(leg.number, request, int(table[i, _TICKS]) * FRAME_MS))
        return told
