"""Recordings: who is recorded and until when. Files are the business of the writer process."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable

from offhook.audio import FRAME_MS, FRAME_SAMPLES, RecordingEnd
from offhook.media import wire, writing
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.pipe import Pipe
from offhook.media.engine.reel import NEVER, Reel, Running

_DEATHS_LIMIT = 3
_DEATHS_WITHIN_S = 10.0


class Recorder:
    """Counts in ticks, so that lengths are exact to the frame; ticks that the engine had to leave out become silence.

    Args:
        tell: gets what the switch is to know.
    """

    def __init__(self, tell: Callable[[wire.Event], None]) -> None:
        self._tell = tell
        self._pipe = Pipe(self._heard, self._writer_died, self._give_up)
        self._reel = Reel()
        self._all: dict[int, Running] = {}
        """Those too that are paused, or whose file is being closed."""
        self._running: list[Running] = []
        self._stale = False
        self._next_end = NEVER
        """The tick before which no recording ends by itself."""
        self._deaths: deque[float] = deque(maxlen=_DEATHS_LIMIT)

    @property
    def busy(self) -> bool:
        """Whether a file is still to be completed."""
        return bool(self._all)

    def attach(self, writer: socket.socket) -> None:
        """The socket to a process that writes files: the first, or the next after one that died."""
        recordings = self._all.values()
        before = [_opening(recording) for recording in recordings]
        after = [_closing(recording) for recording in recordings if recording.why]
        self._pipe.attach(writer, before, after)

    def start(self, leg: Leg, command: wire.StartRecording, tick: int) -> None:
        """Record a leg from this tick on."""
        recording = _running(command, leg)
        self._all[recording.number] = recording
        self._pipe.put(_opening(recording))
        if recording.ticks >= recording.limit:
            self._end(recording, RecordingEnd.LIMIT)
        elif not recording.paused:
            self._run(recording, tick)

    def pause(self, number: int, paused: bool, tick: int) -> None:
        """Leave out what comes from this tick on; or take it up again."""
        recording = self._all.get(number)
        if recording is None or recording.why or recording.paused == paused:
            return
        recording.paused = paused
        if paused:
            self._halt(recording, tick)
        else:
            self._run(recording, tick)

    def stop(self, leg: Leg, tick: int, number: int | None = None, why: RecordingEnd = RecordingEnd.STOPPED) -> None:
        """End one recording of a leg, or all of them. The file is complete when ``RecordingOver`` is told."""
        for recording in list(self._all.values()):
            if recording.leg is leg and number in {None, recording.number} and not recording.why:
                self._halt(recording, tick)
                self._end(recording, why)

    def finish(self, command: wire.FinishRecording) -> None:
        """Complete a file that an engine before this one has left."""
        recording = _running(command.begun, None)
        self._all[recording.number] = recording
        self._pipe.put(_opening(recording))
        self._end(recording, command.why)

    def take(self, legs: Legs, tick: int) -> None:
        """Keep the frames of this tick; every so often, hand over what was kept."""
        if not self._all:
            return
        if tick >= self._next_end:
            self._end_at_limit(tick)
        if self._running:
            if not self._reel.follows(tick):
                self._hand_over()
            if self._stale:
                self._thread()
            self._reel.take(legs, tick)
            if self._reel.full:
                self._hand_over()
            if tick + 1 >= self._next_end:
                self._end_at_limit(tick + 1)
        self._pipe.flush()

    def flush(self) -> None:
        """Give the writer what waits, and hear from it."""
        if self._all:
            self._pipe.flush()

    def _run(self, recording: Running, tick: int) -> None:
        self._hand_over()
        recording.origin = tick - recording.ticks
        self._running.append(recording)
        self._stale = True
        self._next_end = min(self._next_end, recording.origin + recording.limit)

    def _halt(self, recording: Running, tick: int) -> None:
        if recording in self._running:
            self._hand_over()
            recording.ticks = min(tick - recording.origin, recording.limit)
            self._running.remove(recording)
            self._stale = True

    def _end(self, recording: Running, why: str) -> None:
        recording.why = why
        self._pipe.put(_closing(recording))

    def _end_at_limit(self, tick: int) -> None:
        for recording in [each for each in self._running if tick >= each.origin + each.limit]:
            self._halt(recording, tick)
            self._end(recording, RecordingEnd.LIMIT)
        self._next_end = min((each.origin + each.limit for each in self._running), default=NEVER)

    def _thread(self) -> None:
        self._reel.thread(self._running)
        self._stale = False

    def _hand_over(self) -> None:
        frames = self._reel.cut()
        if frames is not None:
            self._pipe.put(frames)

    def _heard(self, answer: writing.Written) -> None:
        recording = self._all.get(answer.recording)
        if recording is None:
            return
        if isinstance(answer, writing.FileOpened):
            recording.opened = True
            self._tell(wire.RecordingBegun(recording.command.leg, recording.number))
        else:
            self._over(recording, answer)

    def _over(self, recording: Running, closed: writing.FileClosed) -> None:
        del self._all[recording.number]
        if recording in self._running:
            self._hand_over()
            self._running.remove(recording)
            self._stale = True
        self._tell(
            wire.RecordingOver(
                recording.command.leg, recording.number, recording.why, closed.duration_ms, closed.octets, closed.error
            )
        )

    def _writer_died(self) -> None:
        now = time.monotonic()
        self._deaths.append(now)
        if len(self._deaths) == _DEATHS_LIMIT and now - self._deaths[0] < _DEATHS_WITHIN_S:
            self._give_up("the process that writes recordings dies again and again")
        else:
            self._tell(wire.WriterGone())

    def _give_up(self, why: str) -> None:
        self._pipe.detach()
        self._pipe.clear()
        self._reel.cut()
        for recording in list(self._all.values()):
            self._over(recording, writing.FileClosed(recording.number, recording.ticks * FRAME_MS, 0, why))
        self._tell(wire.WriterGone())


def _running(command: wire.StartRecording, leg: Leg | None) -> Running:
    limit = -(-command.limit_ms // FRAME_MS) or NEVER
    ticks = min(command.recorded_ms // FRAME_MS, limit)
    return Running(leg, command, limit, ticks, opened=command.resumed, paused=command.paused)


def _opening(recording: Running) -> writing.OpenFile:
    command = recording.command
    channels = 2 if command.what == "both" else 1
    return writing.OpenFile(recording.number, command.path, channels, command.file_format, recording.opened)


def _closing(recording: Running) -> writing.CloseFile:
    return writing.CloseFile(recording.number, recording.ticks * FRAME_SAMPLES)
