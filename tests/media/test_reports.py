"""Who reports when and what: of legs in memory by the tick, and over real sockets with a peer that reports too."""

import asyncio
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import numpy as np
import pytest

from offhook.audio import RtpStatistics
from offhook.media import Channel, RtpPeer
from offhook.media.engine import jitter, rtcp
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.reports import AT_ONCE, FIRST_TICKS, INTERVAL_TICKS, LOOK_TICKS, Reporting, Reports
from offhook.media.engine.rtcp import Block, Report, Sender

SOUND = bytes([0x20]) * 160
WALL_NS = 1_790_000_000_000_000_000


class Far:
    """The peer's sockets, and the reports that come to them."""

    def __init__(self, legs: int, *, mux: bool = False, host: str = "127.0.0.1") -> None:
        self._stack = ExitStack()
        self._host = host
        self.rtp, self.rtcp = self._bound(), self._bound()
        self.legs = Legs()
        self.reports = Reports(self.legs)
        for number in range(legs):
            own = self._bound()
            own.connect(self.rtp.getsockname())
            leg = Leg(number, own, signalled=self.rtp.getsockname())
            leg.reporting = Reporting(None if mux else self._bound(), mux, self.rtcp.getsockname()[1])
            self.legs.admit(leg)
            self.reports.add(leg, 0)
        self.leg = self.legs.rows[0]
        self.own = self.leg.reporting.socket or self.leg.socket  # type: ignore[union-attr]

    def _bound(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        bound = self._stack.enter_context(socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
        bound.bind((self._host, 0))
        return bound

    def come(self) -> list[Report]:
        """What has come since the last time, RTCP of either socket."""
        found = []
        for own in (self.rtp, self.rtcp):
            with suppress(BlockingIOError):
                while True:
                    report = rtcp.parse(own.recv(2048))
                    assert report is not None
                    found.append(report)
        return found

    def report(self, tick: int) -> Report:
        """The leg's report, which is due now."""
        self.legs.report_at[0] = 0
        self.reports.run(tick)
        [report] = self.come()
        return report

    def receive(self, ssrc: int, *sequences: int) -> None:
        """Take in frames of sound. Numbers go on beyond 65535."""
        for tick, sequence in enumerate(sequences):
            stamp = np.array([sequence * 160], np.uint32)
            slots, numbers = np.array([0]), np.array([sequence & 0xFFFF], np.uint16)
            due = jitter.account(self.legs, tick, slots, numbers, stamp, np.array([ssrc], np.uint32))
            jitter.store(self.legs, tick, slots, due, np.zeros((1, 160), np.uint8))

    def close(self) -> None:
        for leg in self.legs.rows:
            self.reports.remove(leg, 0)
        self._stack.close()


@contextmanager
def far(legs: int = 1, *, mux: bool = False, host: str = "127.0.0.1") -> Iterator[Far]:
    it = Far(legs, mux=mux, host=host)
    try:
        yield it
    finally:
        it.close()


def test_a_leg_reports_about_every_five_seconds_the_first_time_sooner_and_never_in_step() -> None:
    with far() as it:
        reported = [tick for tick in range(40 * INTERVAL_TICKS) for _ in range(_ran(it, tick))]
    gaps = np.diff(reported)
    assert FIRST_TICKS * 0.5 <= reported[0] <= FIRST_TICKS * 1.5 + LOOK_TICKS
    assert gaps.min() >= INTERVAL_TICKS * 0.5 - LOOK_TICKS
    assert gaps.max() <= INTERVAL_TICKS * 1.5 + LOOK_TICKS
    assert len(set(gaps.tolist())) > 5


def _ran(it: Far, tick: int) -> int:
    it.reports.run(tick)
    return len(it.come())


def test_of_legs_that_are_due_together_only_some_report_in_each_look() -> None:
    with far(200, mux=True) as it:
        it.legs.report_at[:200] = 0
        counts = [_ran(it, tick) for tick in range(6 * LOOK_TICKS)]
    assert counts[::LOOK_TICKS][:5] == [AT_ONCE] * 5
    assert sum(counts[1:LOOK_TICKS]) == 0


def test_what_has_come_to_many_legs_is_read_some_in_each_look_and_all_of_it() -> None:
    with far(100) as it:
        read = []
        it.reports.take = lambda leg, *_: read.append(leg.number) or False  # type: ignore[method-assign, func-returns-value]
        for leg in it.legs.rows:
            it.rtcp.sendto(b"x", leg.reporting.socket.getsockname())  # type: ignore[union-attr]
        by_look = []
        for look in range(3):
            before = len(read)
            it.reports.run(look * LOOK_TICKS)
            by_look.append(len(read) - before)
    assert by_look == [AT_ONCE, AT_ONCE, 100 - 2 * AT_ONCE]
    assert sorted(read) == list(range(100))


def test_a_leg_that_ends_while_it_has_mail_holds_up_nobody() -> None:
    with far(20) as it:
        for leg in it.legs.rows:
            it.rtcp.sendto(b"x", leg.reporting.socket.getsockname())  # type: ignore[union-attr]
        it.reports.run(0)
        for leg in list(it.legs.rows)[::2]:
            it.reports.remove(leg, 0)
            it.legs.dismiss(leg)
        for tick in range(1, 2 * LOOK_TICKS):
            it.reports.run(tick)
        assert it.legs.count == 10


def test_who_sends_nothing_makes_receiver_reports() -> None:
    with far() as it:
        it.receive(11, 1, 2, 3)
        assert it.report(0).sender is None
        it.legs.sent[0] = 50
        sender = it.report(LOOK_TICKS).sender
        assert sender is not None
        assert (sender.packets, sender.octets) == (50, 8000)
        it.leg.sending = False
        assert it.report(2 * LOOK_TICKS).sender is None


def test_losses_are_counted_in_all_and_since_the_last_report() -> None:
    with far() as it:
        it.receive(11, 65530, 65531, 65534, 65535, 65536, 65537)
        [block] = it.report(0).blocks
        assert (block.ssrc, block.lost, block.fraction_lost, block.highest) == (11, 2, 2 * 256 // 8, 65537)
        it.receive(11, 65538, 65539, 65539, 65540)
        [block] = it.report(LOOK_TICKS).blocks
        assert (block.lost, block.fraction_lost, block.highest) == (1, 0, 65540)  # one came twice: that is what the RFC counts


def test_another_source_is_counted_from_its_own_beginning() -> None:
    with far() as it:
        it.receive(11, 1, 2, 3, 7, 8)
        it.reports.take(it.leg, rtcp.build(Report(11, Sender(99 << 16, 0, 1, 1), ()), b"x"), WALL_NS)
        [block] = it.report(0).blocks
        assert (block.ssrc, block.lost, block.last_report) == (11, 3, 99)
        it.receive(22, 500, 501, 503)
        [block] = it.report(LOOK_TICKS).blocks
        assert (block.ssrc, block.lost, block.last_report, block.since_last_report) == (22, 1, 0, 0)


@pytest.mark.parametrize(
    ("later_ms", "held_ms", "round_trip_ms"),
    [(250, 200, 50), (250, 0, 250), (200, 230, 0), (200, 1200, None), (90_000, 0, None), (-1000, 0, None)],
)
def test_the_round_trip_is_what_the_peer_did_not_hold_it_for(later_ms: int, held_ms: int, round_trip_ms: float | None) -> None:
    with far() as it:
        ours = it.report(0).ssrc
        block = Block(ours, 0, 0, 5, 80, rtcp.middle(rtcp.ntp_time(WALL_NS)), held_ms * 65536 // 1000)
        it.reports.take(it.leg, rtcp.build(Report(11, None, (block,)), b"x"), WALL_NS + later_ms * 1_000_000)
        found = it.leg.reporting.round_trip_ms  # type: ignore[union-attr]
        assert found == (None if round_trip_ms is None else pytest.approx(round_trip_ms, abs=0.1))


def test_without_a_report_of_ours_there_is_no_round_trip_but_the_losses_count() -> None:
    with far() as it:
        ours = it.report(0).ssrc
        assert it.reports.take(it.leg, rtcp.build(Report(11, None, (Block(ours, 0, 4, 5, 80),)), b"x"), WALL_NS)
        told = it.legs.statistics(it.leg, 1)
        assert (told.round_trip_ms, told.remote_lost, told.remote_jitter_ms) == (None, 4, 10.0)
        assert not it.reports.take(it.leg, rtcp.build(Report(11, None, (Block(ours ^ 1, 0, 9, 5, 80),)), b"x"), WALL_NS)
        assert it.legs.statistics(it.leg, 1).remote_lost == 4


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_reports_go_to_where_those_of_the_peer_come_from(host: str) -> None:
    with far(host=host) as it, socket.socket(it.own.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as elsewhere:
        elsewhere.bind((host, 0))
        it.receive(11, 1)
        it.report(0)
        elsewhere.sendto(rtcp.build(Report(12, None, ()), b"x"), it.own.getsockname())
        it.reports.run(LOOK_TICKS)
        it.report(2 * LOOK_TICKS)  # that was nobody's: it stays where it was
        elsewhere.sendto(rtcp.build(Report(11, None, ()), b"x"), it.own.getsockname())
        for tick in (3 * LOOK_TICKS, 4 * LOOK_TICKS):
            it.legs.report_at[0] = tick + 1
            it.reports.run(tick)
        it.legs.report_at[0] = 0
        it.reports.run(5 * LOOK_TICKS)
        assert it.come() == []
        assert rtcp.parse(elsewhere.recv(2048)) is not None


@pytest.mark.parametrize("sent", [0, 1])
def test_only_who_was_ever_heard_says_goodbye(sent: int) -> None:
    with far() as it:
        it.receive(11, 1, 2)
        it.legs.sent[0] = sent
        it.reports.remove(it.leg, 5)
        assert [report.goodbye for report in it.come()] == [True] * sent


# --- over real sockets ----------------------------------------------------------------------------------------------------


class Reporter:
    """A peer's RTCP socket."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    async def next(self) -> Report:
        async with asyncio.timeout(30):
            datagram = await asyncio.get_running_loop().sock_recv(self.socket, 2048)
        report = rtcp.parse(datagram)
        assert report is not None
        return report

    def send(self, to: int, report: Report) -> None:
        self.socket.sendto(rtcp.build(report, b"peer"), ("127.0.0.1", to))


async def reported(channel: Channel) -> RtpStatistics:
    """Wait until the peer's view has come."""
    async with asyncio.timeout(30):
        while (told := await channel.statistics()).remote_lost is None:  # noqa: ASYNC110 - it is asked for anew each time
            await asyncio.sleep(0.05)
    return told


async def its_ssrc(peer: Any) -> int:
    async with asyncio.timeout(30):
        while peer.heard_ssrc is None:  # noqa: ASYNC110 - it is the peer's socket that changes it
            await asyncio.sleep(0.02)
    ssrc: int = peer.heard_ssrc
    return ssrc


def test_reports_go_both_ways_count_right_and_end_with_goodbye(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            (channel, peer), reporter, translated = b.leg(), Reporter(), Reporter()
            channel.connect(RtpPeer("127.0.0.1", peer.port, 0, "PCMU", 101, rtcp_port=reporter.port))
            await channel.send_digits("5")
            for _ in range(3):
                await peer.talk(channel.port, SOUND * 5)
                peer.sequence += 2  # lost
                peer.timestamp += 320
            report = await reporter.next()
            assert report.sender is not None
            assert report.ssrc == peer.heard_ssrc
            payloads = [payload for *_, payload in peer.packets[: report.sender.packets]]
            assert len(payloads) == report.sender.packets > 10
            assert report.sender.octets == sum(map(len, payloads)) < 160 * len(payloads)  # keys are shorter than sound
            [block] = report.blocks
            assert (block.ssrc, block.lost, block.fraction_lost) == (peer.ssrc, 4, 4 * 256 // 19)
            assert block.highest & 0xFFFF == (peer.sequence - 3) & 0xFFFF

            begun_ns = time.time_ns()
            ours = rtcp.middle(report.sender.ntp)
            held = rtcp.middle(rtcp.ntp_time(begun_ns)) - ours - 30 * 65536 // 1000  # but for 30 ms it lay at the peer
            answer = Block(report.ssrc, 13, 3, 500, 160, ours, held & 0xFFFFFFFF)
            # It comes from another port than the one that was told, as from behind a NAT.
            translated.send(channel.port + 1, Report(peer.ssrc, Sender(99 << 16, 0, 1, 160), (answer,)))
            told = await reported(channel)
            passed_ms = (time.time_ns() - begun_ns) / 1e6
            assert (told.remote_lost, told.remote_jitter_ms) == (3, 20)
            assert told.round_trip_ms is not None
            assert 29.9 <= told.round_trip_ms <= 30.1 + passed_ms
            assert told.mos_received is not None
            assert told.mos_sent is not None
            assert told.mos_received < told.mos_sent  # a fifth of what it sent was lost, of ours next to nothing

            second = await translated.next()
            assert second.blocks[0].last_report == 99
            assert second.blocks[0].since_last_report > 0
            assert not second.goodbye
            await channel.aclose()
            last = await translated.next()
            assert last.goodbye
            reporter.socket.close()
            translated.socket.close()

    asyncio.run(story())


def test_with_mux_reports_come_and_go_over_the_port_of_rtp_and_are_no_media(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg()
            channel.connect(RtpPeer("127.0.0.1", peer.port, 0, "PCMU", 101, rtcp_mux=True))
            await peer.talk(channel.port, SOUND * 5)
            ssrc = await its_ssrc(peer)
            lost = asyncio.create_task(channel.heard_nothing(1000))
            async with asyncio.timeout(30):
                while not (lost.done() and peer.raw):
                    report = rtcp.build(Report(peer.ssrc, None, (Block(ssrc, 0, 7, 500, 0),)), b"peer")
                    peer.socket.sendto(report, ("127.0.0.1", channel.port))
                    await asyncio.sleep(0.05)
            read = rtcp.parse(peer.raw[0])
            assert read is not None
            assert read.ssrc == ssrc
            told = await reported(channel)
            assert (told.remote_lost, told.packets_received) == (7, 5)

    asyncio.run(story())


def test_a_stranger_s_reports_are_not_believed_and_the_peer_s_are(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            (channel, peer), honest = b.leg(), Reporter()
            await peer.talk(channel.port, SOUND * 5)
            ssrc = await its_ssrc(peer)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind(("127.0.0.2", 0))
                lie = rtcp.build(Report(peer.ssrc, None, (Block(ssrc, 0, 7, 500, 0),)), b"x")
                for datagram in (lie, b"\x80" * 50, b""):
                    stranger.sendto(datagram, ("127.0.0.1", channel.port + 1))
                    peer.socket.sendto(datagram, ("127.0.0.1", channel.port))  # and without mux not even there
            await asyncio.sleep(0.5)
            assert (await channel.statistics()).remote_lost is None
            honest.send(channel.port + 1, Report(peer.ssrc, None, (Block(ssrc, 0, 7, 500, 0),)))
            assert (await reported(channel)).remote_lost == 7
            honest.socket.close()

    asyncio.run(story())


def test_a_payload_type_that_looks_like_rtcp_is_one_where_there_is_no_mux(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            channel, peer = b.leg(event_payload_type=72)  # with its marker: 200
            with channel.listen() as digits:
                await peer.talk(channel.port, SOUND * 5)
                peer.send(channel.port, struct.pack("!BBH", 5, 10, 800), 72, marker=True)
                async with asyncio.timeout(30):
                    assert (await digits.get()).key == "5"

    asyncio.run(story())


def test_a_new_engine_reports_on_the_same_ports(bench: Any) -> None:
    async def story() -> None:
        async with bench() as b:
            (channel, peer), reporter = b.leg(), Reporter()
            channel.connect(RtpPeer("127.0.0.1", peer.port, 0, "PCMU", 101, rtcp_port=reporter.port))
            first = await its_ssrc(peer)
            os.kill(b.media.engine_pid, signal.SIGKILL)
            async with asyncio.timeout(30):
                while peer.heard_ssrc == first:  # noqa: ASYNC110 - it is the peer's socket that changes it
                    await asyncio.sleep(0.02)
            reporter.send(channel.port + 1, Report(peer.ssrc, None, (Block(peer.heard_ssrc, 0, 7, 500, 0),)))
            assert (await reported(channel)).remote_lost == 7
            while (await reporter.next()).ssrc == first:
                pass
            reporter.socket.close()

    asyncio.run(story())


def test_a_leg_goes_without_reports_where_their_port_is_taken(bench: Any) -> None:
    async def story() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 15401))
            async with bench(15400, 15403) as b:
                channel, peer = b.leg()
                assert channel.port == 15400
                await peer.talk(channel.port, SOUND * 5)
                async with asyncio.timeout(30):
                    while (told := await channel.statistics()).packets_received < 5:  # noqa: ASYNC110 - it is asked for anew
                        await asyncio.sleep(0.02)
                assert told.mos_received is not None
                assert told.round_trip_ms is None

    asyncio.run(story())
