"""G.722, Opus and SRTP: each with every other, over a real engine."""

import asyncio
import base64
import itertools
import struct
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio import Playlist, Tone, Track
from offhook.media import Channel, RtpPeer, Srtp
from offhook.media.engine import edges
from offhook.media.engine.edges import G722, Opus
from offhook.media.engine.secrecy import Secrecy

Codec = Literal["PCMU", "PCMA", "G722", "opus"]
TYPES: dict[Codec, int] = {"PCMU": 0, "PCMA": 8, "G722": 9, "opus": 111}
KEYS = [base64.b64encode(bytes([each]) * 30).decode() for each in (1, 2)]
SUITES = ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"]


def wave_of(frequency_hz: float, ms: int, level: float = 8000) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency_hz / 8000 * np.arange(ms * 8))).astype(np.int16)


def strength(samples: np.ndarray, frequency_hz: float) -> float:
    wave = np.exp(-2j * np.pi * frequency_hz / 8000 * np.arange(samples.size))
    return float(2 * abs((samples * wave).mean())) if samples.size else 0.0


def connect(a: Channel, b: Channel, codec: Codec, suite: str | None, event_clock_hz: int = 8000) -> None:
    """Two legs of the same engine are each other's peer."""
    for own, other, keys in ((a, b, KEYS), (b, a, KEYS[::-1])):
        srtp = None if suite is None else Srtp(suite, *keys)
        peer = RtpPeer("127.0.0.1", other.port, TYPES[codec], codec, 101, srtp=srtp, event_clock_hz=event_clock_hz)
        own.connect(peer)


async def heard(channel: Channel, frames: int) -> np.ndarray:
    async with channel.tap() as tap:
        return np.frombuffer(b"".join([await anext(tap) for _ in range(frames)]), np.int16)


