"""Load comes from sipp, in its own process; sizes are small unless OFFHOOK_LOAD=full (``make load``)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offhook.testing.live import Customer, NodeProcess

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether to make all the calls."""
    return os.environ.get("OFFHOOK_LOAD") == "full"


@pytest.fixture
def customer() -> Iterator[Customer]:
    """The customer's web server."""
    customer = Customer()
    customer.forget()
    yield customer
    customer.close()


@pytest.fixture
def node(customer: Customer, tmp_path: Path) -> Iterator[NodeProcess]:
    """A node of its own for each load."""
    options = ["--answer-url", customer.url("/answer"), "--hangup-url", customer.url("/hangup"), "--log-level", "warning"]
    started = NodeProcess(tmp_path / "data", *options)
    yield started
    assert started.stop() == 0
    log = started.log.read_text()
    assert "Traceback" not in log, log[-3000:]


@pytest.fixture
def sipp_scenario() -> Callable[[str], tuple[str, Path]]:
    """Where sipp is, and a scenario of the interop tests."""

    def find(name: str) -> tuple[str, Path]:
        program = shutil.which("sipp")
        if program is None:
            if os.environ.get("OFFHOOK_REQUIRE_PEERS"):
                pytest.fail("sipp is missing, and OFFHOOK_REQUIRE_PEERS is set")
            pytest.skip("sipp is not installed (.ci/run installs it)")
        return program, next(each for each in (HERE / name, HERE.parent / "e2e" / "sipp" / name) if each.exists())

    return find
