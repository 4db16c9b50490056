"""Recordings that were left in the middle are made whole and measured."""

from __future__ import annotations

import fcntl
import os
import threading
import wave
from pathlib import Path

import miniaudio
import pytest

from offhook.media import mend
from offhook.media.containers import open_sound

SECOND = bytes(2 * 8000)


def left(path: Path, file_format: str, channels: int, seconds: int) -> None:
    """A file as somebody leaves it who is killed: not completed, with half a sample at its end."""
    sound = open_sound(str(path), channels, file_format, resumed=False)
    for _ in range(seconds * channels):
        sound.write(SECOND)
    os.close(sound._descriptor)  # type: ignore[attr-defined]
    with path.open("ab") as file:
        file.write(b"\x01")


@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_is_as_long_as_what_is_in_it(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "a.wav"
    left(path, "wav", channels, 3)
    with path.open("r+b") as file:  # killed between the samples and the sizes
        file.seek(40)
        file.write(bytes(4))
    assert mend(path, "wav", channels) == (3000, 44 + 3 * 8000 * 2 * channels)
    assert path.stat().st_size == 44 + 3 * 8000 * 2 * channels
    with wave.open(str(path)) as sound:
        assert (sound.getnframes(), sound.getnchannels()) == (3 * 8000, channels)


def test_an_mp3_is_as_long_as_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    left(path, "mp3", 2, 3)
    found = mend(path, "mp3", 2)
    assert found is not None
    assert found[1] == path.stat().st_size
    decoded = miniaudio.decode_file(str(path), nchannels=1, sample_rate=8000)
    assert abs(found[0] - len(decoded.samples) / 8) < 1
    assert 2700 < found[0] <= 3000  # the encoder's last frames went with whoever was killed


def test_a_file_without_sound_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    assert mend(path, "wav", 1) is None
    path.touch()
    assert mend(path, "wav", 1) is None
    open_sound(str(path), 1, "wav", resumed=False).close()
    assert mend(path, "wav", 1) is None


def test_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"x" * 100)
    with pytest.raises(OSError, match="not the recording"):
        mend(path, "wav", 1)


def test_it_waits_for_whoever_still_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    left(path, "wav", 1, 1)
    holder = os.open(path, os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)
    tried = threading.Event()
    found: list[object] = []

    def look() -> None:
        tried.set()
        found.append(mend(path, "wav", 1))

    thread = threading.Thread(target=look)
    thread.start()
    tried.wait()
    assert found == []
    os.close(holder)
    thread.join(60)
    assert found == [(1000, 44 + 16_000)]
