"""A node in its own process: ``offhook serve --dev`` on free loopback ports."""

from __future__ import annotations

import asyncio
import fcntl
import functools
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from offhook.clock import Clock
from offhook.ids import Ids
from offhook.records import Application, CallRecord, SipEndpoint, TimelineRow
from offhook.settings import load
from offhook.sip import Secret
from offhook.store import Store, known_node_id
from offhook.testing.live.databases import database_in

LOOPBACK = "127.0.0.1"
T = TypeVar("T")
_FIRST_RTP_PORT, _RTP_PORTS, _BLOCKS = 16_384, 1_200, 13
"""All of them lie under 32768: from there on the system picks ports for others, this node's own SIP port among them."""
_FIRST_PORT, _PORTS = 7_200, 2_800
"""Beside those of the tests' phones."""
_RESERVED = Path(tempfile.gettempdir()) / f"offhook-test-ports-{os.getuid()}"
"""A lock on the byte with a port's number keeps it for one process of tests: a node binds it a second after it was found free."""
_IDLE_CONNECTIONS = 4
_blocks = itertools.count(os.getpid())
_ports = itertools.count(os.getpid() * 997)


@dataclass(frozen=True)
class Holdings:
    """What a node holds of the system's things."""

    descriptors: int
    rtp_sockets: int
    processes: int
    rss_kb: int


