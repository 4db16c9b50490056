import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offhook.media.engine.gains import Gains, factor
from offhook.media.engine.legs import Leg, Legs
from offhook.media.engine.mixing import Rooms, add_held

Member = tuple[int, bool, bool]
"""Room, speaks, hears."""


def a_place(members: list[Member]) -> Legs:
    legs = Legs()
    for number, (room, speaks, hears) in enumerate(members):
        leg = Leg(number, None, room=room, speaks=speaks, hears=hears)  # type: ignore[arg-type]
        slot = legs.admit(leg)
        legs.room[slot], legs.speaks[slot], legs.hears[slot] = room, speaks, hears
    return legs


def noise(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    heard, out = np.random.default_rng(seed).integers(-32768, 32768, (2, count, 160), np.int16)
    return heard, out


def mixed(legs: Legs, heard: np.ndarray, out: np.ndarray, routes: dict[tuple[int, int], bool] | None = None) -> np.ndarray:
    mixer = Rooms()
    for (listener, speaker), wanted in (routes or {}).items():
        mixer.route(legs.rows[listener], legs.rows[speaker], wanted)
    mixer.settle(legs)
    result = out.copy()
    mixer.mix(heard.copy(), result)
    return result


def expected(members: list[Member], heard: np.ndarray, out: np.ndarray, routes: dict[tuple[int, int], bool]) -> np.ndarray:
    """The same, said as plainly as can be: pair by pair."""
    result = np.empty_like(out)
    for listener, (room, _, hears) in enumerate(members):
        total = out[listener].astype(np.int64)
        for speaker, (its, speaks, _) in enumerate(members):
            if speaker != listener and its == room >= 0 and routes.get((listener, speaker), speaks and hears):
                total = total + heard[speaker]
        result[listener] = np.clip(total, -32768, 32767)
    return result


members = st.lists(st.tuples(st.integers(-1, 4), st.booleans(), st.booleans()), min_size=1, max_size=24)


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=24), st.integers(0, 2**32 - 1))
def test_everybody_hears_all_others_of_the_room_and_what_is_played_but_not_themselves(rooms: list[int], seed: int) -> None:
    plain = [(room, True, True) for room in rooms]
    heard, out = noise(seed, len(rooms))
    assert np.array_equal(mixed(a_place(plain), heard, out), expected(plain, heard, out, {}))


@given(members, st.dictionaries(st.tuples(st.integers(0, 23), st.integers(0, 23)), st.booleans(), max_size=8), st.integers(0, 99))
def test_muted_deaf_held_and_coached_members_hear_exactly_whom_they_are_to_hear(
    who: list[Member], pairs: dict[tuple[int, int], bool], seed: int
) -> None:
    routes = {pair: wanted for pair, wanted in pairs.items() if pair[0] != pair[1] and max(pair) < len(who)}
    heard, out = noise(seed, len(who))
    assert np.array_equal(mixed(a_place(who), heard, out, routes), expected(who, heard, out, routes))


def test_a_coach_is_heard_by_the_agent_alone() -> None:
    customer, agent, coach = 0, 1, 2
    legs = a_place([(1, True, True), (1, True, True), (1, False, True)])
    heard = np.array([[100], [10], [1]], np.int16).repeat(160, axis=1)
    result = mixed(legs, heard, np.zeros_like(heard), {(agent, coach): True})
    assert [int(result[who, 0]) for who in (customer, agent, coach)] == [10, 101, 110]


def test_an_exception_ends_with_its_leg_or_when_it_is_taken_back() -> None:
    legs = a_place([(1, True, True), (1, True, True), (1, True, True)])
    mixer = Rooms()
    a, b, c = legs.rows
    for pair in ((a, b), (b, c), (c, a)):
        mixer.route(*pair, False)
    mixer.forget(a)
    assert list(mixer.routes) == [(b, c)]
    mixer.route(b, c, None)
    assert not mixer.routes


def test_a_seat_without_a_phone_plays_to_all_others_and_hears_them() -> None:
    legs = a_place([(3, True, True), (3, True, True), (3, True, True)])
    legs.rows[2].seat = True
    heard = np.array([[100], [10], [0]], np.int16).repeat(160, axis=1)
    out = np.array([[0], [0], [7]], np.int16).repeat(160, axis=1)
    assert mixed(legs, heard, out)[:, 0].tolist() == [17, 107, 117]


def test_a_sum_that_is_too_loud_is_held_not_wrapped() -> None:
    pairs = [(32767, 1), (-32768, -1), (-32768, 32767), (20000, 20000)]
    a, b = (np.array([[pair[side] for pair in pairs]], np.int16) for side in (0, 1))
    assert add_held(a, b).tolist() == [[32767, -32768, -1, 32767]]


def test_gains_change_what_others_hear_but_not_what_was_received() -> None:
    legs = a_place([(-1, True, True)] * 3)
    legs.gain_received[1], legs.gain_sent[2] = factor(6), factor(-6)
    legs.pcm[:3], legs.out[:3] = 20000, 10000
    gains = Gains()
    gains.settle(legs)
    heard = gains.received(legs)
    gains.send(legs)
    assert heard[:3, 0].tolist() == [20000, 32767, 20000]
    assert legs.pcm[:3, 0].tolist() == [20000] * 3
    assert legs.out[:3, 0].tolist() == [10000, 10000, 5011]
