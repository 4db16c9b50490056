"""Tones of keys that the other party of a bridge is told in another way: whoever took both would count two keys.

The tone is heard for the 30 to 40 ms that it takes to know what it is; that is shorter than any key (ITU-T Q.24).
"""

from __future__ import annotations

from collections.abc import Sequence

from offhook.media.engine.arrays import Samples
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.mixing import Rooms


def hushed(heard: Samples, pressing: Sequence[Leg], rooms: Rooms, legs: Legs) -> Samples:
    """``[legs, 160]``, what others hear of each leg, without the keys that go to them as telephone events.

    Args:
        heard: with them; stays as it is.
        pressing: the legs whose tone of a key is being heard. They are few, and seldom any.
    """
    slots = [leg.slot for leg in pressing if leg.slot >= 0 and _told_otherwise(leg, rooms, legs)]
    if not slots:
        return heard
    quiet = heard.copy()
    quiet[slots] = 0
    return quiet


def _told_otherwise(leg: Leg, rooms: Rooms, legs: Legs) -> bool:
    """Whether the leg is in a bridge, and whoever is at its other end takes telephone events."""
    partner = rooms.partner(leg.slot)
    return partner is not None and legs.rows[partner].event_payload_type is not None
