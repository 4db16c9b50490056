"""Calls that run now: what the API needs of them. The node hands in what implements it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from offhook.calls import Audience, Onward, Party, Placement, TooManyCalls, Which


@dataclass(frozen=True, slots=True)
class RunningCall:
    """A call that runs, or waits for its turn (reference ``api.md`` sections 5.3 and 5.4)."""

    call_uuid: str
    auth_id: str
    direction: str
    from_number: str
    to_number: str
    status: str
    """``queued``, ``ringing`` or ``in-progress``."""
    began_at: datetime
    request_uuid: str = ""
    """Of a call that the API made; the same as ``call_uuid`` for a single one."""
    caller_name: str = ""
    stir_verification: str = "Not Applicable"
    stir_attestation: str = ""


class LiveCalls(Protocol):
    """The calls of this node."""

    def running(self, auth_id: str) -> Iterable[RunningCall]:
        """Calls of an account that run or wait, in the order of their beginning."""

    def find(self, call_uuid: str) -> RunningCall | None:
        """One of them, by its CallUUID or its request's."""

    def hang_up(self, call_uuid: str) -> bool:
        """End a call because its account asks for it; false where it is over already. Does not wait for the end."""

    async def place(self, placements: list[Placement]) -> bool:
        """Place calls, all or none; whether any of them has to wait. On return each is sure to get a record.

        Raises:
            TooManyCalls: none was taken.
            NoMoreCalls: none was taken; the node is being stopped.
        """

    def transfer(self, call_uuid: str, *, a_leg: Onward | None, b_leg: Onward | None) -> bool:
        """Let a party of a call, or both, go on with another document; false where it is over or nobody has answered.

        Raises:
            NoBLeg: it is connected with no B leg.
        """

    def audience(self, call_uuid: str, which: Which) -> Audience | None:
        """Those parties of a call, to let them hear something; ``None`` where it is over.

        Raises:
            NoAudio: nobody has answered yet.
            NoBLeg: it is connected with no B leg.
        """

    def silence(self, call_uuid: str, kind: str) -> bool:
        """Stop what the API plays or speaks in a call (``calls.PLAY``, ``calls.SPEAK``); false where it is over."""

    def party(self, call_uuid: str) -> Party | None:
        """Who is recorded as this call, or B leg; ``None``: nobody has answered it, or it is over."""


class NoLiveCalls:
    """Of a node that runs none."""

    def running(self, auth_id: str) -> Iterable[RunningCall]:  # noqa: ARG002
        """None."""
        return ()

    def find(self, call_uuid: str) -> RunningCall | None:  # noqa: ARG002
        """None."""
        return None

    def hang_up(self, call_uuid: str) -> bool:  # noqa: ARG002
        """Nothing to end."""
        return False

    async def place(self, placements: list[Placement]) -> bool:  # noqa: ARG002
        """Nobody to place them."""
        raise TooManyCalls("this node places no calls")

    def transfer(self, call_uuid: str, *, a_leg: Onward | None, b_leg: Onward | None) -> bool:  # noqa: ARG002
        """Nothing to transfer."""
        return False

    def audience(self, call_uuid: str, which: Which) -> Audience | None:  # noqa: ARG002
        """Nobody listens."""
        return None

    def silence(self, call_uuid: str, kind: str) -> bool:  # noqa: ARG002
        """Nothing is heard."""
        return False

    def party(self, call_uuid: str) -> Party | None:  # noqa: ARG002
        """Nobody."""
        return None
