"""SIP over TLS, WebSocket and both families of addresses, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web

from offhook.clock import Clock
from offhook.errors import SettingsError
from offhook.ids import Ids
from offhook.sip import (
    Acknowledged,
    Address,
    Answered,
    Core,
    CoreParts,
    Ended,
    IncomingInvite,
    Lost,
    NameAddr,
    Request,
    Response,
    Stack,
    Tls,
    TlsFiles,
)
from offhook.sip import parse_message as parse

CALLER = NameAddr.parse("<sip:alice@127.0.0.1>")
OFFER = b"v=0\r\n"
AUTHORITY = trustme.CA()


def certificate(folder: Path, *names: str, authority: trustme.CA = AUTHORITY) -> Path:
    """A certificate with its key in one file; the authorities' beside it."""
    made = authority.issue_cert(*names)
    path = folder / f"{names[0]}.pem"
    path.write_bytes(made.private_key_pem.bytes() + b"".join(blob.bytes() for blob in made.cert_chain_pems))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return path


@contextlib.asynccontextmanager
async def running(on_invite: Callable[[IncomingInvite], None] = lambda _invite: None, **more: object) -> AsyncIterator[Stack]:
    stack = Stack(**{"host": "127.0.0.1", "port": 0, "ids": Ids(), "clock": Clock(), "on_invite": on_invite, **more})  # type: ignore[arg-type]
    await stack.start()
    try:
        yield stack
    finally:
        await stack.aclose()


async def converse(caller: Stack, target: str, calls: asyncio.Queue[IncomingInvite], transport: str) -> None:
    """A whole call, hung up by the callee."""
    out = caller.invite(target, caller=CALLER, body=OFFER)
    invite = await calls.get()
    assert invite.peer.transport == transport
    invite.accept(b"answer")
    answered = await out.next()
    assert isinstance(answered, Answered), answered
    assert await invite.next() == Acknowledged(b"")
    invite.bye()
    assert [event async for event in out] == [Ended(None)]


@pytest.mark.parametrize("uri", ["sip:bob@127.0.0.1:{port};transport=tls", "sips:bob@localhost:{port}"])
def test_a_whole_call_over_tls(tmp_path: Path, uri: str) -> None:
    async def scene() -> None:
        calls: asyncio.Queue[IncomingInvite] = asyncio.Queue()
        ours = Tls(TlsFiles(certificate(tmp_path, "localhost", "127.0.0.1"), None, tmp_path / "ca.pem"))
        async with (
            running(calls.put_nowait, tls=ours, tls_port=0) as callee,
            running(tls=Tls(TlsFiles(authorities=tmp_path / "ca.pem"))) as caller,
            asyncio.timeout(5),
        ):
            await converse(caller, uri.format(port=callee.tls_port), calls, "tls")
            assert (callee.connections, caller.connections) == (1, 1)

    asyncio.run(scene())


@pytest.mark.parametrize(("verify", "why"), [(True, "127.0.0.1"), (False, None)])
def test_a_certificate_for_another_name_is_refused_unless_that_is_wanted(tmp_path: Path, verify: bool, why: str | None) -> None:
    async def scene() -> None:
        calls: asyncio.Queue[IncomingInvite] = asyncio.Queue()
        theirs = Tls(TlsFiles(certificate(tmp_path, "elsewhere.test")))
        async with (
            running(calls.put_nowait, tls=theirs, tls_port=0) as callee,
            running(tls=Tls(TlsFiles(authorities=tmp_path / "ca.pem", verify=verify))) as caller,
            asyncio.timeout(5),
        ):
            target = f"sip:bob@127.0.0.1:{callee.tls_port};transport=tls"
            if why is None:
                await converse(caller, target, calls, "tls")
                return
            lost = await caller.invite(target, caller=CALLER, body=OFFER).next()
            assert isinstance(lost, Lost)
            assert why in lost.why
            assert "TLS" in lost.why

    asyncio.run(scene())


