"""sipp's own caller and callee against a small server and client made of the stack, over UDP and TCP."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from pathlib import Path

import pytest

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.sip import Answered, IncomingInvite, NameAddr, Stack, sdp

pytestmark = [pytest.mark.interop, pytest.mark.skipif(shutil.which("sipp") is None, reason="sipp is not installed")]

ANSWER = sdp.SessionDescription(
    session_id="1",
    session_version="1",
    origin_host="127.0.0.1",
    connection="127.0.0.1",
    media=(sdp.Media("audio", 6000, "RTP/AVP", ("0",), attributes=(("rtpmap", "0 PCMU/8000"),)),),
).to_bytes()
MODES = {"udp": "u1", "tcp": "t1"}


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def sipp(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "sipp", *arguments, "-i", "127.0.0.1", "-nostdin", "-trace_err", "-timeout", "60", "-timeout_error",
        cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def listening(port: int, transport: str) -> None:
    """Wait until somebody listens there."""
    table = Path(f"/proc/net/{transport}")
    async with asyncio.timeout(20):
        while not any(row.split()[1].endswith(f":{port:04X}") for row in table.read_text().splitlines()[1:]):  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.02)


async def serve(invite: IncomingInvite, heard: list[str]) -> None:
    invite.ring()
    invite.accept(ANSWER)
    heard.extend([type(event).__name__ async for event in invite])


@pytest.mark.parametrize("transport", MODES)
def test_its_caller_is_answered_two_hundred_times(tmp_path, transport) -> None:
    async def scene() -> None:
        heard: list[str] = []
        async with asyncio.TaskGroup() as calls:
            stack = Stack(
                host="127.0.0.1", port=0, ids=Ids(), clock=Clock(), on_invite=lambda each: calls.create_task(serve(each, heard))
            )
            await stack.start()
            async with contextlib.AsyncExitStack() as opened:
                opened.push_async_callback(stack.aclose)
                process = await sipp(tmp_path, "-sn", "uac", f"127.0.0.1:{stack.port}", "-t", MODES[transport],
                                     "-m", "200", "-r", "200",
                                     "-d", "50", "-p", str(free_port()))  # fmt: skip
                output, _ = await process.communicate()
                assert process.returncode == 0, output.decode()[-2000:]
                assert stack.dialogs == 0
        assert heard.count("Acknowledged") == heard.count("Ended") == 200

    asyncio.run(scene())


@pytest.mark.parametrize("transport", MODES)
def test_its_callee_answers_us(tmp_path, transport) -> None:
    async def scene() -> None:
        port = free_port()
        process = await sipp(tmp_path, "-sn", "uas", "-t", MODES[transport], "-p", str(port), "-m", "20")
        stack = Stack(host="127.0.0.1", port=0, ids=Ids(), clock=Clock(), on_invite=lambda _invite: None)
        await stack.start()
        try:
            await listening(port, transport)

            async def call() -> None:
                invite = stack.invite(
                    f"sip:service@127.0.0.1:{port}", caller=NameAddr.parse("<sip:us@127.0.0.1>"), body=ANSWER, transport=transport
                )
                events = []
                async with asyncio.timeout(20):
                    async for event in invite:
                        events.append(event)
                        if isinstance(event, Answered):
                            invite.bye()
                assert isinstance(events[-1], Answered), events

            async with asyncio.TaskGroup() as calls:
                for _ in range(20):
                    calls.create_task(call())
            output, _ = await process.communicate()
            assert process.returncode == 0, output.decode()[-2000:]
            assert stack.dialogs == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            await stack.aclose()

    asyncio.run(scene())


def test_its_caller_that_loses_a_tenth_of_all_datagrams_gets_through(tmp_path) -> None:
    async def scene() -> None:
        heard: list[str] = []
        async with asyncio.TaskGroup() as calls:
            stack = Stack(
                host="127.0.0.1", port=0, ids=Ids(), clock=Clock(), on_invite=lambda each: calls.create_task(serve(each, heard))
            )
            await stack.start()
            process = await sipp(tmp_path, "-sn", "uac", f"127.0.0.1:{stack.port}", "-lost", "10", "-m", "40", "-r", "40",
                                 "-p", str(free_port()))  # fmt: skip
            output, _ = await process.communicate()
            assert process.returncode == 0, output.decode()[-2000:]
            await stack.aclose()
        assert heard.count("Ended") + heard.count("Acknowledged") >= 40
        assert {"Acknowledged", "Ended"} >= set(heard) - {"Lost"}

    asyncio.run(scene())
