"""Rooms: everybody hears the sum of all others in theirs, as far as the routing lets them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.media.engine.arrays import BLOCK, Flags, Samples, Sums
from offhook.media.engine.legs import Leg, Legs

Rows = NDArray[np.intp]
_EMPTY: Rows = np.empty(0, np.intp)


class Rooms:
    """Who hears whom, worked out once whenever that changes.

    A bridge, a room of two, is by far the most common and needs no sum: each hears the other. Every other room is summed once,
    and everybody hears the sum minus themselves: the cost of a member does not depend on the size of the room. Who does not
    speak is not in the sum, who does not hear gets none of it. What is still different, for a single pair (a coach whom only
    one hears), is added or taken away for that pair alone.
    """

    def __init__(self) -> None:
        self.routes: dict[tuple[Leg, Leg], bool] = {}
        """Exceptions: whether the first hears the second."""
        self._pairs: Rows = _EMPTY
        """Rows of the legs in bridges, in their order."""
        self._all_paired = False
        """Whether they are all the legs: a slice of them is then a view."""
        self._partners: Rows = _EMPTY
        self._crowd: Rows = _EMPTY
        """Rows of the legs in all other rooms, room by room."""
        self._starts: Rows = _EMPTY
        self._room_of: Rows = _EMPTY
        self._mute: Rows = _EMPTY
        """Of the crowd, who does not speak."""
        self._deaf: Rows = _EMPTY
        self._seats: Rows = _EMPTY
        """Rows of the legs without a phone: what they play is what others hear of them."""
        self._listeners: Rows = _EMPTY
        """Of the crowd, who hears more or less than their room."""
        self._speakers: Rows = _EMPTY
        self._signs: NDArray[np.int32] = np.empty(0, np.int32)

    def route(self, listener: Leg, speaker: Leg, heard: bool | None) -> None:
        """Make an exception for a pair, or take it back."""
        if heard is None:
            self.routes.pop((listener, speaker), None)
        else:
            self.routes[listener, speaker] = heard

    def forget(self, leg: Leg) -> None:
        """The leg ends."""
        if self.routes:
            self.routes = {pair: heard for pair, heard in self.routes.items() if leg not in pair}

    def settle(self, legs: Legs) -> None:
        """Take in who is where."""
        room = legs.room[: legs.count]
        roomed = np.flatnonzero(room >= 0)
        members = roomed[np.argsort(room[roomed], kind="stable")]
        _, room_of, sizes = np.unique(room[members], return_inverse=True, return_counts=True)
        plain = (sizes[room_of] == 2) & ~self._special(legs, members, room_of)
        paired = members[plain]
        self._partners = paired.reshape(-1, 2)[:, ::-1].reshape(-1)[np.argsort(paired)]
        self._pairs = np.sort(paired)
        self._all_paired = paired.size == legs.count
        self._crowd = members[~plain & (sizes[room_of] > 1)]
        _, self._starts, self._room_of = np.unique(room[self._crowd], return_index=True, return_inverse=True)
        self._mute = np.flatnonzero(~legs.speaks[self._crowd])
        self._deaf = np.flatnonzero(~legs.hears[self._crowd])
        self._seats = np.array([leg.slot for leg in legs.rows if leg.seat], np.intp)
        self._settle_exceptions()

    def _special(self, legs: Legs, members: Rows, room_of: Rows) -> Flags:
        """Whose room is not one in which all just hear each other."""
        odd = ~(legs.speaks[members] & legs.hears[members])
        if self.routes:
            odd |= np.isin(members, [leg.slot for pair in self.routes for leg in pair])
        rooms = np.zeros(int(room_of.max(initial=-1)) + 1, np.bool_)
        rooms[room_of[odd]] = True
        special: Flags = rooms[room_of]
        return special

    def _settle_exceptions(self) -> None:
        place = {row: i for i, row in enumerate(self._crowd.tolist())} if self.routes else {}
        exceptions = []
        for (listener, speaker), heard in self.routes.items():
            if listener.slot in place and speaker.slot in place and listener.room == speaker.room:
                sign = int(heard) - int(speaker.speaks and listener.hears)
                if sign:
                    exceptions.append((place[listener.slot], speaker.slot, sign))
        table = np.array(exceptions, np.intp).reshape(-1, 3)
        self._listeners, self._speakers, self._signs = table[:, 0], table[:, 1], table[:, 2].astype(np.int32)

    def partner(self, row: int) -> int | None:
        """The row of the other one in a bridge; ``None``: the leg is in none."""
        place = int(np.searchsorted(self._pairs, row))
        if place == self._pairs.size or self._pairs[place] != row:
            return None
        return int(self._partners[place])

    def mix(self, heard: Samples, out: Samples) -> None:
        """Add what each member hears of its room to what it plays, held to 16 bits.

        Args:
            heard: ``[legs, 160]``, what comes from each leg; overwritten for legs without a phone.
            out: ``[legs, 160]``, what each leg plays; overwritten for the members.
        """
        if self._seats.size:
            heard[self._seats] = out[self._seats]
        for begin in range(0, self._pairs.size, BLOCK):
            block = slice(begin, min(begin + BLOCK, self._pairs.size))
            pairs = block if self._all_paired else self._pairs[block]
            out[pairs] = add_held(out[pairs], heard[self._partners[block]])
        if self._crowd.size:
            own: Samples = heard[self._crowd]
            own[self._mute] = 0
            sums: Sums = np.add.reduceat(own, self._starts, axis=0, dtype=np.int32)
            mixed = sums[self._room_of]
            mixed -= own
            mixed[self._deaf] = 0
            if self._listeners.size:
                np.add.at(mixed, self._listeners, heard[self._speakers] * self._signs[:, np.newaxis])
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
