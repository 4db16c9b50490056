"""Where a request can be sent: the servers of a URI, found by DNS, in the order to try them (RFC 3263).

No socket and no clock: questions go out through a function that is handed in, and chance is handed in too. Which of the
servers have failed lately is remembered by `Failover`.
"""

from __future__ import annotations

import ipaddress
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Literal

from offhook.sip.dialog import DEFAULT_PORTS
from offhook.sip.headers import Address
from offhook.sip.uri import Uri

MAX_SERVICES = 8
"""NAPTR records that are followed."""
MAX_RECORDS = 64
"""Records of one answer that are looked at."""
MAX_SERVERS = 16
"""Targets of SRV records whose addresses are asked for."""
MAX_CANDIDATES = 32
"""Addresses that one search yields."""
PENALTY_S = 32.0
"""How long a server that failed comes last: 64 * T1, what a transaction takes to give up."""
SILENCE_PENALTY_S = 120.0
"""And one that said nothing for all of that time: longer than two such waits, or the third server would never be come to."""
MAX_PENALTY_S = 300.0
"""The most that a Retry-After is believed."""
LAST_TRY_S = 48.0
"""No further server is tried once the first was so long ago, s: two that say nothing are (32 s each), and all that fail quickly.
Whoever waits for the request waits 80 s at most; the next request begins with those that have not failed."""
MAX_DESTINATIONS = 1024
"""Destinations whose failures are remembered."""

Kind = Literal["NAPTR", "SRV", "A", "AAAA"]
Question = tuple[str, Kind]
"""A name and what is asked about it."""


@dataclass(frozen=True, slots=True)
class Naptr:
    """By which transports a domain likes to be reached (RFC 3403 section 4.1, RFC 3263 section 4.1)."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Srv:
    """One server of a service (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str
    """``.`` says that the domain does not offer the service at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a look-up brought: records of the kind that was asked for, addresses as text; else why there are none."""

    records: tuple[Naptr | Srv | str, ...] = ()
    ttl: float = 0.0
    """How long it may be remembered, s."""
    why: str = ""


Ask = Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]]
"""Answers in the order of the questions, which may be looked up at the same time. It never raises: no answer has a ``why``."""
Below = Callable[[int], int]
"""A random integer from 0 up to, and without, the one given."""
Located = tuple[list[Address], str]
"""Addresses in the order to try them; when there is none, why."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What we can send by."""

    transports: frozenset[str] = frozenset({"udp", "tcp"})
    """Of ``udp``, ``tcp``, ``tls``, ``ws`` and ``wss``."""
    families: tuple[Literal[4, 6], ...] = (4,)
    """IP versions, the one that is preferred first."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a URI says about the next hop."""

    host: str
    port: int | None = None
    """``None``: the URI names none."""
    transport: str | None = None
    """``None``: the URI names none, DNS may choose."""
    secure: bool = False
    """A ``sips`` URI: nothing but TLS will do."""
    name: str = ""
    """What a certificate must be for: the domain of the URI, wherever DNS leads (RFC 5922 section 4)."""

    @classmethod
    def of(cls, address: Address, *, choose_transport: bool = False) -> Wanted:
        """Read an address whose host may be a name, and whose port 0 means that none was named.

        With ``choose_transport`` its transport counts no more than this: a secure one asks for a secure one.
        """
        return cls(
            host=address.host,
            port=address.port or None,
            transport=None if choose_transport else address.transport,
            secure=address.transport in _SECURE,
            name=address.name or address.host,
        )


def unlocated(uri: Uri, transport: str | None = None) -> tuple[Address, bool]:
    """What a URI asks for, as `Wanted.of` reads it: the address, port 0 when none is named; whether DNS may choose the transport.

    ``transport`` stands in where the URI names none. An ``maddr`` is the host (RFC 3263 section 4).
    """
    named = uri.transport or transport
    chosen = named or "udp"
    if uri.scheme == "sips":
        chosen = "wss" if chosen in {"ws", "wss"} else "tls"
    host = uri.parameter("maddr") or uri.host
    return Address(host, uri.port or 0, chosen, name=host), named is None


