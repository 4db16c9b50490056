"""Recordings over a real engine: what is in the file, and how long it is, to the sample."""

import asyncio
import subprocess
import time
import wave
from pathlib import Path

import miniaudio
import numpy as np
import pytest

from offhook.audio import Clip, Playlist, RecordingEnd, Track
from offhook.errors import LegGone, RecordingFailed
from offhook.media import Channel, RtpPeer

FRAME = 160


def read_wav(path: Path) -> np.ndarray:
    """``[samples, channels]``, by a reader that believes the header."""
    with wave.open(str(path)) as wav:
        return np.frombuffer(wav.readframes(wav.getnframes()), np.int16).reshape(-1, wav.getnchannels())


def read_mp3(path: Path) -> np.ndarray:
    channels = miniaudio.get_file_info(str(path)).nchannels
    decoded = miniaudio.decode_file(str(path), nchannels=channels, sample_rate=8000)
    return np.frombuffer(decoded.samples, np.int16).reshape(-1, channels)


def frequency_of(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax()) * 8000 / len(samples)


def clip(folder: Path, samples: np.ndarray, times: int = 1) -> Playlist:
    path = folder / f"clip-{len(list(folder.glob('clip-*')))}.pcm"
    path.write_bytes(samples.tobytes())
    return Playlist((Track((Clip(str(path)),), times),))


def noise(ms: int, seed: int = 0, level: int = 9000) -> np.ndarray:
    return np.random.default_rng(seed).integers(-level, level, 8 * ms, np.int16)


def hum(frequency: float, ms: int) -> np.ndarray:
    return (9000 * np.sin(2 * np.pi * frequency * np.arange(8 * ms) / 8000)).astype(np.int16)


def place_of(part: np.ndarray, whole: np.ndarray) -> int:
    """Where exactly these samples are, -1: nowhere."""
    for at in np.flatnonzero(whole[: len(whole) - len(part) + 1] == part[0]):
        if np.array_equal(whole[at : at + len(part)], part):
            return int(at)
    return -1


def connected(bench: object) -> tuple[Channel, Channel]:
    """Two legs of one engine that are each other's peer."""
    one, other = bench.media.open(), bench.media.open()
    one.connect(RtpPeer("127.0.0.1", other.port, 0, "PCMU", 101))
    other.connect(RtpPeer("127.0.0.1", one.port, 0, "PCMU", 101))
    return one, other


