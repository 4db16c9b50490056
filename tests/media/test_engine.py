"""The whole engine, over real sockets on the loopback interface."""

import asyncio
import contextlib
import struct
import time
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from offhook.audio import BeepPattern, Clip, Digit, PlaybackEnd, Playlist, RtpStatistics, Silence, Tone, Track
from offhook.errors import RecordingFailed
from offhook.media import RtpPeer

SOUND = bytes([0x20]) * 160
"""A frame of mu-law that is far from silence."""


def tone(frequency: float, ms: int, times: int = 1) -> Playlist:
    return Playlist((Track((Tone((frequency,), ms),), times),))


def frequency_of(samples: np.ndarray) -> float:
    """The strongest frequency, Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax()) * 8000 / len(samples)


def wave_of(frequency: float, ms: int, level: float = 8000.0) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency * np.arange(8 * ms) / 8000)).astype(np.int16)


async def until(condition: object, limit_s: float = 2.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - what is waited for is the kernel's
            await asyncio.sleep(0.005)


def test_a_tone_is_heard_at_its_frequency_and_the_stream_is_proper_rtp(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            ended = await channel.play(tone(1000.0, 500)).wait()
            assert (ended.why, ended.played_ms) == (PlaybackEnd.FINISHED, 500)
            await until(lambda: len(peer.heard()) >= 4000)
            heard = peer.heard()
            begin = np.flatnonzero(heard)[0]
            assert abs(frequency_of(heard[begin : begin + 3000]) - 1000) < 5
            kinds, markers, sequences, timestamps, payloads = zip(*peer.packets, strict=True)
            assert set(kinds) == {0}
            assert list(markers) == [True] + [False] * (len(markers) - 1)
            assert {len(payload) for payload in payloads} == {160}
            assert {(b - a) & 0xFFFF for a, b in pairwise(sequences)} == {1}
            assert {(b - a) & 0xFFFFFFFF for a, b in pairwise(timestamps)} == {160}

    asyncio.run(scenario())


def test_a_clip_arrives_sample_by_sample(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        samples = wave_of(300, 250, 5000)
        path = tmp_path / "clip.pcm"
        path.write_bytes(samples.tobytes())
        async with bench() as b:
            channel, peer = b.leg()
            await channel.play(Playlist((Track((Silence(20), Clip(str(path))), 2),))).wait()
            await asyncio.sleep(0.03)
            heard = peer.heard()
            begin = np.flatnonzero(np.abs(heard) > 200)[0] - np.flatnonzero(np.abs(samples) > 200)[0]
            again = begin + len(samples) + 160
            for at in (begin, again):
                assert np.abs(heard[at : at + len(samples)] - samples).max() < 5000 / 16
            assert np.abs(heard[begin + len(samples) : again]).max() == 0

    asyncio.run(scenario())


def test_a_clip_that_is_missing_ends_as_failed(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            assert (await channel.play(Playlist((Track((Clip("/nowhere.pcm"),)),))).wait()).why is PlaybackEnd.FAILED

    asyncio.run(scenario())


def test_what_is_played_next_replaces_what_plays(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            first = channel.play(tone(400, 1000, times=0))
            await asyncio.sleep(0.2)
            second = channel.play(tone(400, 100))
            ended = await first.wait()
            assert ended.why is PlaybackEnd.STOPPED
            assert 100 <= ended.played_ms <= 260
            assert (await second.wait()).why is PlaybackEnd.FINISHED
            third = channel.play(tone(400, 1000, times=0))
            third.stop()
            assert (await third.wait()).why is PlaybackEnd.STOPPED
            third.stop()

    asyncio.run(scenario())


def test_a_key_silences_the_prompt_within_60_ms_and_is_heard_by_everybody(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            playback = channel.play(tone(600, 1000, times=0), stop_on_key=True)
            await until(lambda: len(peer.packets) > 10)
            with channel.listen() as one, channel.listen() as other:
                pressed = time.monotonic()
                peer.send(channel.port, struct.pack("!BBH", 4, 10, 160), 101, marker=True)
                assert (await playback.wait()).why is PlaybackEnd.KEY
                await until(lambda: not peer.heard()[-160:].any())
                assert time.monotonic() - pressed < 0.06
                assert await one.get() == await other.get() == Digit("4", 20)

    asyncio.run(scenario())


def test_a_prompt_that_may_not_be_stopped_goes_on_after_a_key(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            playback = channel.play(tone(600, 200))
            with channel.listen() as digits:
                peer.send(channel.port, struct.pack("!BBH", 11, 10, 160), 101, marker=True)
                assert (await digits.get()).key == "#"
            assert (await playback.wait()).why is PlaybackEnd.FINISHED

    asyncio.run(scenario())


def test_digits_are_sent_as_events_and_arrive_at_another_leg(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            one, other = b.media.open(), b.media.open()
            one.connect(RtpPeer("127.0.0.1", other.port, 8, "PCMA", 96))
            other.connect(RtpPeer("127.0.0.1", one.port, 8, "PCMA", 96))
            with other.listen() as digits:
                begun = time.monotonic()
                await one.send_digits("12w*D", tone_ms=80, gap_ms=60)
                assert 0.9 < time.monotonic() - begun < 1.4
                assert "".join([(await digits.get()).key for _ in range(4)]) == "12*D"
            # No packet of a key counts as lost.
            assert (await other.statistics()).packets_lost == 0
            await one.aclose()
            await other.aclose()

    asyncio.run(scenario())


def test_it_is_told_when_the_first_packet_came(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            one, other = b.media.open(), b.media.open()
            other.connect(RtpPeer("127.0.0.1", one.port, 0, "PCMU", 101))
            assert (await other.statistics()).first_packet_ms is None
            await asyncio.sleep(1)
            one.connect(RtpPeer("127.0.0.1", other.port, 0, "PCMU", 101))
            await asyncio.sleep(1)
            heard = (await other.statistics()).first_packet_ms
            assert heard is not None
            assert heard >= 900
            assert heard % 20 == 0
            again = (await one.statistics()).first_packet_ms
            assert again is not None
            assert again < heard
            await asyncio.sleep(0.3)
            assert (await other.statistics()).first_packet_ms == heard
            await one.aclose()
            await other.aclose()

    asyncio.run(scenario())


def test_digits_are_sent_as_tones_to_a_peer_without_events(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg(event_payload_type=None)
            await channel.send_digits("5", tone_ms=200)
            heard = peer.heard().astype(float)
            loud = heard[np.flatnonzero(np.abs(heard) > 500)[0] :][:1600]
            spectrum = np.abs(np.fft.rfft(loud))
            assert sorted((np.argsort(spectrum)[-2:] * 5).tolist()) == [770, 1335]

    asyncio.run(scenario())


def test_digits_that_nobody_wants_any_more_are_not_sent(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    await channel.send_digits("1WWWW2")
            await asyncio.sleep(0.3)
            assert len({stamp for kind, _, _, stamp, _ in peer.packets if kind == 101}) == 1

    asyncio.run(scenario())


def test_silence_is_heard_after_the_voice_has_ended(bench, mulaw) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            talking = asyncio.create_task(peer.talk(channel.port, mulaw(wave_of(300, 700))))
            begun = time.monotonic()
            async with asyncio.timeout(3):
                await channel.heard_silence(400)
            assert 1.0 < time.monotonic() - begun < 1.35
            await talking

    asyncio.run(scenario())


def test_a_silent_line_is_heard_to_be_silent(bench) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            begun = time.monotonic()
            await asyncio.gather(channel.heard_silence(300), channel.heard_silence(100))
            assert 0.25 < time.monotonic() - begun < 0.45

    asyncio.run(scenario())


def test_a_beep_is_heard_and_a_watch_can_be_given_up(bench, mulaw) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            beep = np.concatenate([wave_of(1000, 400), np.zeros(8 * 800, np.int16)])
            talking = asyncio.create_task(peer.talk(channel.port, mulaw(beep)))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await channel.heard_beep(BeepPattern())
            async with asyncio.timeout(2):
                await channel.heard_beep(BeepPattern(duration_ms=100))
            await talking

    asyncio.run(scenario())


def test_the_meter_shows_the_level_that_is_received(bench, mulaw) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            talking = asyncio.create_task(peer.talk(channel.port, mulaw(wave_of(500, 800, 32768 * 10 ** (-20 / 20) * 2**0.5))))
            levels = []
            async with channel.meter(100) as meter:
                async for level in meter:
                    levels.append(level)
                    if len(levels) == 6:
                        break
            assert levels[0] < levels[-1]
            assert levels[-1] == pytest.approx(-20, abs=0.3)
            await talking

    asyncio.run(scenario())


def test_a_room_hears_everybody_but_oneself(bench, mulaw) -> None:
    async def scenario() -> None:
        async with bench() as b:
            legs = [b.leg() for _ in range(3)]
            hums = (500, 900, 1300)
            for channel, _ in legs:
                channel.join(7)
            await asyncio.gather(
                *(
                    peer.talk(channel.port, mulaw(wave_of(hum, 900, 4000)))
                    for (channel, peer), hum in zip(legs, hums, strict=True)
                )
            )
            for (_, peer), own in zip(legs, hums, strict=True):
                heard = peer.heard()[-4800:-1600].astype(float)
                spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
                strong = {round(float(i) * 8000 / len(heard) / 100) * 100 for i in np.flatnonzero(spectrum > spectrum.max() / 4)}
                assert strong == set(hums) - {own}

    asyncio.run(scenario())


@pytest.mark.parametrize("what", ["received", "both"])
def test_a_recording_holds_what_was_heard(bench, mulaw, tmp_path: Path, what: str) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            recording = await channel.record(tmp_path / "new" / "call.wav", what=what)
            channel.play(tone(1500, 1000))
            await peer.talk(channel.port, mulaw(wave_of(700, 600)))
            await asyncio.sleep(0.1)
            length_ms = (await recording.stop()).duration_ms
            assert (await recording.stop()).duration_ms == length_ms
            with wave.open(str(recording.path)) as wav:
                assert (wav.getframerate(), wav.getsampwidth()) == (8000, 2)
                assert wav.getnframes() * 1000 // 8000 == length_ms
                assert 600 <= length_ms <= 900
                samples = np.frombuffer(wav.readframes(wav.getnframes()), np.int16).reshape(-1, wav.getnchannels())
            assert abs(frequency_of(samples[1600:4000, 0]) - 700) < 5
            if what == "both":
                assert abs(frequency_of(samples[1600:4000, 1]) - 1500) < 5

    asyncio.run(scenario())


def test_a_recording_is_complete_when_the_leg_ends_before_it_is_stopped(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            recording = await channel.record(tmp_path / "call.wav")
            await asyncio.sleep(0.1)
            await channel.aclose()
            with wave.open(str(recording.path)) as wav:
                assert wav.getnframes() * 1000 // 8000 == (await recording.stop()).duration_ms

    asyncio.run(scenario())


def test_a_recording_that_cannot_be_written_says_so(bench, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, _ = b.leg()
            recording = await channel.record(tmp_path)
            with pytest.raises(RecordingFailed, match="directory"):
                await recording.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize("frame", [80, 160, 240, 320, 480])
def test_frames_of_10_to_60_ms_are_understood(bench, mulaw, tmp_path: Path, frame: int) -> None:
    async def scenario() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            recording = await channel.record(tmp_path / "call.wav")
            await peer.talk(channel.port, mulaw(wave_of(700, 720)), frame)
            await asyncio.sleep(0.1)
            await recording.stop()
            with wave.open(str(recording.path)) as wav:
                samples = np.frombuffer(wav.readframes(wav.getnframes()), np.int16)
            first = np.flatnonzero(np.abs(samples) > 1000)[0]
            heard = samples[first : first + 4800]
            assert abs(frequency_of(heard) - 700) < 5
            assert (np.abs(heard.reshape(-1, 160)).max(axis=1) > 5000).all()  # without a gap

    asyncio.run(scenario())


def test_rubbish_on_the_port_is_ignored(bench) -> None:
    async def scenario() -> None:
        random = np.random.default_rng(0)
        async with bench() as b:
            channel, peer = b.leg()
            await peer.talk(channel.port, SOUND * 5)
            for _ in range(300):
                peer.socket.sendto(random.bytes(int(random.integers(0, 700))), ("127.0.0.1", channel.port))
                peer.socket.sendto(b"\xbf\x00" + random.bytes(int(random.integers(0, 40))), ("127.0.0.1", channel.port))
            for kind in (13, 19, 111):
                peer.send(channel.port, b"\x40", kind)
            peer.send(channel.port, b"", 0)
            await asyncio.sleep(0.3)
            pid = b.media.engine_pid
            assert isinstance(await channel.statistics(), RtpStatistics)
            assert b.media.engine_pid == pid

    asyncio.run(scenario())
