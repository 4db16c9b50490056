"""Recordings when the engine, the writer or the switch is killed in the middle."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import miniaudio
import numpy as np
import pytest

from offhook.audio import Playlist, RecordingEnd, Tone, Track
from offhook.errors import RecordingFailed

HUM = Playlist((Track((Tone((700.0,), 10_000, -13.0),), 0),))


def read_wav(path: Path) -> np.ndarray:
    with wave.open(str(path)) as wav:
        return np.frombuffer(wav.readframes(wav.getnframes()), np.int16).reshape(-1, wav.getnchannels())


def read_mp3(path: Path) -> np.ndarray:
    channels = miniaudio.get_file_info(str(path)).nchannels
    decoded = miniaudio.decode_file(str(path), nchannels=channels, sample_rate=8000)
    return np.frombuffer(decoded.samples, np.int16).reshape(-1, channels)


def read(path: Path) -> np.ndarray:
    return read_wav(path) if path.suffix == ".wav" else read_mp3(path)


def loud(samples: np.ndarray) -> np.ndarray:
    """Which frames of 20 ms hum."""
    whole = len(samples) // 160 * 160
    return np.abs(samples[:whole].astype(int)).reshape(-1, 160).mean(axis=1) > 1000


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def until(condition: object, limit_s: float = 10.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - what is waited for is the kernel's
            await asyncio.sleep(0.01)


async def grown(path: Path, octets: int) -> None:
    """Wait until so much more is in the file."""
    wanted = octets + size_of(path)
    await until(lambda: size_of(path) >= wanted)


@pytest.mark.parametrize("kind", ["wav", "mp3"])
def test_a_recording_goes_on_in_its_file_when_the_engine_was_killed(bench, tmp_path: Path, kind: str) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            channel.play(HUM)
            began = time.monotonic()
            recording = await channel.record(tmp_path / f"a.{kind}", what="both", file_format=kind)
            await grown(recording.path, 8000)
            file = recording.path.stat().st_ino
            before = len(read(recording.path))
            os.kill(b.media.engine_pid, signal.SIGKILL)
            await grown(recording.path, {"wav": 48_000, "mp3": 12_000}[kind])
            recorded = await recording.stop()
            took_ms = (time.monotonic() - began) * 1000
            sound = read(recording.path)
            assert recording.path.stat().st_ino == file
            assert recorded.why is RecordingEnd.STOPPED
            assert took_ms - 600 < recorded.duration_ms < took_ms + 60  # the outage counts
            assert recorded.octets == recording.path.stat().st_size
            assert 0 <= len(sound) / 8 - recorded.duration_ms < 250
            hums = loud(sound[:, 1])
            assert hums[15 : before // 160 - 15].all()  # what there was has stayed
            assert hums[-15:-10].all()
            changes = np.flatnonzero(np.diff(hums[10:-10].astype(int)))
            assert len(changes) == 2  # one gap

    asyncio.run(scenario())


@pytest.mark.parametrize("close", [False, True])
def test_a_recording_that_is_stopped_while_there_is_no_engine_is_completed(bench, tmp_path: Path, close: bool) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            other, _ = b.leg()
            channel.play(HUM)
            recording = await channel.record(tmp_path / "a.wav", what="sent")
            paused = await other.record(tmp_path / "b.wav", what="sent")
            await grown(recording.path, 8000)
            paused.pause()
            await asyncio.sleep(0.05)
            dead = b.media.engine_pid
            os.kill(dead, signal.SIGKILL)
            if close:
                await channel.aclose()
            recorded = await recording.stop()
            assert recorded.why is (RecordingEnd.GONE if close else RecordingEnd.STOPPED)
            assert len(read_wav(recording.path)) == 8 * recorded.duration_ms >= 4000
            await until(lambda: b.media.engine_pid != dead)
            await asyncio.sleep(0.3)
            assert (await b.media.figures()).ticks > 0
            kept = len(read_wav(paused.path))
            await asyncio.sleep(0.3)
            assert len(read_wav(paused.path)) == kept  # it was paused, and is
            paused.resume()
            await grown(paused.path, 3200)
            assert len(read_wav(paused.path)) == 8 * (await paused.stop()).duration_ms

    asyncio.run(scenario())


def test_the_limit_counts_across_engines(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            recording = await channel.record(tmp_path / "a.wav", max_ms=1500)
            passed = await channel.record(tmp_path / "b.wav", max_ms=520)
            await grown(recording.path, 8000)
            assert read_wav(passed.path).size > 0
            os.kill(b.media.engine_pid, signal.SIGKILL)
            async with asyncio.timeout(10):
                ends = [await each.wait() for each in (recording, passed)]
            assert [(end.why, end.duration_ms) for end in ends] == [(RecordingEnd.LIMIT, 1500), (RecordingEnd.LIMIT, 520)]
            assert (len(read_wav(recording.path)), len(read_wav(passed.path))) == (12000, 4160)

    asyncio.run(scenario())


def test_recordings_go_on_when_the_writer_was_killed(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            channel.play(HUM)
            paths = [tmp_path / name for name in ("a.wav", "b.mp3", "c.wav")]
            recordings = [await channel.record(path, what="sent", file_format=path.suffix[1:]) for path in paths]
            recordings[2].pause()
            await grown(paths[0], 8000)
            before = [len(read(path)) for path in paths[:2]]
            (dead,) = b.media.writers.pids
            os.kill(dead, signal.SIGKILL)
            assert len(read_wav(paths[0])) >= before[0]  # playable although nobody has completed it
            assert len(read_mp3(paths[1])) >= before[1]
            await grown(paths[0], 16000)
            (alive,) = b.media.writers.pids
            assert alive != dead
            recordings[2].resume()
            await grown(paths[2], 3200)
            for recording, path in zip(recordings, paths, strict=True):
                recorded = await recording.stop()
                assert recorded.octets == path.stat().st_size
                assert 0 <= len(read(path)) / 8 - recorded.duration_ms < 250
                assert recorded.why is RecordingEnd.STOPPED
            for path in paths[:2]:
                hums = loud(read(path)[:, 0])
                lost = np.count_nonzero(~hums[15:-15])
                assert lost <= 50  # nothing older than a second

    asyncio.run(scenario())


def test_a_recording_that_is_stopped_while_there_is_no_writer_is_completed(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            recording = await channel.record(tmp_path / "a.wav")
            closed = await channel.record(tmp_path / "b.wav")
            await grown(recording.path, 4000)
            (writer,) = b.media.writers.pids
            os.kill(writer, signal.SIGSTOP)
            stopping = asyncio.ensure_future(recording.stop())
            await asyncio.sleep(0.1)
            os.kill(writer, signal.SIGKILL)
            recorded = await stopping
            assert len(read_wav(recording.path)) == 8 * recorded.duration_ms >= 2000
            await channel.aclose()
            assert len(read_wav(closed.path)) == 8 * (await closed.wait()).duration_ms

    asyncio.run(scenario())


def test_a_writer_that_dies_again_and_again_is_given_up_and_said_so(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            recording = await channel.record(tmp_path / "a.wav")
            killed: set[int] = set()
            async with asyncio.timeout(15):
                while not recording.over:
                    await asyncio.sleep(0.01)
                    for pid in b.media.writers.pids:
                        if pid not in killed:
                            killed.add(pid)
                            await asyncio.sleep(0.3)
                            os.kill(pid, signal.SIGKILL)
            with pytest.raises(RecordingFailed, match=r"a\.wav: .*again and again"):
                await recording.stop()
            assert len(killed) == 3
            # The next recording gets a writer of its own; the leg was not concerned.
            again = await channel.record(tmp_path / "b.wav", max_ms=200)
            async with asyncio.timeout(10):
                assert (await again.wait()).duration_ms == 200

    asyncio.run(scenario())


SWITCH = """
import asyncio, sys
from pathlib import Path
from offhook.audio import Playlist, Tone, Track
from offhook.clock import Clock
from offhook.media import Media, RtpPeer

