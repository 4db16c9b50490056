"""Whether a node can do its work: what it says when the database, the media engine or it itself is in trouble."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from offhook.clock import Clock
from offhook.node.health import Shared
from offhook.testing.live import NodeProcess

from .conftest import MAIN, TOKEN, Answered, Raw
from .test_metrics import page, samples, value

PATIENCE_S = 120.0


def until(raw: Raw, wanted: Callable[[Answered], bool]) -> Answered:
    """Ask whether it is ready until the answer is as wanted."""
    deadline = time.monotonic() + PATIENCE_S
    while not wanted(answer := raw.ask("GET", "/readyz", Authorization="")):
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)
    return answer


@contextmanager
def held(database: Path | str) -> Iterator[None]:
    """Nobody else can write there within the block."""
    if isinstance(database, str):
        with psycopg.connect(database) as connection:
            connection.execute("LOCK TABLE accounts")
            yield
            connection.rollback()
        return
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


def checks(answer: Answered) -> dict[str, Any]:
    found: dict[str, Any] = answer.body["checks"]
    return found


def test_it_is_ready_and_says_what_was_looked_at(raw: Raw) -> None:
    answer = until(raw, lambda it: it.status == 200)
    assert answer.body == {"status": "ready", "checks": {"database": "ok", "media": "ok", "sip": "ok", "calls": "ok"}}
    assert answer.headers["cache-control"] == "no-store"
    alive = raw.ask("GET", "/healthz", Authorization="")
    assert (alive.status, alive.body) == (200, {"status": "ok"})


def test_a_database_that_takes_nothing(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", auth_id=MAIN, auth_token=TOKEN)
    raw = Raw(node.http_port)
    try:
        until(raw, lambda it: it.status == 200)
        with held(node.database):
            answer = until(raw, lambda it: it.status == 503)
            assert answer.body["status"] == "not ready"
            assert checks(answer)["database"] == "nothing can be written"
            assert checks(answer)["sip"] == checks(answer)["calls"] == "ok"
            assert raw.ask("GET", "/healthz", Authorization="").status == 200
        until(raw, lambda it: it.status == 200)
        assert "not ready: database" in node.log.read_text()
    finally:
        node.stop()


def test_a_media_engine_that_hangs_and_one_that_dies(tmp_path: Path) -> None:
    node = NodeProcess(tmp_path / "data", auth_id=MAIN, auth_token=TOKEN)
    raw = Raw(node.http_port)
    try:
        until(raw, lambda it: it.status == 200)
        engine = node.engine_pid
        os.kill(engine, signal.SIGSTOP)
        answer = until(raw, lambda it: it.status == 503)
        assert checks(answer)["media"] == "the media engine does not answer"
        found = samples(page(node))
        assert value(found, "offhook_engine_up") == value(found, "offhook_ready") == 0
        assert not any(name.startswith("offhook_engine_cpu") for name, _ in found), "a counter must not fall to 0 and come back"
        os.kill(engine, signal.SIGCONT)
        until(raw, lambda it: it.status == 200)
        os.kill(engine, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE_S
        while value(samples(page(node)), "offhook_engine_restarts_total") != 1:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        until(raw, lambda it: it.status == 200)
    finally:
        node.stop()


def test_what_is_no_http_is_refused_and_fills_no_log(node: NodeProcess) -> None:
    before = len(node.log.read_bytes())
    for octets in (
        b"GET / HTTP/1.1\r\nX: \0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET " + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", node.http_port), timeout=30) as stranger:
            stranger.sendall(octets)
            assert stranger.recv(1000).split()[1] == b"400"
    assert b"Traceback" not in node.log.read_bytes()[before:]


def test_who_asks_often_costs_no_more_than_who_asks_once() -> None:
    made = 0

    async def make() -> int:
        nonlocal made
        made += 1
        await asyncio.sleep(0)
        if made == 2:
            raise ValueError("the second time")
        return made

    class Frozen(Clock):
        time = 0.0

        def now(self) -> float:
            return self.time

    async def run() -> None:
        clock = Frozen()
        shared = Shared(make, clock)
        assert await asyncio.gather(*(shared.get() for _ in range(20))) == [1] * 20
        assert await shared.get() == 1
        clock.time += 1.5
        results = await asyncio.gather(*(shared.get() for _ in range(5)), return_exceptions=True)
        assert all(isinstance(each, ValueError) for each in results)
        assert await shared.get() == 3, "what failed is tried again at once"
        await shared.aclose()

    asyncio.run(run())
