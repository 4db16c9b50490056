"""Questions to DNS: the system's name servers and hosts file, a memory of what they said, and bounds on both."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dns.asyncbackend
import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
from dns.rdata import Rdata
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from offhook.clock import Clock
from offhook.sip.locating import MAX_RECORDS, Answer, Kind, Naptr, Question, Srv, ip_version

MIN_TTL_S = 5.0
MAX_TTL_S = 3600.0
NEGATIVE_S = 30.0
"""How long it is remembered that there is no such record, s."""
FAILED_S = 5.0
"""How long a name server's silence is remembered, s: long enough for a burst of calls, short enough for a lost packet."""
STALE_S = 3600.0
"""How long after its time an answer still serves when no name server answers (RFC 8767): calls outlive an outage of DNS, s."""
PATIENCE_S = 1.0
"""How long answers are waited for when there are old ones, or others to the same search, s."""
QUESTION_S = 4.0
"""For one question, its turn included, s."""
TRY_S = 1.2
"""For one name server, before the next is asked, s."""
MAX_QUESTIONS = 64
"""Questions on their way at a time: peers can make us look up names, by their Contact."""
MAX_KNOWN = 4096
"""Answers that are remembered."""
SYSTEM_S = 60.0
"""How long an answer of the system's own resolver is remembered, which tells no time, s."""
MAX_HOSTS_BYTES = 1 << 20
UDP_PAYLOAD_BYTES = 1232
"""What we take in one datagram (EDNS): no fragments. Longer answers come by TCP."""
SYSTEM_THREADS = 2
MAX_REASON = 120
"""Characters of what went wrong."""
HOSTS = Path("/etc/hosts")
RESOLV_CONF = Path("/etc/resolv.conf")

_FAMILIES: dict[str, tuple[int, socket.AddressFamily]] = {"A": (4, socket.AF_INET), "AAAA": (6, socket.AF_INET6)}


class _NoAnswer(Exception):
    """Nobody could say; the message says why."""


@dataclass(frozen=True, slots=True)
class _Known:
    """An answer, and until when it is good, loop time, s."""

    answer: Answer
    until: float
    serves_until: float
    """When no newer one can be had."""


