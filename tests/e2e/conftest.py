"""The world of the end-to-end tests: a node in its own process, a customer's web server, and phones that are real SIP phones."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offhook.testing.live import Customer, NodeProcess, free_port

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def _customer() -> Iterator[Customer]:
    customer = Customer()
    yield customer
    customer.close()


@pytest.fixture
def customer(_customer: Customer) -> Customer:
    """The customer's web server, with nothing to say yet."""
    _customer.forget()
    return _customer


@pytest.fixture(scope="module")
def node(_customer: Customer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node that asks the customer's /answer and tells /hangup. One per test module."""
    started = NodeProcess(
        tmp_path_factory.mktemp("node") / "data",
        *("--answer-url", _customer.url("/answer"), "--hangup-url", _customer.url("/hangup")),
    )
    yield started
    assert started.stop() == 0, started.log.read_text()[-3000:]


@pytest.fixture
def start_node(tmp_path: Path) -> Iterator[Callable[..., NodeProcess]]:
    """Start nodes with other options; they are stopped at the end."""
    started: list[NodeProcess] = []

    def start(*arguments: str, **settings: str) -> NodeProcess:
        started.append(NodeProcess(tmp_path / f"data{len(started)}", *arguments, **settings))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Start an example, with options and environment variables; returns its port. What it prints is in ``NAME.log``."""
    running: list[subprocess.Popen[bytes]] = []

    def run(name: str, *arguments: str, **environment: str) -> int:
        port = free_port()
        with (tmp_path / f"{name}.log").open("ab") as log:
            command = [sys.executable, str(EXAMPLES / name / "app.py"), "--port", str(port), *arguments]
            running.append(subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **environment}))
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return port
            time.sleep(0.05)
        raise AssertionError((tmp_path / f"{name}.log").read_text())

    yield run
    for each in running:
        each.terminate()
        each.wait(5)


def _needs(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        if os.environ.get("OFFHOOK_REQUIRE_PEERS"):
            pytest.fail(f"{program} is missing, and OFFHOOK_REQUIRE_PEERS is set")
        pytest.skip(f"{program} is not installed (.ci/run installs it)")
    return found


@pytest.fixture(scope="session")
def sipp() -> str:
    """Where sipp is; the test is skipped where it is not installed."""
    return _needs("sipp")
