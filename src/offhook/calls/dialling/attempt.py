"""One ``Dial``: its legs ring, one is connected, and in the end nothing is left of any (reference ``xml.md`` section 9.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from offhook import causes
from offhook.audio import Track
from offhook.calls import closing
from offhook.calls.call import Call
from offhook.calls.dialling import bridge
from offhook.calls.dialling.branch import Branch
from offhook.calls.dialling.outcome import Result, most_telling, told
from offhook.calls.dialling.reports import Reports
from offhook.calls.dialling.ringback import Ringback
from offhook.calls.dialling.targets import Target
from offhook.calls.status import CallStatus, unconnected
from offhook.causes import Ending, Source
from offhook.errors import LegGone
from offhook.events import LegsBridged
from offhook.xml import Dial

RING_S = 120
"""How long it rings where the element does not say (code 6010)."""


class Attempt:
    """Made for one ``Dial``, ``run`` once. ``result`` says how it went, also where ``run`` was cancelled."""

    def __init__(self, dial: Dial, targets: Sequence[Target], call: Call, endless: Sequence[Track] = ()) -> None:
        """Args:
        endless: what is played while it rings, instead of what the element says.
        """
        self._dial = dial
        self._call = call
        self._reports = Reports(dial, call)
        self._ringback = Ringback(call, dial.dial_music, endless)
        self._branches = [Branch(target, dial, call, self._ringback, self._told, self._reports.flush) for target in targets]
        self._claimed: asyncio.Future[Branch] = asyncio.get_running_loop().create_future()
        self._left = False

    async def run(self) -> None:
        """Call all, connect the first that answers and confirms, until the talk is over or nobody is left.

        Raises:
            LegGone: the A leg left; asyncio.CancelledError says the same. The legs are gone and everything is reported then, but
                for the action URL.
        """
        tasks = [branch.start(self._claim) for branch in self._branches]
        ringing = asyncio.get_running_loop().call_later(self._dial.timeout or RING_S, self._rang_out)
        over = False
        try:
            async with self._ringback:
                winner = await self._winner(tasks)
                ringing.cancel()
                if winner is not None:
                    self._drop(causes.LOST_RACE, but=winner)
                    await self._call.answer()
            if winner is not None:
                await self._talk(winner)
            over = True
        finally:
            ringing.cancel()
            if not over:
                self._left = True
                self._part()
                self._drop(self._why_left())
            await closing.shielded(self._settle())

    @property
    def ending(self) -> Ending:
        """How it ended: for the connected leg, else the most telling of all."""
        for branch in self._branches:
            if branch.elsewhere is not None:
                return causes.API_HANGUP  # of this talk; the leg itself may go on for hours
            if branch.connected and branch.ending is not None:
                return branch.ending
        if self._left:
            return causes.CALLER_LEFT
        return most_telling([branch.ending for branch in self._branches if branch.ending is not None])

    @property
    def connected(self) -> bool:
        """Whether anybody was."""
        return any(branch.connected for branch in self._branches)

    def result(self) -> Result:
        """For the action URL."""
        ending = self.ending
        reached = (branch for branch in self._branches if branch.answered and not branch.screen.refuses)
        answered = sorted(reached, key=lambda each: not each.connected)
        status = CallStatus.COMPLETED if self.connected else unconnected(ending)
        return Result(
            status=status,
            cause=told(ending),
            rang=any(branch.rang or branch.answered for branch in self._branches),
            a_leg_uuid=self._call.uuid,
            b_leg_uuid=answered[0].uuid if answered else "",
        )

    # -- own -------------------------------------------------------------------------------------------------------

    def _claim(self, branch: Branch) -> bool:
        if self._claimed.done():
            return False
        self._claimed.set_result(branch)
        return True

    async def _winner(self, tasks: Sequence[asyncio.Future[None]]) -> Branch | None:
        """The leg to be connected, as soon as there is one; ``None``: there will be none."""
        waiting: set[asyncio.Future[Any]] = {self._claimed, *tasks}
        while len(waiting) > 1 and not self._claimed.done():
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return self._claimed.result() if self._claimed.done() else None

    async def _talk(self, winner: Branch) -> None:
        assert winner.leg is not None
        if winner.ending is not None:  # the API has hung it up between its answer and this
            return
        winner.connected = True
        self._call.partner = winner
        self._call.note(LegsBridged(winner.uuid))
        self._reports.tell(winner, "connected", self._branches)

        def matched(pattern: str, whose: str) -> None:
            self._reports.digits(winner, pattern, whose, self._branches)

        try:
            ending = await bridge.talk(self._call, winner.leg, self._dial, matched, winner.called_away)
        except LegGone:
            if self._call.leg.gone:
                raise
            ending = winner.ending or await winner.leg.ended()
        finally:
            self._call.partner = None
            self._call.drop_aside(winner.uuid)
        winner.finish(ending)

    def _told(self, branch: Branch, action: str) -> None:
        self._reports.tell(branch, action, self._branches)

    def _rang_out(self) -> None:
        for branch in self._branches:
            if not branch.answered:
                branch.drop(causes.RANG_OUT)

    def _part(self) -> None:
        """A leg that the API has called away goes its own way, also where the A leg leaves in the same moment."""
        for branch in self._branches:
            if branch.is_called_away:
                branch.finish(None)

    def _drop(self, ending: Ending, but: Branch | None = None) -> None:
        for branch in self._branches:
            if branch is not but:
                branch.drop(_for_connected(ending) if branch.connected else ending)

    def _why_left(self) -> Ending:
        """What the B legs are told when the A leg's call is over (``hangup-causes.md`` sections 6.3 and 6.4)."""
        over = self._call.over
        if self._call.being_transferred:
            return causes.API_CANCEL
        if over is None or over.source in {Source.CALLER, Source.CALLEE}:
            return causes.CALLER_LEFT
        return causes.API_CANCEL if over.source is Source.API else over

    async def _settle(self) -> None:
        for branch in self._branches:
            await branch.settled.wait()
        await self._reports.flush()


def _for_connected(ending: Ending) -> Ending:
    """The same reason for a leg that was talking."""
    if ending is causes.CALLER_LEFT:
        return causes.CALLER_HUNG_UP
    return causes.API_HANGUP if ending is causes.API_CANCEL else ending
