import struct

from hypothesis import given
from hypothesis import strategies as st

from offhook.media.engine.dialling import Dialling, EventFrame
from offhook.media.engine.keys import Keys

END = 0x80


def event(code: int, duration: int, *, end: bool = False) -> bytes:
    return struct.pack("!BBH", code, (END if end else 0) | 10, duration)


def press(keys: Keys, code: int, timestamp: int, *, packets: range = range(1, 8), ends: int = 3) -> list[str]:
    """The packets of one press; only those in ``packets`` arrive."""
    heard = []
    for number in packets:
        heard += keys.receive(1, timestamp, number == 1, event(code, number * 160))
    for _ in range(ends):
        heard += keys.receive(1, timestamp, False, event(code, 1280, end=True))
    return [press.key for press in heard]


def test_a_press_is_told_once_and_at_its_first_packet() -> None:
    keys = Keys()
    (first,) = keys.receive(1, 1000, True, event(5, 160))
    assert (first.key, first.duration_ms) == ("5", 20)
    assert press(keys, 5, 1000, packets=range(2, 8)) == []


def test_a_press_whose_beginning_is_lost_is_still_heard() -> None:
    assert press(Keys(), 11, 1000, packets=range(4, 8)) == ["#"]


def test_a_press_of_which_only_an_end_packet_arrives_is_still_heard() -> None:
    assert press(Keys(), 3, 1000, packets=range(0), ends=1) == ["3"]


def test_the_same_key_twice_is_two_presses_even_if_all_ends_are_lost() -> None:
    keys = Keys()
    assert press(keys, 7, 1000, ends=0) + press(keys, 7, 5000, ends=0) == ["7", "7"]


def test_the_same_key_at_once_again_is_told_by_its_marker() -> None:
    keys = Keys()
    press(keys, 7, 1000, ends=0)
    assert press(keys, 7, 1000 + 7 * 160 + 160) == ["7"]


def test_an_end_that_is_repeated_late_is_no_new_press() -> None:
    keys = Keys()
    press(keys, 1, 1000)
    press(keys, 2, 5000)
    assert keys.receive(1, 1000, False, event(1, 1280, end=True)) == []


def test_recorded_keys_that_are_played_in_another_order_than_they_were_recorded_are_all_heard() -> None:
    keys = Keys()
    assert press(keys, 4, 37_120) + press(keys, 2, 23_200) + press(keys, 1, 13_280) == ["4", "2", "1"]
    for straggler in (37_120, 23_200, 13_280):
        assert keys.receive(1, straggler, False, event(4, 1280, end=True)) == []


def test_a_long_event_in_segments_is_one_press() -> None:
    keys = Keys()
    heard = keys.receive(1, 0, True, event(9, 0xFFFF))
    heard += keys.receive(1, 0xFFFF, False, event(9, 160))
    heard += keys.receive(1, 0xFFFF, False, event(9, 320, end=True))
    assert [press.key for press in heard] == ["9"]


def test_the_timestamp_may_wrap_between_two_presses() -> None:
    keys = Keys()
    assert press(keys, 1, 2**32 - 300) + press(keys, 1, 4000) == ["1", "1"]


def test_a_new_source_starts_afresh() -> None:
    keys = Keys()
    press(keys, 1, 90000)
    assert [press.key for press in keys.receive(2, 500, True, event(1, 160))] == ["1"]


def test_two_events_in_one_packet_are_two_presses() -> None:
    assert [press.key for press in Keys().receive(1, 0, True, event(1, 800, end=True) + event(2, 160))] == ["1", "2"]


def test_flash_and_fax_tones_are_no_keys() -> None:
    keys = Keys()
    assert press(keys, 16, 1000) + press(keys, 36, 9000) == []
    assert press(keys, 0, 20000) == ["0"]


def test_half_an_event_is_nothing() -> None:
    assert Keys().receive(1, 0, True, b"\x05\x0a") == []


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.booleans(), st.binary(max_size=20))))
def test_no_octets_whatever_raise(packets: list[tuple[int, int, bool, bytes]]) -> None:
    keys = Keys()
    for ssrc, timestamp, marker, payload in packets:
        keys.receive(ssrc, timestamp, marker, payload)


@given(st.text("0123456789*#ABCD", min_size=1, max_size=12), st.data())
def test_what_we_dial_is_what_is_heard_whatever_is_lost_of_each_press(digits: str, data: st.DataObject) -> None:
    dialling, keys, heard = Dialling(1, digits, 100, 100, True), Keys(), []
    groups: dict[int, list[tuple[int, EventFrame]]] = {}
    tick = 0
    while True:
        try:
            frame = dialling.next()
        except StopIteration:
            break
        if isinstance(frame, EventFrame):
            groups.setdefault(tick * 160 - frame.age_samples, []).append((tick, frame))
        tick += 1
    assert len(groups) == len(digits)
    for timestamp, frames in groups.items():
        kept = data.draw(st.lists(st.sampled_from(frames), min_size=1, unique_by=lambda pair: pair[0]))
        for _, frame in sorted(kept, key=lambda pair: pair[0]):
            heard += keys.receive(1, timestamp, frame.marker, frame.payload)
    assert "".join(press.key for press in heard) == digits
