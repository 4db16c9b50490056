"""Which servers a URI leads to, in which order, and which of them come last after they failed; all without a network."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.sip import Address, Uri, locating
from offhook.sip.locating import Answer, Failover, Naptr, Question, Spoken, Srv, Tries, Wanted, locate, ordered, unlocated

UDP_TCP = frozenset({"udp", "tcp"})
RFC_3263 = {
    ("example.com", "NAPTR"): [
        Naptr(50, 50, "s", "SIPS+D2T", "", "_sips._tcp.example.com"),
        Naptr(100, 50, "s", "SIP+D2U", "", "_sip._udp.example.com"),
        Naptr(90, 50, "s", "SIP+D2T", "", "_sip._tcp.example.com"),
    ],
    ("_sips._tcp.example.com", "SRV"): [Srv(0, 1, 5061, "server1.example.com"), Srv(1, 2, 5061, "server2.example.com")],
    ("_sip._tcp.example.com", "SRV"): [Srv(1, 2, 5060, "server2.example.com"), Srv(0, 1, 5060, "server1.example.com")],
    ("_sip._udp.example.com", "SRV"): [Srv(0, 1, 5060, "server1.example.com")],
    ("example.com", "A"): ["192.0.2.80"],
    ("server1.example.com", "A"): ["192.0.2.1", "192.0.2.11"],
    ("server1.example.com", "AAAA"): ["2001:db8::1"],
    ("server2.example.com", "A"): ["192.0.2.2"],
}
"""The example of RFC 3263 section 4.1, with addresses."""


class Zone:
    """Answers from a table, and what was asked, round by round."""

    def __init__(self, records: dict[Question, list], broken: Sequence[Question] = ()) -> None:
        self.records = records
        self.broken = set(broken)
        self.rounds: list[list[Question]] = []

    async def ask(self, questions: Sequence[Question]) -> list[Answer]:
        self.rounds.append(list(questions))
        return [
            Answer(why="no name server answered")
            if question in self.broken
            else Answer(tuple(self.records.get(question, ())), 60, "" if question in self.records else "no such name")
            for question in questions
        ]


def search(zone: Zone, uri: str, *, transports=UDP_TCP, families=(4,), transport=None, below=lambda _limit: 0):
    """The servers as text, and why there are none."""
    address, choose = unlocated(Uri.parse(uri), transport)
    found, why = asyncio.run(
        locate(Wanted.of(address, choose_transport=choose), Spoken(frozenset(transports), families), zone.ask, below)
    )
    assert bool(found) != bool(why)
    assert all(locating.ip_version(each.host) in families and each.transport in transports for each in found)
    assert {each.name for each in found} <= {address.host}  # what a certificate must be for, wherever DNS leads
    return [str(each) for each in found], why


# uri, transports that we speak, servers in order
FOUND = [
    # section 4.1: the URI says
    ("sip:192.0.2.9", "udp tcp", ["192.0.2.9:5060/udp"]),
    ("sip:192.0.2.9:5080", "udp tcp", ["192.0.2.9:5080/udp"]),
    ("sip:192.0.2.9;transport=tcp", "udp tcp", ["192.0.2.9:5060/tcp"]),
    ("sips:192.0.2.9", "udp tcp tls", ["192.0.2.9:5061/tls"]),
    ("sip:192.0.2.9;transport=ws", "ws", ["192.0.2.9:80/ws"]),
    ("sips:192.0.2.9;transport=ws", "wss", ["192.0.2.9:443/wss"]),
    ("sip:server2.example.com:5070", "udp tcp", ["192.0.2.2:5070/udp"]),
    ("sip:server2.example.com:5070;transport=TCP", "udp tcp", ["192.0.2.2:5070/tcp"]),
    ("sips:server2.example.com:5070", "udp tcp tls", ["192.0.2.2:5070/tls"]),
    ("sip:example.com;maddr=192.0.2.7", "udp", ["192.0.2.7:5060/udp"]),
    # NAPTR says: by order; what we do not speak is left out
    (
        "sip:example.com",
        "udp tcp tls",
        [
            *("192.0.2.1:5061/tls", "192.0.2.11:5061/tls", "192.0.2.2:5061/tls"),
            *("192.0.2.1:5060/tcp", "192.0.2.11:5060/tcp", "192.0.2.2:5060/tcp"),
            *("192.0.2.1:5060/udp", "192.0.2.11:5060/udp"),
        ],
    ),
    ("sip:example.com", "udp", ["192.0.2.1:5060/udp", "192.0.2.11:5060/udp"]),
    ("sips:example.com", "udp tcp tls", ["192.0.2.1:5061/tls", "192.0.2.11:5061/tls", "192.0.2.2:5061/tls"]),
    # section 4.2: the transport is named, SRV says
    ("sip:example.com;transport=udp", "udp tcp", ["192.0.2.1:5060/udp", "192.0.2.11:5060/udp"]),
    ("sip:example.com;transport=tcp", "udp tcp", ["192.0.2.1:5060/tcp", "192.0.2.11:5060/tcp", "192.0.2.2:5060/tcp"]),
    ("sip:example.com;transport=tls", "udp tls", ["192.0.2.1:5061/tls", "192.0.2.11:5061/tls", "192.0.2.2:5061/tls"]),
    ("sips:example.com;transport=tcp", "tls", ["192.0.2.1:5061/tls", "192.0.2.11:5061/tls", "192.0.2.2:5061/tls"]),
    # no SRV: the host itself
    ("sip:server2.example.com", "udp tcp", ["192.0.2.2:5060/udp"]),
    ("sip:server2.example.com", "tcp", ["192.0.2.2:5060/tcp"]),
    ("sip:server2.example.com;transport=tcp", "udp tcp", ["192.0.2.2:5060/tcp"]),
    ("sips:server2.example.com", "udp tls", ["192.0.2.2:5061/tls"]),
    ("sip:server2.example.com;transport=wss", "wss", ["192.0.2.2:443/wss"]),
]


@pytest.mark.parametrize(("uri", "spoken", "servers"), FOUND)
def test_a_uri_leads_to_its_servers_in_order(uri, spoken, servers) -> None:
    assert search(Zone(RFC_3263), uri, transports=spoken.split()) == (servers, "")


NOWHERE = [
    ("sip:192.0.2.9;transport=tls", "udp tcp", "cannot be reached by tcp or udp"),
    ("sip:192.0.2.9;transport=sctp", "udp tcp", "cannot be reached"),
    ("sips:example.com", "udp tcp", "cannot be reached"),
    ("sip:[2001:db8::9]", "udp tcp", "is of the address family that we do not listen on"),
    ("sip:nobody.example", "udp tcp", "the name nobody.example is not known (no such name)"),
    ("sip:127.1", "udp", "is not a host name"),
    ("sip:0x7f000001", "udp", "is not a host name"),
    ("sip:192.0.2.300", "udp", "is not a host name"),
    ("sip:10.0.0.1.", "udp", "is not a host name"),
]


@pytest.mark.parametrize(("uri", "spoken", "why"), NOWHERE)
def test_a_uri_that_leads_nowhere_says_why(uri, spoken, why) -> None:
    found, said = search(Zone(RFC_3263), uri, transports=spoken.split())
    assert found == []
    assert said.startswith("transport: ")
    assert why in said


@pytest.mark.parametrize(
    ("uri", "rounds"),
    [
        ("sip:192.0.2.9", []),
        ("sip:192.0.2.9;transport=tls", []),
        ("sip:example.com:5060", [{"A"}]),
        ("sip:example.com;transport=udp", [{"SRV"}, {"A"}]),
        ("sip:example.com", [{"NAPTR"}, {"SRV"}, {"A"}]),
        ("sip:nobody.example", [{"NAPTR"}, {"SRV"}, {"A"}]),
    ],
)
def test_no_more_is_asked_than_needed(uri, rounds) -> None:
    zone = Zone(RFC_3263)
    search(zone, uri)
    assert [{kind for _, kind in each} for each in zone.rounds] == rounds
    assert all(len(each) == len(set(each)) for each in zone.rounds)  # nothing twice


def test_without_naptr_the_transports_of_section_4_1_are_asked_for() -> None:
    records = {
        ("_sip._tcp.b.example", "SRV"): [Srv(0, 0, 5065, "t.b.example")],
        ("t.b.example", "A"): ["192.0.2.5"],
        ("b.example", "A"): ["192.0.2.6"],
    }
    zone = Zone(records)
    assert search(zone, "sip:b.example", transports=UDP_TCP | {"tls"})[0] == ["192.0.2.5:5065/tcp"]
    assert zone.rounds[1] == [("_sip._udp.b.example", "SRV"), ("_sip._tcp.b.example", "SRV")]
    records["_sip._udp.b.example", "SRV"] = [Srv(9, 0, 5064, "t.b.example")]
    assert search(Zone(records), "sip:b.example")[0] == ["192.0.2.5:5064/udp", "192.0.2.5:5065/tcp"]
    assert search(Zone(records), "sip:b.example;transport=tls", transports={"tls"})[0] == ["192.0.2.6:5061/tls"]


def test_naptr_records_that_are_not_for_us_are_skipped() -> None:
    good = Naptr(200, 1, "S", "sip+d2u", "", "_sip._udp.c.example")
    records = {
        ("c.example", "NAPTR"): [
            Naptr(1, 1, "s", "SIP+D2S", "", "_sip._sctp.c.example"),
            Naptr(2, 1, "u", "E2U+sip", "!^.*$!sip:a@c.example!", "."),
            Naptr(3, 1, "s", "SIP+D2U", "!^.*$!x!", "_sip._udp.wrong.example"),
            Naptr(4, 1, "a", "SIP+D2U", "", "wrong.example"),
            Naptr(5, 1, "s", "SIP+D2U", "", "."),
            good,
            good,
        ],
        ("_sip._udp.c.example", "SRV"): [Srv(0, 0, 5060, "c.example")],
        ("c.example", "A"): ["192.0.2.3"],
    }
    zone = Zone(records)
    assert search(zone, "sip:c.example")[0] == ["192.0.2.3:5060/udp"]
    assert zone.rounds[1] == [("_sip._udp.c.example", "SRV")]
    records["c.example", "NAPTR"].remove(good)
    records["c.example", "NAPTR"].remove(good)
    zone = Zone(records)
    assert search(zone, "sip:c.example")[0] == ["192.0.2.3:5060/udp"]
    assert len(zone.rounds[1]) == 2  # as if there were no NAPTR


def test_naptr_without_srv_leads_to_the_host_by_the_transport_it_names() -> None:
    records = {
        ("d.example", "NAPTR"): [Naptr(1, 1, "s", "SIP+D2T", "", "_sip._tcp.d.example")],
        ("d.example", "A"): ["192.0.2.4"],
    }
    assert search(Zone(records), "sip:d.example")[0] == ["192.0.2.4:5060/tcp"]


def test_naptr_goes_by_order_and_within_one_by_preference() -> None:
    records = {
        ("e.example", "NAPTR"): [
            Naptr(2, 1, "s", "SIPS+D2T", "", "_sips._tcp.e.example"),
            Naptr(1, 20, "s", "SIP+D2U", "", "_sip._udp.e.example"),
            Naptr(1, 10, "s", "SIP+D2T", "", "_sip._tcp.elsewhere.example"),
        ],
        ("_sip._udp.e.example", "SRV"): [Srv(0, 0, 5060, "e.example")],
        ("_sip._tcp.elsewhere.example", "SRV"): [Srv(0, 0, 5060, "e.example")],
        ("_sips._tcp.e.example", "SRV"): [Srv(0, 0, 5061, "e.example")],
        ("e.example", "A"): ["192.0.2.4"],
    }
    found, _ = search(Zone(records), "sip:e.example", transports=UDP_TCP | {"tls"})
    assert found == ["192.0.2.4:5060/tcp", "192.0.2.4:5060/udp", "192.0.2.4:5061/tls"]


def test_a_domain_that_says_it_has_no_such_service_is_believed() -> None:
    records = {
        ("_sip._udp.f.example", "SRV"): [Srv(0, 0, 0, ".")],
        ("f.example", "A"): ["192.0.2.4"],
    }
    found, why = search(Zone(records), "sip:f.example")
    assert found == []
    assert why == "transport: f.example says that it has no SIP server for us"
    records["_sip._tcp.f.example", "SRV"] = [Srv(0, 0, 5060, "f.example")]
    assert search(Zone(records), "sip:f.example")[0] == ["192.0.2.4:5060/tcp"]


def test_servers_without_an_address_are_passed_over_but_their_domain_does_not_stand_in() -> None:
    records = {
        ("_sip._udp.g.example", "SRV"): [
            Srv(0, 0, 5060, "gone.example"),
            Srv(1, 0, 5060, "192.0.2.8"),
            Srv(2, 0, 5060, "here.example"),
        ],
        ("here.example", "A"): ["0.0.0.0", "224.0.0.1", "2001:db8::5", "192.0.2.4"],
        ("g.example", "A"): ["192.0.2.99"],
    }
    zone = Zone(records)
    assert search(zone, "sip:g.example;transport=udp")[0] == ["192.0.2.8:5060/udp", "192.0.2.4:5060/udp"]
    assert ("192.0.2.8", "A") not in zone.rounds[-1]
    records["_sip._udp.g.example", "SRV"] = [Srv(0, 0, 5060, "gone.example")]
    assert search(Zone(records), "sip:g.example;transport=udp")[0] == []


@pytest.mark.parametrize(
    ("families", "servers"),
    [
        ((4,), ["192.0.2.1:5060/udp", "192.0.2.11:5060/udp"]),
        ((6,), ["[2001:db8::1]:5060/udp"]),
        ((4, 6), ["192.0.2.1:5060/udp", "192.0.2.11:5060/udp", "[2001:db8::1]:5060/udp"]),
        ((6, 4), ["[2001:db8::1]:5060/udp", "192.0.2.1:5060/udp", "192.0.2.11:5060/udp"]),
    ],
)
def test_each_server_is_tried_at_all_its_addresses_of_the_families_that_we_speak(families, servers) -> None:
    zone = Zone(RFC_3263)
    assert search(zone, "sip:example.com;transport=udp", families=families)[0] == servers
    assert len(zone.rounds[-1]) == len(families)


def test_what_cannot_be_asked_does_not_stand_in_the_way() -> None:
    zone = Zone(RFC_3263, broken=[("example.com", "NAPTR")])
    assert search(zone, "sip:example.com")[0][0] == "192.0.2.1:5060/udp"
    zone = Zone(RFC_3263, broken=[("_sip._udp.example.com", "SRV")])
    assert search(zone, "sip:example.com;transport=udp")[0] == ["192.0.2.80:5060/udp"]
    zone = Zone(RFC_3263, broken=[("server1.example.com", "A")])
    assert search(zone, "sip:example.com;transport=tcp")[0] == ["192.0.2.2:5060/tcp"]
    zone = Zone(RFC_3263, broken=[("example.com", kind) for kind in ("NAPTR", "SRV", "A")])
    zone.records = {}
    assert search(zone, "sip:example.com")[1] == "transport: the name example.com is not known (no name server answered)"


def test_a_domain_with_thousands_of_records_costs_no_more_than_the_bounds() -> None:
    many = range(3000)
    records: dict[Question, list] = {
        ("big.example", "NAPTR"): [Naptr(n, 0, "s", "SIP+D2U", "", f"_sip._udp.s{n}.example") for n in many],
        **{(f"_sip._udp.s{n}.example", "SRV"): [Srv(0, 1, 5060, f"h{n}-{m}.example") for m in many] for n in range(10)},
        **{
            (f"h{n}-{m}.example", "A"): [f"10.{n}.{m % 200}.{k % 250}" for k in range(300)] for n in range(10) for m in range(100)
        },
    }
    zone = Zone(records)
    found, _ = search(zone, "sip:big.example")
    assert len(found) == locating.MAX_CANDIDATES == len(set(found))
    assert [len(each) for each in zone.rounds] == [1, locating.MAX_SERVICES, locating.MAX_SERVERS]


@pytest.mark.parametrize(
    ("uri", "transport", "address", "choose"),
    [
        ("sip:a.example", None, Address("a.example", 0, "udp"), True),
        ("sip:a.example:5060", None, Address("a.example", 5060, "udp"), True),
        ("sip:a.example", "tcp", Address("a.example", 0, "tcp"), False),
        ("sip:a.example;transport=udp", "tcp", Address("a.example", 0, "udp"), False),
        ("sips:a.example", None, Address("a.example", 0, "tls"), True),
        ("sips:a.example;transport=tcp", None, Address("a.example", 0, "tls"), False),
        ("sips:a.example;transport=ws", None, Address("a.example", 0, "wss"), False),
        ("sip:a.example;maddr=b.example", None, Address("b.example", 0, "udp"), True),
    ],
)
def test_what_a_uri_asks_for(uri, transport, address, choose) -> None:
    asked = unlocated(Uri.parse(uri), transport)
    assert asked == (address, choose)
    assert asked[0].name == address.host


# -- RFC 2782 ---------------------------------------------------------------------------------------------------------

SERVERS = st.lists(
    st.builds(
        Srv, st.integers(0, 3), st.one_of(st.just(0), st.integers(0, 65535)), st.integers(1, 65535), st.sampled_from("abcde")
    ),
    max_size=30,
)


@given(records=SERVERS, seed=st.integers(0, 2**32))
def test_every_server_is_there_once_by_priority(records, seed) -> None:
    result = ordered(records, random.Random(seed).randrange)
    assert Counter(result) == Counter(records)
    assert [each.priority for each in result] == sorted(each.priority for each in records)


@given(weights=st.lists(st.integers(0, 12), min_size=1, max_size=6))
def test_of_all_draws_each_server_comes_first_as_often_as_its_weight_says(weights) -> None:
    """Exact, not sampled: the one draw of 0 to the sum of weights is made in each way that it can fall."""
    records = [Srv(0, weight, 5060, str(index)) for index, weight in enumerate(weights)]
    first: Counter[str] = Counter()
    total = sum(weights)
    for number in range(total + 1):
        draws = iter([number])

        def below(limit: int, *, draws=draws, shuffles=iter(range(len(weights), 1, -1))) -> int:  # noqa: B008
            expected = next(shuffles, None)
            if expected is not None:  # the shuffle leaves all where they are
                assert limit == expected
                return limit - 1
            return min(next(draws, 0), limit - 1)

        first[ordered(records, below)[0].target] += 1
    zero = next((each.target for each in records if each.weight == 0), records[0].target)  # who gets the draw of 0
    for record in records:
        assert first[record.target] == record.weight + (record.target == zero)


def test_servers_of_equal_weight_share_evenly_also_when_the_weight_is_0() -> None:
    chance = random.Random(5)
    for weight in (0, 7):
        records = [Srv(0, weight, 5060, name) for name in "abcd"]
        first = Counter(ordered(records, chance.randrange)[0].target for _ in range(4000))
        assert all(850 < first[name] < 1150 for name in "abcd")  # 5 standard deviations


# -- section 4.3 ------------------------------------------------------------------------------------------------------

A, B, C = (Address(f"192.0.2.{n}", 5060) for n in (1, 2, 3))


def all_of(tries: Tries, now: float) -> list[Address]:
    return list(iter(lambda: tries.next(now), None))


def taken(failover: Failover, now: float, destination: str = "example.com") -> list[Address]:
    """All candidates as a request would try them when each fails without being told."""
    tries = failover.tries(destination, [A, B, C])
    return all_of(tries, now)


def test_a_server_that_failed_comes_last_until_its_penalty_ends() -> None:
    failover = Failover()
    tries = failover.tries("example.com", [A, B, C])
    assert tries.next(100) == A
    tries.failed(100)
    assert taken(failover, 100) == taken(failover, 131.9) == [B, C, A]
    assert taken(failover, 132) == [A, B, C]
    assert taken(failover, 100, "elsewhere.example") == [A, B, C]  # it may well serve others
    assert tries.next(110) == B
    tries.failed(110)
    assert tries.next(110) == C
    tries.failed(110)
    assert tries.next(110) is None
    assert tries.current is None
    assert taken(failover, 111) == [A, B, C]  # all failed: the one whose penalty ends first comes first
    assert taken(failover, 132) == [A, B, C]
    tries.failed(112)  # none is current: nobody is blamed
    assert taken(failover, 142) == [A, B, C]


def test_within_one_request_what_others_find_out_counts() -> None:
    failover = Failover()
    tries = failover.tries("example.com", [A, B, C])
    assert tries.next(0) == A
    failover.failed("example.com", B, 1)
    assert tries.next(2) == C
    assert tries.next(3) == B


def test_a_server_that_works_is_forgiven() -> None:
    failover = Failover()
    failover.failed("example.com", A, 0)
    failover.failed("example.com", B, 0)
    tries = failover.tries("example.com", [A])
    tries.succeeded()
    assert tries.next(1) == A
    tries.succeeded()
    assert taken(failover, 1) == [A, C, B]
    failover.succeeded("example.com", B)
    assert len(failover) == 0
    failover.succeeded("nobody.example", B)


@pytest.mark.parametrize(("retry_after_s", "until"), [(None, 32), (5, 5), (120, 120), (10**9, 300), (0, 0), (-5, 0)])
def test_a_retry_after_is_believed_up_to_a_bound(retry_after_s, until) -> None:
    failover = Failover()
    tries = failover.tries("example.com", [A])
    tries.next(1000)
    tries.failed(1000, retry_after_s)
    assert failover.until("example.com", A, 1000) == (1000 + until if until else 0)


def test_the_memory_of_failures_is_bounded() -> None:
    failover = Failover(max_destinations=10)
    for n in range(100):
        failover.failed(f"d{n}", A, n)
    assert len(failover) == 10
    assert failover.until("d90", A, 100) > 0
    assert failover.until("d89", A, 100) == 0
    for n in range(1000):
        failover.failed("d99", Address("192.0.2.9", n + 1), 100 + n / 1000)
    assert len(failover._until["d99"]) == locating.MAX_CANDIDATES
    failover.failed("d98", B, 98 + locating.PENALTY_S)
    assert list(failover._until["d98"]) == [B]  # A's penalty is over
    assert failover.until("d99", Address("192.0.2.9", 1000), 102) > 0
    assert len(failover.tries("d99", [Address("192.0.2.9", n) for n in range(1, 999)])._left) == locating.MAX_CANDIDATES


@given(steps=st.lists(st.tuples(st.integers(0, 5), st.floats(0, 20), st.sampled_from(["fail", "work", "leave"])), max_size=40))
@settings(max_examples=50)
def test_a_request_tries_every_server_once_whatever_happened_before(steps) -> None:
    failover, now = Failover(), 0.0
    servers = [Address("192.0.2.1", 5060 + n) for n in range(6)]
    for index, passes, what in steps:
        now += passes
        if what == "fail":
            failover.failed("d", servers[index], now)
        elif what == "work":
            failover.succeeded("d", servers[index])
        tries = failover.tries("d", servers)
        order = all_of(tries, now)
        assert sorted(order, key=servers.index) == servers
        marks = [failover.until("d", address, now) for address in order]
        assert marks == sorted(marks)
