"""Keys that arrive as tones (ITU-T Q.23, Q.24), for all legs at once whose peer has no telephone events.

Two windows of 20 ms a tick, 10 ms apart, go through a bank of eight frequencies in one matrix product. A window holds a key
when one frequency of each group carries nearly all of its energy. How far each is off its nominal frequency shows in the
phase that it has gained since the window before, more finely than the bank could tell. A key is down when two windows in a
row agree, and up again when four do not: so 40 ms are heard, an interruption of 10 ms is none, and a pause of 40 ms is one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.media.engine.arrays import FRAME_SAMPLES, RATE_HZ, Flags, Reals, Samples
from offhook.media.engine.dialling import COLUMNS_HZ, KEYPAD, ROWS_HZ
from offhook.media.engine.keys import Press
from offhook.media.engine.legs import HISTORY, Leg, Legs

_HOP = FRAME_SAMPLES // 2
LOWEST_RMS = 32768 * 10 ** (-36 / 20)
"""Of each of the two tones: -36 dBov."""
PART = 0.8
"""Of a window's energy that lies in its two tones. What is only partly filled by them falls short."""
TWIST_DB = 9.0
"""By how much the high tone may be weaker than the low one (Q.24 asks for up to 8 dB)."""
REVERSE_TWIST_DB = 5.0
"""And stronger (up to 4 dB)."""
APART_DB = 8.0
"""By how much the next strongest tone of a group is weaker."""
DETUNING = 0.025
"""What is off by 1.5 % is a key, what is off by 3.5 % is none."""
DOWN_WINDOWS, UP_WINDOWS = 2, 4
EVENT_TICKS = 50
"""Who has sent a telephone event within the last second sends its keys that way; the tones beside them are the same keys."""
HEARD_MS = 30
"""How long a key has been down when it is told."""

_HZ = np.array([*ROWS_HZ, *COLUMNS_HZ])
_TURN = 2 * np.pi * _HZ * _HOP / RATE_HZ
_KEYS = np.array([ord(key) for row in KEYPAD for key in row], np.int64).reshape(4, 4)


def _bank() -> NDArray[np.complex64]:
    """``[160, 8]``: what a frame is multiplied by; a tone of amplitude 1 gives 1."""
    times = np.arange(FRAME_SAMPLES)[:, np.newaxis] / RATE_HZ
    bank: NDArray[np.complex64] = (np.exp(-2j * np.pi * times * _HZ) * 2 / FRAME_SAMPLES).astype(np.complex64)
    return bank


_COMPLEX = _bank()
_BANK: Reals = np.hstack([_COMPLEX.real, _COMPLEX.imag]).astype(np.float32)


class InbandKeys:
    """Who is listened to, and which key each holds down."""

    def __init__(self) -> None:
        self._legs: list[Leg] = []
        self._slots: NDArray[np.intp] = np.empty(0, np.intp)
        self._state = State(0)

    def settle(self, legs: Legs) -> None:
        """Take in whose keys come as tones; whoever was listened to before holds what it held."""
        wanted = [leg for leg in legs.rows if leg.inband and leg.receiving]
        if wanted != self._legs:
            before = {id(leg): i for i, leg in enumerate(self._legs)}
            self._state = self._state.rearranged([before.get(id(leg), -1) for leg in wanted])
            self._legs = wanted
        self._slots = np.array([leg.slot for leg in wanted], np.intp)

    def pressing(self) -> list[Leg]:
        """Who holds a key down."""
        return [self._legs[i] for i in np.flatnonzero(self._state.down).tolist()] if self._legs else []

    def check(self, legs: Legs, tick: int) -> list[tuple[Leg, Press]]:
        """The keys that went down in this tick."""
        if not self._legs:
            return []
        half = legs.pcms[(tick - 1) % HISTORY, self._slots, _HOP:]
        down = self._state.advance(np.concatenate([half, legs.pcm[self._slots]], axis=1))
        return [
            (self._legs[i], Press(chr(key), HEARD_MS))
            for i, key in down
            if tick - self._legs[i].event_at > EVENT_TICKS or not self._legs[i].event_at
        ]


