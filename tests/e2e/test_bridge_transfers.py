"""Either party of a ``Dial`` transfers the other one to somebody else, and the talk goes on with that one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from offhook import causes
from offhook.legs import IncomingLeg, OutgoingLeg
from offhook.sip import Credentials
from offhook.testing.live import (
    Customer,
    Desk,
    NodeProcess,
    Reply,
    Seen,
    document,
    hears,
    hold,
    in_calm,
    likeness,
    refer,
    samples_of,
    say,
    starts_to_hear,
    sweep_wav,
)

RISING, FALLING = sweep_wav(1.0), sweep_wav(1.0, low_hz=3000, high_hz=400)
PASSWORD = "open sesame 1"
NAMES = ("alice", "bob", "carol")
AnyPhone = IncomingLeg | OutgoingLeg


@pytest.fixture(scope="module")
def staffed(node: NodeProcess, _customer: Customer) -> NodeProcess:
    """A node with three endpoints, whose calls the customer's /answer runs."""
    pages = ("--answer-url", _customer.url("/answer"), "--hangup-url", _customer.url("/hangup"))
    app = node.command("app", "add", "office", *pages)
    for name in NAMES:
        node.command("endpoint", "add", name, "--password", PASSWORD, "--app", app)
    return node


@pytest.fixture
def office(staffed: NodeProcess, customer: Customer) -> NodeProcess:
    """That node, and a customer who has seen nothing."""
    return staffed


def opens(node: NodeProcess, customer: Customer) -> None:
    """Whoever calls the number gets Bob, and endpoints get whom they call; what was before is forgotten."""
    customer.forget()

    def answer(seen: Seen) -> Reply:
        called = next((name for name in NAMES if name in seen["To"]), "bob")
        return document(
            f'<Dial callbackUrl="/told" callbackMethod="POST"><User>sip:{called}@127.0.0.1:{node.sip_port}</User></Dial>'
        )

    customer.says("/answer", answer)
    customer.says("/told", document())


@asynccontextmanager
async def connected(
    desk: Desk, node: NodeProcess, customer: Customer, *, by_alice: bool = False
) -> AsyncIterator[tuple[OutgoingLeg, IncomingLeg]]:
    """Somebody, or Alice with her password, talks with Bob."""
    opens(node, customer)
    server = f"127.0.0.1:{node.sip_port}"
    who = {"caller": f"sip:alice@{server}", "credentials": Credentials("alice", PASSWORD)} if by_alice else {}
    async with AsyncExitStack() as opened:
        for name in NAMES:
            await opened.enter_async_context(desk.registered(server, name, PASSWORD))
        caller = await opened.enter_async_context(desk.dial(node.uri(), **who))
        bob = await opened.enter_async_context(desk.taken("bob"))
        await bob.answer()
        await caller.wait_answered()
        yield caller, bob


async def talk(one: AnyPhone, other: AnyPhone, folder: Path) -> None:
    """Both speak, and each hears the other."""
    for leg, wav in ((one, RISING), (other, FALLING)):
        say(leg, wav, folder)
    for leg, wav in ((one, FALLING), (other, RISING)):
        await starts_to_hear(leg)
        found = 0.0
        for _ in range(6):
            found = max(found, likeness(np.tile(samples_of(wav), 2), (await hears(leg, 0.8)).samples))
            if found > 0.9:
                break
        assert found > 0.9


def told(node: NodeProcess, customer: Customer, calls: int) -> None:
    """One record a leg, one hangup request a call, and one report of each B leg's end."""
    ended = {each["CallUUID"] for each in customer.wait_for("/hangup", count=calls)}
    assert len(ended) == len(customer.requests("/hangup")) == calls
    customer.wait_for("/told", count=3 * calls)  # answer, connected, hangup
    ends = [each["DialBLegUUID"] for each in customer.requests("/told") if each["DialAction"] == "hangup"]
    records = [each for each in node.records() if {each.call_uuid, each.parent_call_uuid} & ended]
    assert sorted(each.call_uuid for each in records) == sorted([*ended, *ends])
    assert {each.call_uuid for each in records if each.parent_call_uuid} == set(ends)


