"""sipp plays what real phones and carriers do in the course of a call; the sound is looked at packet by packet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, aclosing

import numpy as np
import pytest
from strangers import MODES, RtpEnd, Samples, Sipp, parted, samples, sounding

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.legs import Local, offer_answer
from offhook.sip import Answered, NameAddr, Reanswered, Stack
from offhook.testing.live import Customer, NodeProcess, Reply, document, likeness

LOOPBACK = "127.0.0.1"
HELD_S = 1.0
"""How long ``reinvite.xml`` keeps the change."""


@pytest.fixture
def end() -> Iterator[RtpEnd]:
    """Where the caller's sound comes and goes."""
    with RtpEnd() as opened:
        yield opened


@pytest.fixture
def other_end() -> Iterator[RtpEnd]:
    """Where it comes and goes after a change."""
    with RtpEnd() as opened:
        yield opened


def agreed(node: NodeProcess, menu: Customer, key: str = "direction") -> list[str]:
    """What the only call of a test agreed on, one after another."""
    [hangup] = menu.wait_for("/hangup")
    return [str(row.facts[key]) for row in node.timeline(hangup["CallUUID"]) if row.kind == "media-agreed"]


HOLDS = [("sendonly", LOOPBACK, "recvonly"), ("inactive", LOOPBACK, "inactive"), ("sendrecv", "0.0.0.0", "recvonly")]
"""What the caller says, where he says his sound goes, and what he is answered; the last as it was done before RFC 3264."""


def test_held_callers_hear_nothing_and_then_go_on(menu: Customer, sipp: Callable[..., Sipp], prompt: Samples) -> None:
    """All of them at a time."""
    with ExitStack() as opened:
        ends = [opened.enter_context(RtpEnd()) for _ in HOLDS]
        players = [
            sipp("reinvite.xml", rtp_port=end.port, then_ip=address, then_port=end.port, then_direction=direction)
            for end, (direction, address, _) in zip(ends, HOLDS, strict=True)
        ]
        for end, player, (_, _, answered) in zip(ends, players, HOLDS, strict=True):
            player.succeeded()
            assert player.directions() == ["sendrecv", answered, "sendrecv"]
            before, after = parted(end.audio(), 0.6 * HELD_S)
            assert after[0].at - before[-1].at > 0.8 * HELD_S
            for heard in (before, after):
                assert likeness(prompt, sounding(samples(heard))) > 0.97


def test_a_caller_who_only_listens_is_not_cut_off(
    transport: str, node: NodeProcess, menu: Customer, sipp: Callable[..., Sipp], end: RtpEnd, prompt: Samples
) -> None:
    then = {"then_ip": LOOPBACK, "then_port": end.port, "then_direction": "recvonly"}
    player = sipp("reinvite.xml", transport=transport, rtp_port=end.port, **then)
    player.succeeded()
    assert agreed(node, menu) == ["sendrecv", "sendonly", "sendrecv"]
    [heard] = parted(end.audio(), 0.6 * HELD_S)
    assert likeness(prompt, sounding(samples(heard))) > 0.97


def test_the_sound_moves_to_another_port_and_back(
    transport: str, node: NodeProcess, menu: Customer, sipp: Callable[..., Sipp], end: RtpEnd, other_end: RtpEnd, prompt: Samples
) -> None:
    then = {"then_ip": LOOPBACK, "then_port": other_end.port, "then_direction": "sendrecv"}
    player = sipp("reinvite.xml", transport=transport, rtp_port=end.port, **then)
    other_end.wait_for_audio(20)
    other_end.press("4")  # from the new port; the prompt stops, the stream does not
    player.succeeded()
    assert agreed(node, menu, "remote") == [f"127.0.0.1:{each.port}" for each in (end, other_end, end)]
    before, after = parted(end.audio(), 0.6 * HELD_S)
    for heard in (before, other_end.audio()[:20]):
        assert likeness(prompt, sounding(samples(heard))) > 0.97
    assert len(after) > 20
    # One stream all the way, whoever it goes to: the numbers go on.
    numbers = [each.sequence for each in (*before, *other_end.audio(), *after)]
    assert sorted(numbers, key=lambda number: (number - numbers[0]) & 0xFFFF) == numbers
    [hangup] = menu.requests("/hangup")
    pressed = [row.facts["digit"] for row in node.timeline(hangup["CallUUID"]) if row.kind == "digit-received"]
    assert pressed == ["4"]


