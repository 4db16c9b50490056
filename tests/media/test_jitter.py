import random

import numpy as np
import pytest
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
        jitter.settle(legs, tick)
        heard.append(played(legs, tick))
    return legs, heard


def test_frames_are_played_in_order_after_the_playout_delay_across_both_wraps() -> None:
    legs, heard = run({n: [n] for n in range(90)}, 90)
    assert heard == [None] * jitter.DELAY_FRAMES + list(range(90 - jitter.DELAY_FRAMES))
    assert (legs.received[0], legs.late[0], legs.duplicate[0], legs.reordered[0]) == (90, 0, 0, 0)


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


def delay_of(heard: list[int | None], ticks: int) -> int:
    """Frames between the one that comes last and the one that is played with it."""
    played = next(each for each in reversed(heard) if each is not None)
    return (ticks - 1 - played) % 256


def test_a_steady_stream_comes_down_to_one_frame_of_delay_without_losing_its_place() -> None:
    legs, heard = run({n: [n] for n in range(600)}, 600)
    assert delay_of(heard, 600) == jitter.SPARE_FRAMES
    assert None not in heard[jitter.DELAY_FRAMES :]
    assert (legs.late[0], legs.duplicate[0], legs.concealed[0]) == (0, 0, 0)


def test_a_stream_whose_first_packets_were_slow_comes_down_step_by_step() -> None:
    # Its first packet was six frames late: all others would wait for those six for ever.
    arrivals = {0: [0], **{n: [n + 6] for n in range(1, 3000)}}
    arrivals[1] = list(range(1, 8))
    _, heard = run(arrivals, 3000)
    assert (2999 + 6 - heard[-1]) % 256 == jitter.SPARE_FRAMES  # type: ignore[operator]


def jittery(ticks: int, spread: int, seed: int = 1) -> dict[int, list[int]]:
    """Every frame comes 0 to ``spread`` ticks after its time."""
    chance, arrivals = random.Random(seed), {}
    for number in range(ticks - spread):
        arrivals.setdefault(number + chance.randint(0, spread), []).append(number)
    return arrivals


@pytest.mark.parametrize("spread", [1, 2, 3, 5, 8])
def test_the_delay_grows_until_nearly_everything_comes_in_time_and_stays_bounded(spread: int) -> None:
    legs, heard = run(jittery(4000, spread), 4000)
    missing = sum(each is None for each in heard[2000:3900])
    assert missing <= 1900 * 0.01
    assert int(max(legs.most[0], legs.most_before[0])) <= jitter.MOST_FRAMES
    assert legs.late[0] < 60


def test_more_jitter_than_the_delay_may_ever_be_is_not_waited_for() -> None:
    legs, heard = run(jittery(4000, 14), 4000)
    assert int(max(legs.most[0], legs.most_before[0])) <= jitter.MOST_FRAMES
    assert sum(each is not None for each in heard[1000:3900]) > 2900 * 0.6


def test_when_the_network_calms_down_the_delay_shrinks_again() -> None:
    arrivals = jittery(1500, 6)
    arrivals |= {n: [*arrivals.get(n, []), n] for n in range(1500, 6000)}
    for number in range(1494, 1500):
        arrivals.setdefault(number + 1, []).append(number)
    _, heard = run(arrivals, 6000)
    assert delay_of(heard, 6000) == jitter.SPARE_FRAMES


def test_an_hour_of_clocks_that_drift_leaves_neither_delay_nor_holes() -> None:
    """The 20 ms of the one sender are 200 ppm shorter than ours, those of the other longer; both with 5 ms of jitter."""
    ticks, clocks = 180_000, (200e-6, -200e-6)
    legs, chance = Legs(), np.random.default_rng(1)
    numbers = np.arange(ticks + 100)
    arrivals = [((numbers * 20 * (1 - ppm) + 7.3 + chance.uniform(0, 5, numbers.size)) // 20).astype(int) for ppm in clocks]
    for number in range(len(clocks)):
        legs.admit(Leg(number, None))  # type: ignore[arg-type]
    sent, holes, waits = [0, 0], 0, []
    stream = np.full(2, 7, np.uint32)
    for tick in range(ticks):
        while (slots := np.array([leg for leg in (0, 1) if arrivals[leg][sent[leg]] <= tick])).size:
            count = np.array([sent[leg] for leg in slots.tolist()])
            due = jitter.account(
                legs, tick, slots, count.astype(np.uint16), (count * 160).astype(np.uint32), stream[: slots.size]
            )
            jitter.store(legs, tick, slots, due, np.zeros((slots.size, 160), np.uint8))
            for leg in slots.tolist():
                sent[leg] += 1
        jitter.settle(legs, tick)
        _, present = jitter.due_now(legs, tick)
        holes += int(np.count_nonzero(~present))
        if tick % 1000 == 999:
            waits.append((legs.latest_due[:2] - tick).tolist())
    assert np.array(waits).max() <= 3
    assert holes < 2 * ticks * 0.0005
    assert legs.late[:2].max() < 200


def test_two_frames_are_faded_into_one_where_the_delay_shrinks() -> None:
    legs = a_leg()
    seen = []
    for tick in range(300):
        receive(legs, tick, tick, 160 * tick, fill=0x90 if tick % 2 else 0xA0)
        jitter.settle(legs, tick)
        octets, _ = jitter.due_now(legs, tick)
        seen.append(octets[0].copy())
    mixed = [frame for frame in seen[3:] if len(set(frame.tolist())) > 1]
    assert len(mixed) == 1
    assert {int(mixed[0][0]), int(mixed[0][-1])} == {0x90, 0xA0}


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
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), min_size=1, max_size=90),
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
