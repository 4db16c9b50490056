import asyncio
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio import RtpStatistics
from offhook.media import Channel, RtpPeer, quality
from offhook.media.engine import rtcp
from offhook.media.engine.rtcp import Block, Report, Sender

numbers = st.integers(0, 2**32 - 1)
blocks = st.builds(Block, numbers, st.integers(0, 255), st.integers(-(2**23) + 1, 2**23 - 1), numbers, numbers, numbers, numbers)
senders = st.builds(Sender, st.integers(0, 2**64 - 1), numbers, numbers, numbers)
reports = st.builds(Report, numbers, st.none() | senders, st.lists(blocks, max_size=31).map(tuple), st.booleans())


@given(reports, st.binary(min_size=1, max_size=255))
def test_what_is_built_is_read_the_same(report: Report, cname: bytes) -> None:
    assert rtcp.parse(rtcp.build(report, cname)) == report


@given(st.binary(max_size=200) | reports.map(lambda report: rtcp.build(report, b"x")).flatmap(
    lambda good: st.tuples(st.just(good), st.integers(0, 60), st.integers(0, 255)).map(
        lambda damage: damage[0][: damage[1]] + bytes([damage[2]]) + damage[0][damage[1] + 1 :])))  # fmt: skip
def test_no_octets_whatever_upset_it(datagram: bytes) -> None:
    report = rtcp.parse(datagram)
    assert report is None or isinstance(report, Report)


def test_a_compound_that_is_cut_short_is_none() -> None:
    whole = rtcp.build(Report(7, Sender(1, 2, 3, 4), (Block(1, 2, 3, 4, 5),), goodbye=True), b"abc")
    assert all(rtcp.parse(whole[:length]) is None for length in range(len(whole)) if length not in {52, 68})
    assert rtcp.parse(b"\x81\xcb\x00\x01\x00\x00\x00\x07") is None  # BYE alone is no compound


def test_another_program_reads_ours_as_it_was_meant(tmp_path: Path) -> None:
    tshark = pytest.importorskip("shutil").which("tshark")
    if tshark is None:
        pytest.skip("tshark is not installed")
    sender, block = Sender(rtcp.ntp_time(1_790_000_000_500_000_000), 1234, 50, 8000), Block(9, 26, 5, 70000, 80, 11, 22)
    payload = rtcp.build(Report(0xCAFE, sender, (block,), goodbye=True), b"somebody")
    udp = struct.pack("!HHHH", 5005, 5005, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1") + udp
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + struct.pack("<IIII", 0, 0, len(ip), len(ip))
    file = tmp_path / "ours.pcap"
    file.write_bytes(header + ip)
    ours = ["rtcp.pt", "rtcp.ssrc.fraction", "rtcp.ssrc.cum_nr", "rtcp.ssrc.jitter", "rtcp.sdes.text", "rtcp.sender.packetcount"]
    fields = [f"-e{each}" for each in [*ours, "_ws.malformed"]]
    command = [tshark, "-r", str(file), "-d", "udp.port==5005,rtcp", "-T", "fields", *fields]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.rstrip("\n").split("\t")
    assert told == ["200,202,203", "26", "5", "80", "somebody", "50", ""]


def test_ntp_time_is_what_the_standard_says() -> None:
    # RFC 868: the first of January 1970, midnight, is 2,208,988,800 seconds after 1900.
    assert rtcp.ntp_time(0) == 2_208_988_800 << 32
    assert rtcp.ntp_time(1_500_000_000) == (2_208_988_801 << 32) + 2**31
    assert rtcp.middle(rtcp.ntp_time(1_500_000_000)) == (2_208_988_801 & 0xFFFF) << 16 | 0x8000


SCORES = [(0, 60, 4.35, 4.45), (0, 400, 2.9, 3.5), (0.05, 60, 3.5, 3.9), (0.3, 100, 1.4, 2.2), (1, 100, 1, 1.2)]


@pytest.mark.parametrize(("loss", "delay_ms", "low", "high"), SCORES)
def test_the_score_is_where_the_e_model_has_it(loss: float, delay_ms: float, low: float, high: float) -> None:
    assert low <= quality.score(loss, delay_ms) <= high


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1000), st.floats(0, 1000))
def test_more_loss_or_delay_never_sounds_better(a: float, b: float, c: float, d: float) -> None:
    assert 1 <= quality.score(max(a, b), max(c, d)) <= quality.score(min(a, b), min(c, d)) <= 4.5