def test_a_late_offer(transport: str, menu: Customer, sipp: Callable[..., Sipp], end: RtpEnd, prompt: Samples) -> None:
    """The INVITE has no description: the node offers, and the answer comes with the ACK."""
    player = sipp("late_offer.xml", transport=transport, rtp_port=end.port)
    end.wait_for_audio(40)
    end.press("42#")
    [chosen] = menu.wait_for("/chosen")
    assert chosen["Digits"] == "42"
    player.succeeded()
    assert likeness(prompt, sounding(samples(end.audio()))) > 0.97


def test_early_media_and_then_the_answer(
    transport: str, menu: Customer, sipp: Callable[..., Sipp], end: RtpEnd, prompt: Samples
) -> None:
    menu.says(
        "/answer",
        document(
            "<PreAnswer><Play>/sweep.wav</Play></PreAnswer>", '<GetDigits action="/chosen" numDigits="5" finishOnKey="#" />'
        ),
    )
    player = sipp("early.xml", transport=transport, rtp_port=end.port)
    end.wait_for_audio(40)
    assert "SIP/2.0 200 OK" not in player.messages().partition("Session Progress")[2]
    end.wait_for_audio(50)
    heard = samples(end.audio())
    assert likeness(prompt, heard[np.flatnonzero(np.abs(heard) > 50)[0] :]) > 0.97
    player.wait_for_message("ACK sip:")
    end.press("42#")
    assert menu.wait_for("/chosen")[0]["Digits"] == "42"
    player.succeeded()


def test_a_caller_gives_up_while_it_rings(transport: str, menu: Customer, sipp: Callable[..., Sipp]) -> None:
    menu.says("/answer", document('<PreAnswer><Wait length="20"/></PreAnswer>'))
    sipp("cancel.xml", transport=transport).succeeded()
    [hangup] = menu.wait_for("/hangup")
    assert (hangup["HangupSource"], hangup["HangupCause"]) == ("Caller", "ORIGINATOR_CANCEL")


def test_a_caller_gives_up_before_the_answer_url_has_answered(
    transport: str, menu: Customer, sipp: Callable[..., Sipp], end: RtpEnd
) -> None:
    menu.says("/answer", Reply(b"<Response/>", delay_s=90))
    sipp("cancel_at_once.xml", transport=transport, rtp_port=end.port).succeeded()
    [hangup] = menu.wait_for("/hangup", timeout_s=30)  # nobody waits for the document any more
    assert (hangup["HangupSource"], hangup["HangupCause"]) == ("Caller", "ORIGINATOR_CANCEL")


def test_a_change_before_the_ack_meets_491(
    transport: str, menu: Customer, sipp: Callable[..., Sipp], end: RtpEnd, prompt: Samples
) -> None:
    sipp("too_soon.xml", transport=transport, rtp_port=end.port).succeeded()
    [hangup] = menu.wait_for("/hangup")
    assert (hangup["HangupSource"], hangup["HangupCauseCode"]) == ("Caller", "4000")
    assert likeness(prompt, sounding(samples(end.audio()))) > 0.97


def test_our_own_change_that_meets_491_is_tried_again(sipp: Callable[..., Sipp], end: RtpEnd) -> None:
    """By every transport at a time: there are seconds between the tries (RFC 3261 section 14.1)."""

    async def change(stack: Stack, transport: str) -> list[type]:
        player = sipp("glare.xml", f"{LOOPBACK}:{stack.port}", transport=transport, rtp_port=end.port)
        await asyncio.to_thread(player.listening)
        invite = stack.invite(
            f"sip:callee@{LOOPBACK}:{player.port}",
            caller=NameAddr.parse("<sip:us@127.0.0.1>"),
            body=offer_answer.offer(Local(LOOPBACK, end.port, 1)).to_bytes(),
            transport=transport,
        )
        events: list[type] = []
        async for event in invite:
            events.append(type(event))
            if isinstance(event, Answered):
                invite.reinvite(offer_answer.offer(Local(LOOPBACK, end.port, 1, 2)).to_bytes())
            elif isinstance(event, Reanswered):
                assert event.status == 200
                invite.bye()
        await asyncio.to_thread(player.succeeded)
        return events

    async def scene() -> list[list[type]]:
        stack = Stack(host=LOOPBACK, port=0, ids=Ids(), clock=Clock(), on_invite=lambda invite: invite.refuse(486))
        await stack.start()
        async with aclosing(stack), asyncio.timeout(30):
            return await asyncio.gather(*(change(stack, transport) for transport in MODES))

    assert asyncio.run(scene()) == [[Answered, Reanswered]] * len(MODES)