class Dns:
    """Answers questions, each of them once for all who ask it at the same time.

    A host in the hosts file has the addresses that stand there and no others. Else DNS says. Where DNS has no such name the
    system is asked for addresses, whose ways (search lists, mDNS, containers' own) we do not know. Both files are read
    again when they change.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        nameservers: Sequence[str] | None = None,
        port: int = 53,
        hosts: Path = HOSTS,
        resolv_conf: Path = RESOLV_CONF,
    ) -> None:
        """Args:
        nameservers: IP addresses to ask instead of those of ``resolv_conf``; the system is not asked then.
        port: of the name servers.
        hosts: lines of an address and names (hosts(5)).
        resolv_conf: the system's settings (resolv.conf(5)).
        """
        self._clock = clock
        self._nameservers = nameservers
        self._port = port
        self._hosts = _HostsFile(hosts)
        self._resolv_conf = resolv_conf
        self._read: object = None
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._known: OrderedDict[Question, _Known] = OrderedDict()
        self._asking: dict[Question, asyncio.Task[Answer]] = {}
        self._turns = asyncio.Semaphore(MAX_QUESTIONS)
        self._threads: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        """Answers that are remembered."""
        return len(self._known)

    async def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Look names up at the same time; the answers stand in the order of the questions. One without records says why."""
        keys: list[Question] = [(name.lower().rstrip("."), kind) for name, kind in questions]
        answers: dict[Question, Answer] = {}
        awaited: dict[Question, asyncio.Task[Answer]] = {}
        for key in dict.fromkeys(keys):
            remembered = self._remembered(key)
            if remembered is not None:
                answers[key] = remembered
            else:
                awaited[key] = self._task(key)
        if awaited:
            await self._wait(awaited, answers)
        return [answers[key] for key in keys]

    async def _wait(self, awaited: dict[Question, asyncio.Task[Answer]], answers: dict[Question, Answer]) -> None:
        """Add the answers that come; after a while be content with what is there, as long as some of it is records.

        Of a domain's servers, one may lie in a zone that is down, and there are name servers that keep silent when they are
        asked for IPv6. What comes later is remembered for the next request.
        """
        wait = asyncio.ALL_COMPLETED
        limit: float | None = PATIENCE_S
        while awaited:
            await asyncio.wait(awaited.values(), timeout=limit, return_when=wait)
            for key, task in list(awaited.items()):
                old = self._old(key)
                if task.done():
                    answers[key] = Answer(why="no longer asking") if task.cancelled() else task.result()
                    del awaited[key]
                elif old is not None:
                    answers[key] = old.answer
                    del awaited[key]
            if any(answer.records for answer in answers.values()):
                answers.update((key, Answer(why="no name server answered in time")) for key in awaited)
                return
            wait, limit = asyncio.FIRST_COMPLETED, None

    def _remembered(self, question: Question) -> Answer | None:
        if question[1] in _FAMILIES:
            found = self._hosts.addresses(question[0])
            if found is not None:
                records = tuple(ip for ip in found if ip_version(ip) == _FAMILIES[question[1]][0])
                return Answer(records, MIN_TTL_S, "" if records else "the hosts file has no such address")
        known = self._known.get(question)
        if known is None or known.until <= self._clock.now():
            return None
        self._known.move_to_end(question)
        return known.answer

    def _old(self, question: Question) -> _Known | None:
        """Records that still serve for want of newer ones."""
        known = self._known.get(question)
        return known if known is not None and known.answer.records and known.serves_until > self._clock.now() else None

    def _task(self, question: Question) -> asyncio.Task[Answer]:
        task = self._asking.get(question)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._answer(question), name=f"ask {question[1]} of {question[0]}")
            self._asking[question] = task
            task.add_done_callback(lambda _task: self._asking.pop(question, None))
        return task

    async def _answer(self, question: Question) -> Answer:
        """Look it up and remember what comes; when nothing comes, what came last."""
        try:
            async with asyncio.timeout(QUESTION_S), self._turns:
                answer = await self._look_up(*question)
        except (_NoAnswer, TimeoutError) as error:
            old = self._old(question)
            answer = Answer(ttl=FAILED_S, why=str(error) or "no name server answered") if old is None else old.answer
            until = self._clock.now() + FAILED_S
            known = _Known(answer, until, until if old is None else old.serves_until)
        else:
            until = self._clock.now() + answer.ttl
            known = _Known(answer, until, until + STALE_S)
        self._known[question] = known
        self._known.move_to_end(question)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return answer

    async def _look_up(self, name: str, kind: Kind) -> Answer:
        ask_system = kind in _FAMILIES and self._nameservers is None
        resolver = self._current()
        if name == "localhost" or name.endswith(".localhost") or resolver is None:  # RFC 6761: no business of DNS
            if ask_system:
                return await self._system(name, kind)
            raise _NoAnswer("there is no name server")
        try:
            answer = await resolver.resolve(
                f"{name}.", kind, search=False, lifetime=QUESTION_S, backend=dns.asyncbackend.get_backend("asyncio")
            )
        except dns.resolver.NXDOMAIN:
            return await self._system(name, kind) if ask_system else Answer(ttl=NEGATIVE_S, why="no such name")
        except dns.resolver.NoAnswer:
            return Answer(ttl=NEGATIVE_S, why=f"no {kind} record")
        except dns.exception.Timeout:
            raise _NoAnswer("no name server answered") from None
        except (dns.exception.DNSException, OSError, ValueError) as error:
            found = await self._system(name, kind) if ask_system else Answer()
            if found.records:
                return found
            raise _NoAnswer(_reason(error)) from error
        ttl = min(max(float(answer.chaining_result.minimum_ttl), MIN_TTL_S), MAX_TTL_S)
        return Answer(tuple(_records(answer)), ttl)

    def _current(self) -> dns.asyncresolver.Resolver | None:
        """A resolver with the name servers as they are set now; ``None`` when there are none."""
        state = _state(self._resolv_conf) if self._nameservers is None else self._nameservers
        if state is None or state != self._read:
            self._read = state
            self._resolver = self._make()
        return self._resolver

    def _make(self) -> dns.asyncresolver.Resolver | None:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.port = self._port
        try:
            if self._nameservers is None:
                resolver.read_resolv_conf(self._resolv_conf)
            else:
                resolver.nameservers = list(self._nameservers)
        except (dns.exception.DNSException, ValueError, OSError):
            return None
        resolver.timeout = TRY_S
        resolver.use_edns(0, 0, UDP_PAYLOAD_BYTES)
        return resolver

    async def _system(self, name: str, kind: Kind) -> Answer:
        """Ask the system's own resolver, in threads of our own: it blocks, and knows no time limit."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(SYSTEM_THREADS, "names")
        find = partial(socket.getaddrinfo, name, None, family=_FAMILIES[kind][1], type=socket.SOCK_DGRAM)
        try:
            infos = await asyncio.get_running_loop().run_in_executor(self._threads, find)
        except (OSError, UnicodeError) as error:
            return Answer(ttl=NEGATIVE_S, why=str(error.strerror if isinstance(error, OSError) else error))
        return Answer(tuple(dict.fromkeys(str(info[4][0]) for info in infos))[:MAX_RECORDS], SYSTEM_S)

    async def aclose(self) -> None:
        """Stop asking; who waits is told that there is no answer."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


