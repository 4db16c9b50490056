"""Scores against the tables of the standard, and what is judged of what the engine counts."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.media import quality, wire


@pytest.mark.parametrize(("r", "mos"), [(0, 1), (50, 2.58), (60, 3.10), (70, 3.60), (80, 4.03), (90, 4.34), (93.2, 4.41)])
def test_scores_of_ratings_are_those_of_the_standard(r: float, mos: float) -> None:
    assert quality.opinion(r) == pytest.approx(mos, abs=0.011)  # G.107 table B.1; at 80 its own formula gives 4.024


def test_ratings_are_those_that_can_be_done_by_hand() -> None:
    assert quality.rating(0, 0) == 93.2
    assert quality.rating(0, 100) == pytest.approx(93.2 - 2.4)
    assert quality.rating(0, 277.3) == pytest.approx(93.2 - 6.6552 - 11)
    assert quality.rating(0.251, 0) == pytest.approx(93.2 - 47.5)  # a loss of Bpl per cent takes half of 95


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1000), st.floats(0, 1000))
def test_more_loss_or_delay_never_sounds_better(a: float, b: float, c: float, d: float) -> None:
    assert 1 <= quality.score(max(a, b), max(c, d)) <= quality.score(min(a, b), min(c, d)) <= 4.5


def test_each_direction_is_judged_by_its_own_losses() -> None:
    told = wire.Statistics(1, 1, packets_sent=500, packets_received=90, packets_lost=10, packets_late=5, playout_ms=60)
    heard = {"round_trip_ms": 80.04, "remote_lost": 4, "remote_expected": 200, "remote_jitter_ms": 10.0}
    judged = quality.judged(msgspec.structs.replace(told, **heard))
    assert judged.mos_received == quality.score(0.15, 40 + 60 + quality.OWN_DELAY_MS)
    assert judged.mos_sent == quality.score(0.02, 40 + 20 + quality.OWN_DELAY_MS)
    assert (judged.round_trip_ms, judged.remote_lost, judged.remote_jitter_ms) == (80.0, 4, 10.0)


def test_nothing_is_judged_that_is_not_known() -> None:
    unreported = quality.judged(wire.Statistics(1, 1, packets_sent=5, packets_received=5))
    assert unreported.mos_received == quality.score(0, quality.OWN_DELAY_MS)
    assert (unreported.mos_sent, unreported.round_trip_ms, unreported.remote_lost) == (None, None, None)
    assert quality.judged(wire.Statistics(1, 1, packets_sent=5)).mos_received is None


def test_a_peer_that_heard_packets_twice_has_lost_none() -> None:
    assert quality.judged(wire.Statistics(1, 1, remote_lost=-3, remote_expected=100)).mos_sent == quality.score(0, 40)
