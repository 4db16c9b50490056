"""Look-ups at a real DNS server (dnsmasq), at ones that are silent or talk nonsense, and in the hosts file."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import re
import shutil
import socket
import subprocess
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import dns.message
import dns.rdatatype
import dns.rrset
import pytest
import uvloop

from offhook.clock import Clock
from offhook.sip import Address
from offhook.sip import dns as dns_module
from offhook.sip.dns import MAX_QUESTIONS, Dns
from offhook.sip.locating import MAX_RECORDS, Answer, Naptr, Srv
from offhook.sip.names import Resolver

RECORDS = """
no-resolv
no-hosts
bind-interfaces
listen-address=127.0.0.1
local=/example/
neg-ttl=600
local-ttl=77
log-queries

naptr-record=carrier.example,10,50,s,SIPS+D2T,,_sips._tcp.carrier.example
naptr-record=carrier.example,20,50,s,SIP+D2T,,_sip._tcp.carrier.example
naptr-record=carrier.example,30,50,s,SIP+D2U,,_sip._udp.carrier.example
srv-host=_sips._tcp.carrier.example,east.carrier.example,5061,0,0
srv-host=_sip._tcp.carrier.example,east.carrier.example,5070,0,0
srv-host=_sip._udp.carrier.example,west.carrier.example,5080,10,0
srv-host=_sip._udp.carrier.example,east.carrier.example,5060,5,100
host-record=east.carrier.example,192.0.2.1,2001:db8::1
host-record=west.carrier.example,192.0.2.2

srv-host=_sip._udp.plain.example,alias.plain.example,5062,0,0
cname=alias.plain.example,real.plain.example
host-record=real.plain.example,192.0.2.3
host-record=short.example,192.0.2.4,1
host-record=long.example,192.0.2.5,86400
host-record=minute.example,192.0.2.6,60
host-record=six.example,2001:db8::6
"""
RECORDS += "".join(f"srv-host=_sip._udp.even.example,s{n}.even.example,5060,1,10\n" for n in range(4))
RECORDS += "".join(f"host-record=s{n}.even.example,192.0.2.{n + 10}\n" for n in range(4))
RECORDS += "".join(
    f"srv-host=_sip._udp.big.example,host-with-a-rather-long-name-{n}.big.example,5060,{n},0\n" for n in range(100)
)
BOTH = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


def free_port() -> int:
    """One below the ephemeral range that is free for UDP and TCP at both addresses that are used here."""
    for port in range(20053 + os.getpid() % 4000, 32000, 7):
        with contextlib.ExitStack() as sockets:
            try:
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    for host in ("127.0.0.1", "127.0.0.2"):
                        sockets.enter_context(socket.socket(socket.AF_INET, kind)).bind((host, port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


class Server:
    """A dnsmasq process and what it was asked."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("dnsmasq") or shutil.which("dnsmasq", path="/usr/sbin:/sbin")
        if program is None:
            if os.environ.get("OFFHOOK_REQUIRE_PEERS"):
                pytest.fail("dnsmasq is missing, and OFFHOOK_REQUIRE_PEERS is set")
            pytest.skip("dnsmasq is not installed (.ci/run installs it)")
        self.port = free_port()
        self.log = folder / "queries"
        config = folder / "dnsmasq.conf"
        config.write_text(f"{RECORDS}port={self.port}\nuser={getpass.getuser()}\npid-file=\nlog-facility={self.log}\n")
        self._process = subprocess.Popen([program, "--keep-in-foreground", f"--conf-file={config}"])
        until = time.monotonic() + 30
        while not self._listens():
            assert self._process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def asked(self, name: str) -> int:
        """How many questions about a name have come."""
        return len(re.findall(rf"query\[\w+\] {re.escape(name)} from", self.log.read_text()))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("dns"))
    yield started
    started.stop()


class Standing(Clock):
    """Time stands still until a test moves it."""

    at = 1000.0

    def now(self) -> float:
        return self.at


@contextlib.asynccontextmanager
async def asking(port: int, folder: Path, *, nameservers=("127.0.0.1",), clock: Clock | None = None) -> AsyncIterator[Dns]:
    before = asyncio.all_tasks()
    made = Dns(clock or Clock(), nameservers=nameservers, port=port, hosts=folder / "no-hosts")
    try:
        yield made
    finally:
        await made.aclose()
        assert asyncio.all_tasks() == before