_SECURE = frozenset({"tls", "wss"})
_SERVICES = {"sip+d2u": "udp", "sip+d2t": "tcp", "sips+d2t": "tls", "sip+d2w": "ws", "sips+d2w": "wss"}
"""Services of NAPTR records (RFC 3263 section 4.1, RFC 7118 section 6)."""
_PREFIXES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp", "ws": "_sip._ws", "wss": "_sips._ws"}
_GUESSED = {False: ("udp", "tcp"), True: ("tls", "wss")}
"""What is tried, in this order, when neither the URI nor NAPTR says anything; by whether it must be secure."""
_NUMERIC = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)\.?", re.IGNORECASE | re.ASCII)
"""Names whose last label is a number. No such domain exists, and old address notations (``127.1``) look like that."""


@lru_cache(maxsize=1024)
def ip_version(host: str) -> int | None:
    """4 or 6 for an IP address, ``None`` for a name."""
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Service:
    """The name of SRV records, and by which transport the servers there are reached."""

    name: str
    transport: str


@dataclass(frozen=True, slots=True)
class _Server:
    """A host, by name or address, before it is looked up."""

    host: str
    port: int
    transport: str


def settled(wanted: Wanted, spoken: Spoken) -> Located | None:
    """What is known without any look-up: a numeric host is itself, and what we do not speak is nowhere. ``None``: ask DNS."""
    transports = _usable(wanted, spoken)
    if not transports:
        said = " or ".join(sorted(spoken.transports)) or "any transport"
        return [], f"transport: {wanted.host} cannot be reached by {said}"
    version = ip_version(wanted.host)
    if version is None:
        unfit = not wanted.host or _NUMERIC.fullmatch(wanted.host) is not None
        return ([], f"transport: {wanted.host!r} is not a host name") if unfit else None
    if version not in spoken.families:
        return [], f"transport: {wanted.host} is of the address family that we do not listen on"
    transport = transports[0]
    return [Address(wanted.host, wanted.port or _default_port(transport), transport, name=wanted.name or wanted.host)], ""


def _usable(wanted: Wanted, spoken: Spoken) -> list[str]:
    """The transport that is wanted, or those that are guessed when none is; without those that we do not speak."""
    if wanted.transport is None:
        return [each for each in _GUESSED[wanted.secure] if each in spoken.transports]
    fits = wanted.transport in spoken.transports and (wanted.transport in _SECURE or not wanted.secure)
    return [wanted.transport] if fits else []


def _default_port(transport: str) -> int:
    return DEFAULT_PORTS.get(transport, 5060)


async def locate(wanted: Wanted, spoken: Spoken, ask: Ask, below: Below) -> Located:
    """Find the servers of a URI (RFC 3263 section 4).

    A numeric host is itself. With a port, only the addresses of the host are asked for. Else NAPTR says by which transports
    the domain is reached, when the URI does not; SRV says by which servers; without SRV it is the host, on the default port.
    Later NAPTR records are followed too, as more servers to fail over to: a domain whose first transport a firewall eats stays
    reachable. What cannot be asked counts as not there, so that a resolver that does not know NAPTR is not in the way.

    Args:
        wanted: what the URI says.
        spoken: what we can send by; nothing else is returned.
        ask: looks names up, a few questions at a time; at most three rounds.
        below: chooses among servers of one priority (RFC 2782).

    Returns:
        At most ``MAX_CANDIDATES`` addresses, numeric, none twice; when there is none, why.
    """
    known = settled(wanted, spoken)
    if known is not None:
        return known
    if wanted.port is not None:
        servers = [_Server(wanted.host, wanted.port, _usable(wanted, spoken)[0])]
    else:
        services = await _services(wanted, spoken, ask)
        answers = await ask([(service.name, "SRV") for service in services])
        servers = list(_servers(services, answers, below))
        if not any(answer.records for answer in answers):
            servers = [_Server(wanted.host, _default_port(services[0].transport), services[0].transport)]
    if not servers:
        return [], f"transport: {wanted.host} says that it has no SIP server for us"
    return await _addresses(servers[:MAX_SERVERS], wanted, spoken, ask)


