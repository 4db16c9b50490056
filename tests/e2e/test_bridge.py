"""What two parties of a ``Dial`` hear of each other, over real SIP and RTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from offhook.legs import IncomingLeg, OutgoingLeg, Terms
from offhook.media.clips.music import compose
from offhook.testing.live import (
    Customer,
    Desk,
    NodeProcess,
    Reply,
    document,
    hears,
    hold,
    in_calm,
    likeness,
    samples_of,
    say,
    starts_to_hear,
    sweep_wav,
    tone_wav,
)

RISING, FALLING = sweep_wav(1.0), sweep_wav(1.0, low_hz=3000, high_hz=400)
MUSIC = np.clip(compose(8000) * 32767, -32768, 32767).astype(np.float64)
PCMU = Terms(("PCMU",))
Samples = npt.NDArray[np.float64]


@asynccontextmanager
async def connected(
    desk: Desk, node: NodeProcess, customer: Customer, a_terms: Terms = PCMU, b_terms: Terms = PCMU, *, number: int = 0
) -> AsyncIterator[tuple[OutgoingLeg, IncomingLeg]]:
    """Alice calls the node, and its document connects her with Bob; ``number`` tells calls at the same time apart."""
    customer.says("/answer", lambda seen: document(f"<Dial><User>{desk.uri('bob' + seen['To'])}</User></Dial>"))
    called = str(14155550100 + number)
    async with desk.dial(node.uri(called), terms=a_terms) as alice, desk.taken(f"bob{called}", terms=b_terms) as bob:
        await bob.answer()
        await alice.wait_answered()
        yield alice, bob


async def talk(alice: OutgoingLeg, bob: IncomingLeg, folder: Path) -> tuple[float, float]:
    """Both speak; how much what each hears is like what the other says."""
    say(alice, RISING, folder)
    say(bob, FALLING, folder)
    return await asyncio.gather(alike(bob, RISING), alike(alice, FALLING))


async def alike(leg: IncomingLeg | OutgoingLeg, wav: bytes, seconds: float = 0.8) -> float:
    """How much what a leg hears is like a WAV that is said again and again; the best of what was heard in a while."""
    await starts_to_hear(leg)
    return await best(leg, np.tile(samples_of(wav), 2), seconds)


async def best(leg: IncomingLeg | OutgoingLeg, sound: Samples, seconds: float) -> float:
    """Listen until it is like a sound, at most six times."""
    found = 0.0
    for _ in range(6):
        found = max(found, likeness(sound, (await hears(leg, seconds)).samples))
        if found > 0.9:
            break
    return found


CODECS = {
    "PCMU, PCMA": (PCMU, Terms(("PCMA",))),
    "PCMA, G.722": (Terms(("PCMA",)), Terms(("G722",))),
    "PCMU, Opus": (PCMU, Terms(("opus",))),
    "SRTP, plain": (Terms(("PCMA",), srtp="required"), PCMU),
    "Opus, G.722": (Terms(("opus",)), Terms(("G722",))),
}


def test_any_two_codecs_hear_each_other(node: NodeProcess, customer: Customer, tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        async def call(number: int, a_terms: Terms, b_terms: Terms) -> tuple[float, float]:
            async with connected(desk, node, customer, a_terms, b_terms, number=number) as (alice, bob):
                return await talk(alice, bob, tmp_path)

        found = await asyncio.gather(*(call(number, *terms) for number, terms in enumerate(CODECS.values())))
        alike = dict(zip(CODECS, found, strict=True))
        assert all(min(both) > 0.9 for both in alike.values()), alike

    asyncio.run(in_calm(scene))


async def falls_silent(leg: IncomingLeg | OutgoingLeg) -> None:
    """Wait for 0.3 s of silence."""
    async with asyncio.timeout(15):
        while (await hears(leg, 0.3)).levels.max() > 30:
            pass


async def hears_music(leg: IncomingLeg | OutgoingLeg) -> float:
    """How much what a leg hears is like the node's own music on hold."""
    await starts_to_hear(leg, loudness=100)
    return await best(leg, np.tile(MUSIC, 2), 0.8)


HOLDS = (("alice", "sendonly", None), ("bob", "inactive", None), ("alice", "sendrecv", "0.0.0.0"), ("bob", "sendonly", None))


def test_whoever_is_put_on_hold_hears_music_and_the_talk_goes_on_after_it(
    node: NodeProcess, customer: Customer, tmp_path: Path
) -> None:
    async def scene(desk: Desk) -> None:
        async def call(number: int, who: str, direction: str, address: str | None) -> tuple[float, ...]:
            async with connected(desk, node, customer, number=number) as (alice, bob):
                holder, held = (alice, bob) if who == "alice" else (bob, alice)
                hold(holder, direction, address=address)
                music = await hears_music(held)
                hold(holder, "sendrecv")
                await falls_silent(held)
                return (music, *await talk(alice, bob, tmp_path))

        found = await asyncio.gather(*(call(number, *how) for number, how in enumerate(HOLDS)))
        alike = dict(zip(HOLDS, found, strict=True))
        assert all(min(each) > 0.9 for each in alike.values()), alike

    asyncio.run(in_calm(scene))


