"""The hold music: our own composition, eight bars of plucked chords over a soft pad, made to be looped."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BAR_S = 3.0
_NOTES_A_BAR = 8
# Eight bars in C: the roots and thirds lead gently back to the beginning.
_CHORDS = (
    (48, 52, 55, 59),
    (45, 48, 52, 55),
    (41, 45, 48, 52),
    (43, 47, 50, 53),
    (48, 52, 55, 60),
    (40, 43, 47, 52),
    (41, 45, 48, 53),
    (43, 48, 50, 55),
)
_PATTERN = (0, 2, 1, 3, 2, 1, 3, 2)


def compose(rate_hz: int) -> npt.NDArray[np.float32]:
    """24 s of music; the end runs into the beginning."""
    length = int(len(_CHORDS) * BAR_S * rate_hz)
    track = np.zeros(length, np.float64)
    for bar, chord in enumerate(_CHORDS):
        for step, voice in enumerate(_PATTERN):
            at = int((bar + step / _NOTES_A_BAR) * BAR_S * rate_hz)
            _add(track, at, _pluck(_hertz(chord[voice] + 12), rate_hz))
        for note in chord[:3]:
            _add(track, int(bar * BAR_S * rate_hz), 0.22 * _pad(_hertz(note + 12), rate_hz))
    return np.asarray(track / np.abs(track).max() * 0.7, np.float32)


def _hertz(note: int) -> float:
    return float(440.0 * 2 ** ((note - 69) / 12))


def _pluck(frequency_hz: float, rate_hz: int) -> npt.NDArray[np.float64]:
    time = np.arange(int(1.6 * rate_hz)) / rate_hz
    tone = sum(
        np.sin(2 * np.pi * frequency_hz * partial * time) * np.exp(-(2.2 + partial) * time) / partial for partial in (1, 2, 3)
    )
    attack = np.minimum(1.0, time / 0.006)
    return np.asarray(tone * attack, np.float64)


def _pad(frequency_hz: float, rate_hz: int) -> npt.NDArray[np.float64]:
    time = np.arange(int((BAR_S + 0.6) * rate_hz)) / rate_hz
    swell = np.clip(np.minimum(time / 0.6, (BAR_S + 0.6 - time) / 0.6), 0, 1)
    tone = np.sin(2 * np.pi * frequency_hz * time) + 0.3 * np.sin(2 * np.pi * frequency_hz * 1.003 * time)
    return np.asarray(tone * swell, np.float64)


def _add(track: npt.NDArray[np.float64], at: int, sound: npt.NDArray[np.float64]) -> None:
    """Mix a sound in; what passes the end is heard at the beginning."""
    positions = (at + np.arange(sound.size)) % track.size
    np.add.at(track, positions, sound)
