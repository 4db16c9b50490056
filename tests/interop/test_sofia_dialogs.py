"""Sofia-SIP and the bare stack: session timers in both roles with real refreshes, glare, and changes that we ask for."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from strangers import Sofia

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.legs import Local, offer_answer
from offhook.sip import (
    Acknowledged,
    Answered,
    Ended,
    IncomingInvite,
    InviteDialog,
    InviteEvent,
    Lost,
    NameAddr,
    Reanswered,
    Reinvited,
    Stack,
    refreshing,
    sdp,
)

LOOPBACK = "127.0.0.1"
LIMIT_S = 40
SHORT_S = 6
"""A session's life here: RFC 4028 allows no less than 90 s, which is too long for a test."""
US = NameAddr.parse("<sip:us@127.0.0.1>")
Start = Callable[..., Sofia]


def described(port: int, version: int = 1, direction: str = "sendrecv") -> bytes:
    text = offer_answer.offer(Local(LOOPBACK, port, 1, version)).to_bytes()
    return text.replace(b"a=sendrecv", f"a={direction}".encode())


def agreed_with(offer: bytes) -> bytes:
    answer, _ = offer_answer.answer(sdp.SessionDescription.parse(offer), Local(LOOPBACK, 15_998, 1))
    return answer.to_bytes()


@asynccontextmanager
async def a_stack(session_s: int | None = None) -> AsyncIterator[tuple[Stack, asyncio.Queue[IncomingInvite]]]:
    """A stack, and who calls it."""
    calls: asyncio.Queue[IncomingInvite] = asyncio.Queue()
    stack = Stack(host=LOOPBACK, port=0, ids=Ids(), clock=Clock(), on_invite=calls.put_nowait)
    if session_s is not None:
        stack.core.parts = dataclasses.replace(stack.core.parts, session_s=session_s)
    await stack.start()
    try:
        yield stack, calls
    finally:
        await stack.aclose()


async def until(invite: InviteDialog, kind: type[InviteEvent]) -> InviteEvent:
    """The next event of a kind; changes that the peer offers on the way are agreed to."""
    async for event in invite:
        if isinstance(event, kind):
            return event
        if isinstance(event, Reinvited):
            invite.answer_reinvite(agreed_with(event.body))
    raise AssertionError(f"there was no {kind.__name__}")


async def calling(stack: Stack, phone: Sofia, transport: str = "udp") -> InviteDialog:
    """We call it, and it answers."""
    invite = stack.invite(phone.uri(transport), caller=US, body=described(15_998), transport=transport)
    await asyncio.to_thread(phone.wait_for, "i_invite")
    phone.do("answer")
    await until(invite, Answered)
    await asyncio.to_thread(phone.wait_for, "state ready")
    return invite


async def answering(stack: Stack, calls: asyncio.Queue[IncomingInvite], phone: Sofia, transport: str = "udp") -> InviteDialog:
    """It calls us, and we answer."""
    phone.do(f"call sip:us@{LOOPBACK}:{stack.port}" + ("" if transport == "udp" else f";transport={transport}"))
    invite = await calls.get()
    invite.accept(agreed_with(invite.request.body))
    await until(invite, Acknowledged)
    await asyncio.to_thread(phone.wait_for, "state ready")
    return invite


# -- session timers ------------------------------------------------------------------------------------------------


def test_an_interval_that_is_too_short_for_one_is_made_longer_by_the_other(transport: str, sofia: Start) -> None:
    """422, both ways (RFC 4028 sections 7.4 and 9)."""
    hasty, patient = sofia(session=60, min_se=60, refresher="remote"), sofia(min_se=3000)

    async def scene() -> None:
        async with a_stack() as (stack, calls), asyncio.timeout(LIMIT_S):
            for invite in (await answering(stack, calls, hasty, transport), await calling(stack, patient, transport)):
                invite.bye()
            for phone in (hasty, patient):
                await asyncio.to_thread(phone.wait_for, "i_bye")

    asyncio.run(scene())
    [refused], asked, [answered] = hasty.got("422 INVITE"), hasty.sent("INVITE"), hasty.got("200 INVITE")
    assert refused["min-se"] == "90"
    assert [int(each["session-expires"].partition(";")[0]) for each in asked] == [60, 90]
    assert answered["session-expires"].partition(";")[0] == "90"
    [refused], asked, [answered] = patient.sent("422 INVITE"), patient.got("INVITE"), patient.sent("200 INVITE")
    assert refused["min-se"] == "3000"
    assert [each["session-expires"] for each in asked] == ["1800", "3000"]
    assert answered["session-expires"].partition(";")[0] == "3000"


REFRESHES: list[tuple[str, dict[str, str | int], str, str]] = [
    ("it calls", {"update_refresh": 1}, "it", "UPDATE"),
    ("it calls", {}, "it", "INVITE"),
    ("it calls", {"supported": "100rel"}, "we", "UPDATE"),  # it knows no timers
    ("we call", {}, "we", "UPDATE"),
    ("we call", {"allow": "INVITE, ACK, BYE, CANCEL"}, "we", "INVITE"),
]
"""Who calls whom, what Sofia is told, who refreshes then and by what. As callee it leaves that to the caller."""


