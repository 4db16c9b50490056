"""The process that writes recordings: ``python -m offhook.media.writer FD``. It may wait for a disk; the engine may not."""

from __future__ import annotations

import signal
import socket
import sys
import wave
from dataclasses import dataclass
from pathlib import Path

from offhook.audio import RATE_HZ
from offhook.media import wire

_SAMPLE_OCTETS = 2


@dataclass(slots=True)
class _File:
    channels: int
    wav: wave.Wave_write | None = None
    frames: int = 0
    error: str = ""


class Writer:
    """Writes WAV files: what comes in is obeyed in order, what comes out says which files are complete."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}

    def obey(self, command: wire.Writing) -> wire.FileClosed | None:
        """Open, write or close. A file that fails is told about when it is closed."""
        match command:
            case wire.OpenFile(recording, path, channels):
                self._files[recording] = self._open(path, channels)
            case wire.Frames(recording, pcm):
                self._write(self._files[recording], pcm)
            case wire.CloseFile(recording):
                return self._close(recording, self._files.pop(recording))
        return None

    def close(self) -> None:
        """Complete every file that is still open."""
        for recording in list(self._files):
            self._close(recording, self._files.pop(recording))

    def _open(self, path: str, channels: int) -> _File:
        file = _File(channels)
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            file.wav = wave.open(path, "wb")  # noqa: SIM115 - it stays open for as long as the recording runs
            file.wav.setparams((channels, _SAMPLE_OCTETS, RATE_HZ, 0, "NONE", ""))
        except OSError as error:
            file.error = str(error)
        return file

    def _write(self, file: _File, pcm: bytes) -> None:
        if file.wav is None or file.error:
            return
        try:
            file.wav.writeframesraw(pcm)
            file.frames += len(pcm) // (_SAMPLE_OCTETS * file.channels)
        except OSError as error:
            file.error = str(error)

    def _close(self, recording: int, file: _File) -> wire.FileClosed:
        try:
            if file.wav is not None:
                file.wav.writeframes(b"")  # puts the length into the header
                file.wav.close()
        except OSError as error:
            file.error = file.error or str(error)
        return wire.FileClosed(recording, file.frames * 1000 // RATE_HZ, file.error)


def main() -> None:
    """Write until the engine has gone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    engine, writer, unpacker = socket.socket(fileno=int(sys.argv[1])), Writer(), wire.writings()
    try:
        while octets := engine.recv(2**18):
            for command in unpacker.feed(octets):
                closed = writer.obey(command)
                if closed is not None:
                    engine.sendall(wire.pack(closed))
    except OSError:
        pass  # the engine died in the middle of it: what has come is kept
    finally:
        writer.close()


if __name__ == "__main__":
    main()
