"""The calls of a node: arrive, run, close; and drain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from offhook import causes
from offhook.calls import bookkeeping, closing, onward, outbound, recovery, running
from offhook.calls.b_legs import BLeg
from offhook.calls.call import Call, Next, Tools
from offhook.calls.onward import Onward
from offhook.calls.outbound import Placement
from offhook.calls.policy import CallSettings
from offhook.calls.ports import AnyLeg, Clips, Dialler, Directory, Facts, Hooks, Leg, Records, Speech
from offhook.calls.recording import Party, Recorder
from offhook.calls.routing import route
from offhook.calls.timeline import Timeline
from offhook.calls.timelines import Timelines
from offhook.causes import Ending
from offhook.clock import Clock
from offhook.events import CallArrived, Noted, Observe
from offhook.ids import Ids
from offhook.records import Application, LiveCall

log = logging.getLogger(__name__)

ANNOUNCED_WITHIN_S = 2.0
"""How long whoever asks for calls waits until they are written down: clients of the API give up after 5 s, and ask again."""
CANCELLED = causes.INTERNAL_ERROR.because("the call was cancelled with its node")


class Service:
    """Runs calls. Every one ends with exactly one record and, if it was an application's, exactly one hangup request."""

    def __init__(
        self,
        *,
        hooks: Hooks,
        speech: Speech,
        clips: Clips,
        records: Records,
        directory: Directory,
        dialler: Dialler,
        clock: Clock,
        ids: Ids,
        settings: CallSettings,
        recorder: Recorder,
        timelines: Timelines | None = None,
    ) -> None:
        """Args:
        timelines: where what happens is written; else in the store and the log.
        """
        self.calls: dict[str, Call] = {}
        """Live calls by CallUUID."""
        timelines = timelines or Timelines(records, clock)
        self._tools = Tools(
            *(hooks, speech, clips, records, dialler, clock, ids, settings, self._go_on, self._busy, timelines, recorder)
        )
        self._records = records
        self._directory = directory
        self._arrived = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def arrive(self, leg: Leg) -> None:
        """Run an inbound call from its INVITE to its record. Returns when it is closed; raises only when cancelled."""
        with self._busy():
            await self._arrive(leg)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """There is a call as long as the block lasts: ``drain`` waits for it."""
        self._arrived += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._arrived -= 1
            if not self._arrived:
                self._idle.set()

    async def _arrive(self, leg: Leg) -> None:
        call_uuid = self._tools.ids.call_uuid()
        timeline = self._tools.timelines.begin(call_uuid)
        try:
            application, failure = await self._route(leg.facts)
        except asyncio.CancelledError:
            await closing.shielded(self._refuse(leg, CANCELLED, timeline, None))
            raise
        facts, name = leg.facts, application.name if application is not None else ""
        timeline.add(CallArrived(facts.from_number, facts.to_number, "inbound", facts.source, name, facts.sip_call_id))
        leg.observe = timeline.add
        refusal = failure or leg.unusable or self._too_many(application)
        if application is None or refusal is not None:
            refusal = refusal or causes.UNKNOWN_NUMBER.because(_nobody(facts.to_user))
            await closing.shielded(self._refuse(leg, refusal, timeline, application))
            return
        await self._run(leg, application, timeline, call_uuid)

    async def _route(self, facts: Facts) -> tuple[Application | None, Ending | None]:
        """The application, or the ending of a call whose number could not be looked up."""
        try:
            return await route(facts, self._directory, self._tools.settings.default), None
        except Exception as error:
            log.exception("the application of %r could not be looked up", facts.to_user)
            return None, causes.INTERNAL_ERROR.because(f"the number could not be looked up: {error!r}")

    def inbound(self, auth_id: str) -> int:
        """How many calls of an account have come in and run now."""
        return sum(call.live.auth_id == auth_id and call.direction == "inbound" for call in self.calls.values())

    def _too_many(self, application: Application | None) -> Ending | None:
        most = self._tools.settings.max_calls
        if most is None or application is None:
            return None
        live = sum(call.live.auth_id == application.auth_id for call in self.calls.values())
        if live < most:
            return None
        return causes.TOO_MANY_CALLS.because(f"the account has {live} calls and may have {most}")

    async def _run(self, leg: Leg, application: Application, timeline: Timeline, call_uuid: str) -> None:
        def made(scope: asyncio.TaskGroup) -> Call:
            return Call(leg.facts, application, timeline, self._tools, call_uuid=call_uuid, scope=scope, leg=leg)

        async def run(call: Call) -> Ending:
            self._records.begin(call.live)
            return await running.until_over(call)

        ending = CANCELLED
        try:
            ending = await self._in_scope(timeline, made, run)
        finally:
            try:
                call = self.calls.get(call_uuid)
                if call is not None:
                    await closing.shielded(closing.close(call, ending, self._records))
                else:
                    await closing.shielded(self._refuse(leg, ending, timeline, application))
            finally:
                self.calls.pop(call_uuid, None)

    async def _in_scope(
        self, timeline: Timeline, made: Callable[[asyncio.TaskGroup], Call], run: Callable[[Call], Awaitable[Ending]]
    ) -> Ending:
        """Make a call, which stands among ``calls`` from then on, and run it, with a scope for all that it does.

        Returns:
            How it ended; a defect of ours is an ending too.
        """
        try:
            async with asyncio.TaskGroup() as scope:
                call = made(scope)
                self.calls[call.uuid] = call
                ending = await run(call)
                for task in list(call.tail):
                    task.cancel()
            return ending
        except Exception as error:
            log.exception("call %s: a defect of ours ended it", timeline.call_uuid)
            timeline.add(Noted(f"a defect of the platform: {_told(error)}", level="error"))
            return causes.INTERNAL_ERROR.because(_told(error))

    async def announce(self, placements: Sequence[Placement]) -> None:
        """Calls are to be placed: from now on each gets a record and its hangup request, even if the node dies before its turn.

        A store that fails, or takes longer than ``ANNOUNCED_WITHIN_S``, is logged; the calls are placed all the same.
        """
        try:
            async with asyncio.timeout(ANNOUNCED_WITHIN_S):
                await self._records.begun([outbound.announced(each, self._tools) for each in placements])
        except TimeoutError:
            log.warning("%d call(s) are placed before they are written down: the store takes its time", len(placements))
        except Exception:
            log.exception("%d call(s) are placed without being written down", len(placements))

    async def place(self, placement: Placement) -> None:
        """Place a call, run it when it is answered, until its record is written. Raises only when cancelled."""
        with self._busy():
            await self._place(placement)

    async def withdraw(self, placement: Placement, ending: Ending) -> None:
        """Close a call of ours that is not placed any more: its record and its hangup request."""
        with self._busy():
            await self._place(placement, ending)

    async def _place(self, placement: Placement, withdrawn: Ending | None = None) -> None:
        timeline = self._tools.timelines.begin(placement.call_uuid)
        order, ending = placement.order, CANCELLED
        timeline.add(CallArrived(order.from_number, order.target, "outbound", "", placement.application.name))
        held: outbound.Held | None = None

        async def run(call: Call) -> Ending:
            nonlocal held
            self._records.begin(call.live)
            if withdrawn is not None:
                return withdrawn
            rings = _Rings(call, placement)
            held = outbound.Held(self._tools.dialler, order, observe=timeline.add, ringing=rings.ring, early=rings.early)
            return await self._ring_and_run(call, placement, held, rings)

        try:
            ending = await self._in_scope(timeline, lambda scope: outbound.placed(placement, timeline, self._tools, scope), run)
        finally:
            try:
                call = self.calls.get(placement.call_uuid)
                if call is not None:
                    call.is_over(ending)
                    await closing.shielded(closing.close(call, ending, self._records))
            finally:
                if held is not None:
                    await closing.shielded(held.free())
                self.calls.pop(placement.call_uuid, None)

    async def _ring_and_run(self, call: Call, placement: Placement, held: outbound.Held, rings: _Rings) -> Ending:
        found = await outbound.answered(call, placement, held, rings.rang)
        if isinstance(found, Ending):
            return found
        call.was_answered(found)
        call.limit(min(placement.time_limit_s, outbound.LONGEST_S))
        if placement.keys and not rings.keys_sent:
            call.beside(outbound.press(found, placement, call), name="keys")
        if placement.detection is not None:
            outbound.detect(call, placement.detection)
        return await running.until_over(call)

    @property
    def b_legs(self) -> Mapping[str, BLeg]:
        """Live B legs by CallUUID, as long as they belong to a ``Dial``; one that goes its own way is among ``calls``."""
        return self._tools.b_legs

    def send_onward(self, call_uuid: str, *, a_leg: Onward | None = None, b_leg: Onward | None = None) -> bool:
        """Let a party of a call, or both, run another document; see ``onward.send``."""
        return onward.send(self.calls, self.b_legs, call_uuid, a_leg=a_leg, b_leg=b_leg)

    async def _go_on(self, b_leg: BLeg, start: Next) -> Ending:
        """Run documents on a B leg that the API has sent elsewhere (reference ``api.md`` section 5.5). Its own closing step, its
        record and its report are those of any B leg.
        """
        self._tools.b_legs.pop(b_leg.uuid, None)
        try:
            return await self._in_scope(
                b_leg.timeline,
                lambda scope: outbound.on_its_own(b_leg, self._tools, scope),
                lambda call: running.until_over(call, start),
            )
        finally:
            call = self.calls.pop(b_leg.uuid, None)
            if call is not None:
                call.close()

    async def _refuse(self, leg: Leg, ending: Ending, timeline: Timeline, application: Application | None) -> None:
        """A call that nothing runs: a record and a timeline, no web hook."""
        leg.release(ending)
        now = self._tools.clock.wall()
        outcome = bookkeeping.Outcome(ending, now)
        timeline.add(outcome.event())
        live = bookkeeping.live_call(
            timeline.call_uuid,
            leg.facts,
            application,
            auth_id=application.auth_id if application is not None else self._tools.settings.auth_id,
            began_at=now,
            request={},
            hangup_defaults_to_answer=False,
        )
        await closing.write(self._records, bookkeeping.record_of(live, outcome, source_ip=bookkeeping.source_ip(leg.facts)), None)

    async def drain(self, limit_s: float) -> None:
        """Wait until no call runs; after ``limit_s`` hang up on those that are left, and wait for their records."""
        try:
            async with asyncio.timeout(limit_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d call(s) still run after %g s: hanging up", len(self.calls), limit_s)
            for call in list(self.calls.values()):
                call.hang_up(causes.INTERNAL_ERROR.because("the node is being stopped"))
            await self._idle.wait()
        await self._tools.recorder.settled()

    def party(self, call_uuid: str) -> Party | None:
        """Who can be recorded: the party of a call, or a B leg, that has answered and has not left."""
        call, b_leg = self.calls.get(call_uuid), self.b_legs.get(call_uuid)
        if call is not None and call.answered_at is not None and not call.leg.gone:
            return _party(call.live, call.leg, call.note)
        if b_leg is not None and b_leg.leg is not None and not b_leg.leg.gone:
            return _party(b_leg.live, b_leg.leg, b_leg.timeline.add)
        return None

    async def recover(self, left: Sequence[LiveCall] | None = None, alive: datetime | None = None) -> int:
        """Close what ran when its node died: recordings, then a record with 5010 and a hangup request for each call.

        Args:
            left: the calls of another node; ``None``: what this one has left at its last run.
            alive: when that other node last lived.

        Returns:
            How many calls there were.
        """
        if left is None:
            recordings = await self._tools.recorder.recover(self._tools.timelines.reopen)
            if recordings:
                log.warning("%d recording(s) ran when the last node died; their files are complete now", recordings)
        return await recovery.recover(self._tools, left, alive)


class _Rings:
    """What happens while a call of ours rings."""

    def __init__(self, call: Call, placement: Placement) -> None:
        self.rang = asyncio.Event()
        self.keys_sent = False
        self._call = call
        self._placement = placement

    def ring(self) -> None:
        """It rings there: the ring URL is told, once (``callbacks.md`` section 4.3)."""
        if not self.rang.is_set():
            self.rang.set()
            url, method = self._placement.ring_url, self._placement.ring_method
            if url:
                self._call.beside(self._call.notify("ring", url, method, {"Event": "Ring"}), name="ring")

    def early(self, leg: Leg) -> None:
        """Early media comes."""
        self.ring()
        if self._placement.keys and self._placement.keys_early:
            self.keys_sent = True
            self._call.beside(outbound.press(leg, self._placement, self._call), name="keys")


def _told(error: BaseException) -> str:
    """The defect itself, out of the groups around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return repr(error)


def _party(live: LiveCall, leg: AnyLeg, note: Observe) -> Party:
    return Party(
        call_uuid=live.call_uuid,
        auth_id=live.auth_id,
        from_number=live.from_number,
        to_number=live.to_number,
        leg=leg,
        note=note,
    )


def _nobody(user: str) -> str:
    return f"no application for {user or 'an empty number'}; add one with 'offhook number add', or serve with --answer-url"
