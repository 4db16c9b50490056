"""The loop whose time jumps."""

import asyncio
import time

import pytest

from offhook.testing import EPOCH, Stuck, VirtualLoop, run, virtual_clock


def test_an_hour_passes_in_no_time() -> None:
    async def main() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    began = time.perf_counter()
    assert run(main()) == 3600
    assert time.perf_counter() - began < 1


def test_timers_fire_in_order_and_at_their_time() -> None:
    async def main() -> list[tuple[str, float]]:
        loop, fired = asyncio.get_running_loop(), []

        async def after(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            fired.append((name, loop.time()))

        await asyncio.gather(after(3, "c"), after(1, "a"), after(2.5, "b"), after(0, "first"))
        return fired

    assert run(main()) == [("first", 0), ("a", 1), ("b", 2.5), ("c", 3)]


def test_a_timeout_ends_in_virtual_time() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(15):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(main()) == 15


def test_waiting_for_what_never_comes_is_found_at_once() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck, match="Task"):
        run(main())


def test_the_wall_clock_moves_with_the_loop() -> None:
    async def main() -> None:
        clock = virtual_clock()
        assert clock.wall().timestamp() == EPOCH
        await asyncio.sleep(90)
        assert clock.wall().timestamp() == EPOCH + 90
        assert clock.now() == 90

    run(main())


def test_each_loop_begins_at_zero() -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.get_loop().time() == 0


def test_a_year_of_short_sleeps_does_not_drift() -> None:
    async def main() -> float:
        for _ in range(1000):
            await asyncio.sleep(31_536)
        return asyncio.get_running_loop().time()

    assert run(main()) == pytest.approx(31_536_000, abs=1e-3)
