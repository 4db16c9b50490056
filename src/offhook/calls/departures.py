"""Calls on their way out: at most so many starts a second and so many at once for each account; the others wait in line."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from offhook import causes
from offhook.calls.outbound import Placement
from offhook.causes import Ending
from offhook.clock import Clock
from offhook.errors import PeerFault
from offhook.metrics import WAIT_SECONDS, Distribution

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Calls of one account that may wait; a request that would make it more is refused whole."""

Begin = Callable[[Coroutine[Any, Any, None], str], object]
"""Runs a call as a task with a name."""


class TooManyCalls(PeerFault):
    """The account has as many calls as it may, or as many wait as may (code 5030)."""


class NoMoreCalls(PeerFault):
    """The node is being stopped: it places no more calls."""

    def __str__(self) -> str:
        return "the node is being stopped and places no more calls"


class Places(Protocol):
    """What places calls: the ``Service``."""

    async def place(self, placement: Placement) -> None:
        """Place it and run it until its record is written."""

    def inbound(self, auth_id: str) -> int:
        """How many calls of an account have come in and run now."""

    async def withdraw(self, placement: Placement, ending: Ending) -> None:
        """A record and a hangup request for one that was never placed."""


@dataclass(slots=True)
class _Line:
    """The calls of one account."""

    waiting: deque[Placement] = field(default_factory=deque)
    running: int = 0
    next_start: float = 0.0
    """Loop time before which none may start."""
    timer: asyncio.TimerHandle | None = None


class Departures:
    """The way out. Calls of an account start in the order in which they were asked for.

    Args:
        places: places them.
        begin: makes the task of each.
        starts_per_s: of each account (reference ``api.md`` section 1.1).
        most: calls of an account at once, those that came in among them; ``None``: as many as the node takes.
    """

    def __init__(self, places: Places, begin: Begin, clock: Clock, *, starts_per_s: float = 2.0, most: int | None = None) -> None:
        self._places = places
        self._begin = begin
        self._clock = clock
        self._gap_s = 1 / starts_per_s
        self._most = most
        self._lines: dict[str, _Line] = {}
        self._waiting: dict[str, tuple[Placement, float]] = {}
        """And when each was asked for, loop time."""
        self._closed = False
        self.waits = Distribution(WAIT_SECONDS)
        """How long those that were placed had waited, s."""

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self, placements: list[Placement]) -> bool:
        """Place calls, all of them or none.

        Returns:
            Whether any has to wait.

        Raises:
            TooManyCalls: none was taken.
            NoMoreCalls: none was taken, nor will be.
        """
        if self._closed:
            raise NoMoreCalls
        auth_id = placements[0].application.auth_id
        line = self._lines.setdefault(auth_id, _Line())
        if self._most is not None:
            there = line.running + len(line.waiting) + self._places.inbound(auth_id)
            if there + len(placements) > self._most:
                raise TooManyCalls(f"the account has {there} calls and may have {self._most}")
        if len(line.waiting) + len(placements) > MOST_WAITING:
            raise TooManyCalls(f"{len(line.waiting)} calls of the account wait already")
        for placement in placements:
            line.waiting.append(placement)
            self._waiting[placement.call_uuid] = placement, self._clock.now()
        self._go_on(line)
        return any(placement.call_uuid in self._waiting for placement in placements)

    def withdraw(self, call_uuid: str) -> bool:
        """Take back one that waits; whether it did. It gets its record and its hangup request."""
        if call_uuid not in self._waiting:
            return False
        placement, _ = self._waiting.pop(call_uuid)
        self._lines[placement.application.auth_id].waiting.remove(placement)
        self._begin(self._places.withdraw(placement, causes.API_CANCEL), f"call {call_uuid}")
        return True

    def find(self, call_uuid: str) -> Placement | None:
        """One that waits."""
        return self._waiting[call_uuid][0] if call_uuid in self._waiting else None

    def waiting(self, auth_id: str) -> list[Placement]:
        """Those of an account that wait, the next first."""
        line = self._lines.get(auth_id)
        return list(line.waiting) if line is not None else []

    def close(self, ending: Ending) -> None:
        """The node stops: what waits is withdrawn, and nothing more is taken."""
        self._closed = True
        for placement, _ in list(self._waiting.values()):
            self._begin(self._places.withdraw(placement, ending), f"call {placement.call_uuid}")
        self._waiting.clear()
        for line in self._lines.values():
            line.waiting.clear()
            if line.timer is not None:
                line.timer.cancel()

    def _go_on(self, line: _Line) -> None:
        now = self._clock.now()
        if line.timer is not None:
            line.timer.cancel()
            line.timer = None
        while line.waiting and line.next_start <= now:
            placement = line.waiting.popleft()
            _, asked_at = self._waiting.pop(placement.call_uuid)
            self.waits.note(now - asked_at)
            line.next_start = max(line.next_start, now - self._gap_s) + self._gap_s
            line.running += 1
            self._begin(self._run(line, placement), f"call {placement.call_uuid}")
        if line.waiting:
            line.timer = asyncio.get_running_loop().call_later(line.next_start - now, self._go_on, line)

    async def _run(self, line: _Line, placement: Placement) -> None:
        try:
            await self._places.place(placement)
        except Exception:
            log.exception("call %s met a defect of ours", placement.call_uuid)
        finally:
            line.running -= 1