async def _services(wanted: Wanted, spoken: Spoken, ask: Ask) -> list[_Service]:
    """Where SRV records are asked for: where NAPTR leads, or under the names of section 4.1."""
    if wanted.transport is None:
        (answer,) = await ask([(wanted.host, "NAPTR")])
        allowed = spoken.transports & _SECURE if wanted.secure else spoken.transports
        found = [record for record in answer.records[:MAX_RECORDS] if isinstance(record, Naptr) and _followed(record, allowed)]
        found.sort(key=lambda record: (record.order, record.preference))
        if found:
            leads = (_Service(record.replacement, _SERVICES[record.service.lower()]) for record in found)
            return list(dict.fromkeys(leads))[:MAX_SERVICES]
    return [_Service(f"{_PREFIXES[each]}.{wanted.host}", each) for each in _usable(wanted, spoken)]


def _followed(record: Naptr, allowed: frozenset[str]) -> bool:
    """Whether it leads to SRV records (flag S) of a transport that we may take. SIP has no use for rewriting."""
    leads = record.flags.lower() == "s" and not record.regexp and record.replacement not in {"", "."}
    return leads and _SERVICES.get(record.service.lower()) in allowed


def _servers(services: Sequence[_Service], answers: Sequence[Answer], below: Below) -> Iterator[_Server]:
    for service, answer in zip(services, answers, strict=True):
        for record in ordered((each for each in answer.records[:MAX_RECORDS] if isinstance(each, Srv)), below):
            if record.port and record.target not in {"", "."}:
                yield _Server(record.target, record.port, service.transport)


def ordered(records: Iterable[Srv], below: Below) -> list[Srv]:
    """Servers in the order to try them: by priority, among equals drawn by weight (RFC 2782, "Weight").

    Those without a weight among them are drawn seldom, those of equal weight evenly.
    """
    result: list[Srv] = []
    for _, group in groupby(sorted(records, key=lambda record: record.priority), key=lambda record: record.priority):
        waiting = list(group)
        for last in range(len(waiting) - 1, 0, -1):  # a draw ends at the first that reaches it: who is first must be chance too
            other = below(last + 1)
            waiting[last], waiting[other] = waiting[other], waiting[last]
        waiting.sort(key=lambda record: record.weight > 0)
        while waiting:
            result.append(waiting.pop(_drawn([record.weight for record in waiting], below)))
    return result


def _drawn(weights: list[int], below: Below) -> int:
    """The index of the first whose running sum of weights reaches a number from 0 to their sum, both included."""
    number = below(sum(weights) + 1)
    for index, weight in enumerate(weights):
        number -= weight
        if number <= 0:
            return index
    raise AssertionError("the number drawn is above the sum of the weights")


_KINDS: dict[int, Kind] = {4: "A", 6: "AAAA"}


async def _addresses(servers: Sequence[_Server], wanted: Wanted, spoken: Spoken, ask: Ask) -> Located:
    """Each server's addresses, one family after the other (RFC 7984 section 4.2 has both tried)."""
    hosts = dict.fromkeys(server.host for server in servers if ip_version(server.host) is None)
    questions: list[Question] = [(host, _KINDS[family]) for host in hosts for family in spoken.families]
    answers = dict(zip(questions, await ask(questions) if questions else [], strict=True))
    found: dict[Address, None] = {}
    for server in servers:
        for family in spoken.families:
            answer = answers.get(
                (server.host, _KINDS[family]), Answer((server.host,))
            )  # an SRV target may be numeric, though it should not
            for ip in answer.records[:MAX_RECORDS]:
                if isinstance(ip, str) and ip_version(ip) == family and _leads_somewhere(ip):
                    found[Address(ip, server.port, server.transport, name=wanted.name or wanted.host)] = None
    if found:
        return list(found)[:MAX_CANDIDATES], ""
    why = next((answer.why for answer in answers.values() if answer.why), "no address")
    return [], f"transport: the name {wanted.host} is not known ({why})"


