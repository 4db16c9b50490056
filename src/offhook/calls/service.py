"""The calls of a node: arrive, run, close; drain; and what a crash left behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from offhook import causes
from offhook.calls import closing, interpreter, parameters
from offhook.calls.call import Call, CallOver, Tools
from offhook.calls.ports import Clips, Directory, Hooks, Leg, Records, Speech
from offhook.calls.routing import DefaultApplication, route
from offhook.calls.timeline import Sink, Timeline, log_row
from offhook.causes import Ending
from offhook.clock import Clock
from offhook.errors import LegGone
from offhook.events import CallArrived, CallEnded, Noted
from offhook.ids import Ids
from offhook.records import Application, CallRecord, LiveCall, Notification

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What an operator decides about calls."""

    auth_id: str
    """The main account: owner of calls that no application takes."""
    default: DefaultApplication | None = None
    """Runs numbers that have no application."""
    hangup_defaults_to_answer: bool = True
    nearest_voice: bool = True
    """Whether an unknown voice is spoken by the nearest; else its document is refused."""


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
        clock: Clock,
        ids: Ids,
        settings: CallSettings,
        sinks: Sequence[Sink] = (),
    ) -> None:
        """Args:
        sinks: get each row of every timeline, beside the store and the log.
        """
        self.calls: dict[str, Call] = {}
        """Live calls by CallUUID."""
        self._tools = Tools(hooks, speech, clips, clock, ids, nearest_voice=settings.nearest_voice)
        self._records = records
        self._directory = directory
        self._settings = settings
        self._sinks = (records.add_event, log_row, *sinks)
        self._idle = asyncio.Event()
        self._idle.set()

    async def arrive(self, leg: Leg) -> None:
        """Run an inbound call from its INVITE to its record. Returns when it is closed; raises only when cancelled."""
        call_uuid = self._tools.ids.call_uuid()
        timeline = Timeline(call_uuid, self._tools.clock, self._sinks)
        application = await route(leg.facts.to_user, self._directory, self._settings.default)
        facts = leg.facts
        timeline.add(
            CallArrived(
                facts.from_number,
                facts.to_number,
                "inbound",
                facts.source,
                application.name if application else "",
                facts.sip_call_id,
            )
        )
        leg.observe = timeline.add
        refusal = leg.unusable or (causes.UNKNOWN_NUMBER.because(_nobody(facts.to_user)) if application is None else None)
        if refusal is not None:
            await self._refuse(leg, refusal, timeline, application)
            return
        assert application is not None
        await self._run(leg, application, timeline, call_uuid)

    async def _run(self, leg: Leg, application: Application, timeline: Timeline, call_uuid: str) -> None:
        ending = causes.INTERNAL_ERROR
        call: Call | None = None
        self._idle.clear()
        try:
            async with asyncio.TaskGroup() as scope:
                call = Call(leg, application, timeline, self._tools, call_uuid=call_uuid, scope=scope)
                self.calls[call_uuid] = call
                self._records.begin(self._live(call))
                ending = await _first_ending(call)
                for task in list(call.tail):
                    task.cancel()
        except Exception as error:
            log.exception("call %s: a defect of ours ended it", call_uuid)
            timeline.add(Noted(f"a defect of the platform: {error!r}", level="error"))
            ending = causes.INTERNAL_ERROR.because(repr(error))
        finally:
            if call is not None:
                await _finished(
                    closing.close(call, ending, self._records, hangup_defaults_to_answer=self._settings.hangup_defaults_to_answer)
                )
                self.calls.pop(call_uuid, None)
            if not self.calls:
                self._idle.set()

    async def _refuse(self, leg: Leg, ending: Ending, timeline: Timeline, application: Application | None) -> None:
        """A call that nothing runs: a record and a timeline, no web hook."""
        now = self._tools.clock.wall()
        leg.release(ending)
        timeline.add(
            CallEnded("completed", ending.telephony, ending.cause.code, ending.cause.name, ending.source.value, 0, ending.detail)
        )
        record = CallRecord(
            call_uuid=timeline.call_uuid,
            auth_id=application.auth_id if application else self._settings.auth_id,
            direction="inbound",
            from_number=leg.facts.from_number,
            to_number=leg.facts.to_number,
            call_status="completed",
            initiation_time=now,
            answer_time=None,
            end_time=now,
            duration_s=0,
            billed_duration_s=0,
            hangup_cause=ending.telephony,
            hangup_cause_name=ending.cause.name,
            hangup_cause_code=ending.cause.code,
            hangup_source=ending.source.value,
            app_id=application.app_id or None if application else None,
            source_ip=closing.source_ip(leg),
        )
        await self._records.finish(record, None)

    def _live(self, call: Call) -> LiveCall:
        target = closing.hangup_target(call, hangup_defaults_to_answer=self._settings.hangup_defaults_to_answer)
        return LiveCall(
            call_uuid=call.uuid,
            auth_id=call.application.auth_id,
            direction="inbound",
            from_number=call.leg.facts.from_number,
            to_number=call.leg.facts.to_number,
            began_at=call.began_at,
            app_id=call.application.app_id or None,
            hangup_url=target[0] if target else None,
            hangup_method=target[1] if target else "POST",
            parameters=call.standard(),
        )

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

    async def recover(self) -> int:
        """Close what ran when the last node died: a record with 5010 and a hangup request for each.

        Returns:
            How many there were.
        """
        leftovers = await self._records.leftovers()
        for live in leftovers:
            await self._recover(live)
        return len(leftovers)

    async def _recover(self, live: LiveCall) -> None:
        now = self._tools.clock.wall()
        ending = replace(causes.INTERNAL_ERROR, detail="the node stopped while the call ran")
        record = CallRecord(
            call_uuid=live.call_uuid,
            auth_id=live.auth_id,
            direction=live.direction,
            from_number=live.from_number,
            to_number=live.to_number,
            call_status="completed",
            initiation_time=live.began_at,
            answer_time=None,
            end_time=now,
            duration_s=0,
            billed_duration_s=0,
            hangup_cause=ending.telephony,
            hangup_cause_name=ending.cause.name,
            hangup_cause_code=ending.cause.code,
            hangup_source=ending.source.value,
            app_id=live.app_id,
        )
        hangup = None
        if live.hangup_url:
            facts = parameters.of_hangup(ending, duration_s=0, began_at=live.began_at, answered_at=None, ended_at=now)
            hangup = Notification(
                id=self._tools.ids.call_uuid(),
                auth_id=live.auth_id,
                call_uuid=live.call_uuid,
                purpose="hangup",
                url=live.hangup_url,
                method=live.hangup_method,
                parameters={**live.parameters, "CallStatus": "completed", **facts},
                created_at=now,
            )
        timeline = Timeline(live.call_uuid, self._tools.clock, self._sinks)
        timeline.add(Noted("the node stopped while this call ran; it is closed now", level="error"))
        await self._records.finish(record, hangup)
        if hangup is not None:
            self._tools.hooks.deliver(hangup, timeline.add)