class State:
    """What is known of each leg from the windows before.

    Args:
        count: how many legs.
    """

    def __init__(self, count: int) -> None:
        self.tones = np.zeros((count, 8), np.complex64)
        """Of the last window."""
        self.candidate = np.zeros(count, np.int64)
        """The key that it held, 0 for none."""
        self.down = np.zeros(count, np.int64)
        """The key that is down."""
        self.without = np.zeros(count, np.int64)
        """Windows in a row without it."""

    def rearranged(self, places: list[int]) -> State:
        """The state of other legs: where each was here, -1 for a new one."""
        fresh = State(len(places))
        kept = np.array([place >= 0 for place in places], np.bool_)
        old = np.array([place for place in places if place >= 0], np.intp)
        for name in ("tones", "candidate", "down", "without"):
            getattr(fresh, name)[kept] = getattr(self, name)[old]
        return fresh

    def advance(self, sound: Samples) -> list[tuple[int, int]]:
        """Go on by one tick.

        Args:
            sound: ``[legs, 240]``: the last 10 ms of the tick before, and this tick.

        Returns:
            Whose keys went down, and which.
        """
        samples = sound.astype(np.float32)
        windows = np.stack([samples[:, :FRAME_SAMPLES], samples[:, _HOP:]])
        amplitudes = windows @ _BANK
        power = np.vecdot(windows, windows) / FRAME_SAMPLES
        pressed = []
        for window in range(2):
            tones = amplitudes[window, :, :8] + 1j * amplitudes[window, :, 8:]
            pressed += self._window(tones, power[window])
        return pressed

    def _window(self, tones: NDArray[np.complex64], power: Reals) -> list[tuple[int, int]]:
        off_hz = np.angle(tones * np.conj(self.tones) * np.exp(-1j * _TURN)) / (2 * np.pi * _HOP / RATE_HZ)
        key, tuned = decide(np.abs(tones), power, off_hz)
        agreed = (key > 0) & (key == self.candidate) & tuned
        self.tones, self.candidate = tones, key
        self.without = np.where(key == self.down, 0, self.without + 1)
        self.down[self.without >= UP_WINDOWS] = 0
        fresh = np.flatnonzero(agreed & (key != self.down))
        self.down[fresh], self.without[fresh] = key[fresh], 0
        return [(int(i), int(key[i])) for i in fresh]


def decide(amplitude: Reals, power: Reals, off_hz: NDArray[np.floating]) -> tuple[NDArray[np.int64], Flags]:
    """Which key each window holds.

    Args:
        amplitude: ``[legs, 8]`` of the bank.
        power: ``[legs]``, the mean square of the window.
        off_hz: ``[legs, 8]``, how far each tone lies off its frequency, if it was there in the window before.

    Returns:
        The key as a character code, 0 for none; and whether both its frequencies are right.
    """
    rows = np.arange(len(power))
    which, loud, apart, tuned = [], [], np.ones(len(power), np.bool_), np.ones(len(power), np.bool_)
    for group in (slice(0, 4), slice(4, 8)):
        tones = amplitude[:, group]
        best = tones.argmax(axis=1)
        off = off_hz[rows, best + group.start]
        strongest = tones[rows, best]
        others = np.where(np.arange(4) == best[:, np.newaxis], 0, tones).max(axis=1)
        apart &= others * 10 ** (APART_DB / 20) <= strongest
        tuned &= np.abs(off) <= DETUNING * _HZ[best + group.start]
        # The bank hears a tone that is off less well; what it would have heard of it:
        loud.append(strongest / np.sinc(np.clip(off, -40, 40) * FRAME_SAMPLES / RATE_HZ))
        which.append(best)
    low, high = loud
    held = (low * low + high * high) / 2 >= PART * power
    level = np.minimum(low, high) >= LOWEST_RMS * np.sqrt(2)
    twist = (high >= low * 10 ** (-TWIST_DB / 20)) & (high <= low * 10 ** (REVERSE_TWIST_DB / 20))
    return np.where(held & level & twist & apart, _KEYS[which[0], which[1]], 0), tuned