def _leads_somewhere(ip: str) -> bool:
    """Blocking resolvers answer 0.0.0.0, which the kernel takes for this machine."""
    address = ipaddress.ip_address(ip)
    return not address.is_unspecified and not address.is_multicast


class Tries:
    """The servers of one request, one after another; each try is a new transaction with a branch of its own (section 4.3)."""

    def __init__(self, failover: Failover, destination: str, candidates: Sequence[Address]) -> None:
        self.current: Address | None = None
        """The one that ``next`` gave last."""
        self._failover = failover
        self._destination = destination
        self._left = list(candidates[:MAX_CANDIDATES])
        self._began: float | None = None

    @property
    def untried(self) -> int:
        """How many have not been tried."""
        return len(self._left)

    def next(self, now: float) -> Address | None:
        """The one to try now: in order those without a penalty, then those whose ends soonest. ``None`` when all were tried, or
        the first one ``LAST_TRY_S`` ago.
        """
        self._began = now if self._began is None else self._began
        if not self._left or now - self._began >= LAST_TRY_S:
            self.current = None
        else:
            self.current = min(self._left, key=lambda each: self._failover.until(self._destination, each, now))
            self._left.remove(self.current)
        return self.current

    def failed(self, now: float, retry_after_s: float | None = None) -> None:
        """The current one did not answer, could not be reached, or said 503, with a Retry-After perhaps."""
        if self.current is not None:
            self._failover.failed(self._destination, self.current, now, retry_after_s)

    def succeeded(self) -> None:
        """The current one answered something else: it works."""
        if self.current is not None:
            self._failover.succeeded(self._destination, self.current)


class Failover:
    """Which servers have failed lately, for each destination (RFC 3263 section 4.3).

    A server that failed comes last for ``PENALTY_S``. It is never left out: a doubtful server is better than none.
    One that fails for one domain may well serve another, so that each destination has its own memory.
    """

    def __init__(self, *, penalty_s: float = PENALTY_S, max_destinations: int = MAX_DESTINATIONS) -> None:
        self._penalty_s = penalty_s
        self._max = max_destinations
        self._until: OrderedDict[str, dict[Address, float]] = OrderedDict()

    def __len__(self) -> int:
        """Destinations that are remembered."""
        return len(self._until)

    def tries(self, destination: str, candidates: Sequence[Address]) -> Tries:
        """Begin a request. ``destination`` is any name that requests to the same servers share: the URI's host, a trunk."""
        return Tries(self, destination, candidates)

    def until(self, destination: str, address: Address, now: float) -> float:
        """When its penalty ends, loop time, s; 0 when it has none."""
        until = self._until.get(destination, {}).get(address, 0.0)
        return until if until > now else 0.0

    def failed(self, destination: str, address: Address, now: float, retry_after_s: float | None = None) -> None:
        """Let it come last from now on, for ``penalty_s`` or as long as it asked for, up to ``MAX_PENALTY_S``."""
        known = {each: until for each, until in self._until.pop(destination, {}).items() if until > now and each != address}
        if len(known) >= MAX_CANDIDATES:
            del known[min(known, key=known.__getitem__)]
        seconds = self._penalty_s if retry_after_s is None else min(max(retry_after_s, 0.0), MAX_PENALTY_S)
        known[address] = now + seconds
        self._until[destination] = known
        while len(self._until) > self._max:
            self._until.popitem(last=False)

    def succeeded(self, destination: str, address: Address) -> None:
        """Forgive it."""
        known = self._until.get(destination)
        if known is not None and known.pop(address, None) is not None and not known:
            del self._until[destination]
