"""Name servers that die, keep silent or talk nonsense: every search ends, and with a reason."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import warnings
from collections.abc import AsyncIterator, Callable

import dns.message
import dns.rdatatype
import dns.rrset
import pytest
import uvloop

from offhook.clock import Clock
from offhook.sip import Address
from offhook.sip import dns as dns_module
from offhook.sip.dns import MAX_QUESTIONS, Dns
from offhook.sip.names import Resolver

BOTH = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


def test_calls_outlive_an_outage_of_dns(tmp_path, monkeypatch, asking, candidates, clock, make_server) -> None:
    server = make_server()

    async def scene() -> None:
        begin = clock.at
        async with asking(server.port, tmp_path, clock=clock) as ours:
            resolver = Resolver(clock, socket.AF_INET, dns=ours)
            known = (["192.0.2.1:5060/udp", "192.0.2.2:5080/udp"], "")
            assert await candidates(resolver, Address("carrier.example", 0)) == known
            server.stop()
            impatient(monkeypatch)
            clock.at = begin + 3000
            assert await candidates(resolver, Address("carrier.example", 0)) == known
            assert (await candidates(resolver, Address("plain.example", 0)))[0] == []  # was never asked for
            clock.at = begin + 77 + 3500
            assert await candidates(resolver, Address("carrier.example", 0)) == known
            clock.at = begin + 77 + 3700
            assert (await candidates(resolver, Address("carrier.example", 0)))[0] == []

    asyncio.run(scene())


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up sooner, where no answer will come."""
    monkeypatch.setattr(dns_module, "QUESTION_S", 1.0)
    monkeypatch.setattr(dns_module, "PATIENCE_S", 0.1)
    monkeypatch.setattr(dns_module, "TRY_S", 0.4)


Reply = Callable[[bytes], bytes]


def silent(_query: bytes) -> bytes:
    return b""


def saying(code: int) -> Reply:
    """The question back with a response code (RFC 1035 section 4.1.1)."""
    return lambda query: query[:2] + bytes((0x81, 0x80 | code)) + query[4:]


def only_ipv4(query: bytes) -> bytes:
    """Silent about AAAA; any A is 192.0.2.77."""
    asked = dns.message.from_wire(query)
    question = asked.question[0]
    if question.rdtype != dns.rdatatype.A:
        return b""
    response = dns.message.make_response(asked)
    response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", "192.0.2.77"))
    return response.to_wire()


class Strange(asyncio.DatagramProtocol):
    """A name server that is not as it should be."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.datagrams = 0
        self.replies = 0
        self.questions: set[bytes] = set()
        self._more = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.datagrams += 1
        self.questions.add(data[12:])
        self._more.set()
        reply = self.reply(data)
        if reply:
            self.transport.sendto(reply, addr)  # type: ignore[attr-defined]
            self.replies += 1

    async def hear(self, number: int) -> None:
        """Wait for so many different questions."""
        async with asyncio.timeout(30):
            while len(self.questions) < number:
                self._more.clear()
                await self._more.wait()


@contextlib.asynccontextmanager
async def strange(host: str, port: int, reply: Reply = silent) -> AsyncIterator[Strange]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Strange(reply), local_addr=(host, port)
    )
    try:
        yield protocol
    finally:
        transport.close()


@BOTH
def test_a_silent_name_server_leaves_it_to_the_next(run, server, tmp_path, asking) -> None:
    async def scene() -> None:
        async with (
            strange("127.0.0.2", server.port) as other,
            asking(server.port, tmp_path, nameservers=("127.0.0.2", "127.0.0.1")) as ours,
        ):
            assert (await ours.ask([("east.carrier.example", "A")]))[0].records == ("192.0.2.1",)
            assert len(other.questions) == 1

    run(scene())


@pytest.mark.parametrize(
    "reply",
    [
        silent,
        saying(1),  # FORMERR
        saying(2),  # SERVFAIL
        saying(5),  # REFUSED
        saying(0),  # nothing
        lambda query: query,  # its own question
        lambda query: query[:2] + b"\x81\x80",  # cut off
        lambda query: query[:2] + b"\x81\x80" + bytes(range(200)),
        lambda query: query[:2] + b"\x83\x80" + query[4:],  # "come by TCP", where nobody listens
        lambda query: bytes((query[0] ^ 1,)) + saying(0)(query)[1:],  # an answer to another question
        lambda _query: b"\xff" * 600,
        lambda _query: b"\x00",
    ],
    ids="silent formerr servfail refused empty echo short garbage truncated other-id noise byte".split(),
)
def test_name_servers_that_talk_nonsense_end_in_a_reason(reply, tmp_path, monkeypatch, asking, candidates, port, clock) -> None:
    impatient(monkeypatch)

    async def scene() -> None:
        async with strange("127.0.0.1", port, reply) as other, asking(port, tmp_path, clock=clock) as ours:
            resolver = Resolver(Clock(), socket.AF_INET, dns=ours)
            found, why = await candidates(resolver, Address("a.example", 5060))
            assert found == []
            assert why.startswith("transport: the name a.example is not known (")
            heard = other.datagrams
            assert heard > 0
            assert other.replies == (0 if reply is silent else heard)
            assert len(why) < 200
            assert await candidates(resolver, Address("a.example", 5060)) == ([], why)
            assert other.datagrams == heard  # that nothing came is remembered, if not for long
            await resolver.aclose()

    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        asyncio.run(scene())


def test_a_silence_about_ipv6_does_not_stand_in_the_way(tmp_path, asking, candidates, port) -> None:
    async def scene() -> None:
        async with strange("127.0.0.1", port, only_ipv4), asking(port, tmp_path) as ours:
            resolver = Resolver(Clock(), socket.AF_INET6, both=True, dns=ours)
            assert await candidates(resolver, Address("a.example", 5060)) == (["192.0.2.77:5060/udp"], "")
            assert len(ours) == 1  # it was not waited for
            await resolver.aclose()

    asyncio.run(scene())


def test_no_more_than_so_many_questions_are_on_their_way(tmp_path, asking, port) -> None:
    async def scene() -> None:
        async with strange("127.0.0.1", port) as other, asking(port, tmp_path) as ours:
            task = asyncio.create_task(ours.ask([(f"n{n}.example", "SRV") for n in range(4 * MAX_QUESTIONS)]))
            await other.hear(MAX_QUESTIONS)
            await asyncio.sleep(0.2)
            assert len(other.questions) == MAX_QUESTIONS
            await ours.aclose()
            assert {each.why for each in await task} == {"no longer asking"}

    asyncio.run(scene())


def test_nobody_is_told_after_closing(tmp_path, candidates, port) -> None:
    async def scene() -> None:
        told: list[object] = []
        async with strange("127.0.0.1", port) as other:
            before = asyncio.all_tasks()
            resolver = Resolver(Clock(), socket.AF_INET, dns=Dns(Clock(), nameservers=["127.0.0.1"], port=port))
            for n in range(10):
                resolver.candidates(Address(f"n{n}.example", 0), lambda found, why: told.append((found, why)))
            await other.hear(1)
            await resolver.aclose()
            await resolver.aclose()
            assert asyncio.all_tasks() == before
            assert told == []

    asyncio.run(scene())
