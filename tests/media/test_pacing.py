from itertools import pairwise

from offhook.media.engine.pacing import BEHIND_LIMIT, PERIOD_NS, SHORTEST_NS, Pacing

START = 10**12


def test_deadlines_do_not_drift_when_every_tick_begins_a_little_late() -> None:
    pacing = Pacing()
    pacing.restart(START)
    for tick in range(1000):
        assert pacing.due_ns() == START + tick * PERIOD_NS
        assert pacing.begin(pacing.due_ns() + 300_000) == tick


def test_a_late_tick_is_caught_up_but_not_in_a_burst() -> None:
    pacing = Pacing()
    pacing.restart(START)
    pacing.begin(START + 50_000_000)  # two and a half ticks late
    begun = [START + 50_000_000]
    for _ in range(6):
        begun.append(pacing.due_ns())
        pacing.begin(begun[-1])
    assert all(after - before >= SHORTEST_NS for before, after in pairwise(begun))
    assert begun[-1] == START + 6 * PERIOD_NS


def test_after_a_long_sleep_the_ticks_that_nobody_could_use_are_left_out() -> None:
    pacing = Pacing()
    pacing.restart(START)
    pacing.begin(START)
    assert pacing.begin(START + 100 * PERIOD_NS) == 100
    assert pacing.skipped == 99
    assert pacing.due_ns() == START + 101 * PERIOD_NS
    assert pacing.skipped > BEHIND_LIMIT


def test_time_without_legs_is_not_caught_up() -> None:
    pacing = Pacing()
    pacing.restart(START)
    pacing.begin(START)
    pacing.restart(START + 10**12)
    assert pacing.due_ns() == START + 10**12
    assert pacing.begin(START + 10**12) == 1
    assert sum(pacing.gaps) == 0
