"""Recordings: the frames of the legs concerned, in one copy a tick, handed in batches to the process that writes files."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from offhook.media import wire
from offhook.media.engine.arrays import Samples
from offhook.media.engine.legs import Leg, Legs

BATCH_TICKS = 10
"""200 ms."""
_BACKLOG_LIMIT = 32 * 2**20
"""Octets. A disk that is so far behind does not catch up any more."""
_CHANNELS = {"received": 1, "sent": 1, "both": 2}


@dataclass(eq=False, slots=True)
class _Recording:
    leg: Leg
    number: int
    what: str


class Recorder:
    """Who is recorded.

    Args:
        tell: gets a ``RecordingOver`` when a file is complete, or cannot be.
    """

    def __init__(self, tell: Callable[[wire.Event], None]) -> None:
        self._tell = tell
        self._writer: socket.socket | None = None
        self._answers: wire.Unpacker[wire.FileClosed] = wire.files_closed()
        self._unsent = bytearray()
        self._recordings: list[_Recording] = []
        self._closing: dict[int, int] = {}
        """The legs of the recordings that were stopped, until the writer has closed their files."""
        self._kept: list[tuple[Samples, Samples]] = []

    @property
    def busy(self) -> bool:
        """Whether files wait to be closed."""
        return bool(self._closing or self._unsent)

    def attach(self, writer: socket.socket) -> None:
        """The socket to the process that writes the files."""
        writer.setblocking(False)
        self._writer = writer

    def start(self, leg: Leg, number: int, path: str, what: str) -> None:
        """Record a leg from the next tick on. ``what``: ``received``, ``sent`` or ``both``."""
        self._hand_over()
        if self._writer is None:
            self._tell(wire.RecordingOver(leg.number, number, 0, "the writer process has ended"))
            return
        self._recordings.append(_Recording(leg, number, what))
        self._unsent += wire.pack(wire.OpenFile(number, path, _CHANNELS[what]))

    def stop(self, leg: Leg, number: int | None = None) -> None:
        """End one recording of a leg, or all of them. The file is complete when ``RecordingOver`` is told."""
        self._hand_over()
        over = [recording for recording in self._recordings if recording.leg is leg and number in {None, recording.number}]
        for recording in over:
            self._recordings.remove(recording)
            self._unsent += wire.pack(wire.CloseFile(recording.number))
            self._closing[recording.number] = leg.number

    def take(self, legs: Legs) -> None:
        """Keep the frames of this tick; every so often, hand over what was kept."""
        if self._recordings:
            slots = np.array([recording.leg.slot for recording in self._recordings])
            received, sent = legs.pcm[slots], legs.out[slots]
            # A leg without a peer has no row yet; row -1 is somebody else's.
            received[slots < 0] = sent[slots < 0] = 0
            self._kept.append((received, sent))
            if len(self._kept) >= BATCH_TICKS:
                self._hand_over()
        if self._unsent or self._closing:
            self.flush()

    def flush(self) -> None:
        """Give the writer as much as it takes, and hear from it."""
        if self._writer is None:
            return
        try:
            with suppress(BlockingIOError):
                del self._unsent[: self._writer.send(self._unsent)]
            if self._closing:
                with suppress(BlockingIOError):
                    self._hear(self._writer.recv(2**16))
        except OSError:
            self._fail("the writer process has ended")
        if len(self._unsent) > _BACKLOG_LIMIT:
            self._fail("the disk is too slow")

    def _hear(self, octets: bytes) -> None:
        if not octets:
            raise ConnectionResetError
        for closed in self._answers.feed(octets):
            leg = self._closing.pop(closed.recording, None)
            if leg is not None:
                self._tell(wire.RecordingOver(leg, closed.recording, closed.duration_ms, closed.error))

    def _hand_over(self) -> None:
        if self._kept:
            received = np.stack([frames for frames, _ in self._kept], axis=1)
            sent = np.stack([frames for _, frames in self._kept], axis=1)
            for i, recording in enumerate(self._recordings):
                pcm = {"received": received[i], "sent": sent[i], "both": np.stack([received[i], sent[i]], axis=-1)}[
                    recording.what
                ]
                self._unsent += wire.pack(wire.Frames(recording.number, pcm.tobytes()))
            self._kept = []

    def _fail(self, why: str) -> None:
        for recording in self._recordings:
            self._tell(wire.RecordingOver(recording.leg.number, recording.number, 0, why))
        for number, leg in self._closing.items():
            self._tell(wire.RecordingOver(leg, number, 0, why))
        self._recordings, self._closing, self._kept = [], {}, []
        self._unsent.clear()
        if self._writer is not None:
            self._writer.close()
        self._writer = None
