"""Tables of those who wait for something to be heard on a leg."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from offhook.media import wire
from offhook.media.engine.arrays import Flags
from offhook.media.engine.legs import Leg, Legs


class Watches:
    """A row of numbers for everybody who waits: what for, and how far it has come.

    Args:
        columns: how many numbers.
    """

    def __init__(self, columns: int) -> None:
        self.table: NDArray[np.float64] = np.zeros((0, columns))
        self._who: list[tuple[Leg, int]] = []
        self._slots: NDArray[np.intp] = np.empty(0, np.intp)
        self._version = -1

    def __len__(self) -> int:
        return len(self._who)

    def add(self, leg: Leg, request: int, numbers: Sequence[float]) -> None:
        """Somebody begins to wait."""
        self._who.append((leg, request))
        self.table = np.vstack([self.table, numbers])
        self._version = -1

    def drop(self, leg: Leg, request: int | None = None) -> None:
        """Forget one request of a leg, or all of them."""
        self._keep([who is not leg or request not in {None, its} for who, its in self._who])

    def slots(self, legs: Legs) -> NDArray[np.intp]:
        """The row of each one's leg among the legs; -1 while it has no peer."""
        if self._version != legs.version:
            self._slots = np.array([leg.slot for leg, _ in self._who], np.intp)
            self._version = legs.version
        return self._slots

    def who(self, row: int) -> tuple[Leg, int]:
        """Whose row of the table this is: the leg and the request."""
        return self._who[row]

    def done(self, heard: Flags) -> list[wire.Event]:
        """Tell those whose wait is over, and forget them."""
        if not heard.any():
            return []
        told: list[wire.Event] = [wire.Done(self._who[i][0].number, self._who[i][1]) for i in np.flatnonzero(heard).tolist()]
        self._keep((~heard).tolist())
        return told

    def _keep(self, wanted: list[bool]) -> None:
        if not all(wanted):
            self._who = [who for who, keep in zip(self._who, wanted, strict=True) if keep]
            self.table = self.table[wanted]
            self._version = -1
