"""Recordings of live calls: each ends as one complete file, one record, and one callback, also after a crash.

Whoever wants one (the API, an element, a conference) says whom and on what terms, and gets a ``Running``. It goes on beside
whatever the call does, across its documents, until it is stopped, is as long as it may be, or the leg is freed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from offhook.audio import Recorded, RecordingEnd
from offhook.calls.parameters import NO_PRICE
from offhook.calls.ports import AnyLeg, Archive, Hooks, Tape
from offhook.clock import Clock
from offhook.errors import RecordingFailed
from offhook.events import Noted, Observe, RecordingEnded, RecordingStarted
from offhook.ids import Ids
from offhook.records import Notification, Recording
from offhook.tasks import first

log = logging.getLogger(__name__)

FINISH_S = 5.0
"""How long the end of a call waits for its recordings, so that their callbacks go before its hangup request."""
ROOM_S = 5.0
"""How often the disk is looked at while anything is recorded."""
RECOVERY_S = 3.0
"""How long the start of a node waits for files that somebody still has open; they are finished later then."""
SETTLE_S = 10.0
_TRIES, _PAUSE_S = 5, 0.5
NO_ENGINE = "no transcription engine is set up on this platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Who is told that the file is complete."""

    url: str
    """Absolute."""
    method: str = "POST"
    style: Literal["api", "element"] = "api"
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What it says beside the recording itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingTerms:
    """What is wanted of a recording (reference ``api.md`` section 5.7, ``xml.md`` section 16.1)."""

    file_format: Literal["mp3", "wav"] = "mp3"
    stereo: bool = True
    """Two channels: the party on the left, what it hears on the right. Else both mixed in one."""
    only_party: bool = False
    """One channel with what the party says alone: a message."""
    limit_s: int | None = 60
    callback: Callback | None = None
    transcription: Callback | None = None
    """Who wants a transcript: no engine makes one, and that is what it is told (``callbacks.md`` section 5.5)."""

    @property
    def what(self) -> Literal["received", "both", "mixed"]:
        """The sides of the leg that are recorded."""
        if self.only_party:
            return "received"
        return "both" if self.stereo else "mixed"

    def __str__(self) -> str:
        limit = "" if self.limit_s is None else f", at most {self.limit_s} s"
        return f"{self.file_format}, {'stereo' if self.what == 'both' else 'mono'}{limit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who is recorded."""

    call_uuid: str
    auth_id: str
    from_number: str
    to_number: str
    leg: AnyLeg
    note: Observe
    """Writes on the leg's timeline."""


class Running:
    """A recording that has begun."""

    def __init__(self, recording: Recording, tape: Tape, note: Observe) -> None:
        self.recording = recording
        """As it began."""
        self.tape = tape
        self.note = note
        self.why = ""
        """Why it was stopped."""
        self._wanted_over = asyncio.Event()
        self._over: asyncio.Future[Recording | None] = asyncio.get_running_loop().create_future()

    def stop(self, why: str = RecordingEnd.STOPPED.value) -> None:
        """End it; it does not wait for the file. The first reason counts."""
        self.why = self.why or why
        self._wanted_over.set()

    async def wait(self) -> Recording | None:
        """Wait until it is complete and written down; ``None``: there was no sound to keep."""
        return await asyncio.shield(self._over)

    # -- for the recorder ------------------------------------------------------------------------------------------

    async def ended(self) -> Recorded:
        """Wait for the end of the tape. Raises ``RecordingFailed``."""
        if await first(self.tape.wait(), self._wanted_over.wait()):
            return await self.tape.stop()
        return await self.tape.wait()

    def complete(self, recording: Recording | None) -> None:
        """It is over."""
        if not self._over.done():
            self._over.set_result(recording)


