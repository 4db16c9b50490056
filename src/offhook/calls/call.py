"""One call: its states, its leg, its timeline, and what its verbs may ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from offhook import causes
from offhook.audio import Playlist, Track
from offhook.calls import bookkeeping, parameters, urls
from offhook.calls.b_legs import BLeg, GoesOn
from offhook.calls.policy import CallSettings
from offhook.calls.ports import Clips, Dialler, Digits, Facts, Hooks, Leg, Playback, Records, Speech
from offhook.calls.recording import Recorder
from offhook.calls.status import CallStatus, unconnected
from offhook.calls.timeline import Timeline
from offhook.calls.timelines import Timelines
from offhook.causes import Ending, UrlKind
from offhook.clock import Clock
from offhook.errors import Defect, InvalidUrl, LegGone
from offhook.events import AudioStarted, AudioStopped, Event, Noted, Observe
from offhook.ids import Ids
from offhook.records import Application, LiveCall, Notification
from offhook.xml import Element

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_TRANSFERS = 70
LEAVING_S = 5.0
"""A leg that is gone says how it left within this time."""
STOPPING_S = 1.0
"""How long the media plane may take to say that a playback has stopped."""


@dataclass(frozen=True, slots=True)
class Next:
    """The document to go on with."""

    url: str
    """As written; it may be relative to the document that names it."""
    method: str
    kind: UrlKind
    parameters: Mapping[str, str]
    """The element's results, on top of the standard ones."""


