"""The stack over real sockets on loopback: a few of the same scenarios, and what only sockets can get wrong."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import warnings
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.sip import (
    Acknowledged,
    Answered,
    Cancelled,
    Ended,
    IncomingInvite,
    Lost,
    NameAddr,
    Rang,
    Refused,
    SipBindError,
    SipSettings,
    Stack,
    parse_message,
)

CALLER = NameAddr.parse("<sip:alice@127.0.0.1>")
OFFER = b"v=0\r\n"


def stack(on_invite: Callable[[IncomingInvite], None] = lambda _invite: None, **more) -> Stack:
    return Stack(**{"host": "127.0.0.1", "port": 0, "ids": Ids(), "clock": Clock(), "on_invite": on_invite, **more})


@contextlib.asynccontextmanager
async def running(on_invite: Callable[[IncomingInvite], None] = lambda _invite: None, **more) -> AsyncIterator[Stack]:
    made = stack(on_invite, **more)
    await made.start()
    try:
        yield made
    finally:
        await made.aclose()
        assert (made.transactions, made.dialogs, made.connections) == (0, 0, 0)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_whole_call(run, transport) -> None:
    async def scene() -> None:
        calls: asyncio.Queue[IncomingInvite] = asyncio.Queue()
        async with running(calls.put_nowait) as callee, running() as caller, asyncio.timeout(5):
            out = caller.invite(f"sip:bob@127.0.0.1:{callee.port}", caller=CALLER, body=OFFER, transport=transport)
            invite = await calls.get()
            assert invite.peer.transport == transport
            invite.ring()
            assert await out.next() == Rang(180)
            invite.accept(b"answer")
            answered = await out.next()
            assert isinstance(answered, Answered)
            assert answered.body == b"answer"
            assert await invite.next() == Acknowledged(b"")
            invite.bye()
            events = [event async for event in out]  # whoever waits is let go
            assert len(events) <= 3
            assert [event async for event in invite] == []
            if transport == "tcp":
                assert (callee.connections, caller.connections) == (1, 1)  # the BYE came by the same connection

    run(scene())


def test_nothing_is_left_after_closing_in_the_middle_of_everything() -> None:
    async def scene() -> None:
        before = asyncio.all_tasks()
        calls: list[IncomingInvite] = []
        callee, caller = stack(calls.append), stack(settings=SipSettings(linger_s=0.05))
        await callee.start()
        await caller.start()
        outs = [
            caller.invite(f"sip:bob@{host}:{port}", caller=CALLER, body=OFFER, transport=transport)
            for host, port, transport in [
                ("127.0.0.1", callee.port, "udp"),
                ("127.0.0.1", callee.port, "tcp"),
                ("127.0.0.1", 1, "udp"),
                ("localhost", callee.port, "udp"),
            ]
        ]
        await asyncio.sleep(0.05)
        outs[0].cancel()
        calls[0].accept(OFFER)
        await caller.aclose()
        await caller.aclose()
        await callee.aclose()
        assert asyncio.all_tasks() == before
        for out in outs:
            events = [event async for event in out]  # whoever waits is let go
            assert len(events) <= 3

    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        asyncio.run(scene(), debug=True)
        gc.collect()


def test_nobody_listening_on_tcp_is_lost_at_once_and_a_long_request_falls_back_to_udp() -> None:
    async def scene() -> None:
        calls: asyncio.Queue[IncomingInvite] = asyncio.Queue()
        async with running(calls.put_nowait) as callee, running() as caller, asyncio.timeout(5):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
                deaf.bind(("127.0.0.1", 0))  # UDP only: nobody listens on TCP there
                deaf.setblocking(False)
                port = deaf.getsockname()[1]
                out = caller.invite(f"sip:bob@127.0.0.1:{port}", caller=CALLER, body=OFFER, transport="tcp")
                lost = await out.next()
                assert isinstance(lost, Lost)
                assert "no TCP connection" in lost.why
                out = caller.invite(f"sip:bob@127.0.0.1:{port}", caller=CALLER, body=b"x" * 1500)
                data = await asyncio.get_running_loop().sock_recv(deaf, 65535)
                assert parse_message(data).via.transport == "UDP"
                out.cancel()
            caller.invite(f"sip:bob@127.0.0.1:{callee.port}", caller=CALLER, body=b"x" * 1500)
            assert (await calls.get()).peer.transport == "tcp"

    asyncio.run(scene())


def test_an_unknown_name_is_lost() -> None:
    async def scene() -> None:
        async with running() as caller, asyncio.timeout(8):
            out = caller.invite("sip:bob@nowhere.invalid", caller=CALLER, body=OFFER)
            lost = await out.next()
            assert isinstance(lost, Lost)
            assert "nowhere.invalid" in lost.why

    asyncio.run(scene())


def test_a_taken_port_is_named_with_the_remedy() -> None:
    async def scene() -> None:
        async with running() as first:
            second = stack(port=first.port)
            with pytest.raises(SipBindError, match=f"127.0.0.1:{first.port}/TCP.*OFFHOOK_SIP"):
                await second.start()
            await second.aclose()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", 0))
            third = stack(port=udp.getsockname()[1])
            with pytest.raises(SipBindError, match="/UDP"):
                await third.start()
            await third.aclose()
        fourth = stack(host="203.0.113.1")
        with pytest.raises(SipBindError, match=r"203\.0\.113\.1"):
            await fourth.start()
        await fourth.aclose()

    asyncio.run(scene())


def test_an_owner_that_fails_costs_its_own_invite_only() -> None:
    async def scene() -> None:
        def fail(_invite: IncomingInvite) -> None:
            raise RuntimeError("on purpose")

        async with running(fail) as callee, running() as caller, asyncio.timeout(5):
            for _ in range(2):
                refused = await caller.invite(f"sip:bob@127.0.0.1:{callee.port}", caller=CALLER, body=OFFER).next()
                assert isinstance(refused, Refused)
                assert refused.response.status == 500

    asyncio.run(scene())


def test_a_stranger_on_tcp_cannot_hold_or_break_anything() -> None:
    async def scene() -> None:
        async with running(settings=SipSettings(max_connections=4)) as callee, asyncio.timeout(10):
            port = callee.port

            async def say(data: bytes) -> bytes:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(data)
                with contextlib.suppress(TimeoutError, ConnectionError):
                    async with asyncio.timeout(0.3):
                        return await reader.read(4096)
                writer.close()
                return b""

            options = (
                b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKq\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x>\r\n"
                b"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
            )
            assert (await say(b"\r\n\r\n" + options + b"Content-Length: 0\r\n\r\n")).startswith(b"\r\nSIP/2.0 200 OK")
            assert (await say(options + b"\r\n")).startswith(b"SIP/2.0 400 Bad Request (the Content-Length field is missing")
            assert await say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
            assert await say(b"\x16\x03\x01" * 20000) == b""
            assert await say(options + b"Content-Length: 99999\r\n\r\n") != b"never"
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(12)]
            await asyncio.sleep(0.1)
            assert callee.connections <= 4
            for _, writer in held:
                writer.close()
            await asyncio.sleep(0.1)
            assert (await say(options + b"Content-Length: 0\r\n\r\n")).startswith(b"SIP/2.0 200")

    asyncio.run(scene())


def test_the_answer_to_a_connection_that_is_gone_goes_to_where_via_says() -> None:
    async def scene() -> None:
        calls: asyncio.Queue[IncomingInvite] = asyncio.Queue()
        answers: asyncio.Queue[bytes] = asyncio.Queue()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            answers.put_nowait(await reader.read(4096))
            writer.close()

        server = await asyncio.start_server(listen, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with running(calls.put_nowait) as callee, asyncio.timeout(5):
            _, writer = await asyncio.open_connection("127.0.0.1", callee.port)
            lines = [
                "INVITE sip:x SIP/2.0",
                f"Via: SIP/2.0/TCP 127.0.0.1:{port};branch=z9hG4bKq",
                "From: <sip:a@b>;tag=1",
                "To: <sip:x>",
            ]
            lines += ["Call-ID: 1", "CSeq: 1 INVITE", "Contact: <sip:a@b>", "Content-Length: 0", "", ""]
            writer.write("\r\n".join(lines).encode())
            invite = await calls.get()
            writer.transport.abort()
            await asyncio.sleep(0.05)
            assert callee.connections == 0
            invite.refuse(486)
            assert (await answers.get()).startswith(b"SIP/2.0 486")
        server.close()
        await server.wait_closed()

    asyncio.run(scene())


def test_garbage_by_udp_is_met_with_silence() -> None:
    async def scene() -> None:
        async with running() as callee:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind(("127.0.0.1", 0))
                for data in (b"", b"\0\0\0\0", b"\r\n\r\n", b"hello there", b"\xff" * 2000, b"SIP/2.0 200 OK\r\n\r\n"):
                    stranger.sendto(data, ("127.0.0.1", callee.port))
                await asyncio.sleep(0.05)
                stranger.setblocking(False)
                with pytest.raises(BlockingIOError):
                    stranger.recv(100)
                assert callee.transactions == 0

    asyncio.run(scene())


def test_closing_lets_a_last_bye_be_answered() -> None:
    async def scene() -> None:
        calls: asyncio.Queue[IncomingInvite] = asyncio.Queue()
        async with running(calls.put_nowait) as callee:
            caller = stack()
            await caller.start()
            out = caller.invite(f"sip:bob@127.0.0.1:{callee.port}", caller=CALLER, body=OFFER)
            invite = await calls.get()
            invite.accept(OFFER)
            await out.next()
            seen: list[str] = []
            out.observe = lambda event: seen.append(event.message)  # type: ignore[attr-defined]
            out.bye()
            await caller.aclose()
            assert seen[-2:] == ["BYE", "200 OK"]
            assert await invite.next() == Acknowledged(b"")
            assert await invite.next() == Ended(None)

    asyncio.run(scene())


def test_a_waiting_reader_that_is_cancelled_misses_nothing() -> None:
    async def scene() -> None:
        calls: asyncio.Queue[IncomingInvite] = asyncio.Queue()
        async with running(calls.put_nowait) as callee, running() as caller, asyncio.timeout(5):
            out = caller.invite(f"sip:bob@127.0.0.1:{callee.port}", caller=CALLER, body=OFFER)
            invite = await calls.get()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await invite.next()
            out.cancel()
            invite.ring()
            assert await invite.next() == Cancelled()

    asyncio.run(scene())


def test_what_peers_are_told_to_reach_us_at() -> None:
    async def scene() -> None:
        anywhere = stack(host="0.0.0.0")
        assert anywhere.advertised_host("127.0.0.1") == "127.0.0.1"
        assert anywhere.advertised_host("localhost") == "127.0.0.1"
        assert anywhere.advertised_host("some.name.example") not in {"0.0.0.0", ""}
        public = stack(host="0.0.0.0", public_host="203.0.113.9")
        assert public.advertised_host("198.51.100.1") == "203.0.113.9"
        assert public.advertised_host("127.0.0.1") == "127.0.0.1"  # a phone on this very machine
        assert stack().advertised_host("198.51.100.1") == "127.0.0.1"

    asyncio.run(scene())


def test_ipv6_works_alike() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")

    async def scene() -> None:
        calls: asyncio.Queue[IncomingInvite] = asyncio.Queue()
        try:
            probe = socket.create_server(("::1", 0), family=socket.AF_INET6)
        except OSError:
            pytest.skip("no IPv6 loopback")
        probe.close()
        async with running(calls.put_nowait, host="::1") as callee, running(host="::1") as caller, asyncio.timeout(5):
            out = caller.invite(f"sip:bob@[::1]:{callee.port}", caller=CALLER, body=OFFER)
            invite = await calls.get()
            invite.accept(OFFER)
            assert isinstance(await out.next(), Answered)
            assert await invite.next() == Acknowledged(b"")
            out.bye()
            assert await invite.next() == Ended(None)
            # the other family cannot be sent to: lost, not raised
            lost = await callee.invite("sip:bob@127.0.0.1", caller=CALLER, body=OFFER).next()
            assert isinstance(lost, Lost)

    asyncio.run(scene())