async def refreshed(phone: Sofia, who: str) -> list[InviteEvent]:
    """A call that lives longer than a session does without refreshes."""
    async with a_stack(SHORT_S) as (stack, calls):
        invite = await (answering(stack, calls, phone) if who == "it calls" else calling(stack, phone))
        seen: list[InviteEvent] = []

        async def serve() -> None:
            async for event in invite:
                seen.append(event)
                if isinstance(event, Reinvited):
                    invite.answer_reinvite(agreed_with(event.body))

        serving = asyncio.ensure_future(serve())
        await asyncio.sleep(1.3 * SHORT_S)
        assert not invite.over, (who, seen)
        invite.bye()
        await serving
        await asyncio.to_thread(phone.wait_for, "i_bye")
        return seen


async def abandoned(phone: Sofia) -> InviteEvent:
    """How a call ends whose other side does nothing any more."""
    async with a_stack(SHORT_S) as (stack, calls):
        invite = await answering(stack, calls, phone)
        phone.process.send_signal(signal.SIGSTOP)
        try:
            return await until(invite, Lost)
        finally:
            phone.process.send_signal(signal.SIGCONT)
            await asyncio.to_thread(phone.wait_for, "i_bye")


def test_who_has_promised_to_refresh_does_and_who_is_dead_loses_the_call(sofia: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """All ways at a time."""
    monkeypatch.setattr(refreshing, "SHORTEST_S", SHORT_S)
    phones = [sofia(session=SHORT_S, min_se=SHORT_S, **more) for _, more, _, _ in REFRESHES]
    dying = sofia(session=SHORT_S, min_se=SHORT_S)

    async def scene() -> tuple[InviteEvent, list[list[InviteEvent]]]:
        async with asyncio.timeout(LIMIT_S):
            living = asyncio.gather(*(refreshed(phone, who) for phone, (who, *_) in zip(phones, REFRESHES, strict=True)))
            return await abandoned(dying), await living

    lost, all_seen = asyncio.run(scene())
    assert isinstance(lost, Lost)
    assert "session timer" in lost.why
    for phone, seen, (who, more, refresher, kind) in zip(phones, all_seen, REFRESHES, strict=True):
        assert not [each for each in seen if isinstance(each, Lost)], (who, more)
        said = [each for each in phone.messages() if each.kind == kind and each.sent == (refresher == "it")]
        first = 1 if kind == "INVITE" else 0  # the one that began the call
        assert len(said) - first >= 2, (who, more, len(said))


# -- changes and keys ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["it calls", "we call"])
def test_our_changes_are_agreed_to_and_our_info_arrives(who: str, transport: str, sofia: Start) -> None:
    """A new address, hold, and back."""
    phone = sofia()

    async def scene() -> None:
        async with a_stack() as (stack, calls), asyncio.timeout(LIMIT_S):
            invite = await (answering(stack, calls, phone, transport) if who == "it calls" else calling(stack, phone, transport))
            for version, (port, direction) in enumerate([(15_996, "sendrecv"), (15_996, "sendonly"), (15_998, "sendrecv")], 2):
                invite.reinvite(described(port, version, direction))
                changed = await until(invite, Reanswered)
                assert isinstance(changed, Reanswered)
                assert changed.status == 200
                assert (b"a=recvonly" in changed.body) == (direction == "sendonly")
            invite.info("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n")
            assert await asyncio.to_thread(phone.wait_for, "body") == "Signal=5|Duration=160|"
            phone.do("bye")
            await until(invite, Ended)

    asyncio.run(scene())
    ports = [each.media_port for each in phone.got("INVITE", 3)][-3:]
    assert ports == [15_996, 15_996, 15_998]


def test_changes_of_both_at_once_meet_491_and_are_tried_again(sofia: Start) -> None:
    """By re-INVITE, with either of us as the one who called, and by UPDATE: all at a time, for there are seconds between."""
    phones = [sofia(), sofia(), sofia()]

    async def change(phone: Sofia, who: str, how: str) -> int:
        async with a_stack() as (stack, calls):
            invite = await (answering(stack, calls, phone) if who == "it calls" else calling(stack, phone))
            phone.do(f"{how} hold")
            mine = "UPDATE" if how == "update" else "INVITE"
            began = len([each for each in phone.messages() if each.sent and each.kind == mine])
            while len([each for each in phone.messages() if each.sent and each.kind == mine]) <= began:
                time.sleep(0.005)  # noqa: ASYNC251 - nothing may be read from the network meanwhile: so the two cross
            invite.reinvite(described(15_996, 2))
            event = await until(invite, Reanswered)
            assert isinstance(event, Reanswered)
            phone.do(f"{how} hold")  # it leaves the second try to its user
            held = await until(invite, Reinvited)
            assert isinstance(held, Reinvited)
            assert b"a=sendonly" in held.body
            invite.answer_reinvite(agreed_with(held.body))
            await asyncio.to_thread(phone.wait_for, f"r_{'invite' if how == 'reinvite' else how} 200")
            await asyncio.to_thread(phone.wait_for, "state ready")
            invite.bye()
            await asyncio.to_thread(phone.wait_for, "i_bye")
            return event.status

    async def scene() -> None:
        async with asyncio.timeout(LIMIT_S):
            ways = [("it calls", "reinvite"), ("we call", "reinvite"), ("we call", "update")]
            done = await asyncio.gather(*(change(phone, *way) for phone, way in zip(phones, ways, strict=True)))
            assert done == [200] * 3

    asyncio.run(scene())
    for phone in phones:
        assert [each for each in phone.messages() if each.kind.startswith("491 ") and not each.sent]