class CallOver(Exception):
    """Ends the call from inside a verb: what is left of the document is dropped."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.detail or ending.cause.name)
        self.ending = ending


@dataclass(frozen=True, slots=True)
class Tools:
    """What all calls of a node share."""

    hooks: Hooks
    speech: Speech
    clips: Clips
    records: Records
    dialler: Dialler
    clock: Clock
    ids: Ids
    settings: CallSettings
    goes_on: GoesOn
    busy: Callable[[], AbstractContextManager[None]]
    """As long as the block lasts the node does not stop: there is something that must have its record."""
    timelines: Timelines
    recorder: Recorder
    b_legs: dict[str, BLeg] = field(default_factory=dict)
    """Those that live, by their CallUUID."""


Perform = Callable[[Element], Awaitable[Next | None]]


async def _nothing_performed(_element: Element) -> Next | None:
    raise Defect("no interpreter runs this call")


Introduce = Callable[[], Awaitable[Mapping[str, str]]]


async def _nothing_to_say() -> Mapping[str, str]:
    return {}


class Call:
    """What verbs see. One task runs the document; everything else of the call is a task of ``scope``."""

    def __init__(
        self,
        facts: Facts,
        application: Application,
        timeline: Timeline,
        tools: Tools,
        *,
        call_uuid: str,
        scope: asyncio.TaskGroup,
        leg: Leg | None = None,
        direction: str = "inbound",
        more: Mapping[str, str] = MappingProxyType({}),
        parent_call_uuid: str | None = None,
        began_at: datetime | None = None,
    ) -> None:
        """Args:
        leg: of a call that comes in; one that we place has none until it is answered.
        more: what its requests carry beside the standard parameters.
        began_at: now, unless it has been going on for a while.
        """
        self.facts = facts
        self.direction = direction
        self._leg = leg
        self.application = application
        self.uuid = call_uuid
        self.tools = tools
        self.began_at = began_at or tools.clock.wall()
        self.answered_at: datetime | None = None
        self.answered_now: float | None = None
        self.status = CallStatus.RINGING
        self.document_url = application.answer_url
        """Where the running document came from: its relative URLs are resolved against it."""
        self.fetches = 0
        self.before_answer = False
        """Inside ``PreAnswer``: sound goes as early media."""
        self.over: Ending | None = None
        """How the call ended, as soon as that is known: while its elements are being stopped."""
        self.unconnected: Ending | None = None
        """How the ``Dial`` went that was the last element, when it connected nobody."""
        self.following: Element | None = None
        """The element after the one that runs, in the same document."""
        self.endless: tuple[Track, ...] = ()
        """Sound that a ``PreAnswer`` leaves to the ``Dial`` behind it."""
        self.introduced: Introduce = _nothing_to_say
        """What goes before the first document; the answer request says what comes of it."""
        self.perform: Perform = _nothing_performed
        """Runs one element; set by the interpreter, for elements that have children to run."""
        self.tail: dict[asyncio.Task[Any], bool] = {}
        """What runs beside the document, in the order of its beginning; whether the document's end waits for it."""
        self._asides: dict[asyncio.Task[None], tuple[str, str]] = {}
        """What of it the API has asked for: to be heard by which leg, and its kind."""
        self.partner: BLeg | None = None
        """The B leg that it is connected with."""
        self._timeline = timeline
        self._scope = scope
        self._schedule: asyncio.TimerHandle | None = None
        self._limit: asyncio.TimerHandle | None = None
        self.transfers = 0
        self.being_transferred = False
        """Its elements are being stopped for a transfer."""
        self._elsewhere: Next | None = None
        self._transferred = asyncio.Event()
        self._ordered: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._standard = {
            **parameters.standard(call_uuid, application.auth_id, facts, direction=direction, began_at=self.began_at),
            **more,
        }
        self.live: LiveCall = bookkeeping.live_call(
            call_uuid,
            facts,
            application,
            auth_id=application.auth_id,
            direction=direction,
            parent_call_uuid=parent_call_uuid,
            began_at=self.began_at,
            request=self.standard(),
            hangup_defaults_to_answer=tools.settings.hangup_defaults_to_answer,
        )

    # -- facts -----------------------------------------------------------------------------------------------------

    def note(self, event: Event) -> None:
        """Write an event on the timeline."""
        self._timeline.add(event)

    def warn(self, text: str) -> None:
        """Note something that the customer should mend."""
        self.note(Noted(text))

    def standard(self, **more: str) -> dict[str, str]:
        """The standard parameters with the present CallStatus, and more."""
        return {**self._standard, "CallStatus": self.status.value, **more}

    def say_always(self, facts: Mapping[str, str]) -> None:
        """Let all requests from now on carry this too, the hangup request among them, also after a crash."""
        self._standard.update(facts)
        self.live = replace(self.live, parameters={**self.live.parameters, **facts})
        self.tools.records.begin(self.live)

    def timeline_of(self, leg_uuid: str) -> Timeline:
        """A timeline for a B leg of this call."""
        return self.tools.timelines.begin(leg_uuid)

    # -- the leg ---------------------------------------------------------------------------------------------------

    @property
    def leg(self) -> Leg:
        """The A leg. Raises ``LegGone`` while there is none."""
        if self._leg is None:
            raise LegGone("nobody has answered")
        return self._leg

    @property
    def has_leg(self) -> bool:
        """Whether there is one: always, except for a call of ours that nobody has answered."""
        return self._leg is not None

    def was_answered(self, leg: Leg, *, at: datetime | None = None, now: float | None = None) -> None:
        """Somebody has answered a call that we placed.

        Args:
            at, now: when, by the wall clock and in loop time; unless it is this moment.
        """
        self._leg = leg
        self._answered()
        if at is None:
            self._write_answer()
        self.answered_at = at or self.answered_at
        self.answered_now = self.answered_now if now is None else now

    def final_status(self, ending: Ending) -> CallStatus:
        """CallStatus once it is over: of one that came in always ``completed`` (reference ``xml.md`` section 2.6)."""
        if self.direction == "inbound" or self.answered_at is not None:
            return CallStatus.COMPLETED
        return unconnected(ending)

    async def how_it_ended(self) -> Ending:
        """Why the call is over; of a leg that is gone and has not yet said why, within ``LEAVING_S``."""
        if self.over is None:
            try:
                async with asyncio.timeout(LEAVING_S):
                    self.is_over(await self.leg.ended())
            except TimeoutError:
                self.is_over(causes.INTERNAL_ERROR.because("the leg is gone and does not say why"))
        assert self.over is not None
        return self.over

    def is_over(self, ending: Ending) -> None:
        """It is known how the call ended; the first time counts."""
        if self.over is None:
            self.over = ending
            self.status = self.final_status(ending)

    async def answer(self) -> None:
        """Answer, if it is not answered yet. Raises ``LegGone``."""
        if self.answered_at is None:
            await self.leg.answer()
            self._answered()
            self._write_answer()

    def _answered(self) -> None:
        self.answered_at = self.tools.clock.wall()
        self.answered_now = self.tools.clock.now()
        self.status = CallStatus.IN_PROGRESS

    def _write_answer(self) -> None:
        """For the case of a crash: from now on the call has lasted."""
        self.live = replace(self.live, answered_at=self.answered_at)
        self.tools.records.begin(self.live)

    async def ready_for_audio(self) -> bool:
        """Make sound possible: answer; inside ``PreAnswer``, open early media instead.

        Returns:
            Whether it is: an INVITE without an offer has no early media.

        Raises:
            LegGone: the far end has left.
        """
        if self.before_answer and self.answered_at is None:
            await self.leg.open_early_media()
            return self.leg.early
        await self.answer()
        return True

    @asynccontextmanager
    async def playing(self, what: str, tracks: Sequence[Track], *, stop_on_key: bool = False) -> AsyncIterator[Playback | None]:
        """Play beside the block; it stops with the block. ``None`` when there is nothing to play. Raises ``LegGone``."""
        if not tracks:
            yield None
            return
        playback = self.leg.play(Playlist(tuple(tracks)), stop_on_key=stop_on_key)
        async with self.sounding(what, playback, self.note):
            yield playback

    @asynccontextmanager
    async def sounding(self, what: str, playback: Playback, observe: Observe) -> AsyncIterator[None]:
        """Something that is being played: noted on the timeline of who hears it, and stopped with the block."""
        observe(AudioStarted(what))
        try:
            yield
        finally:
            playback.stop()
            try:
                async with asyncio.timeout(STOPPING_S):
                    ended = await playback.wait()
                observe(AudioStopped(what, ended.why.value, ended.played_ms))
            except TimeoutError:
                observe(Noted(f"{what}: the media plane does not say that it has stopped", level="error"))

    async def play(self, what: str, tracks: Sequence[Track]) -> None:
        """Play to the end."""
        async with self.playing(what, tracks) as playback:
            if playback is not None:
                await playback.wait()

    def listen(self) -> contextlib.AbstractContextManager[Digits]:
        """Keys from now on."""
        return self.leg.listen()

    # -- web hooks -------------------------------------------------------------------------------------------------

    def resolve(self, url: str, base: str | None = None) -> str:
        """A URL of the running document, or of that at ``base``, absolute. Raises ``InvalidUrl`` when it is not http(s) then."""
        return urls.resolve(base or self.document_url, url)

    async def follow(self, action: str, method: str, *, redirect: bool, results: Mapping[str, str]) -> Next | None:
        """An element's action URL (reference ``xml.md`` section 1.8): take over with its document, or notify it and go on."""
        if redirect:
            return Next(action, method, UrlKind.ACTION, results)
        if method not in {"GET", "POST"}:
            self.warn(f"the action's method {method!r} is neither GET nor POST; using POST")
            method = "POST"
        await self.notify("action", action, method, {**results, "Event": "Redirect"})
        return None

    async def notify(self, purpose: str, url: str, method: str, results: Mapping[str, str]) -> None:
        """Send the standard parameters and ``results`` to a URL whose reply does not matter; nor does a failure to send."""
        notification = self.notification(purpose, url, method, results)
        if notification is not None:
            await self.dispatch(notification)

    def notification(self, purpose: str, url: str, method: str, results: Mapping[str, str]) -> Notification | None:
        """A request with the standard parameters of this moment and ``results``; ``None``, noted, for a URL that is none."""
        try:
            resolved = self.resolve(url)
        except InvalidUrl as error:
            self.warn(f"{purpose} not sent: {error}")
            return None
        return Notification(
            id=self.tools.ids.call_uuid(),
            auth_id=self.application.auth_id,
            call_uuid=self.uuid,
            purpose=purpose,
            url=resolved,
            method=method,
            parameters=self.standard(**results),
            created_at=self.tools.clock.wall(),
        )

    async def dispatch(self, notification: Notification) -> None:
        """Put a notification into the outbox, behind the earlier ones of this call."""
        try:
            await self.tools.hooks.notify(notification, self.note)
        except Exception as error:
            log.exception("call %s: its %s notification could not be queued", self.uuid, notification.purpose)
            self.note(Noted(f"{notification.purpose} not sent: it could not be queued: {error!r}", level="error"))

    # -- beside the document ---------------------------------------------------------------------------------------

    def beside(self, work: Coroutine[Any, Any, T], *, name: str, waited: bool = True) -> asyncio.Task[T]:
        """Run something beside the document, until the call ends.

        What it raises ends the call as a defect. That the leg is gone is none, and the leg says so itself: do not raise that.

        Args:
            waited: the document's end waits for it (``unfinished``); else it is cancelled then.
        """
        task = self._scope.create_task(work, name=f"{name} of {self.uuid}")
        self.tail[task] = waited
        task.add_done_callback(lambda done: self.tail.pop(done, None))
        return task

    def aside(self, work: Coroutine[Any, Any, None], *, leg_uuid: str, kind: str) -> asyncio.Task[None]:
        """Run something beside the document that the API lets a leg hear, until it is dropped; see ``beside``."""
        task = self.beside(work, name=f"{kind} by the API", waited=False)
        self._asides[task] = (leg_uuid, kind)
        task.add_done_callback(lambda done: self._asides.pop(done, None))
        return task

    def drop_aside(self, leg_uuid: str | None = None, kind: str | None = None) -> None:
        """End what the API lets be heard: by one leg or all, one kind or all."""
        for task, (whose, which) in list(self._asides.items()):
            if leg_uuid in {None, whose} and kind in {None, which}:
                task.cancel()

    async def unfinished(self) -> None:
        """Wait for what runs beside the document."""
        while wanted := [task for task, waited in self.tail.items() if waited]:
            await asyncio.wait(wanted)

    def end_by_api(self) -> None:
        """End the call because its account asks for it: hung up, or called off where nobody has answered yet
        (``hangup-causes.md`` section 6.3).
        """
        self.hang_up(causes.API_HANGUP if self.answered_at is not None else causes.API_CANCEL)

    def limit(self, after_s: int) -> None:
        """End the call then, whatever else is scheduled: its time limit."""
        self._limit = asyncio.get_running_loop().call_later(after_s, self.hang_up, causes.TIME_LIMIT)

    def schedule_hangup(self, after_s: int) -> None:
        """End the call then; a later schedule replaces an earlier one (reference ``xml.md`` section 13)."""
        if self._schedule is not None:
            self._schedule.cancel()
        self._schedule = asyncio.get_running_loop().call_later(after_s, self.hang_up, causes.SCHEDULED)

    def hang_up(self, ending: Ending) -> None:
        """End the call from outside of its document: schedule, API, a drain that takes too long. The first one counts."""
        if not self._ordered.done():
            self._ordered.set_result(ending)

    def transfer(self, url: str, method: str) -> None:
        """Drop what runs and go on with the document of a URL (reference ``api.md`` section 5.5). The last one counts."""
        self.transfers += 1
        if self.transfers > MAX_TRANSFERS:
            self.hang_up(causes.LOOP.because(f"transferred more than {MAX_TRANSFERS} times"))
            return
        self.drop_aside()
        self.being_transferred = True
        self._elsewhere = Next(url, method, UrlKind.TRANSFER, {})
        self._transferred.set()

    async def transferred(self) -> Next:
        """Wait for ``transfer``; each is told once."""
        await self._transferred.wait()
        self._transferred.clear()
        assert self._elsewhere is not None
        return self._elsewhere

    async def ordered_to_end(self) -> Ending:
        """Wait for ``hang_up``."""
        return await asyncio.shield(self._ordered)

    def close(self) -> None:
        """Nothing of this call may fire any more."""
        for timer in (self._schedule, self._limit):
            if timer is not None:
                timer.cancel()
        if not self._ordered.done():
            self._ordered.cancel()
