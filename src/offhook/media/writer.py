"""The process that writes recordings: ``python -m offhook.media.writer FD``. It may wait for a disk; the engine may not."""

from __future__ import annotations

import os
import signal
import socket
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from offhook.audio import FRAME_SAMPLES, RATE_HZ
from offhook.media import framing, writing
from offhook.media.containers import SAMPLE_OCTETS, SoundFile, open_sound

_FRAME_OCTETS = SAMPLE_OCTETS * FRAME_SAMPLES
_READ = 2**18
_NICENESS = 5
"""The engine, on the same machine, has a deadline every 20 ms; this process has none."""


@dataclass(slots=True)
class _Track:
    sound: SoundFile
    channels: int
    at: int
    """Where the next sample belongs, as the engine counts: how long the file is, unless more was kept of it than the engine
    that went on with it could know."""


class Writer:
    """Writes files: what comes in is obeyed in order, what comes out says which are open and which are complete.

    A file that fails ends at once and is told about; what still comes for it is passed over, and no other one is concerned.
    """

    def __init__(self) -> None:
        self._tracks: dict[int, _Track] = {}

    def obey(self, command: writing.Writing) -> Iterator[writing.Written]:
        """Open, write or close."""
        match command:
            case writing.OpenFile():
                yield from self._open(command)
            case writing.Frames():
                yield from self._deal_out(command)
            case writing.CloseFile(recording, at):
                if recording in self._tracks:
                    yield from self._write(recording, at, b"")
                if recording in self._tracks:
                    yield self._close(recording)

    def close(self) -> None:
        """Complete every file that is still open."""
        for recording in list(self._tracks):
            self._close(recording)

    def _open(self, command: writing.OpenFile) -> Iterator[writing.Written]:
        if command.recording in self._tracks:
            return
        try:
            sound = open_sound(command.path, command.channels, command.file_format, resumed=command.resumed)
        except OSError as error:
            yield writing.FileClosed(command.recording, 0, 0, _reason(error))
            return
        self._tracks[command.recording] = _Track(sound, command.channels, sound.samples)
        yield writing.FileOpened(command.recording)

    def _deal_out(self, frames: writing.Frames) -> Iterator[writing.Written]:
        for recording, at, left, right in zip(frames.recordings, frames.at, frames.left, frames.right, strict=True):
            if recording in self._tracks:
                pcm = _row(frames, left) if right < 0 else _interleaved(_row(frames, left), _row(frames, right))
                yield from self._write(recording, at, pcm)

    def _write(self, recording: int, at: int, pcm: bytes) -> Iterator[writing.Written]:
        track = self._tracks[recording]
        block = SAMPLE_OCTETS * track.channels
        try:
            while track.at < at:
                lost = min(at - track.at, RATE_HZ)
                track.sound.write(bytes(lost * block))
                track.at += lost
            if pcm:
                track.sound.write(pcm)
            track.at = at + len(pcm) // block
        except (OSError, RuntimeError) as error:
            yield self._close(recording, _reason(error))

    def _close(self, recording: int, why: str = "") -> writing.FileClosed:
        sound = self._tracks.pop(recording).sound
        try:
            sound.close()
        except (OSError, RuntimeError) as error:
            why = why or _reason(error)
        return writing.FileClosed(recording, sound.samples * 1000 // RATE_HZ, sound.octets, why)


def _row(frames: writing.Frames, row: int) -> bytes:
    """The frames of one row, one behind the other."""
    pcm, stride = memoryview(frames.pcm), frames.rows * _FRAME_OCTETS
    return b"".join([pcm[at : at + _FRAME_OCTETS] for at in range(row * _FRAME_OCTETS, len(pcm), stride)])


def _interleaved(left: bytes, right: bytes) -> bytes:
    both = array("h", bytes(2 * len(left)))
    both[::2], both[1::2] = array("h", left), array("h", right)
    return both.tobytes()


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _serve(engine: socket.socket, writer: Writer) -> None:
    unpacker = writing.writings()
    deaf = False
    while True:
        try:
            octets = engine.recv(_READ)
        except ConnectionResetError:  # it died before it had read everything
            return
        if not octets:
            return
        for command in unpacker.feed(octets):
            for answer in writer.obey(command):
                try:
                    if not deaf:
                        engine.sendall(framing.pack(answer))
                except OSError:
                    deaf = True  # it died: what it has sent before is kept all the same


def main() -> None:
    """Write until the engine has gone. A kill of the engine or of the switch ends in complete files, like everything else."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.nice(_NICENESS)
    writer = Writer()
    try:
        _serve(socket.socket(fileno=int(sys.argv[1])), writer)
    finally:
        writer.close()


if __name__ == "__main__":
    main()
