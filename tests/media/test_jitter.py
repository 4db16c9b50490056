import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.media.engine import jitter
from offhook.media.engine.legs import Leg, Legs


def a_leg() -> Legs:
    legs = Legs()
    legs.admit(Leg(1, None))  # type: ignore[arg-type]
    return legs


def receive(legs: Legs, tick: int, sequence: int, timestamp: int, ssrc: int = 7, fill: int = 0) -> None:
    slots = np.array([0])
    numbers = np.array([sequence & 0xFFFF], np.uint16), np.array([timestamp & 0xFFFFFFFF], np.uint32), np.array([ssrc], np.uint32)
    due = jitter.account(legs, tick, slots, *numbers)
    jitter.store(legs, tick, slots, due, np.full((1, 160), fill, np.uint8))


def played(legs: Legs, tick: int) -> int | None:
    octets, present = jitter.due_now(legs, tick)
    return int(octets[0, 0]) if present[0] else None


def run(
    arrivals: dict[int, list[int]], ticks: int, *, sequence: int = 65500, timestamp: int = 2**32 - 9000
) -> tuple[Legs, list[int | None]]:
    """``arrivals[tick]`` are the numbers of the frames that come then. Returns what each tick plays."""
    legs, heard = a_leg(), []
    for tick in range(100, 100 + ticks):
        for frame in arrivals.get(tick - 100, []):
            receive(legs, tick, sequence + frame, timestamp + 160 * frame, fill=frame % 256)
        heard.append(played(legs, tick))
    return legs, heard


def test_frames_are_played_in_order_after_the_playout_delay_across_both_wraps() -> None:
    legs, heard = run({n: [n] for n in range(100)}, 100)
    assert heard == [None] * jitter.DELAY_FRAMES + list(range(100 - jitter.DELAY_FRAMES))
    assert (legs.received[0], legs.late[0], legs.duplicate[0], legs.reordered[0]) == (100, 0, 0, 0)


def test_reordered_frames_are_put_in_order_and_counted() -> None:
    legs, heard = run({0: [0], 1: [], 2: [2, 1], 3: [3]}, 6)
    assert heard == [None, None, 0, 1, 2, 3]
    assert legs.reordered[0] == 1


def test_a_duplicate_is_played_once_and_counted() -> None:
    legs, heard = run({0: [0], 1: [1, 1], 2: [2]}, 5)
    assert heard == [None, None, 0, 1, 2]
    assert (legs.duplicate[0], legs.received[0]) == (1, 3)


def test_a_lost_frame_leaves_a_gap_that_is_counted() -> None:
    legs, heard = run({0: [0], 1: [1], 3: [3], 4: [4]}, 7)
    assert heard == [None, None, 0, 1, None, 3, 4]
    statistics = legs.statistics(legs.rows[0], 1)
    assert (statistics.packets_lost, statistics.frames_concealed) == (1, 1)


def test_a_frame_after_its_time_is_late_and_not_played() -> None:
    legs, heard = run({0: [0], 1: [1], 6: [2]}, 8)
    assert heard[:4] == [None, None, 0, 1]
    assert heard[4:] == [None] * 4
    assert legs.late[0] == 1


def test_a_stream_that_stays_late_is_set_up_anew() -> None:
    late = {n + 6: [n] for n in range(1, 30)}
    _, heard = run({0: [0], **late}, 36)
    assert heard[-5:] == [heard[-5] + i for i in range(5)]  # type: ignore[operator]


def test_a_new_source_is_followed_at_once() -> None:
    legs = a_leg()
    for tick in range(10):
        receive(legs, tick, tick, 160 * tick, ssrc=1, fill=1)
        played(legs, tick)
    heard = []
    for tick in range(10, 20):
        receive(legs, tick, 4000 + tick, 777_777 + 160 * tick, ssrc=2, fill=2)
        heard.append(played(legs, tick))
    assert heard[jitter.DELAY_FRAMES :] == [2] * 8
    assert legs.statistics(legs.rows[0], 1).packets_lost == 0


