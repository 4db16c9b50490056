"""A phone on Sofia-SIP: reliable early media, changes by UPDATE before and after the answer, keys by INFO, transfers by REFER."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from strangers import RtpEnd, Samples, Sofia, heard, parted, samples, sounding
from strangers.sofia import Said

from offhook.events import Event, MediaAgreed
from offhook.sip import NameAddr
from offhook.testing.live import Customer, NodeProcess, a_phone, document, likeness, samples_of

LIMIT_S = 40
PRE_ANSWER = '<PreAnswer><Play loop="{times}">/sweep.wav</Play></PreAnswer>'
KEYS = '<GetDigits action="/chosen" numDigits="5" timeout="20" finishOnKey="#"><Play loop="0">/sweep.wav</Play></GetDigits>'
Start = Callable[..., Sofia]


@pytest.fixture
def other_end() -> Iterator[RtpEnd]:
    """Where its sound comes and goes after a change."""
    with RtpEnd() as opened:
        yield opened


def called(node: NodeProcess, transport: str) -> str:
    return f"call {node.uri()}" + ("" if transport == "udp" else f";transport={transport}")


def contacts(messages: list[Said]) -> set[str]:
    """All that the other side has said in one dialog."""
    return {value for each in messages if not each.sent for value in each.fields.get("contact", [])}


# -- it calls a node -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("transport", "required"), [("udp", False), ("tcp", True)])
def test_our_early_media_is_reliable_and_acknowledged_before_the_200(
    transport: str, required: bool, node: NodeProcess, menu: Customer, sofia: Start, prompt: Samples
) -> None:
    menu.says("/answer", document(PRE_ANSWER.format(times=1), KEYS))
    phone = sofia(**({"require": "100rel"} if required else {}))
    phone.do(called(node, transport))
    phone.wait_for("state ready", 20)
    phone.end.press("42#")
    assert menu.wait_for("/chosen")[0]["Digits"] == "42"
    phone.wait_for("i_bye")
    [progressed], [prack], [answered] = phone.got("183 INVITE"), phone.sent("PRACK"), phone.got("200 INVITE")
    assert progressed["require"] == "100rel"
    assert prack["rack"] == f"{progressed['rseq']} {progressed['cseq']}"
    order = phone.messages()
    assert order.index(progressed) < order.index(prack) < order.index(answered)
    assert len(contacts(order)) == 1
    assert likeness(prompt, sounding(samples(phone.end.audio()))) > 0.97


def test_its_sound_moves_by_update_before_the_answer_and_again_after_it(
    node: NodeProcess, menu: Customer, sofia: Start, other_end: RtpEnd, prompt: Samples
) -> None:
    menu.says("/answer", document(PRE_ANSWER.format(times=4), KEYS))
    phone = sofia()
    phone.do(called(node, "udp"))
    phone.wait_for("r_prack 200")
    phone.end.wait_for_audio(20)
    phone.do(f"update {other_end.port}")
    phone.wait_for("r_update 200")
    other_end.wait_for_audio(20)
    assert phone.messages()[-1].kind == "200 UPDATE"  # the call is still not answered
    phone.wait_for("state ready")
    phone.do(f"update {phone.end.port}")
    phone.wait_for("r_update 200")
    phone.end.wait_for_audio(len(phone.end.audio()) + 20)
    phone.end.press("4#")
    [chosen] = menu.wait_for("/chosen")
    assert chosen["Digits"] == "4"
    phone.wait_for("i_bye")
    menu.wait_for("/hangup")  # all of the call is written by then
    [answered] = phone.got("200 INVITE")
    assert answered.body == ""  # the 183 has described it reliably, and the UPDATE has changed that
    agreed = [row.facts["remote"] for row in node.timeline(chosen["CallUUID"]) if row.kind == "media-agreed"]
    assert agreed == [f"127.0.0.1:{each}" for each in (phone.end.port, other_end.port, phone.end.port)]
    for stretch in (*parted(phone.end.audio(), 0.2), other_end.audio()):
        assert likeness(prompt, sounding(samples(stretch))) > 0.97
    assert len(contacts(phone.messages())) == 1


@pytest.mark.parametrize(("transport", "how"), [("udp", "update"), ("tcp", "reinvite")])
def test_it_holds_and_resumes_and_presses_keys_by_info(
    transport: str, how: str, node: NodeProcess, menu: Customer, sofia: Start, prompt: Samples
) -> None:
    phone = sofia()
    phone.do(called(node, transport))
    phone.wait_for("state ready")
    phone.end.wait_for_audio(20)
    done = "r_update 200" if how == "update" else "r_invite 200"
    phone.do(f"{how} hold")
    phone.wait_for(done)
    held = phone.messages()[-1 if how == "update" else -2]
    assert (held.sent, held.direction) == (False, "recvonly")
    phone.wait_for_silence()
    phone.do(f"{how} resume")
    phone.wait_for(done)
    phone.end.wait_for_audio(len(phone.end.audio()) + 20)
    for key in "42#":
        phone.do(f"info application/dtmf-relay Signal={key}|Duration=160|")
        phone.wait_for("r_info 200")
    [chosen] = menu.wait_for("/chosen")
    assert chosen["Digits"] == "42"
    phone.wait_for("i_bye")
    menu.wait_for("/hangup")  # all of the call is written by then
    rows = node.timeline(chosen["CallUUID"])
    assert [row.facts["direction"] for row in rows if row.kind == "media-agreed"] == ["sendrecv", "recvonly", "sendrecv"]
    assert {row.facts["via"] for row in rows if row.kind == "digit-received"} == {"info"}
    before, after = parted(phone.end.audio(), 0.3)
    for stretch in (before, after):
        assert likeness(prompt, sounding(samples(stretch))) > 0.97
    assert len(contacts(phone.messages())) == 1


# -- it is called --------------------------------------------------------------------------------------------------


def test_its_reliable_early_media_is_heard_and_it_changes_it_before_it_answers(
    transport: str, sofia: Start, other_end: RtpEnd, speech: bytes
) -> None:
    phone = sofia(early=1)
    events: list[Event] = []

    async def scene() -> None:
        async with a_phone() as ours, asyncio.timeout(LIMIT_S):
            async with ours.dial(phone.uri(transport), observe=events.append) as leg:
                await asyncio.to_thread(phone.wait_for, "i_invite")
                phone.do("ring 183")
                await asyncio.wait_for(leg.early_media.wait(), 10)
                await asyncio.to_thread(phone.wait_for, "i_prack")
                where = ("127.0.0.1", phone.messages()[0].media_port)
                listening = asyncio.ensure_future(heard(leg, 0.95))
                await asyncio.to_thread(phone.end.say, samples_of(speech), where)
                assert likeness(await listening, samples_of(speech)) > 0.9
                phone.do(f"update {other_end.port}")
                await asyncio.to_thread(phone.wait_for, "r_update 200")
                assert not leg.answered
                phone.do("answer")
                await leg.wait_answered()
                await asyncio.to_thread(phone.wait_for, "state ready")
                with leg.listen() as digits:
                    phone.do("info application/dtmf-relay Signal=7|Duration=160|")
                    assert (await digits.get()).key == "7"
                phone.do("bye")
                await leg.ended()

    asyncio.run(scene())
    [progressed], [prack] = phone.sent("183 INVITE"), phone.got("PRACK")
    assert prack["rack"] == f"{progressed['rseq']} {progressed['cseq']}"
    remotes = [each.remote for each in events if isinstance(each, MediaAgreed)]
    assert remotes == [f"127.0.0.1:{each.port}" for each in (phone.end, other_end)]
    assert len(contacts(phone.messages())) == 1


@pytest.mark.parametrize("how", ["update", "reinvite"])
def test_it_holds_and_resumes_what_we_have_called(how: str, transport: str, sofia: Start) -> None:
    phone = sofia()
    events: list[Event] = []

    async def scene() -> None:
        async with a_phone() as ours, asyncio.timeout(LIMIT_S):
            async with ours.dial(phone.uri(transport), observe=events.append) as leg:
                await asyncio.to_thread(phone.wait_for, "i_invite")
                phone.do("ring 180")
                await asyncio.wait_for(leg.rang.wait(), 10)
                phone.do("answer")
                await leg.wait_answered()
                for change in ("hold", "resume"):
                    await asyncio.to_thread(phone.wait_for, "state ready")
                    phone.do(f"{how} {change}")
                    await asyncio.to_thread(phone.wait_for, "r_update 200" if how == "update" else "r_invite 200")
                await asyncio.to_thread(phone.wait_for, "state ready")
            await asyncio.to_thread(phone.wait_for, "i_bye")

    asyncio.run(scene())
    assert [each.direction for each in events if isinstance(each, MediaAgreed)] == ["sendrecv", "recvonly", "sendrecv"]
    assert len(contacts(phone.messages())) == 1


# -- transfers -----------------------------------------------------------------------------------------------------


def answered_by(target: Sofia) -> None:
    """It rings, with a description, and answers without saying that again."""
    target.wait_for("i_invite")
    target.do("ring 183")
    target.wait_for("i_prack")
    target.do("answer")
    target.wait_for("state ready")


def reports(phone: Sofia) -> list[str]:
    """What it is told about its REFER, up to the last word."""
    found = []
    while not found or int(found[-1].split()[1]) < 200:
        found.append(phone.wait_for("body").strip("|"))
    return found


def test_a_callee_that_transfers_us_is_told_how_it_goes(sofia: Start, speech: bytes) -> None:
    phone, target = sofia(), sofia(early=1)

    async def scene() -> None:
        async with a_phone() as ours, asyncio.timeout(LIMIT_S), ours.dial(phone.uri()) as leg:
            leg.place = lambda callee, caller, offer, headers: ours.stack.invite(
                callee, caller=NameAddr(caller.uri), body=offer, headers=headers
            )
            await asyncio.to_thread(phone.wait_for, "i_invite")
            phone.do("answer")
            await leg.wait_answered()
            await asyncio.to_thread(phone.wait_for, "state ready")
            phone.do(f"refer <{target.uri()}>")
            await asyncio.to_thread(answered_by, target)
            assert await asyncio.to_thread(reports, phone) == [
                "SIP/2.0 100 Trying",
                "SIP/2.0 183 Session Progress",
                "SIP/2.0 200 OK",
            ]
            await asyncio.to_thread(phone.wait_for, "i_bye")
            listening = asyncio.ensure_future(heard(leg, 0.95))
            await asyncio.to_thread(target.end.say, samples_of(speech), ("127.0.0.1", target.got("INVITE")[0].media_port))
            assert likeness(await listening, samples_of(speech)) > 0.9
            target.do("bye")
            await leg.ended()

    asyncio.run(scene())


def test_a_caller_that_transfers_its_call_leaves_the_prompt_with_the_other(
    menu: Customer, sofia: Start, prompt: Samples, tmp_path: Path
) -> None:
    """A node that knows it as a carrier's; the one whom the call is transferred to is called by that carrier."""
    target = sofia(early=1)
    node = NodeProcess(tmp_path / "node", "--answer-url", menu.url("/answer"), "--hangup-url", menu.url("/hangup"))
    try:
        node.command("trunk", "add", "carrier", "--host", f"127.0.0.1:{target.port}", "--from", "127.0.0.1", "--options-s", "0")
        phone = sofia()
        for _ in range(10):  # a running node looks for new trunks every two seconds; a stranger's REFER is declined
            phone.do(called(node, "udp"))
            phone.wait_for("state ready")
            phone.do("refer <sip:14155550177@127.0.0.1>")
            phone.wait_for("r_refer 100")
            if phone.wait_for("r_refer") == "202 Accepted":
                break
            phone.do("bye")
            phone.wait_for("state terminated")
            time.sleep(0.5)
        answered_by(target)
        assert reports(phone)[-1] == "SIP/2.0 200 OK"
        phone.wait_for("i_bye")
        target.end.wait_for_audio(60)
        target.end.press("42#")
        assert menu.wait_for("/chosen")[-1]["Digits"] == "42"
        target.wait_for("i_bye")
    except BaseException:
        node.process.kill()  # its calls would be waited for
        raise
    assert node.stop() == 0, node.log.read_text()[-3000:]
    assert likeness(prompt, sounding(samples(target.end.audio()))) > 0.97