async def _first_ending(call: Call) -> Ending:
    """Run the document until it ends, the far end leaves, or somebody orders the end; the losers are stopped."""
    document = asyncio.ensure_future(_document(call))
    leaving = asyncio.ensure_future(call.leg.ended())
    ways: list[asyncio.Future[Ending] | asyncio.Future[Ending | None]] = [
        leaving,
        asyncio.ensure_future(call.ordered_to_end()),
        document,
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        # Of several at once the far end's leaving counts: it is what the people on the line saw.
        found = next(way for way in ways if way.done()).result()
        # ``None``: the document met a leg that is gone; how it left is on its way.
        ending = found if found is not None else await leaving
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    return ending


async def _document(call: Call) -> Ending | None:
    try:
        return await interpreter.run(call)
    except CallOver as over:
        return over.ending
    except LegGone:
        return None


async def _finished(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end even when this task is cancelled meanwhile; then pass the cancellation on."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:  # noqa: BLE001 - logged below, with the task's own traceback
            break
    if not task.cancelled() and task.exception() is not None:
        log.error("closing a call failed", exc_info=task.exception())
    if cancelled is not None:
        raise cancelled


def _nobody(user: str) -> str:
    return f"no application for {user or 'an empty number'}; add one with 'offhook number add', or serve with --answer-url"