@pytest.mark.parametrize("suite", [None, *SUITES])
@pytest.mark.parametrize("codec", list(TYPES))
def test_a_tone_arrives_as_it_was_sent(codec: Codec, suite: str | None, bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            one, two = b.media.open(), b.media.open()
            connect(one, two, codec, suite)
            one.play(
                Playlist(
                    (
                        Track(
                            (Tone((440.0,), 20_000, -15.0),),
                        ),
                    )
                )
            )
            sound = (await heard(two, 75))[40 * 160 :]
            sent = 32768 * 2**0.5 * 10 ** (-15 / 20)
            assert 20 * np.log10(strength(sound, 440) / sent) == pytest.approx(0, abs=2)
            rest = sound - strength(sound, 440) * np.sin(0)
            assert strength(rest, 440) > 10 * max(strength(rest, other) for other in (250, 700, 1300))
            statistics = await two.statistics()
            assert statistics.packets_received > 40
            assert statistics.packets_lost <= 1
            for channel in (one, two):
                await channel.aclose()

    asyncio.run(story())


def test_every_codec_is_bridged_with_every_other(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            opened = []
            for number, (first, second) in enumerate(itertools.product(TYPES, repeat=2)):
                a, ours, theirs, c = (b.media.open() for _ in range(4))
                connect(a, ours, first, None if number % 2 else SUITES[0])
                connect(theirs, c, second, None if number % 3 else SUITES[1])
                ours.join(number)
                theirs.join(number)
                a.play(
                    Playlist(
                        (
                            Track(
                                (Tone((440.0,), 30_000, -15.0),),
                            ),
                        )
                    )
                )
                c.play(
                    Playlist(
                        (
                            Track(
                                (Tone((600.0,), 30_000, -15.0),),
                            ),
                        )
                    )
                )
                opened.append((a, ours, theirs, c))
            sounds = await asyncio.gather(*(heard(leg, 75) for row in opened for leg in (row[0], row[3])))
            for number, (back, forth) in enumerate(zip(sounds[::2], sounds[1::2], strict=True)):
                assert strength(back[40 * 160 :], 600) > 5500, number
                assert strength(forth[40 * 160 :], 440) > 5500, number
            for channel in itertools.chain(*opened):
                await channel.aclose()

    asyncio.run(story())


@pytest.mark.parametrize(("codec", "clock"), [("PCMA", 8000), ("G722", 8000), ("opus", 48000), ("opus", 8000)])
@pytest.mark.parametrize("suite", [None, SUITES[0]])
def test_keys_go_with_every_codec_and_clock(codec: Codec, clock: int, suite: str | None, bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            one, two = b.media.open(), b.media.open()
            connect(one, two, codec, suite, clock)
            with two.listen() as digits:
                await asyncio.sleep(0.2)
                await one.send_digits("159#", tone_ms=100)
                async with asyncio.timeout(5):
                    assert "".join([(await digits.get()).key for _ in range(4)]) == "159#"
            for channel in (one, two):
                await channel.aclose()

    asyncio.run(story())


def test_what_is_not_sealed_with_the_peer_s_key_is_not_heard(bench: Any, mulaw: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            channel.connect(RtpPeer("127.0.0.1", peer.port, 0, "PCMU", 101, srtp=Srtp(SUITES[0], *KEYS)))
            await peer.talk(channel.port, mulaw(wave_of(440, 300)))  # plain
            assert (await channel.statistics()).packets_received == 0
            theirs, wrong = Secrecy(Srtp(SUITES[0], KEYS[1], KEYS[0])), Secrecy(Srtp(SUITES[0], KEYS[0], KEYS[1]))
            frame = mulaw(wave_of(440, 20))
            packets = [struct.pack("!BBHII", 0x80, 0, number, 160 * number, 77) + frame for number in range(20)]
            for packet in packets:
                peer.socket.sendto(wrong.seal(packet), ("127.0.0.1", channel.port))
            await asyncio.sleep(0.2)
            told = await channel.statistics()
            assert (told.packets_received, told.first_packet_ms) == (0, None)
            for packet in packets[:3]:
                right = theirs.seal(packet)
                for _ in range(2):  # a replay is not believed either
                    peer.socket.sendto(right, ("127.0.0.1", channel.port))
                    await asyncio.sleep(0.1)
            await asyncio.sleep(1)
            assert (await channel.statistics()).packets_received == 3
            assert all(len(payload) == 160 + 10 for _, _, _, _, payload in peer.packets[-5:])

    asyncio.run(story())


def test_a_new_key_of_the_peer_leaves_ours_where_it_is() -> None:
    """The count of packets that were sealed must not begin anew under the same key, also beyond 65,535."""
    ours, theirs = Secrecy(Srtp(SUITES[0], KEYS[0], KEYS[1])), Secrecy(Srtp(SUITES[0], KEYS[1], KEYS[0]))

    def packet(number: int) -> bytes:
        return struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, 160 * number & 0xFFFFFFFF, 77) + bytes(160)

    for number in range(65_000, 66_000):
        assert theirs.open(ours.seal(packet(number))) == packet(number)
    third = base64.b64encode(bytes([3]) * 30).decode()
    ours.agree(Srtp(SUITES[0], KEYS[0], third))
    assert theirs.open(ours.seal(packet(66_000))) == packet(66_000)
    theirs.agree(Srtp(SUITES[0], third, KEYS[0]))
    assert ours.open(theirs.seal(packet(1))) == packet(1)
    assert ours.open(b"") is None


def test_with_srtp_only_who_has_the_key_is_the_peer_wherever_it_is(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, signalled = b.leg()
            _, real = b.leg()
            _, stranger = b.leg()
            channel.connect(RtpPeer("127.0.0.1", signalled.port, 0, "PCMU", 101, srtp=Srtp(SUITES[0], *KEYS)))
            theirs = Secrecy(Srtp(SUITES[0], KEYS[1], KEYS[0]))
            await stranger.talk(channel.port, bytes(160) * 10)
            stranger.packets.clear()
            for number in range(5):
                packet = struct.pack("!BBHII", 0x80, 0, number, 160 * number, 77) + bytes(160)
                real.socket.sendto(theirs.seal(packet), ("127.0.0.1", channel.port))
                await asyncio.sleep(0.02)
            async with asyncio.timeout(5):
                while len(real.packets) < 5:  # noqa: ASYNC110 - it is the peer's socket that changes it
                    await asyncio.sleep(0.02)
            assert {len(payload) for *_, payload in stranger.packets} <= {160}  # of a leg of its own
            assert (await channel.statistics()).packets_received >= 4

    asyncio.run(story())


def test_a_new_key_or_codec_in_the_middle_of_a_call_is_followed(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            one, two = b.media.open(), b.media.open()
            one.play(
                Playlist(
                    (
                        Track(
                            (Tone((440.0,), 30_000, -15.0),),
                        ),
                    )
                )
            )
            for codec, suite in [("PCMU", None), ("opus", None), ("G722", SUITES[0]), ("opus", SUITES[1]), ("PCMA", None)]:
                connect(one, two, codec, suite)
                assert strength((await heard(two, 60))[30 * 160 :], 440) > 5500, (codec, suite)
            for channel in (one, two):
                await channel.aclose()

    asyncio.run(story())


# -- Opus by itself -----------------------------------------------------------------------------------------------------


def frames_of(sound: np.ndarray) -> list[bytes]:
    coder = Opus()
    return [coder.encode(sound[at : at + 160]) for at in range(0, sound.size, 160)]


def test_lost_opus_frames_are_made_up_and_a_long_gap_is_silence() -> None:
    sound, coder = wave_of(440, 1000), Opus()
    played = []
    for tick, payload in enumerate(frames_of(sound)):
        if tick % 10 != 5 and not 30 <= tick < 45:
            assert coder.put(tick * 160, payload, tick)
            assert not coder.put(tick * 160, payload, tick)
        played.append(coder.take(tick))
    assert [tick for tick, frame in enumerate(played) if frame is None] == list(range(35, 46))
    for tick in (15, 25):
        assert strength(np.frombuffer(played[tick] or b"", np.int16), 450) > 1500


@pytest.mark.parametrize("ms", [10, 40, 60])
def test_packets_of_any_length_are_played_one_after_another(ms: int) -> None:
    from importlib import import_module

    encoder, sound, coder = import_module("opuslib_next").Encoder(8000, 1, "voip"), wave_of(440, 1200), Opus()
    length = ms * 8
    payloads = {at: encoder.encode(sound[at : at + length].tobytes(), length) for at in range(0, sound.size, length)}
    assert {edges.duration(payload) for payload in payloads.values()} == {length}
    heard_ticks = []
    for tick in range(60):
        for at in [at for at in payloads if at < (tick + 3) * 160]:
            coder.put(at, payloads.pop(at), tick)
        heard_ticks.append(np.frombuffer(coder.take(tick) or b"", np.int16))
    assert strength(np.concatenate(heard_ticks)[1600:8000], 440) > 5500


def test_the_wrap_of_a_clock_of_48_khz_is_none_of_ours() -> None:
    coder, begin = Opus(), 2**32 - 960 * 3
    stamps = [coder.clock((begin + 960 * number) & 0xFFFFFFFF) for number in range(8)]
    assert {(b - a) & 0xFFFFFFFF for a, b in itertools.pairwise(stamps)} == {160}


@given(st.binary(max_size=80), st.integers(0, 20))
def test_no_payload_whatever_upsets_opus(payload: bytes, at: int) -> None:
    coder = Opus()
    assert edges.duration(payload) <= 960
    coder.put(at * 160, payload, 0)
    for tick in range(22):
        frame = coder.take(tick)
        assert frame is None or len(frame) == 320


def test_g722_takes_any_octets() -> None:
    assert len(G722().decode(bytes(range(160)))) == 320