def test_a_new_certificate_is_used_without_a_restart_and_a_broken_one_is_not(tmp_path: Path) -> None:
    async def scene() -> None:
        path = certificate(tmp_path, "old.test")
        ours = Tls(TlsFiles(path))
        async with running(tls=ours, tls_port=0) as callee, asyncio.timeout(10):
            assert await _subject(callee, tmp_path) == {"old.test"}
            assert not callee.renew_certificates()
            os.replace(certificate(tmp_path, "new.test"), path)  # noqa: PTH105 - as an ACME client does
            assert callee.renew_certificates()
            assert await _subject(callee, tmp_path) == {"new.test"}
            path.write_text("rubbish")
            assert not callee.renew_certificates()
            assert await _subject(callee, tmp_path) == {"new.test"}

    asyncio.run(scene())


async def _subject(stack: Stack, folder: Path) -> set[str]:
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.check_hostname = False
    _, writer = await asyncio.open_connection("127.0.0.1", stack.tls_port, ssl=context)
    names = {name for _, name in writer.get_extra_info("peercert")["subjectAltName"]}
    writer.close()
    return names


@pytest.mark.parametrize("what", ["missing", "rubbish", "another's key"])
def test_a_certificate_that_cannot_be_used_is_told_at_start(tmp_path: Path, what: str) -> None:
    path, key = certificate(tmp_path, "a.test"), None
    if what == "missing":
        path.unlink()
    elif what == "rubbish":
        path.write_text("-----BEGIN CERTIFICATE-----\n")
    else:
        key = certificate(tmp_path, "b.test")
    with pytest.raises(SettingsError, match=r"a\.test\.pem"):
        Tls(TlsFiles(path, key))