@pytest.mark.parametrize("by_alice", [False, True], ids=["the-one-called", "the-caller"])
def test_a_party_transfers_the_other_blindly(office: NodeProcess, customer: Customer, tmp_path: Path, *, by_alice: bool) -> None:
    async def scene(desk: Desk) -> None:
        async with connected(desk, office, customer, by_alice=by_alice) as (caller, bob):
            leaves, stays = (caller, bob) if by_alice else (bob, caller)
            hold(leaves)  # as phones do before they transfer
            await starts_to_hear(stays, loudness=100)
            assert await refer(leaves, f"sip:carol@127.0.0.1:{office.sip_port}") == 202
            async with desk.taken("carol") as carol:
                await carol.answer()
                await leaves.ended()
                await talk(stays, carol, tmp_path)
                assert customer.requests("/hangup") == []
        await asyncio.to_thread(told, office, customer, 1)

    asyncio.run(in_calm(scene))


def test_a_party_transfers_the_other_to_whom_it_has_asked(office: NodeProcess, customer: Customer, tmp_path: Path) -> None:
    """An attended transfer; the second call did not go over the node."""

    async def scene(desk: Desk) -> None:
        async with (
            connected(desk, office, customer) as (caller, bob),
            desk.dial(desk.uri("carol")) as asking,
            desk.taken("carol") as carol,
        ):
            await carol.answer()
            await asking.wait_answered()
            assert await refer(bob, f"sip:carol@127.0.0.1:{office.sip_port}", replaces=asking) == 202
            await bob.ended()
            await asking.ended()
            await talk(caller, carol, tmp_path)
            assert customer.requests("/hangup") == []
        await asyncio.to_thread(told, office, customer, 1)

    asyncio.run(in_calm(scene))


def test_a_party_makes_its_two_calls_over_the_node_one(office: NodeProcess, customer: Customer, tmp_path: Path) -> None:
    """An attended transfer; the node itself has both calls."""

    async def scene(desk: Desk) -> None:
        server = f"127.0.0.1:{office.sip_port}"
        own = {"caller": f"sip:bob@{server}", "credentials": Credentials("bob", PASSWORD)}
        async with (
            connected(desk, office, customer) as (caller, bob),
            desk.dial(f"sip:carol@{server}", **own) as asking,
            desk.taken("carol") as carol,
        ):
            await carol.answer()
            await asking.wait_answered()
            hold(bob)
            await starts_to_hear(caller, loudness=100)
            await talk(asking, carol, tmp_path)
            assert await refer(bob, f"sip:carol@{server}", replaces=asking) == 202
            await bob.ended()
            await asking.ended()
            await talk(caller, carol, tmp_path)
            assert customer.requests("/hangup") == []
            caller.release(causes.CALLER_HUNG_UP)
            await carol.ended()
        await asyncio.to_thread(told, office, customer, 2)

    asyncio.run(in_calm(scene))


def test_a_transfer_that_comes_to_nothing_leaves_the_talk_as_it_was(
    office: NodeProcess, customer: Customer, tmp_path: Path
) -> None:
    async def scene(desk: Desk) -> None:
        server = f"127.0.0.1:{office.sip_port}"
        async with connected(desk, office, customer) as (caller, bob):
            assert await refer(bob, f"sip:nobody@{server}") == 603
            await talk(caller, bob, tmp_path)
            assert await refer(bob, f"sip:carol@{server}") == 202
            (await desk.arrival("carol")).refuse(486)
            await talk(caller, bob, tmp_path)
            assert not bob.gone
        await asyncio.to_thread(told, office, customer, 1)

    asyncio.run(in_calm(scene))
