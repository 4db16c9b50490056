"""Linphone as the party that a ``Dial`` has called: heard, holding, pressing keys, and handing its caller on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np
import pytest
from strangers import Linphone, Samples

from offhook.legs import IncomingLeg, OutgoingLeg
from offhook.media.clips.music import compose
from offhook.testing.live import (
    Customer,
    Desk,
    NodeProcess,
    document,
    hears,
    in_calm,
    keys_of,
    likeness,
    samples_of,
    say,
    starts_to_hear,
    sweep_wav,
)

PASSWORD = "sesame1"
MUSIC = np.tile(compose(8000).astype(np.float64), 2) * 32767


@pytest.fixture(scope="module")
def staffed(node: NodeProcess, _customer: Customer) -> NodeProcess:
    """A node with two endpoints."""
    app = node.command("app", "add", "office", "--answer-url", _customer.url("/answer"))
    for name in ("lin", "carol"):
        node.command("endpoint", "add", name, "--password", PASSWORD, "--app", app)
    return node


async def alike(leg: IncomingLeg | OutgoingLeg, sound: Samples) -> float:
    """How much what a leg hears is like this; the best of a few seconds."""
    await starts_to_hear(leg, loudness=100)
    found = 0.0
    for _ in range(6):
        found = max(found, likeness(np.tile(sound, 2), (await hears(leg, 0.8)).samples))
        if found > 0.9:
            break
    return found


def test_a_bridged_linphone_is_heard_holds_presses_a_key_and_transfers_its_caller(
    staffed: NodeProcess, _customer: Customer, linphone: Callable[..., Linphone], speech: bytes, tmp_path
) -> None:
    server = f"127.0.0.1:{staffed.sip_port}"
    _customer.forget()
    _customer.says("/answer", document(f"<Dial><User>sip:lin@{server}</User></Dial>"))
    phone = linphone(user="lin", answers=True)
    phone.type(f"register sip:lin@{server} sip:{server} {PASSWORD}")
    until = time.monotonic() + 20
    while f":{phone.port}" not in staffed.command("endpoint", "list"):
        assert time.monotonic() < until, phone.said
        time.sleep(0.2)

    async def scene(desk: Desk) -> None:
        async with desk.registered(server, "carol", PASSWORD), desk.dial(staffed.uri()) as caller:
            await caller.wait_answered()
            assert await alike(caller, samples_of(speech)) > 0.9
            with keys_of(caller) as keys:
                phone.type("7")
                for _ in range(250):
                    if keys:
                        break
                    await asyncio.sleep(0.02)
                assert [each.key for each in keys] == ["7"]
            phone.type("pause")
            assert await alike(caller, MUSIC) > 0.9
            phone.type(f"transfer sip:carol@{server}")
            async with desk.taken("carol") as carol:
                await carol.answer()
                rising = sweep_wav(1.0)
                say(carol, rising, tmp_path)
                assert await alike(caller, samples_of(rising)) > 0.9
                await asyncio.to_thread(phone.wait_for, "ended")
                assert _customer.requests("/hangup") == []

    asyncio.run(in_calm(scene, tries=1))
    assert len(_customer.wait_for("/hangup")) == 1
