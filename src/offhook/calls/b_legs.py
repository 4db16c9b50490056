"""B legs, seen from outside of the ``Dial`` that has placed them: the API finds them by their CallUUID and acts on each alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from offhook.calls.ports import Leg
from offhook.calls.timeline import Timeline
from offhook.causes import Ending
from offhook.records import LiveCall

if TYPE_CHECKING:
    from datetime import datetime

    from offhook.calls.call import Call, Next


class BLeg(Protocol):
    """A B leg that lives: it rings, confirms, or talks."""

    uuid: str
    leg: Leg | None
    """Its signalling and audio, once somebody has answered."""
    answered_at: datetime | None
    answered_now: float
    """Loop time of the answer."""
    live: LiveCall

    @property
    def a_leg(self) -> Call:
        """The call whose ``Dial`` has placed it."""

    @property
    def timeline(self) -> Timeline:
        """Its own."""

    def end_by_api(self) -> None:
        """End it, wherever it is. The A leg goes on behind its ``Dial`` unless there are other legs."""

    def go_elsewhere(self, following: Next) -> bool:
        """Leave the bridge and run a document; false where it is not connected. The A leg goes on behind its ``Dial``."""


GoesOn = Callable[[BLeg, "Next"], Awaitable[Ending]]
"""Runs documents on a B leg that has left its bridge; returns how it ended, and never fails."""