async def main():
    async with Media(ports=(20400, 20449), host="127.0.0.1", clock=Clock()) as media:
        channel = media.open()
        channel.connect(RtpPeer("127.0.0.1", 9, 0, "PCMU", 101))
        channel.play(Playlist((Track((Tone((700.0,), 10_000, -13.0),), 0),)))
        for name in sys.argv[1:]:
            await channel.record(Path(name), what="sent", file_format=name[-3:])
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_when_the_switch_is_killed_the_files_are_complete(tmp_path: Path) -> None:
    paths = [tmp_path / "a.wav", tmp_path / "b.mp3"]
    switch = subprocess.Popen([sys.executable, "-c", SWITCH, *paths])
    try:
        deadline = time.monotonic() + 20
        while size_of(paths[0]) < 16000 and time.monotonic() < deadline:
            time.sleep(0.02)
        before = [size_of(path) for path in paths]
        switch.kill()
        switch.wait()
        for path, least in zip(paths, before, strict=True):
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # given when the writer is done
            assert path.stat().st_size >= least > 0
            sound = read(path)
            assert len(sound) >= 8000 - 800
            assert loud(sound[:, 0])[15:-15].all()
        assert len(read_wav(paths[0])) * 2 + 44 == paths[0].stat().st_size
    finally:
        switch.kill()
        switch.wait()
