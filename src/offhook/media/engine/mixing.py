"""Rooms: everybody hears the sum of all others in theirs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.media.engine.arrays import BLOCK, Samples, Sums

_EMPTY = np.empty(0, np.intp)


class Rooms:
    """Who is in a room together, sorted once whenever that changes.

    A bridge, a room of two, is by far the most common and needs no sum: each hears the other. Larger rooms are summed once, and
    everybody hears the sum minus themselves.
    """

    def __init__(self) -> None:
        self._pairs: NDArray[np.intp] = _EMPTY
        self._partners: NDArray[np.intp] = _EMPTY
        self._crowd: NDArray[np.intp] = _EMPTY
        """Rows of the legs in larger rooms, room by room."""
        self._starts: NDArray[np.intp] = _EMPTY
        self._room_of: NDArray[np.intp] = _EMPTY

    def settle(self, rooms: NDArray[np.int32]) -> None:
        """Take in who is where.

        Args:
            rooms: ``[legs]``, a room's number or -1.
        """
        roomed = np.flatnonzero(rooms >= 0)
        members = roomed[np.argsort(rooms[roomed], kind="stable")]
        _, room_of, sizes = np.unique(rooms[members], return_inverse=True, return_counts=True)
        size_of = sizes[room_of]
        self._pairs = members[size_of == 2]
        self._partners = self._pairs.reshape(-1, 2)[:, ::-1].reshape(-1)
        self._crowd = members[size_of > 2]
        _, self._starts, self._room_of = np.unique(rooms[self._crowd], return_index=True, return_inverse=True)

    def mix(self, heard: Samples, out: Samples) -> None:
        """Add what each member hears of its room to what it plays, held to 16 bits.

        Args:
            heard: ``[legs, 160]``, what comes from each leg.
            out: ``[legs, 160]``, what each leg plays; overwritten for the members.
        """
        for begin in range(0, self._pairs.size, BLOCK):
            pairs, partners = self._pairs[begin : begin + BLOCK], self._partners[begin : begin + BLOCK]
            out[pairs] = add_held(out[pairs], heard[partners])
        if self._crowd.size:
            own: Sums = heard[self._crowd].astype(np.int32)
            sums: Sums = np.add.reduceat(own, self._starts, axis=0)
            mixed = sums[self._room_of]
            mixed -= own
            mixed += out[self._crowd]
            np.clip(mixed, -32768, 32767, out=mixed)
            out[self._crowd] = mixed


def add_held(a: Samples, b: Samples) -> Samples:
    """The sum of two matrices, held to 16 bits. In 16 bits as long as nothing overflows: that is four times as fast as in 32."""
    total = a + b
    # The sum has overflowed where its sign is neither that of the one nor that of the other.
    overflow = (a ^ total) & (b ^ total)
    if overflow.min() < 0:
        loud = np.flatnonzero((overflow < 0).any(axis=1))
        exact = a[loud].astype(np.int32) + b[loud]
        total[loud] = np.clip(exact, -32768, 32767)
    return total