async def candidates(resolver: Resolver, address: Address, *, choose_transport: bool = False) -> tuple[list[str], str]:
    told: asyncio.Future[tuple[list[Address], str]] = asyncio.get_running_loop().create_future()
    resolver.candidates(address, lambda found, why: told.set_result((found, why)), choose_transport=choose_transport)
    async with asyncio.timeout(30):
        found, why = await told
    assert all(each.name == address.host for each in found)
    return [str(each) for each in found], why


# address, whether the transport is chosen, servers
SERVERS = [
    (
        Address("carrier.example", 0),
        True,
        [
            *("192.0.2.1:5061/tls", "[2001:db8::1]:5061/tls", "192.0.2.1:5070/tcp", "[2001:db8::1]:5070/tcp"),
            *("192.0.2.1:5060/udp", "[2001:db8::1]:5060/udp", "192.0.2.2:5080/udp"),
        ],
    ),
    (Address("Carrier.Example", 0), False, ["192.0.2.1:5060/udp", "[2001:db8::1]:5060/udp", "192.0.2.2:5080/udp"]),
    (Address("carrier.example", 0, "tls"), True, ["192.0.2.1:5061/tls", "[2001:db8::1]:5061/tls"]),
    (Address("west.carrier.example", 0, "tcp"), False, ["192.0.2.2:5060/tcp"]),
    (Address("west.carrier.example", 5099), True, ["192.0.2.2:5099/udp"]),
    (Address("plain.example", 0), True, ["192.0.2.3:5062/udp"]),
    (Address("six.example", 0), True, ["[2001:db8::6]:5060/udp"]),
    (Address("192.0.2.9", 0, "tcp"), True, ["192.0.2.9:5060/udp"]),
]


@BOTH
def test_servers_are_found_by_naptr_srv_and_addresses(run, server, tmp_path) -> None:
    async def scene() -> None:
        async with asking(server.port, tmp_path) as ours:
            resolver = Resolver(Clock(), socket.AF_INET6, both=True, transports=frozenset({"udp", "tcp", "tls"}), dns=ours)
            for address, choose, servers in SERVERS:
                assert await candidates(resolver, address, choose_transport=choose) == (servers, "")
            only_four = Resolver(Clock(), socket.AF_INET, dns=ours)
            assert await candidates(only_four, Address("carrier.example", 0)) == (
                ["192.0.2.1:5060/udp", "192.0.2.2:5080/udp"],
                "",
            )
            assert (await candidates(only_four, Address("carrier.example", 0), choose_transport=True))[0][
                0
            ] == "192.0.2.1:5070/tcp"
            for host in ("nobody.example", "six.example"):
                found, why = await candidates(only_four, Address(host, 0))
                assert found == []
                assert why.startswith(f"transport: the name {host} is not known (no ")
            await resolver.aclose()

    run(scene())


def test_what_is_known_without_dns_is_told_at_once(tmp_path) -> None:
    async def scene() -> None:
        async with asking(9, tmp_path) as ours:
            resolver, told = Resolver(Clock(), socket.AF_INET, dns=ours), []
            resolver.candidates(Address("192.0.2.9", 5070), lambda found, why: told.append((found, why)))
            resolver.candidates(Address("2001:db8::1", 0), lambda found, why: told.append((found, why)))
            resolver.candidates(Address("a.example", 0, "tls"), lambda found, why: told.append((found, why)))
            assert told == [
                ([Address("192.0.2.9", 5070)], ""),
                ([], "transport: 2001:db8::1 is of the address family that we do not listen on"),
                ([], "transport: a.example cannot be reached by tcp or udp"),
            ]

    asyncio.run(scene())


def test_calls_are_spread_over_servers_of_one_priority(server, tmp_path) -> None:
    async def scene() -> None:
        async with asking(server.port, tmp_path) as ours:
            resolver = Resolver(Clock(), socket.AF_INET, dns=ours)
            found = await asyncio.gather(*(candidates(resolver, Address("even.example", 0)) for _ in range(200)))
            assert {servers[0] for servers, _ in found} == {f"192.0.2.{n}:5060/udp" for n in range(10, 14)}
            assert all(len(set(servers)) == 4 for servers, _ in found)
            assert server.asked("_sip._udp.even.example") == 1  # 200 requests at the same time, one question

    asyncio.run(scene())


