"""Rooms: everybody hears the sum of all others in theirs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.media.engine.arrays import Samples, Sums


class Rooms:
    """Who is in a room together, sorted once whenever that changes."""

    def __init__(self) -> None:
        self.members: NDArray[np.intp] = np.empty(0, np.intp)
        """Rows of the legs in rooms, room by room."""
        self._starts: NDArray[np.intp] = np.empty(0, np.intp)
        self._room_of: NDArray[np.intp] = np.empty(0, np.intp)

    def settle(self, rooms: NDArray[np.int32]) -> None:
        """Take in who is where.

        Args:
            rooms: ``[legs]``, a room's number or -1.
        """
        roomed = np.flatnonzero(rooms >= 0)
        self.members = roomed[np.argsort(rooms[roomed], kind="stable")]
        _, self._starts, self._room_of = np.unique(rooms[self.members], return_index=True, return_inverse=True)

    def mix(self, heard: Samples, out: Samples) -> None:
        """Add to what each member plays the sum of its room minus itself, held to 16 bits.

        Args:
            heard: ``[legs, 160]``, what comes from each leg.
            out: ``[legs, 160]``, what each leg plays; overwritten for the members.
        """
        if not self.members.size:
            return
        own: Sums = heard[self.members].astype(np.int32)
        sums: Sums = np.add.reduceat(own, self._starts, axis=0)
        mixed = sums[self._room_of]
        mixed -= own
        mixed += out[self.members]
        np.clip(mixed, -32768, 32767, out=mixed)
        out[self.members] = mixed