def test_both_hold_and_come_back_one_after_the_other(node: NodeProcess, customer: Customer, tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        async with connected(desk, node, customer) as (alice, bob):
            hold(alice)
            assert await hears_music(bob) > 0.9
            hold(bob)
            await falls_silent(bob)  # nothing is sent to a party that holds
            hold(alice, "sendrecv")
            assert await hears_music(alice) > 0.9  # she is still held
            hold(bob, "sendrecv")
            await falls_silent(alice)
            assert min(await talk(alice, bob, tmp_path)) > 0.9

    asyncio.run(in_calm(scene))


def longest_gap_ms(levels: np.ndarray) -> int:
    """The longest time in which nothing was heard."""
    longest = run = 0
    for level in levels:
        run = run + 1 if level < 50 else 0
        longest = max(longest, run)
    return longest * 20


def test_early_media_reaches_the_caller_before_the_answer_and_goes_over_into_the_talk(
    node: NodeProcess, customer: Customer, tmp_path: Path
) -> None:
    async def scene(desk: Desk) -> None:
        customer.says("/answer", document(f"<Dial><User>{desk.uri('bob')}</User></Dial>"))
        async with desk.dial(node.uri(), terms=PCMU) as alice, desk.taken("bob", terms=PCMU) as bob:
            await bob.open_early_media()
            say(bob, RISING, tmp_path)
            await alice.early_media.wait()
            assert await alike(alice, RISING) > 0.9
            assert not alice.answered
            listening = asyncio.create_task(hears(alice, 3.0))
            await asyncio.sleep(0.7)
            await bob.answer()
            await alice.wait_answered()
            levels = (await listening).levels
            assert longest_gap_ms(levels) <= 100
            # Neither twice at once nor torn: every frame is as loud as the others, but for those at the seam.
            odd = np.count_nonzero(np.abs(levels / np.median(levels) - 1) > 0.25)
            assert odd <= 10, levels.round()
            assert await alike(alice, RISING) > 0.9

    asyncio.run(in_calm(scene))


def test_who_rings_without_sound_makes_the_caller_s_own_phone_ring(node: NodeProcess, customer: Customer) -> None:
    async def scene(desk: Desk) -> None:
        customer.says("/answer", document(f"<Dial><User>{desk.uri('bob')}</User></Dial>"))
        async with desk.dial(node.uri()) as alice, desk.taken("bob") as bob:
            bob.ring()
            await alice.rang.wait()
            await bob.answer()
            await alice.wait_answered()
            assert not alice.early

    asyncio.run(in_calm(scene))


def test_a_caller_who_was_answered_hears_a_tone_while_it_rings(node: NodeProcess, customer: Customer, tmp_path: Path) -> None:
    customer.says("/beep.wav", Reply(tone_wav((1000, 0.1)), content_type="audio/wav"))
    tone = (np.sin(2 * np.pi * 440 * np.arange(8000) / 8000) + np.sin(2 * np.pi * 480 * np.arange(8000) / 8000)) * 1000

    async def scene(desk: Desk) -> None:
        customer.says("/answer", document(f"<Play>/beep.wav</Play><Dial><User>{desk.uri('bob')}</User></Dial>"))
        async with desk.dial(node.uri(), terms=PCMU) as alice, desk.taken("bob", terms=PCMU) as bob:
            await alice.wait_answered()
            bob.ring()
            await starts_to_hear(alice)
            assert await best(alice, tone, 0.5) > 0.9
            await bob.answer()
            say(bob, RISING, tmp_path)
            await hears(alice, 0.3)  # what was on its way
            assert await alike(alice, RISING) > 0.9

    asyncio.run(in_calm(scene))


def test_music_of_the_application_s_own_plays_until_the_answer(node: NodeProcess, customer: Customer, tmp_path: Path) -> None:
    customer.says("/music.wav", Reply(RISING, content_type="audio/wav"))
    customer.says("/music", document("<Play>/music.wav</Play>"))

    async def scene(desk: Desk) -> None:
        dial = f'<Dial dialMusic="{customer.url("/music")}"><User>{desk.uri("bob")}</User></Dial>'
        customer.says("/answer", document(dial))
        async with desk.dial(node.uri(), terms=PCMU) as alice, desk.taken("bob", terms=PCMU) as bob:
            bob.ring()
            assert await alike(alice, RISING) > 0.9
            assert not alice.answered
            await bob.answer()
            await alice.wait_answered()
            say(bob, FALLING, tmp_path)
            await hears(alice, 0.3)  # what was on its way
            assert await alike(alice, FALLING) > 0.9

    asyncio.run(in_calm(scene))
