"""RTCP packets: what is built is read the same, by us and by another program, and nothing that comes upsets the reader."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.media.engine import rtcp
from offhook.media.engine.rtcp import Block, Report, Sender

numbers = st.integers(0, 2**32 - 1)
blocks = st.builds(Block, numbers, st.integers(0, 255), st.integers(-(2**23) + 1, 2**23 - 1), numbers, numbers, numbers, numbers)
senders = st.builds(Sender, st.integers(0, 2**64 - 1), numbers, numbers, numbers)
reports = st.builds(Report, numbers, st.none() | senders, st.lists(blocks, max_size=31).map(tuple), st.booleans())


@given(reports, st.binary(min_size=1, max_size=255))
def test_what_is_built_is_read_the_same(report: Report, cname: bytes) -> None:
    assert rtcp.parse(rtcp.build(report, cname)) == report


@given(st.binary(max_size=200))
def test_no_octets_whatever_upset_it(datagram: bytes) -> None:
    rtcp.parse(datagram)
    rtcp.parse(b"\x81\xc8" + datagram)


@given(reports, st.data())
def test_no_damage_to_a_good_one_upsets_it(report: Report, data: st.DataObject) -> None:
    damaged = bytearray(rtcp.build(report, b"x"))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    rtcp.parse(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))


def test_a_compound_that_is_cut_short_is_none() -> None:
    whole = rtcp.build(Report(7, Sender(1, 2, 3, 4), (Block(1, 2, 3, 4, 5),), goodbye=True), b"abc")
    ends = {52, 68}  # of the sender report, of the description: what stands before is a whole compound
    assert {length for length in range(len(whole)) if rtcp.parse(whole[:length]) is not None} == ends


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        bytes.fromhex("81cb000100000007"),  # BYE alone
        bytes.fromhex("85c9000100000007"),  # five blocks, and room for none
        bytes.fromhex("80c9000081cb000100000007"),  # a receiver report of nobody
        bytes.fromhex("80c8000100000007"),  # a sender report without the sender
        bytes.fromhex("80c900010000000782cb000100000007"),  # BYE of two that names one
        bytes.fromhex("80c900010000000740cb000100000007"),  # version 1 in the middle
        bytes.fromhex("80c9000200000007"),  # longer than the datagram
        bytes.fromhex("80c9000100000007ffff"),  # something left over
    ],
)
def test_what_says_more_than_it_holds_is_none(datagram: bytes) -> None:
    assert rtcp.parse(datagram) is None


def test_unknown_types_and_profile_extensions_are_passed_over() -> None:
    extended = struct.pack("!BBHI", 0x81, 201, 8, 7) + struct.pack("!IIIIII", 1, 0, 2, 3, 4, 5) + b"more"
    unknown = bytes.fromhex("8fcc0002 00000007 41424344")
    read = rtcp.parse(extended + unknown + bytes.fromhex("80df0000"))
    assert read == Report(7, None, (Block(1, 0, 0, 2, 3, 4, 5),))


def test_a_goodbye_of_somebody_else_is_none_of_the_reporter() -> None:
    other = bytes.fromhex("80c9000100000007 81cb000100000008")
    read = rtcp.parse(other)
    assert read is not None
    assert not read.goodbye


def test_the_type_tells_it_from_rtp() -> None:
    assert rtcp.is_rtcp(rtcp.build(Report(7, None, ()), b"x"))
    assert not rtcp.is_rtcp(bytes([0x80, 0x80 | 101]))
    assert not rtcp.is_rtcp(b"\x80")


def test_another_program_reads_ours_as_it_was_meant(tmp_path: Path) -> None:
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("tshark is not installed")
    sender, block = Sender(rtcp.ntp_time(1_790_000_000_500_000_000), 1234, 50, 8000), Block(9, 26, 5, 70000, 80, 11, 22)
    ours = [
        rtcp.build(Report(0xCAFE, sender, (block,), goodbye=True), b"somebody"),
        rtcp.build(Report(0xCAFE, None, (Block(9, 0, -2, 70000, 80),)), b"abc"),
        rtcp.build(Report(0xCAFE, None, ()), b"abcd"),
    ]
    file = tmp_path / "ours.pcap"
    file.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + b"".join(map(_captured, ours)))
    fields = [
        "rtcp.pt",
        "rtcp.ssrc.fraction",
        "rtcp.ssrc.cum_nr",
        "rtcp.ssrc.jitter",
        "rtcp.sdes.text",
        "rtcp.sender.packetcount",
    ]
    wanted = [f"-e{each}" for each in [*fields, "rtcp.length_check", "_ws.malformed", "_ws.expert"]]
    command = [tshark, "-r", str(file), "-d", "udp.port==5005,rtcp", "-T", "fields", *wanted]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout.splitlines()
    assert [line.split("\t") for line in told] == [
        ["200,202,203", "26", "5", "80", "somebody", "50", "1", "", ""],
        ["201,202", "0", "-2", "80", "abc", "", "1", "", ""],
        ["201,202", "", "", "", "abcd", "", "1", "", ""],
    ]


def _captured(payload: bytes) -> bytes:
    udp = struct.pack("!HHHH", 5005, 5005, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1") + udp
    return struct.pack("<IIII", 0, 0, len(ip), len(ip)) + ip


def test_ntp_time_is_what_the_standard_says() -> None:
    # RFC 868: the first of January 1970, midnight, is 2,208,988,800 seconds after 1900.
    assert rtcp.ntp_time(0) == 2_208_988_800 << 32
    assert rtcp.ntp_time(1_500_000_000) == (2_208_988_801 << 32) + 2**31
    assert rtcp.middle(rtcp.ntp_time(1_500_000_000)) == (2_208_988_801 & 0xFFFF) << 16 | 0x8000
