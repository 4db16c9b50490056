import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offhook.media.engine.mixing import Rooms, add_held


def mixed(rooms: list[int], heard: np.ndarray, out: np.ndarray) -> np.ndarray:
    mixer = Rooms()
    mixer.settle(np.array(rooms, np.int32))
    result = out.copy()
    mixer.mix(heard, result)
    return result


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=24), st.integers(0, 2**32 - 1))
def test_everybody_hears_all_others_of_the_room_and_what_is_played_but_not_themselves(rooms: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    heard, out = random.integers(-32768, 32768, (2, len(rooms), 160), np.int16)
    result = mixed(rooms, heard, out)
    for leg, room in enumerate(rooms):
        others = [other for other, its in enumerate(rooms) if its == room >= 0 and other != leg]
        wanted = out[leg].astype(np.int64) + heard[others].astype(np.int64).sum(axis=0)
        assert np.array_equal(result[leg], np.clip(wanted, -32768, 32767))


def test_a_sum_that_is_too_loud_is_held_not_wrapped() -> None:
    pairs = [(32767, 1), (-32768, -1), (-32768, 32767), (20000, 20000)]
    a, b = (np.array([[pair[side] for pair in pairs]], np.int16) for side in (0, 1))
    assert add_held(a, b).tolist() == [[32767, -32768, -1, 32767]]
