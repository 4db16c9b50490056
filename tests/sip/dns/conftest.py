"""A real DNS server (dnsmasq) with a few domains, and look-ups that are closed at the end."""

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
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from offhook.clock import Clock
from offhook.sip import Address
from offhook.sip.dns import Dns
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

    def __init__(self, folder: Path, more: str = "") -> None:
        program = shutil.which("dnsmasq") or shutil.which("dnsmasq", path="/usr/sbin:/sbin")
        if program is None:
            if os.environ.get("OFFHOOK_REQUIRE_PEERS"):
                pytest.fail("dnsmasq is missing, and OFFHOOK_REQUIRE_PEERS is set")
            pytest.skip("dnsmasq is not installed (.ci/run installs it)")
        self.port = free_port()
        self.log = folder / "queries"
        config = folder / "dnsmasq.conf"
        config.write_text(f"{RECORDS}{more}\nport={self.port}\nuser={getpass.getuser()}\npid-file=\nlog-facility={self.log}\n")
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


@pytest.fixture(scope="session")
def name_server() -> type[Server]:
    """For tests with records of their own."""
    return Server


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
async def asker(port: int, folder: Path, *, nameservers=("127.0.0.1",), clock: Clock | None = None) -> AsyncIterator[Dns]:
    before = asyncio.all_tasks()
    made = Dns(clock or Clock(), nameservers=nameservers, port=port, hosts=folder / "no-hosts")
    try:
        yield made
    finally:
        await made.aclose()
        assert asyncio.all_tasks() == before


async def servers_of(resolver: Resolver, address: Address, *, choose_transport: bool = False) -> tuple[list[str], str]:
    told: asyncio.Future[tuple[list[Address], str]] = asyncio.get_running_loop().create_future()
    resolver.candidates(address, lambda found, why: told.set_result((found, why)), choose_transport=choose_transport)
    async with asyncio.timeout(30):
        found, why = await told
    assert all(each.name == address.host for each in found)
    return [str(each) for each in found], why


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[[], Server]]:
    """A server of one's own, to be stopped in the middle."""
    made: list[Server] = []

    def make() -> Server:
        made.append(Server(tmp_path))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def asking() -> Callable[..., contextlib.AbstractAsyncContextManager[Dns]]:
    return asker


@pytest.fixture
def candidates() -> Callable[..., Awaitable[tuple[list[str], str]]]:
    return servers_of


@pytest.fixture
def clock() -> Standing:
    """Stands still until ``at`` is set."""
    return Standing()


@pytest.fixture
def port() -> int:
    """Where nobody listens."""
    return free_port()
