"""Keys across a bridge: each is told once, in order, and in the way that whom it is for has agreed to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product

import numpy as np
import pytest

from offhook.audio import DIGITS_HZ, Digit
from offhook.legs import IncomingLeg, Leg, OutgoingLeg, Terms
from offhook.testing.live import Customer, Desk, Heard, NodeProcess, document, hears, in_calm, keys_of

WAYS = ("rfc4733", "inband", "info")
EVENTS, TONES = Terms(("PCMU",)), Terms(("PCMU",), events=False)
AnyPhone = IncomingLeg | OutgoingLeg


@asynccontextmanager
async def connected(
    desk: Desk, node: NodeProcess, customer: Customer, a_way: str, b_way: str
) -> AsyncIterator[tuple[AnyPhone, AnyPhone]]:
    """Two parties of a ``Dial``, whose phones tell keys in these ways."""
    customer.says("/answer", document(f"<Dial><User>{desk.uri('bob')}</User></Dial>"))
    async with desk.dial(node.uri(), terms=terms(a_way)) as alice, desk.taken("bob", terms=terms(b_way)) as bob:
        await bob.answer()
        await alice.wait_answered()
        await hears(alice, 0.2)  # both ways are open
        yield alice, bob


def terms(way: str) -> Terms:
    """A phone that tells keys by INFO takes them as events."""
    return TONES if way == "inband" else EVENTS


async def press(leg: Leg, way: str, keys: str, *, held_ms: int = 100, pause_ms: int = 80) -> None:
    """Press keys in a phone's way."""
    if way != "info":
        await leg.send_digits(keys, tone_ms=held_ms, gap_ms=pause_ms)
        return
    for key in keys:
        leg.dialog.info("application/dtmf-relay", f"Signal={key}\r\nDuration={held_ms}\r\n".encode())
        await asyncio.sleep((held_ms + pause_ms) / 1000)


async def arrive(heard: list[Digit], count: int) -> list[tuple[str, str]]:
    """Wait for so many keys, and half a second more for any that are too many; which, and how they came."""
    for _ in range(1000):
        if len(heard) >= count:
            break
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)
    return [(each.key, each.via) for each in heard]


@pytest.mark.parametrize(("a_way", "b_way"), list(product(WAYS, WAYS)))
def test_a_key_arrives_once_whatever_way_the_two_have(node: NodeProcess, customer: Customer, a_way: str, b_way: str) -> None:
    async def scene(desk: Desk) -> None:
        async with connected(desk, node, customer, a_way, b_way) as (alice, bob):
            with keys_of(bob) as by_bob, keys_of(alice) as by_alice:
                await asyncio.gather(press(alice, a_way, "12#"), press(bob, b_way, "*0D"))
                to_bob, to_alice = await asyncio.gather(arrive(by_bob, 3), arrive(by_alice, 3))
            comes = ["inband" if way == "inband" else "rfc4733" for way in (b_way, a_way)]
            assert to_bob == [(key, comes[0]) for key in "12#"]
            assert to_alice == [(key, comes[1]) for key in "*0D"]

    asyncio.run(in_calm(scene))


@pytest.mark.parametrize(("a_way", "b_way"), [("rfc4733", "inband"), ("inband", "rfc4733")])
def test_ten_keys_a_second_all_arrive_in_order(node: NodeProcess, customer: Customer, a_way: str, b_way: str) -> None:
    keys = "112233445566*#"

    async def scene(desk: Desk) -> None:
        async with connected(desk, node, customer, a_way, b_way) as (alice, bob):
            with keys_of(bob) as heard:
                await press(alice, a_way, keys, held_ms=60, pause_ms=40)
                assert "".join(key for key, _ in await arrive(heard, len(keys))) == keys

    asyncio.run(in_calm(scene))


@pytest.mark.parametrize(("a_way", "b_way"), [("rfc4733", "rfc4733"), ("inband", "rfc4733")])
def test_a_key_that_is_held_for_long_is_one_key(node: NodeProcess, customer: Customer, a_way: str, b_way: str) -> None:
    async def scene(desk: Desk) -> None:
        async with connected(desk, node, customer, a_way, b_way) as (alice, bob):
            with keys_of(bob) as heard:
                await press(alice, a_way, "5", held_ms=1200)
                await press(alice, a_way, "6")
                assert [key for key, _ in await arrive(heard, 2)] == ["5", "6"]

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