def test_what_is_sent_is_in_the_file_sample_by_sample(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            samples = noise(500)
            recording = await channel.record(tmp_path / "sent.wav", what="sent")
            await channel.play(clip(tmp_path, samples)).wait()
            recorded = await recording.stop()
            assert recorded.why is RecordingEnd.STOPPED
            sound = read_wav(recording.path)
            assert recorded.duration_ms * 8 == len(sound)
            assert recorded.octets == recording.path.stat().st_size
            begin = place_of(samples, sound[:, 0])
            assert begin >= 0
            assert not sound[:begin].any()

    asyncio.run(scenario())


def test_both_sides_and_their_sum_are_of_the_same_moments(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            one, other = connected(b)
            told = [
                await one.record(tmp_path / f"{what}.wav", what=what)  # obeyed in one go: from the same tick on
                for what in ("received", "both", "mixed", "sent")
            ]
            loud = noise(400, 1, 32000)
            await asyncio.gather(
                one.play(clip(tmp_path, loud)).wait(),
                other.play(clip(tmp_path, noise(400, 2, 32000))).wait(),
            )
            await asyncio.sleep(0.15)
            for recording in told:
                await recording.stop()
            received, both, mixed, sent = (read_wav(recording.path).astype(int) for recording in told)
            length = min(map(len, (received, both, mixed, sent)))
            assert np.array_equal(both[:length, 0], received[:length, 0])
            assert np.array_equal(both[:length, 1], sent[:length, 0])
            assert np.abs(received).max() > 20000
            assert place_of(loud, sent[:, 0].astype(np.int16)) >= 0
            total = both[:length].sum(axis=1)
            assert np.abs(total).max() > 32768  # it has to be held
            assert np.array_equal(mixed[:length, 0], np.clip(total, -32768, 32767))
            await one.aclose()
            await other.aclose()

    asyncio.run(scenario())


def test_paused_time_is_left_out_to_the_frame(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            channel.play(clip(tmp_path, noise(5000), times=0))
            whole = await channel.record(tmp_path / "whole.wav", what="sent")
            paused = await channel.record(tmp_path / "paused.wav", what="sent")
            await asyncio.sleep(0.3)
            for _ in range(2):
                paused.pause()
                paused.pause()
                assert paused.paused
                await asyncio.sleep(0.2)
                paused.resume()
                paused.resume()
                await asyncio.sleep(0.3)
            recorded = await paused.stop()
            await whole.stop()
            everything, kept = read_wav(whole.path)[:, 0], read_wav(paused.path)[:, 0]
            assert len(kept) == 8 * recorded.duration_ms
            assert len(kept) % FRAME == 0
            # Every frame of it is one of the whole, in order; twice some are left out.
            places = [place_of(frame, everything) for frame in kept.reshape(-1, FRAME) if frame.any()]
            steps = np.diff(places)
            holes = steps[steps != FRAME]
            assert min(places) >= 0
            assert len(holes) == 2
            assert (holes % FRAME == 0).all()
            assert (holes >= 8 * 100).all()

    asyncio.run(scenario())


def test_a_recording_that_begins_paused_and_stays_so_is_empty(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            recording = await channel.record(tmp_path / "a.wav")
            recording.pause()
            await asyncio.sleep(0.1)
            assert (await recording.stop()).duration_ms == 0
            assert len(read_wav(recording.path)) == 0

    asyncio.run(scenario())


@pytest.mark.parametrize(("max_ms", "samples"), [(1, 160), (300, 2400), (310, 2560), (520, 4160)])
def test_a_recording_ends_by_itself_when_it_is_as_long_as_it_may_be(bench, tmp_path: Path, max_ms: int, samples: int) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            recording = await channel.record(tmp_path / "a.wav", max_ms=max_ms)
            recording.pause()
            await asyncio.sleep(0.1)
            recording.resume()
            async with asyncio.timeout(10):
                recorded = await recording.wait()
            assert (recorded.why, recorded.duration_ms) == (RecordingEnd.LIMIT, samples // 8)
            assert len(read_wav(recording.path)) == samples
            recording.pause()
            assert await recording.stop() == recorded
            with pytest.raises(ValueError, match="holds nothing"):
                await channel.record(tmp_path / "b.wav", max_ms=0)

    asyncio.run(scenario())


def test_the_end_of_the_leg_is_told_as_such(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            recording = await channel.record(tmp_path / "a.mp3", file_format="mp3")
            await asyncio.sleep(0.2)
            await channel.aclose()
            assert recording.over
            assert (await recording.wait()).why is RecordingEnd.GONE
            with pytest.raises(LegGone):
                await channel.record(tmp_path / "b.mp3")

    asyncio.run(scenario())


def test_an_mp3_sounds_like_what_was_said(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            one, other = connected(b)
            recording = await one.record(tmp_path / "a.mp3", what="both", file_format="mp3")
            one.play(clip(tmp_path, hum(1500, 4000)))
            other.play(clip(tmp_path, hum(700, 4000)))
            await asyncio.sleep(2)
            recorded = await recording.stop()
            sound = read_mp3(recording.path)
            assert 0 <= len(sound) / 8 - recorded.duration_ms < 250
            assert recorded.octets == recording.path.stat().st_size == pytest.approx(len(sound), rel=0.01)  # 64 kbit/s
            middle = sound[6400:-3200].astype(float)
            assert abs(frequency_of(middle[:, 0]) - 700) < 2
            assert abs(frequency_of(middle[:, 1]) - 1500) < 2
            await one.aclose()
            await other.aclose()

    asyncio.run(scenario())


def test_a_file_is_playable_all_the_time_up_to_the_last_second(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            channel.play(clip(tmp_path, noise(5000), times=0))
            began = time.monotonic()
            wav = await channel.record(tmp_path / "a.wav", what="sent")
            mp3 = await channel.record(tmp_path / "a.mp3", what="sent", file_format="mp3")
            await asyncio.sleep(1.2)
            for _ in range(4):
                await asyncio.sleep(0.2)
                passed_s = time.monotonic() - began
                for sound in (read_wav(wav.path), read_mp3(mp3.path)):
                    assert passed_s - 1 < len(sound) / 8000 < time.monotonic() - began + 0.15
                    assert sound[-2 * FRAME :].any()

    asyncio.run(scenario())


def test_a_room_is_recorded_from_a_seat_in_it(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            talkers = [connected(b) for _ in range(3)]
            seat = b.media.open_seat()
            for channel in (*(one for one, _ in talkers), seat):
                channel.join(5)
            recordings = [await seat.record(tmp_path / f"{what}.wav", what=what) for what in ("sent", "mixed", "received")]
            hums = (500, 900, 1300)
            for (_, other), frequency in zip(talkers, hums, strict=True):
                other.play(clip(tmp_path, hum(frequency, 3000)))
            seat.play(clip(tmp_path, hum(2100, 3000)))
            await asyncio.sleep(1.2)
            for recording in recordings:
                await recording.stop()
            sent, mixed, received = (read_wav(recording.path)[:, 0] for recording in recordings)
            spectrum = np.abs(np.fft.rfft(sent[-6400:] * np.hanning(6400)))
            strong = {round(float(i) * 8000 / 6400 / 100) * 100 for i in np.flatnonzero(spectrum > spectrum.max() / 4)}
            assert strong == {*hums, 2100}
            length = min(len(sent), len(mixed))
            assert np.array_equal(sent[:length], mixed[:length])
            assert not received.any()
            for channel in (seat, *(channel for pair in talkers for channel in pair)):
                await channel.aclose()

    asyncio.run(scenario())


def test_two_recordings_to_one_path_at_once_are_refused(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            other, _ = b.leg()
            path = tmp_path / "a.wav"
            first = await channel.record(path, what="sent")
            for again in (path, tmp_path / "x" / ".." / "a.wav"):
                with pytest.raises(ValueError, match="being recorded to already"):
                    await other.record(again)
            link = tmp_path / "link.wav"
            await asyncio.sleep(0.6)
            link.symlink_to(path)
            by_another_name = await other.record(link)
            with pytest.raises(RecordingFailed, match=f"{link}: is being written already"):
                await by_another_name.wait()
            recorded = await first.stop()
            assert len(read_wav(path)) == 8 * recorded.duration_ms > 0
            second = await other.record(path, max_ms=100)
            assert (await second.wait()).duration_ms == 100
            assert len(read_wav(path)) == 800

    asyncio.run(scenario())


def test_a_disk_that_fails_ends_its_own_recording_and_no_other(bench, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("no file system can be mounted here")

    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            other, _ = b.leg()
            channel.play(clip(tmp_path, noise(5000), times=0))
            fine = await other.record(tmp_path / "fine.wav")
            same_leg = await channel.record(tmp_path / "same.wav", what="both")
            failing = await channel.record(small / "a.wav", what="both")
            async with asyncio.timeout(10):
                with pytest.raises(RecordingFailed, match=r"small/a\.wav: No space left on device") as failure:
                    await failing.wait()
            assert failing.over
            assert len(read_wav(failing.path)) == failure.value.duration_ms * 8 + len(read_wav(failing.path)) % 8
            assert 8 * failure.value.duration_ms >= (16384 - 44) // 4 - 1600
            await asyncio.sleep(0.3)
            for recording in (fine, same_leg):
                recorded = await recording.stop()
                assert recorded.why is RecordingEnd.STOPPED
                assert len(read_wav(recording.path)) == 8 * recorded.duration_ms
                assert recorded.duration_ms > failure.value.duration_ms

    try:
        asyncio.run(scenario())
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_a_path_that_cannot_be_is_told_with_its_reason_at_once(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            (tmp_path / "file").write_text("not a folder")
            recording = await channel.record(tmp_path / "file" / "a.wav")
            async with asyncio.timeout(10):
                with pytest.raises(RecordingFailed, match=r"file/a\.wav: (Not a directory|File exists)"):
                    await recording.wait()

    asyncio.run(scenario())


def test_fifty_at_once_all_have_their_length_and_their_sound(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channels = [channel for _ in range(25) for channel in connected(b)]
            kinds = [("received", "wav"), ("sent", "mp3"), ("both", "wav"), ("mixed", "mp3"), ("sent", "wav")]
            samples = [noise(2000, seed) for seed in range(50)]
            for channel, own in zip(channels, samples, strict=True):
                channel.play(clip(tmp_path, own))
            recordings = []
            for number, channel in enumerate(channels):
                what, kind = kinds[number % len(kinds)]
                path = tmp_path / "many" / f"{number}.{kind}"
                recordings.append(await channel.record(path, what=what, file_format=kind, max_ms=1000))
            async with asyncio.timeout(30):
                ends = await asyncio.gather(*(recording.wait() for recording in recordings))
            assert {(end.why, end.duration_ms) for end in ends} == {(RecordingEnd.LIMIT, 1000)}
            for number, (recording, end) in enumerate(zip(recordings, ends, strict=True)):
                assert recording.path.stat().st_size == end.octets
                what, kind = kinds[number % len(kinds)]
                if kind == "mp3":
                    assert 8000 <= len(read_mp3(recording.path)) < 10000
                elif what != "received":
                    sent = read_wav(recording.path)[:, -1]
                    assert len(sent) == 8000
                    assert place_of(sent[4000:4400], samples[number]) >= 0  # its own and nobody else's
            for channel in channels:
                await channel.aclose()

    asyncio.run(scenario())
