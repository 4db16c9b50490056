"""Louder and softer: what a leg's party hears, and what others hear of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.media.engine.arrays import Reals, Samples
from offhook.media.engine.legs import Legs

_EMPTY = np.empty(0, np.intp)


class Gains:
    """The few legs that are not passed on as they are."""

    def __init__(self) -> None:
        self._sent: NDArray[np.intp] = _EMPTY
        self._received: NDArray[np.intp] = _EMPTY

    def settle(self, legs: Legs) -> None:
        """Take in whose gain is what."""
        self._sent = np.flatnonzero(legs.gain_sent[: legs.count] != 1)
        self._received = np.flatnonzero(legs.gain_received[: legs.count] != 1)

    def received(self, legs: Legs) -> Samples:
        """``[legs, 160]``: what others hear of each leg. What was received itself stays as it came."""
        if not self._received.size:
            return legs.pcm
        heard = legs.pcm.copy()
        heard[self._received] = amplified(heard[self._received], legs.gain_received[self._received])
        return heard

    def send(self, legs: Legs) -> None:
        """Change ``legs.out``."""
        if self._sent.size:
            legs.out[self._sent] = amplified(legs.out[self._sent], legs.gain_sent[self._sent])


def amplified(samples: Samples, gains: Reals) -> Samples:
    """Samples times a gain for each row, held to 16 bits."""
    louder = samples * gains[:, np.newaxis]
    np.clip(louder, -32768, 32767, out=louder)
    held: Samples = louder.astype(np.int16)
    return held


def factor(gain_db: float) -> float:
    """A gain in dB as what samples are multiplied by."""
    return float(10 ** (gain_db / 20))