class Recorder:
    """All recordings of a node."""

    def __init__(self, archive: Archive, hooks: Hooks, clock: Clock, ids: Ids) -> None:
        self._archive = archive
        self._hooks = hooks
        self._clock = clock
        self._ids = ids
        self._running: dict[str, Running] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """What leads each recording to its end, those of the last run too."""
        self._watch: asyncio.Task[None] | None = None

    async def start(self, party: Party, terms: RecordingTerms) -> Running:
        """Record a party from now on. On return it is written down: a crash from here on ends in a complete file.

        Raises:
            NoRoom: the disk is nearly full.
            LegGone: the party has left, or has no audio path yet.
        """
        recording = self._begun(party, terms)
        await self._archive.begin(recording)
        try:
            tape = await party.leg.record(
                self._archive.path_of(recording),
                what=terms.what,
                file_format=terms.file_format,
                max_ms=None if terms.limit_s is None else terms.limit_s * 1000,
            )
        except BaseException:
            await self._archive.discard(recording)
            raise
        party.note(RecordingStarted(recording.recording_id, str(terms)))
        running = self._running[recording.recording_id] = Running(recording, tape, party.note)
        self._spawn(self._follow(running), recording)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._watch_room(), name="room for recordings")
        return running

    def url(self, recording: Recording) -> str:
        """Where the file is had, once it is complete."""
        return self._archive.url(recording)

    def of_call(self, call_uuid: str) -> list[Running]:
        """Those that run of a leg, in the order of their beginning."""
        return [each for each in self._running.values() if each.recording.call_uuid == call_uuid]

    def stop(self, call_uuid: str, recording_id: str | None = None) -> bool:
        """End one recording of a leg, or all; whether there was any."""
        chosen = [each for each in self.of_call(call_uuid) if recording_id in {None, each.recording.recording_id}]
        for running in chosen:
            running.stop()
        return bool(chosen)

    async def finish(self, call_uuid: str) -> None:
        """The call is over: end its recordings, and wait ``FINISH_S`` for them at most. Never raises."""
        ending = [each.recording.recording_id for each in self.of_call(call_uuid)]
        for recording_id in ending:
            self._running[recording_id].stop("call over")
        tasks = [self._tasks[recording_id] for recording_id in ending if recording_id in self._tasks]
        if tasks:
            await asyncio.wait(tasks, timeout=FINISH_S)

    async def settled(self) -> None:
        """The node stops, its calls are over: wait ``SETTLE_S`` at most for what is left. The next start does the rest."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=SETTLE_S)
        last = [*self._tasks.values(), *([self._watch] if self._watch is not None else [])]
        for task in last:
            task.cancel()
        await asyncio.gather(*last, return_exceptions=True)

    async def recover(self, reopen: Callable[[str], Awaitable[Observe]]) -> int:
        """Complete what the last run has left: its file is made whole, and its callback is sent.

        Args:
            reopen: gives the timeline of a call.

        Returns:
            How many there were.
        """
        left = await self._archive.left()
        for recording in left:
            self._spawn(self._recover(recording, reopen), recording)
        if left:
            await asyncio.wait(list(self._tasks.values()), timeout=RECOVERY_S)
        return len(left)

    # -- own -------------------------------------------------------------------------------------------------------

    def _begun(self, party: Party, terms: RecordingTerms) -> Recording:
        now, callback, transcription = self._clock.wall(), terms.callback, terms.transcription
        return Recording(
            recording_id=self._ids.call_uuid(),
            auth_id=party.auth_id,
            call_uuid=party.call_uuid,
            from_number=party.from_number,
            to_number=party.to_number,
            file_format=terms.file_format,
            channels=2 if terms.what == "both" else 1,
            folder=party.auth_id,
            started_at=now,
            added_at=now,
            callback_url=callback.url if callback is not None else None,
            callback_method=callback.method if callback is not None else "POST",
            callback_style=callback.style if callback is not None else "api",
            callback_parameters=dict(callback.parameters) if callback is not None else {},
            transcription_url=transcription.url if transcription is not None else None,
            transcription_method=transcription.method if transcription is not None else "POST",
        )

    def _spawn(self, work: Coroutine[Any, Any, None], recording: Recording) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"recording {recording.recording_id}")
        self._tasks[recording.recording_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(recording.recording_id, None))

    async def _follow(self, running: Running) -> None:
        recording, why, kept = running.recording, "", None
        done: Recording | None = None
        try:
            try:
                recorded = await running.ended()
                why, kept = running.why or _why(recorded), (recorded.duration_ms, recorded.octets)
            except RecordingFailed as failure:
                why = failure.reason
                running.note(Noted(f"recording {recording.recording_id} ended before its time: {why}", level="error"))
                kept = await self._archive.mend(recording)
            done = await self._complete(recording, kept, why, running.note)
        except Exception:
            log.exception("recording %s of call %s could not be completed", recording.recording_id, recording.call_uuid)
        finally:
            self._running.pop(recording.recording_id, None)
            running.complete(done)

    async def _recover(self, recording: Recording, reopen: Callable[[str], Awaitable[Observe]]) -> None:
        try:
            observe = await reopen(recording.call_uuid)
            kept = await self._archive.mend(recording)
            await self._complete(recording, kept, "the node stopped while it ran", observe)
        except Exception:
            log.exception("recording %s of call %s waits for the next start", recording.recording_id, recording.call_uuid)

    async def _complete(self, recording: Recording, kept: tuple[int, int] | None, why: str, note: Observe) -> Recording | None:
        """Write it down, then tell who wants to know."""
        duration_ms, octets = kept or (0, 0)
        note(RecordingEnded(recording.recording_id, why, duration_ms, octets))
        if kept is None:
            note(Noted(f"nothing was recorded as {recording.recording_id}: it is not kept, and nobody is told", level="error"))
            await self._archive.discard(recording)
            return None
        now = self._clock.wall()
        done = replace(recording, complete=True, added_at=now, duration_ms=duration_ms, octets=octets)
        notifications = reports(done, self._archive.url(done), self._ids, now)
        if await self._written(done, notifications):
            for notification in notifications:
                self._hooks.deliver(notification, note)
        return done

    async def _written(self, recording: Recording, notifications: Sequence[Notification]) -> bool:
        """Whether it was written down now. A store that fails is tried again; at last the next start will do it."""
        for attempt in range(1, _TRIES):
            try:
                return await self._archive.finish(recording, notifications)
            except Exception:
                log.exception("recording %s could not be written down (attempt %d)", recording.recording_id, attempt)
                await asyncio.sleep(_PAUSE_S * attempt)
        return await self._archive.finish(recording, notifications)

    async def _watch_room(self) -> None:
        """Recordings end before the disk is full: call records must still find room there."""
        while self._running:
            await asyncio.sleep(ROOM_S)
            try:
                if await self._archive.has_room():
                    continue
            except OSError:
                log.exception("the disk of the recordings cannot be looked at")
                continue
            for running in list(self._running.values()):
                running.note(Noted("the disk is nearly full: the recording ends, the call goes on", level="error"))
                running.stop("no room")


def reports(recording: Recording, url: str, ids: Ids, now: datetime) -> list[Notification]:
    """The requests that a complete recording is told by: its callback, and that it has no transcript (reference ``callbacks.md``
    sections 5.3 to 5.5).
    """
    found = []
    if recording.callback_url is not None:
        told = _told_by_api(recording, url) if recording.callback_style == "api" else _told_by_element(recording, url)
        parameters = {**recording.callback_parameters, **told, "Event": "RecordStop"}
        target = recording.callback_url, recording.callback_method
        found.append(_notification(recording, "recording", *target, parameters, ids, now))
    if recording.transcription_url is not None:
        parameters = {
            "transcription": "",
            "transcription_charge": NO_PRICE,
            "transcription_rate": NO_PRICE,
            "duration": str(seconds(recording)),
            "call_uuid": recording.call_uuid or recording.conference_name,
            "recording_id": recording.recording_id,
            "error": NO_ENGINE,
        }
        target = recording.transcription_url, recording.transcription_method
        found.append(_notification(recording, "transcription", *target, parameters, ids, now))
    return found


def seconds(recording: Recording) -> int:
    """How long it is, to the nearest second."""
    return (recording.duration_ms + 500) // 1000


def begin_and_end_ms(recording: Recording) -> tuple[int, int]:
    """When it began and ended, ms since 1970, UTC."""
    began = round((recording.started_at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
    return began, began + recording.duration_ms


def _told_by_api(recording: Recording, url: str) -> dict[str, str]:
    began, ended = begin_and_end_ms(recording)
    whose = ("call_uuid", recording.call_uuid) if recording.call_uuid else ("conference_name", recording.conference_name)
    return {
        "record_url": url,
        whose[0]: whose[1],
        "recording_id": recording.recording_id,
        "recording_duration": str(seconds(recording)),
        "recording_duration_ms": str(recording.duration_ms),
        "recording_start_ms": str(began),
        "recording_end_ms": str(ended),
    }


def _told_by_element(recording: Recording, url: str) -> dict[str, str]:
    began, ended = begin_and_end_ms(recording)
    return {
        "RecordUrl": url,
        "RecordFile": url,
        "RecordingID": recording.recording_id,
        "RecordingDuration": str(seconds(recording)),
        "RecordingDurationMs": str(recording.duration_ms),
        "RecordingStartMs": str(began),
        "RecordingEndMs": str(ended),
    }


def _notification(
    recording: Recording, purpose: str, url: str, method: str, parameters: Mapping[str, str], ids: Ids, now: datetime
) -> Notification:
    return Notification(
        id=ids.call_uuid(),
        auth_id=recording.auth_id,
        call_uuid=recording.call_uuid or recording.recording_id,
        purpose=purpose,
        url=url,
        method=method,
        parameters=parameters,
        created_at=now,
    )


def _why(recorded: Recorded) -> str:
    return "call over" if recorded.why is RecordingEnd.GONE else recorded.why.value
