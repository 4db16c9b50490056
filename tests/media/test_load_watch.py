from offhook.media.engine.load import BUSY_NS, CALM_NS, CALM_ROUNDS, ROUND_TICKS, Load


def run(load: Load, ticks_ns: list[int]) -> list[bool]:
    return [load.busy for tick_ns in ticks_ns if load.note(tick_ns)]


def test_a_single_long_tick_is_no_reason_to_refuse_calls() -> None:
    assert run(Load(), ([5_000_000] * (ROUND_TICKS - 1) + [60_000_000]) * 20) == []


def test_long_ticks_one_after_another_are_until_it_is_calm_again() -> None:
    load = Load()
    assert run(load, [BUSY_NS + 1] * ROUND_TICKS) == [True]
    assert run(load, [CALM_NS + 1] * ROUND_TICKS * 5) == []
    assert run(load, [CALM_NS - 1] * ROUND_TICKS * CALM_ROUNDS) == [False]
    assert run(load, [CALM_NS - 1] * ROUND_TICKS * 10) == []


def test_without_legs_there_is_room_again_at_once() -> None:
    load = Load()
    run(load, [BUSY_NS + 1] * ROUND_TICKS)
    assert load.rest()
    assert not load.busy
    assert not load.rest()