@contextlib.asynccontextmanager
async def browser(stack: Stack, protocols: tuple[str, ...] = ("sip",)) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket to the stack through a real HTTP server, by a client that is not ours."""
    app = web.Application()
    app.router.add_get("/sip", stack.websocket)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield await session.ws_connect(f"http://127.0.0.1:{runner.addresses[0][1]}/sip", protocols=protocols)
    finally:
        await runner.cleanup()


def _from_browser(method: str, cseq: int, to_tag: str = "", body: str = "") -> str:
    return (
        f"{method} sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK{method}{cseq}\r\n"
        f"From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>{to_tag}\r\nCall-ID: c\r\nCSeq: {cseq} {method}\r\n"
        "Contact: <sip:xyz@df7jal23ls0d.invalid;transport=ws>\r\nMax-Forwards: 70\r\n"
        f"{'Content-Type: application/sdp' + chr(13) + chr(10) if body else ''}\r\n{body}"
    )


def test_a_browser_calls_and_is_hung_up_on_by_its_own_connection() -> None:
    async def scene() -> None:
        calls: asyncio.Queue[IncomingInvite] = asyncio.Queue()
        async with running(calls.put_nowait) as stack, browser(stack) as socket, asyncio.timeout(5):
            assert socket.protocol == "sip"
            await socket.send_str(_from_browser("INVITE", 1, body="v=0\r\n"))
            invite = await calls.get()
            assert invite.peer.transport == "ws"
            assert invite.request.body == OFFER  # a frame needs no Content-Length
            invite.accept(b"answer")
            answer = parse((await socket.receive_str()).encode())
            assert isinstance(answer, Response)
            assert (answer.status, answer.body) == (200, b"answer")
            await socket.send_str(_from_browser("ACK", 1, f";tag={answer.to.tag}"))
            assert await invite.next() == Acknowledged(b"")
            invite.bye()
            bye = parse((await socket.receive_str()).encode())
            assert isinstance(bye, Request)
            assert (bye.method, bye.uri_text, bye.via.transport) == ("BYE", "sip:xyz@df7jal23ls0d.invalid;transport=ws", "WS")
            await socket.close()
            await asyncio.sleep(0.05)
            assert stack.connections == 0

    asyncio.run(scene())


def test_a_browser_comes_back_by_another_connection_and_our_bye_goes_there() -> None:
    async def scene() -> None:
        calls: asyncio.Queue[IncomingInvite] = asyncio.Queue()
        async with running(calls.put_nowait) as stack, asyncio.timeout(5):
            async with browser(stack) as first:
                await first.send_str(_from_browser("INVITE", 1, body="v=0\r\n"))
                invite = await calls.get()
                invite.accept(b"answer")
                answer = parse((await first.receive_str()).encode())
                tag = f";tag={answer.to.tag}"
                await first.send_str(_from_browser("ACK", 1, tag))
                assert await invite.next() == Acknowledged(b"")
                async with browser(stack) as second:
                    # The first one still stands, as far as we know: a network that breaks does not say so.
                    await second.send_str(_from_browser("INFO", 2, tag))
                    assert isinstance(parse((await second.receive_str()).encode()), Response)
                    invite.bye()
                    bye = parse((await second.receive_str()).encode())
                    assert isinstance(bye, Request)
                    assert bye.method == "BYE"

    asyncio.run(scene())


@pytest.mark.parametrize("secure", [False, True])
def test_our_contact_has_the_only_word_for_websocket_that_a_uri_knows(secure: bool) -> None:
    """RFC 7118 section 5.2.3: ``transport=ws``, whether it is sealed or not."""
    core = Core(
        CoreParts(
            transmit=lambda *_: None,
            time=lambda: 0.0,
            token=lambda length: "0" * length,
            local=lambda _peer: ("192.0.2.1", 8088),
            on_invite=lambda _invite: None,
        )
    )
    peer = Address("192.0.2.9", 50_000, "wss" if secure else "ws")
    assert core.contact(peer, "bob") == "<sip:bob@192.0.2.1:8088;transport=ws>"
    assert core.via(peer)[0].startswith("SIP/2.0/WSS " if secure else "SIP/2.0/WS ")


def test_what_is_not_sip_is_turned_away_and_a_frame_of_rubbish_costs_nothing() -> None:
    async def scene() -> None:
        async with running() as stack, asyncio.timeout(5):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with browser(stack, ("chat",)):
                    pass
            assert refused.value.status == 400
            async with browser(stack) as socket:
                await socket.send_str("rubbish")
                await socket.send_bytes(b"\r\n\r\n")
                assert await socket.receive_str() == "\r\n"  # a keep-alive is answered (RFC 5626 section 3.5.1)
                await socket.send_str(_from_browser("OPTIONS", 7))
                answer = parse((await socket.receive_str()).encode())
                assert isinstance(answer, Response)
                assert answer.status == 200

    asyncio.run(scene())


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_one_socket_for_both_families(host: str, transport: str) -> None:
    async def scene() -> None:
        calls: asyncio.Queue[IncomingInvite] = asyncio.Queue()
        async with running(calls.put_nowait, host="::") as callee, running(host="::") as caller, asyncio.timeout(5):
            await converse(caller, f"sip:bob@{host}:{callee.port};transport={transport}", calls, transport)

    asyncio.run(scene())


def test_what_networks_are_told() -> None:
    from ipaddress import ip_network

    async def scene() -> None:
        networks = [(ip_network("10.0.0.0/8"), "10.1.2.3")]
        async with running(public_host="203.0.113.5", public_networks=networks) as stack:
            told = {host: stack.advertised_host(host) for host in ("10.9.9.9", "198.51.100.1", "127.0.0.1", "carrier.example")}
        assert told == {
            "10.9.9.9": "10.1.2.3",
            "198.51.100.1": "203.0.113.5",
            "127.0.0.1": "127.0.0.1",
            "carrier.example": "203.0.113.5",
        }

    asyncio.run(scene())