def test_records_are_read_as_they_stand(server, tmp_path) -> None:
    async def scene() -> None:
        async with asking(server.port, tmp_path) as ours:
            naptr, srv, alias, big = await ours.ask(
                [
                    ("carrier.example", "NAPTR"),
                    ("_sip._udp.carrier.example.", "SRV"),
                    ("alias.plain.example", "A"),
                    ("_sip._udp.big.example", "SRV"),
                ]
            )
            assert Naptr(10, 50, "s", "SIPS+D2T", "", "_sips._tcp.carrier.example") in naptr.records
            assert len(naptr.records) == 3
            assert set(srv.records) == {Srv(10, 0, 5080, "west.carrier.example"), Srv(5, 100, 5060, "east.carrier.example")}
            assert alias == Answer(("192.0.2.3",), 77)
            assert len(big.records) == MAX_RECORDS  # of 100, which came by TCP

    asyncio.run(scene())


def test_answers_are_remembered_for_their_time_within_bounds(server, tmp_path) -> None:
    async def scene() -> None:
        clock = Standing()
        async with asking(server.port, tmp_path, clock=clock) as ours:
            short, long, minute = await ours.ask([("short.example", "A"), ("long.example", "A"), ("minute.example", "A")])
            assert (short.ttl, long.ttl, minute.ttl) == (5, 3600, 60)
            assert server.asked("minute.example") == 1
            clock.at += 29.9
            assert await ours.ask([("MINUTE.example.", "A")]) == [minute]
            assert server.asked("minute.example") == 1
            clock.at += 30.2
            assert await ours.ask([("minute.example", "A")]) == [minute]
            assert server.asked("minute.example") == 2

    asyncio.run(scene())


def test_that_there_is_nothing_is_remembered_for_half_a_minute(server, tmp_path) -> None:
    async def scene() -> None:
        clock = Standing()
        async with asking(server.port, tmp_path, clock=clock) as ours:
            nothing = [("missing.example", "SRV"), ("minute.example", "SRV")]
            assert [each.why for each in await ours.ask(nothing)] == ["no such name", "no SRV record"]
            clock.at += 29.9
            await ours.ask(nothing)
            assert server.asked("missing.example") == 1
            clock.at += 0.2
            await ours.ask(nothing)
            assert server.asked("missing.example") == 2

    asyncio.run(scene())


