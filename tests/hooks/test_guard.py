"""Which addresses may be reached."""

from __future__ import annotations

import asyncio
import socket

import pytest

from offhook.errors import HookFailed
from offhook.hooks.guard import is_public


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.10", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
        *(
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fe80::1%eth0",
            "fc00::1",
            "fd12:3456::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
        ),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808"),
        *("2002:7f00:1::", "2002:a00:1::1", "2001:0:a00:1::1", "", "example.com", "1.2.3"),
    ],
)
def test_an_address_off_the_open_internet_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_an_address_of_the_open_internet_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::]",
        "169.254.169.254",
    ],
)
def test_a_private_address_is_refused_however_it_is_written(world, host):
    async def work():
        async with world(allow_private=False) as w:
            with pytest.raises(HookFailed) as raised:
                await w.fetch(f"http://{host}:{w.customer.port}/#rp=all&rc=5")
            return raised.value, w.attempts, w.customer.requests

    failure, attempts, requests = asyncio.run(work())
    assert failure.reason == "refused-address" and len(attempts) == 1 and not requests
    assert "address" in attempts[0].error


def test_a_name_that_leads_to_a_private_address_is_refused_when_it_is_connected_to(world, monkeypatch):
    async def work():
        async with world(allow_private=False) as w:
            loop = asyncio.get_running_loop()
            row = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", w.customer.port))

            async def resolve(*args, **kwargs):
                return [row]

            monkeypatch.setattr(loop, "getaddrinfo", resolve)
            with pytest.raises(HookFailed) as raised:
                await w.fetch(f"http://rebound.example:{w.customer.port}/")
            return raised.value.reason, w.customer.requests

    assert asyncio.run(work()) == ("refused-address", [])


def test_a_redirect_to_a_private_address_is_refused(world, monkeypatch):
    """The first hop is let through as if it were public; the second must still be looked at."""
    monkeypatch.setattr("offhook.hooks.guard.is_public", lambda address: address == "127.0.0.2")

    async def work():
        async with world(allow_private=False) as w:
            inner = await asyncio.start_server(lambda r, wr: None, "127.0.0.1", 0)
            port = inner.sockets[0].getsockname()[1]

            async def redirects(reader, writer):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{port}/\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
                writer.close()

            outer = await asyncio.start_server(redirects, "127.0.0.2", 0)
            with pytest.raises(HookFailed) as raised:
                await w.fetch(f"http://127.0.0.2:{outer.sockets[0].getsockname()[1]}/", "GET")
            inner.close()
            outer.close()
            await asyncio.sleep(0.01)
            return raised.value.reason, [attempt.status for attempt in w.attempts]

    assert asyncio.run(work()) == ("refused-address", [302, None])


def test_audio_files_are_guarded_too(world):
    async def work():
        async with world(allow_private=False) as w:
            with pytest.raises(HookFailed) as raised:
                await w.hooks.get_media(w.customer.url("/a.wav"))
            return raised.value.reason

    assert asyncio.run(work()) == "refused-address"


def test_the_operator_may_allow_private_addresses(world):
    async def work():
        async with world(allow_private=True) as w:
            return (await w.fetch(w.customer.url("/", host="localhost"))).status

    assert asyncio.run(work()) == 200


def test_a_certificate_that_nobody_vouches_for_is_refused(world, tmp_path):
    import ssl
    import subprocess

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost".split()
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)

    async def work(verify_tls):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        async def answer(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\n<Response/>")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        async with world(verify_tls=verify_tls) as w:
            try:
                return (await w.fetch(f"https://localhost:{server.sockets[0].getsockname()[1]}/", "GET")).status
            except HookFailed:
                return w.attempts[0].error
            finally:
                server.close()
                await asyncio.sleep(0.05)

    assert "certificate" in asyncio.run(work(True))
    assert asyncio.run(work(False)) == 200