def free_port() -> int:
    """A port that is free for UDP and TCP now, and that the system gives to nobody by itself; no two calls get the same, nor do
    tests that run at the same time.
    """
    reserved = _reservations()
    for _ in range(_PORTS):
        port = _FIRST_PORT + next(_ports) % _PORTS
        try:
            fcntl.lockf(reserved, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp, suppress(OSError):
            udp.bind((LOOPBACK, port))
            tcp.bind((LOOPBACK, port))
            return port
    raise RuntimeError("no free port")


@functools.cache
def _reservations() -> int:
    """The file of the locks; open until this process ends."""
    return os.open(_RESERVED, os.O_RDWR | os.O_CREAT, 0o600)


class NodeProcess:
    """``offhook serve --dev`` on free loopback ports, with a data folder of its own.

    Args:
        data: that folder; made when absent. Its database is there too, unless ``database`` is set, or tests run on PostgreSQL.
        arguments: more options.
        ready: whether to wait until it serves.
        settings: more settings, by their names.
    """

    def __init__(self, data: Path, *arguments: str, ready: bool = True, **settings: str) -> None:
        self.data = data
        self.sip_port, self.http_port = free_port(), free_port()
        low = _FIRST_RTP_PORT + next(_blocks) % _BLOCKS * _RTP_PORTS
        self.rtp_ports = range(low, low + _RTP_PORTS)
        self.log = data.parent / f"{data.name}.log"
        self.database: Path | str = settings.get("database") or database_in(data)
        if isinstance(self.database, str):
            settings["database"] = self.database
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("OFFHOOK_")}
        self._environment |= {f"OFFHOOK_{name.upper()}": value for name, value in settings.items()}
        command = [
            *(str(Path(sys.executable).parent / "offhook"), "serve", "--dev", "--data", str(data)),
            *("--sip", f"{LOOPBACK}:{self.sip_port}", "--http", f"{LOOPBACK}:{self.http_port}"),
            *("--rtp-ports", f"{low}-{low + _RTP_PORTS - 1}", *arguments),
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=self._environment)  # noqa: S603 - our own program
        self.output: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            if ready:
                self._await_ready()
        except BaseException:
            self.process.kill()
            raise

    def _await_ready(self) -> None:
        deadline = time.monotonic() + 30
        while not any(line.startswith("ready") for line in self.output):
            assert self.process.poll() is None, f"the node ended: {self.output} {self.log.read_text()}"
            assert time.monotonic() < deadline, f"the node is not ready: {self.output} {self.log.read_text()}"
            time.sleep(0.01)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line.decode().rstrip("\n"))

    def uri(self, user: str = "14155550199", transport: str = "udp") -> str:
        """Whom to call."""
        port = self.tls_port if transport == "tls" else self.sip_port
        return f"sip:{user}@{LOOPBACK}:{port}" + ("" if transport == "udp" else f";transport={transport}")

    @property
    def tls_port(self) -> int:
        """Where SIP over TLS listens."""
        found = re.search(r"TLS (\d+)", " ".join(self.output))
        assert found is not None, self.output
        return int(found[1])

    def command(self, *arguments: str) -> str:
        """Run a command of ours on this node's data folder. Returns what it prints."""
        done = subprocess.run(  # noqa: S603 - our own program
            [str(Path(sys.executable).parent / "offhook"), *arguments, "--data", str(self.data)],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            env=self._environment,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def records(self) -> list[CallRecord]:
        """All call records, the newest first."""
        return asyncio.run(self._with_store(self._records))

    def timeline(self, call_uuid: str) -> list[TimelineRow]:
        """A call's timeline."""
        return list(asyncio.run(self._with_store(lambda store: store.timeline(call_uuid))))

    async def _records(self, store: Store) -> list[CallRecord]:
        account, _ = await store.ensure_account(None, None)
        return list(await store.records(account.auth_id, limit=10_000, offset=0))

    async def _with_store(self, work: Callable[[Store], Awaitable[T]]) -> T:
        store = await Store.open(self.database, clock=Clock(), node=known_node_id(self.data))
        try:
            return await work(store)
        finally:
            await store.aclose()

    def route(self, number: str, answer_url: str, **more: Any) -> str:
        """Let an application of its own run a number; ``more`` are fields of ``Application``. Returns whom to call."""

        async def add(store: Store) -> None:
            account, _ = await store.ensure_account(None, None)
            application = Application(Ids().app_id(), account.auth_id, f"for {number}", answer_url, **more)
            await store.add_application(application)
            await store.set_number(number, account.auth_id, application.app_id)

        asyncio.run(self._with_store(add))
        return self.uri(number)

    def add_endpoints(self, password: str, *usernames: str) -> None:
        """What ``offhook endpoint add`` does, for several SIP users with one password, and without a process for each."""
        realm = load(environment={}).sip_realm

        async def add(store: Store) -> None:
            account, _ = await store.ensure_account(None, None)
            secrets = [(user, Secret.of(user, realm, password)) for user in usernames]
            await store.telephony.set_endpoints(
                [
                    SipEndpoint(user, account.auth_id, Ids().endpoint_id(), user, secret.md5, secret.sha256)
                    for user, secret in secrets
                ]
            )

        asyncio.run(self._with_store(add))

    def record_number(self, count: int, timeout_s: float = 10.0) -> CallRecord:
        """Wait until there are that many records; the newest of them."""
        deadline = time.monotonic() + timeout_s
        while len(found := self.records()) < count:
            assert time.monotonic() < deadline, f"{len(found)} records, not {count}; log: {self.log.read_text()[-3000:]}"
            time.sleep(0.05)
        assert len(found) == count
        return found[0]

    def record_of(self, number: str, timeout_s: float = 10.0) -> CallRecord:
        """Wait for the record of the call to a number; the newest, if there were several."""
        deadline = time.monotonic() + timeout_s
        while not (found := [each for each in self.records() if each.to_number == number]):
            assert time.monotonic() < deadline, f"no record of a call to {number}; log: {self.log.read_text()[-3000:]}"
            time.sleep(0.05)
        return found[0]

    def _pids(self) -> list[int]:
        """The node and what it started: media engine and workers."""
        pids = [self.process.pid]
        for pid in pids:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                pids += [int(each) for each in task.read_text().split()]
        return pids

    @property
    def engine_pid(self) -> int:
        """Of the media engine that runs now."""
        engines = [pid for pid in self._pids() if b"offhook.media.engine" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert len(engines) == 1, engines
        return engines[0]

    def bound_rtp_ports(self) -> set[int]:
        """Which ports of its range are bound."""
        return {port for port, _ in _udp_sockets() if port in self.rtp_ports}

    def holdings(self) -> Holdings:
        """Count what the node holds now."""
        pids = self._pids()
        opened = [target for pid in pids for target in _open_files(pid)]
        sockets = {target[len("socket:[") : -1] for target in opened if target.startswith("socket:[")}
        rss = [re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in pids[:2]]
        return Holdings(
            len(opened),
            sum(inode in sockets and port in self.rtp_ports for port, inode in _udp_sockets()),
            len(pids),
            sum(int(found[1]) for found in rss if found),
        )

    def await_free_ports(self, timeout_s: float = 5.0) -> None:
        """Wait until no RTP port is bound; fail when one stays so."""
        deadline = time.monotonic() + timeout_s
        while (held := self.holdings().rtp_sockets) > 0:
            assert time.monotonic() < deadline, f"{held} RTP sockets are left"
            time.sleep(0.02)

    def settle(self, before: Holdings, timeout_s: float = 8.0) -> Holdings:
        """Wait until it holds no more than before, give or take a few idle HTTP connections; fail when it does not get there."""
        deadline = time.monotonic() + timeout_s
        while (
            now := self.holdings()
        ).descriptors > before.descriptors + _IDLE_CONNECTIONS or now.rtp_sockets > before.rtp_sockets:
            assert time.monotonic() < deadline, f"leaked: {before} → {now}"
            time.sleep(0.1)
        return now

    def kill(self) -> None:
        """SIGKILL for the switch; media engine and workers end with it."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(45)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the node does not end: {self.log.read_text()[-3000:]}") from None


def _open_files(pid: int) -> list[str]:
    """What a process has open, as the kernel names it."""
    targets = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            targets.append(str(link.readlink()))
    return targets


def _udp_sockets() -> list[tuple[int, str]]:
    """Local port and inode of every UDP socket on this machine."""
    rows = (line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:])
    return [(int(row[1].rpartition(":")[2], 16), row[9]) for row in rows]
