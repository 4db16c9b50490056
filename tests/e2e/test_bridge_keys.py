"""Keys across a bridge: each is told once, in order, and in the way that whom it is for has agreed to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product

import numpy as np

from offhook.audio import DIGITS_HZ, Digit
from offhook.legs import IncomingLeg, Leg, OutgoingLeg, Terms
from offhook.testing.live import Customer, Desk, Heard, NodeProcess, document, hears, in_calm, keys_of

WAYS = ("rfc4733", "inband", "info")
EVENTS, TONES = Terms(("PCMU",)), Terms(("PCMU",), events=False)
AnyPhone = IncomingLeg | OutgoingLeg
Came = list[tuple[str, str]]
"""Keys, and how each came."""


@asynccontextmanager
async def connected(
    desk: Desk, node: NodeProcess, customer: Customer, a_way: str, b_way: str, *, number: int = 0
) -> AsyncIterator[tuple[AnyPhone, AnyPhone]]:
    """Two parties of a ``Dial``, whose phones tell keys in these ways; ``number`` tells calls at the same time apart."""
    customer.says("/answer", lambda seen: document(f"<Dial><User>{desk.uri('bob' + seen['To'])}</User></Dial>"))
    called = str(14155550100 + number)
    async with (
        desk.dial(node.uri(called), terms=terms(a_way)) as alice,
        desk.taken(f"bob{called}", terms=terms(b_way)) as bob,
    ):
        await bob.answer()
        await alice.wait_answered()
        await hears(alice, 0.2)  # both ways are open
        yield alice, bob


def terms(way: str) -> Terms:
    """A phone that tells keys by INFO takes them as events."""
    return TONES if way == "inband" else EVENTS


def taken(way: str) -> str:
    """How such a phone hears keys."""
    return "inband" if way == "inband" else "rfc4733"


async def press(leg: Leg, way: str, keys: str, *, held_ms: int = 100, pause_ms: int = 80) -> None:
    """Press keys in a phone's way."""
    if way != "info":
        await leg.send_digits(keys, tone_ms=held_ms, gap_ms=pause_ms)
        return
    for key in keys:
        leg.dialog.info("application/dtmf-relay", f"Signal={key}\r\nDuration={held_ms}\r\n".encode())
        await asyncio.sleep((held_ms + pause_ms) / 1000)


async def arrive(heard: list[Digit], count: int) -> Came:
    """Wait for so many keys, and half a second more for any that are too many; which, and how they came."""
    for _ in range(1000):
        if len(heard) >= count:
            break
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)
    return [(each.key, each.via) for each in heard]


def test_a_key_arrives_once_whatever_way_the_two_have(node: NodeProcess, customer: Customer) -> None:
    """All nine pairings, each both ways."""
    pairings = list(product(WAYS, WAYS))

    async def scene(desk: Desk) -> None:
        async def call(number: int, a_way: str, b_way: str) -> tuple[Came, Came]:
            async with connected(desk, node, customer, a_way, b_way, number=number) as (alice, bob):
                with keys_of(bob) as by_bob, keys_of(alice) as by_alice:
                    await asyncio.gather(press(alice, a_way, "12#"), press(bob, b_way, "*0D"))
                    return await asyncio.gather(arrive(by_bob, 3), arrive(by_alice, 3))

        came = await asyncio.gather(*(call(number, *ways) for number, ways in enumerate(pairings)))
        for (a_way, b_way), (to_bob, to_alice) in zip(pairings, came, strict=True):
            assert to_bob == [(key, taken(b_way)) for key in "12#"], (a_way, b_way)
            assert to_alice == [(key, taken(a_way)) for key in "*0D"], (a_way, b_way)

    asyncio.run(in_calm(scene))


def test_keys_that_come_fast_or_are_held_for_long_arrive_once_and_in_order(node: NodeProcess, customer: Customer) -> None:
    """Ten keys a second, and one of 1.2 s with one behind it."""
    pairings = [("rfc4733", "inband"), ("inband", "rfc4733"), ("rfc4733", "rfc4733")]
    fast = "112233445566*#"

    async def scene(desk: Desk) -> None:
        async def call(number: int, a_way: str, b_way: str) -> str:
            async with connected(desk, node, customer, a_way, b_way, number=number) as (alice, bob):
                with keys_of(bob) as heard:
                    await press(alice, a_way, fast, held_ms=60, pause_ms=40)
                    await press(alice, a_way, "7", held_ms=1200)
                    await press(alice, a_way, "8")
                    return "".join(key for key, _ in await arrive(heard, len(fast) + 2))

        came = await asyncio.gather(*(call(number, *ways) for number, ways in enumerate(pairings)))
        assert came == [fast + "78"] * len(pairings), dict(zip(pairings, came, strict=True))

    asyncio.run(in_calm(scene))


def tone_ms(heard: Heard, key: str) -> int:
    """How long both tones of a key were heard: what a receiver that listens for tones would take for it."""
    frames = heard.samples.reshape(-1, 160)
    times = np.arange(160) / 8000
    level = [np.abs(frames @ np.exp(-2j * np.pi * times * hertz)) / 80 for hertz in DIGITS_HZ[key]]
    return int(np.count_nonzero((level[0] > 300) & (level[1] > 300))) * 20


def test_a_tone_that_is_passed_on_as_an_event_is_not_heard_as_well(node: NodeProcess, customer: Customer) -> None:
    """A receiver that takes both would count two keys: 40 ms are heard before it is known what they are, as short as any key."""

    async def scene(desk: Desk) -> None:
        async with connected(desk, node, customer, "inband", "rfc4733") as (alice, bob):
            listening = asyncio.create_task(hears(bob, 2.0))
            with keys_of(bob) as heard:
                await press(alice, "inband", "7", held_ms=1000)
                assert await arrive(heard, 1) == [("7", "rfc4733")]
            assert tone_ms(await listening, "7") <= 60

    asyncio.run(in_calm(scene))
