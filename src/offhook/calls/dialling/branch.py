"""One B leg: from its INVITE to its record (reference ``xml.md`` sections 9.3 and 9.4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from offhook import causes
from offhook.audio import Playlist
from offhook.calls import bookkeeping, closing, keys, parameters, sound_documents
from offhook.calls.answering import hung_up_on
from offhook.calls.call import Call, Next
from offhook.calls.dialling.machines import Screen
from offhook.calls.dialling.ringback import Ringback
from offhook.calls.dialling.targets import Target
from offhook.calls.ports import AnyLeg, Digits, Leg, Unanswered
from offhook.calls.status import CallStatus, unconnected
from offhook.calls.timeline import Timeline
from offhook.causes import Ending
from offhook.errors import LegGone
from offhook.events import CallArrived, DigitsSent, LegEnded, LegPlaced
from offhook.tasks import first
from offhook.xml import Dial

log = logging.getLogger(__name__)

Flush = Callable[[], Coroutine[Any, Any, None]]
Tell = Callable[["Branch", str], None]
"""Reports an event of a leg to ``callbackUrl``: ``answer`` or ``hangup``."""


class Branch:
    """One target of a ``Dial``.

    ``run`` never fails: however it goes there is one ending, one record, and one ``hangup`` report. A leg that is sent elsewhere
    by the API outlives its ``Dial``, and perhaps the A leg.
    """

    def __init__(self, target: Target, dial: Dial, call: Call, ringback: Ringback, tell: Tell, flush: Flush) -> None:
        """Args:
        tell: reports ``answer`` and ``hangup``.
        flush: waits until what was reported is in the outbox.
        """
        self.target = target
        self.uuid = call.tools.ids.call_uuid()
        self.leg: Leg | None = None
        self.rang = self.connected = False
        self.answered_at: datetime | None = None
        self.duration_s = 0
        self.ending: Ending | None = None
        """How it ended; the first that is known counts."""
        self.elsewhere: Next | None = None
        """The document that it leaves its bridge for."""
        self.settled = asyncio.Event()
        """The ``Dial`` has no more to do with it: it is over, or goes its own way."""
        self._dial = dial
        self._call = call
        self._ringback = ringback
        self._tell = tell
        self._flush = flush
        self._called_away = asyncio.Event()
        self.answered_now = 0.0
        """Loop time."""
        self._keys_sent = False
        self._early_keys: asyncio.Task[None] | None = None
        self._finished = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._timeline = call.timeline_of(self.uuid)
        self.screen = Screen(dial.machine_detection, self._timeline.add)
        """Who has answered, where that is asked for."""
        self.live = bookkeeping.leg_of(call.live, self.uuid, target.caller, target.shown, call.tools.clock.wall())

    @property
    def answered(self) -> bool:
        """Whether somebody picked up."""
        return self.answered_at is not None

    def start(self, claim: Callable[[Branch], bool]) -> asyncio.Task[None]:
        """Call it.

        Args:
            claim: asked when the leg could be connected; whether it is the one that will be.
        """
        self._task = asyncio.create_task(self._counted(claim), name=f"leg {self.target.position} of {self._call.uuid}")
        return self._task

    def finish(self, ending: Ending | None) -> None:
        """The talk is over: hang up, or nothing where it has left.

        Args:
            ending: why; ``None``: it was called away, and knows itself.
        """
        self.ending = self.ending or ending
        self._finished.set()

    def drop(self, ending: Ending) -> None:
        """Cancel it, or hang up, wherever it is; but for one that goes its own way."""
        if self._task is not None and not self.settled.is_set() and self.ending is None and self.elsewhere is None:
            self.ending = ending
            self._task.cancel()

    # -- what the API asks of it, see ``BLeg`` ---------------------------------------------------------------------

    @property
    def a_leg(self) -> Call:
        """The call whose ``Dial`` has placed it."""
        return self._call

    @property
    def timeline(self) -> Timeline:
        """Its own."""
        return self._timeline

    @property
    def talks(self) -> bool:
        """Whether it is connected with the A leg now."""
        return self._call.partner is self

    def end_by_api(self) -> None:
        """End it, wherever it is: hung up where it talks, else called off."""
        if not self.talks:
            self.drop(causes.API_CANCEL)
        elif self.elsewhere is None and self.ending is None:
            self.ending = causes.API_HANGUP
            self._called_away.set()

    def go_elsewhere(self, following: Next) -> bool:
        """Leave the bridge and run a document; false where it is not connected."""
        if not self.talks or self.leg is None or self.leg.gone or self.ending is not None:
            return False
        self.elsewhere = following
        self._called_away.set()
        return True

    @property
    def is_called_away(self) -> bool:
        """Whether the API has hung it up or sent it elsewhere while it talked."""
        return self._called_away.is_set()

    async def called_away(self) -> None:
        """Wait until the API has hung it up or sent it elsewhere."""
        await self._called_away.wait()

    # -- its life --------------------------------------------------------------------------------------------------

    async def _counted(self, claim: Callable[[Branch], bool]) -> None:
        with self._call.tools.busy():
            await self._run(claim)

    async def _run(self, claim: Callable[[Branch], bool]) -> None:
        self._call.tools.records.begin(self.live)
        self._call.tools.b_legs[self.uuid] = self
        self._timeline.add(CallArrived(self.live.from_number, self.live.to_number, "outbound"))
        self._call.note(LegPlaced(self.uuid, self.live.to_number, self.target.position))
        try:
            if self.target.refusal is not None:
                raise Unanswered(self.target.refusal)
            await self._live(claim)
        except Unanswered as refused:
            self.ending = self.ending or refused.ending
        except LegGone as gone:
            self.ending = self.ending or causes.CALLEE_HUNG_UP.because(str(gone))
        except asyncio.CancelledError:
            self.ending = self.ending or causes.INTERNAL_ERROR.because("the leg was cancelled with its node")
        except Exception as error:
            log.exception("call %s: a B leg met a defect of ours", self._call.uuid)
            self.ending = self.ending or causes.INTERNAL_ERROR.because(repr(error))
        finally:
            self._call.tools.b_legs.pop(self.uuid, None)
            await closing.shielded(self._close(self.ending or causes.INTERNAL_ERROR))
            self.settled.set()

    async def _live(self, claim: Callable[[Branch], bool]) -> None:
        dialling = self._call.tools.dialler.dialling(
            self.target.order, observe=self._timeline.add, ringing=self._rings, early=self._early
        )
        try:
            async with dialling as leg:
                self.leg = leg
                self.answered_at, self.answered_now = self._call.tools.clock.wall(), self._call.tools.clock.now()
                self.live = replace(self.live, answered_at=self.answered_at)
                self._call.tools.records.begin(self.live)
                try:
                    self.screen.begin(leg)
                    if await self._wanted(leg):
                        self._tell(self, "answer")
                        await self._talk(leg, claim)
                    if self.elsewhere is not None:
                        self.settled.set()
                        self.ending = await self._call.tools.goes_on(self, self.elsewhere)
                finally:
                    await self.screen.aclose()
                    self.duration_s = int(self._call.tools.clock.now() - self.answered_now)
                    leg.release(self.ending or causes.INTERNAL_ERROR)
                    await closing.shielded(self._call.tools.recorder.finish(self.uuid))
                    await closing.shielded(closing.measure(leg, self._timeline.add, self.uuid))
        finally:
            if self._early_keys is not None:
                self._early_keys.cancel()
                await asyncio.gather(self._early_keys, return_exceptions=True)

    async def _wanted(self, leg: AnyLeg) -> bool:
        """Where machines are not, wait until it is known who has answered. A machine: ``ending`` is set."""
        if not self.screen.decides:
            return True
        if await first(self.screen.decided(), leg.ended()) == 1:
            self.ending = self.ending or await leg.ended()
        elif self.screen.refuses and self.screen.verdict is not None:
            self.ending = self.ending or hung_up_on(self.screen.verdict)
        return self.ending is None

    async def _talk(self, leg: AnyLeg, claim: Callable[[Branch], bool]) -> None:
        """Until the leg is not wanted any more, or has left: ``ending`` says which."""
        if self._dial.confirm_sound is not None:
            if await first(leg.ended(), self._confirmed(leg)) == 0:
                self.ending = self.ending or causes.CONFIRM_FAILED.because("the one called hung up instead of confirming")
                return
            if self.ending is not None:
                return
        if not claim(self):
            self.ending = self.ending or causes.LOST_RACE
            return
        if self._dial.confirm_sound is None:
            await first(self._finished.wait(), self._send_keys_beside(leg))
        await self._finished.wait()

    def _rings(self) -> None:
        self.rang = True
        self._ringback.rang()

    def _early(self, leg: AnyLeg) -> None:
        self.rang = True
        self._ringback.early(leg)
        if self.target.keys and self.target.keys_early:
            self._keys_sent = True
            self._early_keys = asyncio.create_task(self._send_keys(leg), name=f"keys of {self.uuid}")

    # -- confirmation and keys -------------------------------------------------------------------------------------

    async def _confirmed(self, leg: AnyLeg) -> None:
        """Play ``confirmSound``; with ``confirmKey``, until that is pressed. Not in time: ``ending`` is set."""
        try:
            async with asyncio.timeout(self._dial.confirm_timeout):
                if not self._keys_sent:
                    await self._send_keys(leg)
                await self._challenge(leg, self._dial.confirm_sound or "")
        except TimeoutError:
            wanted = "the sound was not over" if self._dial.confirm_key is None else f"{self._dial.confirm_key} was not pressed"
            self.ending = causes.CONFIRM_FAILED.because(f"{wanted} within {self._dial.confirm_timeout} s")

    async def _challenge(self, leg: AnyLeg, sound: str) -> None:
        with leg.listen() as pressed:
            tracks = await sound_documents.fetch(sound, "confirmSound", self._call)
            playback = leg.play(Playlist(tracks)) if tracks else None
            try:
                if self._dial.confirm_key is not None:
                    await _pressed(self._dial.confirm_key, pressed)
                elif playback is not None:
                    await playback.wait()
            finally:
                if playback is not None:
                    playback.stop()

    async def _send_keys_beside(self, leg: AnyLeg) -> None:
        """While the two talk; that the leg leaves meanwhile is told by the leg."""
        with suppress(LegGone):
            if not self._keys_sent:
                await self._send_keys(leg)
        await asyncio.Event().wait()

    async def _send_keys(self, leg: AnyLeg) -> None:
        row = keys.read(self.target.keys)
        if row.keys:
            await keys.press(leg, row, inband=self.target.keys_inband)
            self._timeline.add(DigitsSent(row.keys, "tones" if self.target.keys_inband else "leg"))

    # -- its end ---------------------------------------------------------------------------------------------------

    @property
    def status(self) -> CallStatus:
        """As its record says it."""
        return CallStatus.COMPLETED if self.connected else unconnected(self.ending or causes.INTERNAL_ERROR)

    async def _close(self, ending: Ending) -> None:
        self.ending = ending
        tools = self._call.tools
        outcome = bookkeeping.Outcome(ending, tools.clock.wall(), self.answered_at, self.duration_s, self.status)
        self._timeline.add(outcome.event())
        self._call.note(
            LegEnded(self.uuid, ending.telephony, ending.cause.code, ending.source.value, self.duration_s if self.answered else 0)
        )
        self._tell(self, "hangup")
        await closing.write(tools.records, bookkeeping.record_of(self.live, outcome), None)
        if self.elsewhere is not None:
            await self._flush()  # nobody else waits for it any more

    def report(self) -> dict[str, str]:
        """What its ``hangup`` report says of the end (section 9.7)."""
        ending = self.ending or causes.INTERNAL_ERROR
        return {
            "DialBLegDuration": str(self.duration_s),
            "DialBLegBillDuration": str(parameters.billed(self.duration_s)),
            "DialBLegHangupCause": ending.telephony,
            "DialBLegHangupCauseName": ending.cause.name,
            "DialBLegHangupCauseCode": str(ending.cause.code),
            "DialBLegHangupSource": ending.source.value,
        }


async def _pressed(wanted: str, pressed: Digits) -> None:
    while (await pressed.get()).key != wanted:
        pass
