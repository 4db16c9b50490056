"""Look-ups at a real DNS server, in the hosts file and by the system's settings."""

from __future__ import annotations

import asyncio
import socket

import pytest
import uvloop

from offhook.clock import Clock
from offhook.sip import Address
from offhook.sip import dns as dns_module
from offhook.sip.dns import Dns
from offhook.sip.locating import MAX_RECORDS, Answer, Naptr, Srv
from offhook.sip.names import Resolver

BOTH = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


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
def test_servers_are_found_by_naptr_srv_and_addresses(run, server, tmp_path, asking, candidates) -> None:
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


def test_what_is_known_without_dns_is_told_at_once(tmp_path, asking, candidates) -> None:
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


def test_calls_are_spread_over_servers_of_one_priority(server, tmp_path, asking, candidates) -> None:
    async def scene() -> None:
        async with asking(server.port, tmp_path) as ours:
            resolver = Resolver(Clock(), socket.AF_INET, dns=ours)
            found = await asyncio.gather(*(candidates(resolver, Address("even.example", 0)) for _ in range(200)))
            assert {servers[0] for servers, _ in found} == {f"192.0.2.{n}:5060/udp" for n in range(10, 14)}
            assert all(len(set(servers)) == 4 for servers, _ in found)
            assert server.asked("_sip._udp.even.example") == 1  # 200 requests at the same time, one question

    asyncio.run(scene())


def test_records_are_read_as_they_stand(server, tmp_path, asking) -> None:
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


def test_answers_are_remembered_for_their_time_within_bounds(server, tmp_path, asking, clock) -> None:
    async def scene() -> None:
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


def test_that_there_is_nothing_is_remembered_for_half_a_minute(server, tmp_path, asking, clock) -> None:
    async def scene() -> None:
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


def test_the_memory_is_bounded(server, tmp_path, monkeypatch, asking) -> None:
    monkeypatch.setattr(dns_module, "MAX_KNOWN", 20)

    async def scene() -> None:
        async with asking(server.port, tmp_path) as ours:
            await ours.ask([("kept.example", "A"), *((f"n{n}.example", "A") for n in range(19))])
            for n in range(19, 60):
                await ours.ask([("kept.example", "A"), (f"n{n}.example", "A")])
            assert len(ours) == 20
            assert server.asked("kept.example") == 1  # the one that was unused longest goes

    asyncio.run(scene())


def test_names_that_no_dns_can_hold_are_not_known(server, tmp_path, asking, candidates) -> None:
    async def scene() -> None:
        async with asking(server.port, tmp_path) as ours:
            resolver = Resolver(Clock(), socket.AF_INET, dns=ours)
            for host in ("a" * 64 + ".example", ".".join("a" * 60 for _ in range(5)), "a..example", "-", "_", "a_b.example"):
                found, why = await candidates(resolver, Address(host, 0), choose_transport=True)
                assert found == []
                assert why.startswith(f"transport: the name {host} is not known (")

    asyncio.run(scene())


# -- the system's own files -------------------------------------------------------------------------------------------


def test_the_hosts_file_comes_before_dns_and_is_read_again(server, tmp_path, candidates) -> None:
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


def test_localhost_is_never_asked_of_dns(server, tmp_path, candidates) -> None:
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