def test_a_jump_of_the_timestamp_is_followed_at_once() -> None:
    legs = a_leg()
    heard = []
    for tick in range(20):
        receive(legs, tick, tick, 160 * tick + (5_000_000 if tick >= 10 else 0), fill=tick)
        heard.append(played(legs, tick))
    assert heard[12:] == list(range(10, 18))


def test_a_burst_after_a_stall_is_worked_off_without_staying_late_for_ever() -> None:
    arrivals = {n: [n] for n in range(20)}
    arrivals |= {30: list(range(20, 31))}
    arrivals |= {n: [n] for n in range(31, 60)}
    legs, heard = run(arrivals, 60)
    assert heard[-10:] == list(range(48, 58))
    assert legs.statistics(legs.rows[0], 1).packets_lost == 0


def test_a_stream_that_waits_too_long_is_moved_forward() -> None:
    # Its first packet was six frames late: all others would wait for those six for ever.
    arrivals = {0: [0], **{n: [n + 6] for n in range(1, 400)}}
    arrivals[1] = list(range(1, 8))
    _, heard = run(arrivals, 400)
    assert heard[-1] is not None
    assert (399 + 6 - heard[-1]) % 256 <= jitter.DEEP_FRAMES


def test_jitter_is_nothing_for_a_steady_stream_and_something_for_an_unsteady_one() -> None:
    steady, _ = run({n: [n] for n in range(50)}, 50)
    unsteady, _ = run({n: [n - 1, n] if n % 2 else [] for n in range(50)}, 50)
    assert steady.jitter[0] == 0
    assert unsteady.statistics(unsteady.rows[0], 1).jitter_ms > 5


def test_frames_of_30_ms_are_cut_to_20() -> None:
    legs, heard = a_leg(), []
    one = np.array([0])
    for tick in range(30):
        if tick % 3 == 0:
            for part in range(2):
                number = tick // 3 * 2 + part
                stamp = 240 * number
                jitter.account(
                    legs, tick, one, np.array([number], np.uint16), np.array([stamp], np.uint32), np.array([7], np.uint32)
                )
                jitter.store_piece(legs, tick, 0, stamp, bytes((stamp + i) // 160 % 256 for i in range(240)))
        heard.append(played(legs, tick))
    assert heard[2:] == list(range(28))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 65535),
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), min_size=1, max_size=120),
)
def test_whatever_the_network_does_within_the_delay_only_what_is_lost_is_missing(
    seed: int, sequence: int, timestamp: int, fates: list[tuple[int, bool, bool]]
) -> None:
    """Each frame comes up to ``DELAY_FRAMES`` ticks after its time, or never, or twice."""
    arrivals: dict[int, list[int]] = {0: [0]}
    lost = set()
    for number, (delay, missing, twice) in enumerate(fates, start=1):
        if missing and number % 3 == 0:
            lost.add(number)
            continue
        for _ in range(1 + twice):
            arrivals.setdefault(number + delay, []).append(number)
    for frames in arrivals.values():
        random.Random(seed).shuffle(frames)
    total = len(fates) + 1
    legs, heard = run(arrivals, total + 4, sequence=sequence, timestamp=timestamp)
    assert heard[jitter.DELAY_FRAMES : jitter.DELAY_FRAMES + total] == [None if n in lost else n % 256 for n in range(total)]
    assert legs.late[0] == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(0, 3)), max_size=60))
def test_no_headers_whatever_upset_it(packets: list[tuple[int, int, int, int]]) -> None:
    legs, tick = a_leg(), 0
    for pause, sequence, timestamp, ssrc in packets:
        tick += pause
        receive(legs, tick, sequence, timestamp, ssrc)
        jitter.store_piece(legs, tick, 0, timestamp, bytes(500))
        played(legs, tick)
        assert legs.statistics(legs.rows[0], 1).packets_lost >= 0