def test_the_memory_is_bounded(server, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(dns_module, "MAX_KNOWN", 20)

    async def scene() -> None:
        async with asking(server.port, tmp_path) as ours:
            await ours.ask([("kept.example", "A"), *((f"n{n}.example", "A") for n in range(19))])
            for n in range(19, 60):
                await ours.ask([("kept.example", "A"), (f"n{n}.example", "A")])
            assert len(ours) == 20
            assert server.asked("kept.example") == 1  # the one that was unused longest goes

    asyncio.run(scene())


def test_calls_outlive_an_outage_of_dns(tmp_path, monkeypatch) -> None:
    server = Server(tmp_path)

    async def scene() -> None:
        clock = Standing()
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

    try:
        asyncio.run(scene())
    finally:
        server.stop()


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
def test_a_silent_name_server_leaves_it_to_the_next(run, server, tmp_path) -> None:
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
def test_name_servers_that_talk_nonsense_end_in_a_reason(reply, tmp_path, monkeypatch) -> None:
    impatient(monkeypatch)

    async def scene() -> None:
        port = free_port()
        async with strange("127.0.0.1", port, reply) as other, asking(port, tmp_path, clock=Standing()) as ours:
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


def test_a_silence_about_ipv6_does_not_stand_in_the_way(tmp_path) -> None:
    async def scene() -> None:
        port = free_port()
        async with strange("127.0.0.1", port, only_ipv4), asking(port, tmp_path) as ours:
            resolver = Resolver(Clock(), socket.AF_INET6, both=True, dns=ours)
            assert await candidates(resolver, Address("a.example", 5060)) == (["192.0.2.77:5060/udp"], "")
            assert len(ours) == 1  # it was not waited for
            await resolver.aclose()

    asyncio.run(scene())


def test_no_more_than_so_many_questions_are_on_their_way(tmp_path) -> None:
    async def scene() -> None:
        port = free_port()
        async with strange("127.0.0.1", port) as other, asking(port, tmp_path) as ours:
            task = asyncio.create_task(ours.ask([(f"n{n}.example", "SRV") for n in range(4 * MAX_QUESTIONS)]))
            await other.hear(MAX_QUESTIONS)
            await asyncio.sleep(0.2)
            assert len(other.questions) == MAX_QUESTIONS
            await ours.aclose()
            assert {each.why for each in await task} == {"no longer asking"}

    asyncio.run(scene())


def test_names_that_no_dns_can_hold_are_not_known(server, tmp_path) -> None:
    async def scene() -> None:
        async with asking(server.port, tmp_path) as ours:
            resolver = Resolver(Clock(), socket.AF_INET, dns=ours)
            for host in ("a" * 64 + ".example", ".".join("a" * 60 for _ in range(5)), "a..example", "-", "_", "a_b.example"):
                found, why = await candidates(resolver, Address(host, 0), choose_transport=True)
                assert found == []
                assert why.startswith(f"transport: the name {host} is not known (")

    asyncio.run(scene())


def test_nobody_is_told_after_closing(tmp_path) -> None:
    async def scene() -> None:
        port = free_port()
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


# -- the system's own files -------------------------------------------------------------------------------------------


def test_the_hosts_file_comes_before_dns_and_is_read_again(server, tmp_path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "# ours\n\n192.0.2.200\tEast.Carrier.Example east # here\n192.0.2.201 east.carrier.example\nnonsense east\n192.0.2.202\n"
    )

    async def scene() -> None:
        ours = Dns(Clock(), nameservers=["127.0.0.1"], port=server.port, hosts=hosts)
        asked = server.asked("east.carrier.example")
        four, six, west = await ours.ask(
            [("east.carrier.example", "A"), ("east.carrier.example", "AAAA"), ("west.carrier.example", "A")]
        )
        assert four.records == ("192.0.2.200", "192.0.2.201")
        assert six.records == ()  # one that stands there has no other addresses
        assert west.records == ("192.0.2.2",)
        assert server.asked("east.carrier.example") == asked
        resolver = Resolver(Clock(), socket.AF_INET, dns=ours)
        found, _ = await candidates(resolver, Address("carrier.example", 0, "tcp"))
        assert found == ["192.0.2.200:5070/tcp", "192.0.2.201:5070/tcp"]
        hosts.write_bytes(b"\xff\xfe 192.0.2.1\n2001:db8::77 west.carrier.example\n")
        four, six = await ours.ask([("east.carrier.example", "A"), ("west.carrier.example", "AAAA")])
        assert (four.records, six.records) == (("192.0.2.1",), ("2001:db8::77",))
        hosts.unlink()
        assert (await ours.ask([("west.carrier.example", "A")]))[0].records == ("192.0.2.2",)
        await resolver.aclose()

    asyncio.run(scene())


def test_the_systems_name_servers_are_asked_and_read_again(server, tmp_path) -> None:
    settings = tmp_path / "resolv.conf"

    async def scene() -> None:
        ours = Dns(Clock(), port=server.port, hosts=tmp_path / "none", resolv_conf=settings)
        assert (await ours.ask([("carrier.example", "NAPTR")]))[0].why == "there is no name server"
        settings.write_text("# nothing\n")
        assert (await ours.ask([("plain.example", "NAPTR")]))[0].why == "there is no name server"
        settings.write_text("search example\nnameserver 127.0.0.1\noptions timeout:1 attempts:2\n")
        assert len((await ours.ask([("_sip._udp.carrier.example", "SRV")]))[0].records) == 2
        await ours.aclose()

    asyncio.run(scene())


def test_localhost_is_never_asked_of_dns(server, tmp_path) -> None:
    settings = tmp_path / "resolv.conf"
    settings.write_text("nameserver 127.0.0.1\n")

    async def scene() -> None:
        ours = Dns(Clock(), port=server.port, hosts=tmp_path / "none", resolv_conf=settings)
        resolver = Resolver(Clock(), socket.AF_INET, dns=ours)
        assert await candidates(resolver, Address("localhost", 5070, "tcp")) == (["127.0.0.1:5070/tcp"], "")
        assert server.asked("localhost") == 0
        await resolver.aclose()

    asyncio.run(scene())


def test_a_name_that_dns_does_not_know_is_asked_of_the_system(server, tmp_path) -> None:
    """The machine's own name: containers and mDNS have names that no DNS server tells."""
    own = socket.gethostname()
    try:
        known = {info[4][0] for info in socket.getaddrinfo(own, None, family=socket.AF_INET)}
    except OSError:
        pytest.skip("this machine does not know its own name")
    settings = tmp_path / "resolv.conf"
    settings.write_text("nameserver 127.0.0.1\n")

    async def scene() -> None:
        ours = Dns(Clock(), port=server.port, hosts=tmp_path / "none", resolv_conf=settings)
        (answer,) = await ours.ask([(own, "A")])
        assert set(answer.records) == known
        assert server.asked(own.lower()) == 1  # asked first, and it refuses what is not its own
        await ours.aclose()

    asyncio.run(scene())