class Reporter:
    """A peer's RTCP socket."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.socket.setblocking(False)

    async def next(self) -> Report:
        async with asyncio.timeout(10):
            datagram = await asyncio.get_running_loop().sock_recv(self.socket, 2048)
        report = rtcp.parse(datagram)
        assert report is not None
        return report

    def answer(self, to: int, heard: Report, lost: int, *, held_ms: int, ssrc: int) -> None:
        assert heard.sender is not None
        block = Block(heard.ssrc, 13, lost, 500, 160, rtcp.middle(heard.sender.ntp), held_ms * 65536 // 1000)
        self.socket.sendto(rtcp.build(Report(ssrc, Sender(99 << 16, 0, 1, 160), (block,)), b"peer"), ("127.0.0.1", to))


async def reported(channel: Channel) -> RtpStatistics:
    """Wait until the peer's view has come."""
    async with asyncio.timeout(5):
        while (told := await channel.statistics()).remote_lost is None:  # noqa: ASYNC110 - it is asked for anew each time
            await asyncio.sleep(0.05)
    return told


def test_reports_go_both_ways_count_right_and_end_with_goodbye(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            reporter = Reporter(0)
            channel.connect(RtpPeer("127.0.0.1", peer.port, 0, "PCMU", 101, rtcp_port=reporter.socket.getsockname()[1]))
            for _ in range(3):
                await peer.talk(channel.port, bytes(160) * 10)
                peer.sequence += 2  # lost
                peer.timestamp += 320
            report = await reporter.next()
            assert report.sender is not None
            assert report.sender.packets > 10
            assert report.sender.octets == report.sender.packets * 160
            [block] = report.blocks
            assert (block.ssrc, block.lost) == (peer.ssrc, 4)
            assert block.fraction_lost == 4 * 256 // 34
            assert block.highest & 0xFFFF == (peer.sequence - 3) & 0xFFFF
            await asyncio.sleep(0.05)
            reporter.answer(channel.port + 1, report, 3, held_ms=50, ssrc=peer.ssrc)
            told = await reported(channel)
            assert told.remote_lost == 3
            assert told.remote_jitter_ms == 20
            assert told.round_trip_ms is not None
            assert told.round_trip_ms < 60
            assert told.mos_received is not None
            assert told.mos_received < 4
            assert told.mos_sent is not None
            second = await reporter.next()
            assert second.blocks[0].last_report == 99
            assert second.blocks[0].since_last_report > 0
            await channel.aclose()
            last = await reporter.next()
            assert last.goodbye
            reporter.socket.close()

    asyncio.run(story())


def test_with_mux_reports_come_and_go_over_the_port_of_rtp(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            channel.connect(RtpPeer("127.0.0.1", peer.port, 0, "PCMU", 101, rtcp_mux=True))
            await peer.talk(channel.port, bytes(160) * 10)
            async with asyncio.timeout(10):
                while not peer.raw:  # noqa: ASYNC110 - it is the peer's socket that changes it
                    await asyncio.sleep(0.05)
            report = rtcp.parse(peer.raw[0])
            assert report is not None
            before = (await channel.statistics()).packets_received
            block = Block(report.ssrc, 0, 7, 500, 0)
            peer.socket.sendto(rtcp.build(Report(peer.ssrc, None, (block,)), b"peer"), ("127.0.0.1", channel.port))
            told = await reported(channel)
            assert told.remote_lost == 7
            assert told.packets_received == before

    asyncio.run(story())


def test_a_stranger_s_reports_are_not_believed(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            await peer.talk(channel.port, bytes(160) * 10)
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stranger.bind(("127.0.0.2", 0))
            for ssrc in (0, 1):
                stranger.sendto(rtcp.build(Report(5, None, (Block(ssrc, 0, 7, 500, 0),)), b"x"), ("127.0.0.1", channel.port + 1))
            stranger.sendto(b"\x80" * 50, ("127.0.0.1", channel.port + 1))
            await asyncio.sleep(0.5)
            assert (await channel.statistics()).remote_lost is None
            stranger.close()

    asyncio.run(story())
