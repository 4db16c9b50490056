"""The kinds of arrays that the tick works on, and the numbers that they share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.audio import FRAME_MS, FRAME_SAMPLES, RATE_HZ

Octets = NDArray[np.uint8]
Samples = NDArray[np.int16]
Sums = NDArray[np.int32]
Reals = NDArray[np.float32]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Slots = NDArray[np.intp] | slice
"""Which legs: an index array, or a slice when it is all of them, because a slice of an array is a view and costs nothing."""
Matrix = NDArray[Any]

BLOCK = 128
"""Legs at a time, where a step computes something on the way that is larger than what it gives."""
SAMPLES_PER_MS = RATE_HZ // 1000

__all__ = [
    "BLOCK",
    "FRAME_MS",
    "FRAME_SAMPLES",
    "RATE_HZ",
    "SAMPLES_PER_MS",
    "Flags",
    "Matrix",
    "Numbers",
    "Octets",
    "Reals",
    "Samples",
    "Slots",
    "Sums",
]
