"""Greetings in all voices, and a node whose API Plivo's own SDK calls."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import plivo
import pytest

from offhook.testing.live import Customer, NodeProcess

from .greetings import Greeting, spoken

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "sdk"))
import plivo_here

MAIN, TOKEN = "MA" + "X" * 18, "the-token-of-the-main-account-is-secret!"


@pytest.fixture(scope="package")
def greetings(tmp_path_factory: pytest.TempPathFactory) -> list[Greeting]:
    """All of them."""
    return asyncio.run(spoken(tmp_path_factory.mktemp("spoken")))


@pytest.fixture(scope="package")
def customer() -> Iterator[Customer]:
    """The customer's web server."""
    started = Customer()
    yield started
    started.close()


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory, customer: Customer) -> Iterator[NodeProcess]:
    """A node that places as many calls a second as one likes."""
    started = NodeProcess(
        tmp_path_factory.mktemp("answering") / "data",
        *("--answer-url", customer.url("/answer")),
        auth_id=MAIN,
        auth_token=TOKEN,
        calls_per_s="100",
    )
    yield started
    assert started.stop() == 0, started.log.read_text()[-3000:]
    assert "Traceback" not in started.log.read_text()


@pytest.fixture
def client(node: NodeProcess) -> plivo.RestClient:
    """The SDK."""
    plivo_here.use(f"http://127.0.0.1:{node.http_port}")
    return plivo.RestClient(MAIN, TOKEN, timeout=30)
