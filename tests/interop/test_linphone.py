"""Linphone's own phone calls a node and is called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from strangers import Linphone, Papers, Samples, heard

from offhook.testing.live import Customer, NodeProcess, a_phone, likeness, samples_of


@pytest.mark.parametrize(("transport", "codec"), [("udp", "PCMA"), ("tcp", "opus"), ("tls", "PCMU")])
def test_it_hears_the_prompt_holds_resumes_and_its_keys_arrive(
    transport: str,
    codec: str,
    node: NodeProcess,
    menu: Customer,
    linphone: Callable[..., Linphone],
    papers: Papers,
    prompt: Samples,
) -> None:
    """By TLS it believes the node's authority and nobody else, and sends no sound in clear."""
    phone = linphone(codec=codec, papers=papers, sealed=transport == "tls")
    # Its TLS library knows certificates of names only, not of addresses.
    phone.type(f"call {node.uri(transport=transport).replace('127.0.0.1', 'localhost' if transport == 'tls' else '127.0.0.1')}")
    phone.wait_for("Media streams established")
    # The first second of Opus is distorted in its recording; other phones hear the same stream well from the first frame on.
    assert likeness(prompt, phone.hears(1.9)[-6400:]) > 0.9
    phone.type("pause")
    phone.wait_for("paused")
    phone.type("resume")
    phone.wait_for("Media streams established")
    for key in "4#":
        phone.type(key)
    [chosen] = menu.wait_for("/chosen")
    assert chosen["Digits"] == "4"
    phone.wait_for("ended")
    menu.wait_for("/hangup")
    agreed = [row.facts for row in node.timeline(chosen["CallUUID"]) if row.kind == "media-agreed"]
    assert [each["direction"] for each in agreed] == ["sendrecv", "recvonly", "sendrecv"]
    assert {str(each["codec"]).partition("/")[0] for each in agreed} == {codec}
    assert {str(each.get("srtp") or "")[:6] for each in agreed} == {"AES_CM" if transport == "tls" else ""}


def test_it_hangs_up(transport: str, node: NodeProcess, menu: Customer, linphone: Callable[..., Linphone]) -> None:
    phone = linphone()
    phone.type(f"call {node.uri(transport=transport)}")
    phone.wait_for("connected")
    phone.type("terminate")
    [hangup] = menu.wait_for("/hangup")
    assert (hangup["HangupSource"], hangup["HangupCauseCode"]) == ("Caller", "4000")


def test_it_is_called_and_heard(transport: str, linphone: Callable[..., Linphone], speech: bytes) -> None:
    phone = linphone(answers=True)

    async def scene() -> None:
        async with a_phone() as ours, asyncio.timeout(30), ours.dial(phone.uri(transport)) as leg:
            await leg.wait_answered()
            assert likeness(await heard(leg, 0.95), samples_of(speech)) > 0.9
            with leg.listen() as digits:
                phone.type("7")
                assert (await digits.get()).key == "7"
            phone.type("terminate")
            await leg.ended()

    asyncio.run(scene())
