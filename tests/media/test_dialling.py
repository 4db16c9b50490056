import struct

import pytest

from offhook.media.engine.dialling import Dialling, EventFrame, ToneFrame, frequencies_hz


def frames(digits: str, **options: int) -> list[object]:
    dialling = Dialling(1, digits, options.get("tone_ms", 100), options.get("gap_ms", 100), bool(options.get("as_events", 1)))
    found = []
    while True:
        try:
            found.append(dialling.next())
        except StopIteration:
            return found


def test_an_event_has_one_timestamp_growing_durations_and_three_ends() -> None:
    sent = [frame for frame in frames("5") if isinstance(frame, EventFrame)]
    fields = [struct.unpack("!BBH", frame.payload) for frame in sent]
    assert [code for code, _, _ in fields] == [5] * 7
    assert [bool(flags & 0x80) for _, flags, _ in fields] == [False] * 4 + [True] * 3
    assert [duration for _, _, duration in fields] == [160, 320, 480, 640, 800, 800, 800]
    assert [frame.marker for frame in sent] == [True] + [False] * 6
    assert [frame.age_samples for frame in sent] == [160 * tick for tick in range(7)]


def test_w_waits_half_a_second_and_capital_w_a_whole_one() -> None:
    assert frames("w") == [None] * 25
    assert frames("W") == [None] * 50


def test_key_and_gap_last_as_long_as_asked_for() -> None:
    assert len(frames("12", tone_ms=200, gap_ms=100)) == 2 * (10 + 5)


def test_tones_stand_in_for_events() -> None:
    sent = frames("A", as_events=0)
    assert sent == [ToneFrame("A", 160 * tick) for tick in range(5)] + [None] * 5


def test_what_is_no_key_is_passed_over() -> None:
    assert frames("x-,") == []


@pytest.mark.parametrize(
    ("key", "low", "high"), [("1", 697, 1209), ("5", 770, 1336), ("#", 941, 1477), ("D", 941, 1633), ("0", 941, 1336)]
)
def test_each_key_has_its_two_tones(key: str, low: float, high: float) -> None:
    assert frequencies_hz(key) == (low, high)


def test_a_very_long_tone_keeps_its_duration_field_in_range() -> None:
    assert all(struct.unpack("!BBH", f.payload)[2] <= 0xFFFF for f in frames("1", tone_ms=10_000) if isinstance(f, EventFrame))