def _reason(error: Exception) -> str:
    """What the name servers said, without their addresses."""
    if not isinstance(error, dns.resolver.NoNameservers):
        return str(error)
    said = dict.fromkeys(str(each[3]) or type(each[3]).__name__ for each in error.kwargs.get("errors", ()))
    return f"the name servers say {', '.join(said)}"[:MAX_REASON]


def _records(answer: Iterable[Rdata]) -> list[Naptr | Srv | str]:
    found: list[Naptr | Srv | str] = []
    for record in answer:
        if len(found) >= MAX_RECORDS:
            break
        if isinstance(record, A | AAAA):
            found.append(str(record.address))
        elif isinstance(record, SRV):
            found.append(Srv(record.priority, record.weight, record.port, _text(record.target)))
        elif isinstance(record, NAPTR):
            flags, service, regexp = (each.decode("latin-1") for each in (record.flags, record.service, record.regexp))
            found.append(Naptr(record.order, record.preference, flags, service, regexp, _text(record.replacement)))
    return found


def _text(name: dns.name.Name) -> str:
    """Without the last dot; the root stays a dot."""
    return name.to_text(omit_final_dot=True)


def _state(path: Path) -> tuple[int, int, int] | None:
    """What differs when a file has changed; ``None`` when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


class _HostsFile:
    """Names and addresses of hosts(5)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: object = None
        self._known: dict[str, list[str]] = {}

    def addresses(self, name: str) -> list[str] | None:
        """The addresses of a name in lower case, of both families; ``None`` when it does not stand there."""
        state = _state(self._path)
        if state != self._read:
            self._read = state
            self._known = {} if state is None else self._load()
        return self._known.get(name)

    def _load(self) -> dict[str, list[str]]:
        known: dict[str, list[str]] = {}
        try:
            with self._path.open("rb") as file:
                text = file.read(MAX_HOSTS_BYTES).decode("utf-8", "replace")
        except OSError:
            return known
        for line in text.splitlines():
            ip, *names = line.partition("#")[0].split() or [""]
            if ip_version(ip) is None:
                continue
            for name in names:
                addresses = known.setdefault(name.lower().rstrip("."), [])
                if ip not in addresses and len(addresses) < MAX_RECORDS:
                    addresses.append(ip)
        return known
