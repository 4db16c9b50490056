"""What ``/v1/openapi.json`` says is what the node does: schemathesis asks for everything that it describes, over real HTTP.

A few requests to each route in every run; with ``OFFHOOK_LOAD=full`` all of schemathesis' phases, boundary cases and sequences of
requests among them.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis

from offhook.errors import OffhookError
from offhook.legs import NotAnswered
from offhook.testing.live import ON_POSTGRESQL, Customer, Desk, NodeProcess, a_desk, document

from .conftest import MAIN, TOKEN, Raw

HERE = Path(__file__).parent
FULL = os.environ.get("OFFHOOK_LOAD") == "full"
NUMBER = "14155550188"
# What a client sends otherwise than documented is taken where it can be (docs/api.md), so wrong data need not be refused; and
# what is right as data (an application's id) may still name nothing. And playing to a call makes no resource that is there later.
_LEFT_OUT = "negative_data_rejection,positive_data_acceptance,ensure_resource_availability"


class Caller:
    """A telephone that calls a number, and again when it was hung up, so that there is a call to do something with."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()

    async def _run(self) -> None:
        async with a_desk() as desk:
            while not self._over.is_set():
                try:
                    await self._call(desk)
                except* (NotAnswered, OffhookError):  # hung up before it was answered
                    pass
                await asyncio.sleep(0.2)

    async def _call(self, desk: Desk) -> None:
        async with desk.dial(self._target) as leg:
            await leg.wait_answered()
            ended = asyncio.ensure_future(leg.ended())
            while not (self._over.is_set() or ended.done()):
                await asyncio.wait([ended], timeout=0.2)
            ended.cancel()

    def stop(self) -> None:
        """Hang up."""
        self._over.set()
        self._thread.join(60)


@pytest.fixture
def asked(tmp_path: Path, customer: Customer) -> Iterator[NodeProcess]:
    """A node of its own, on which a call runs."""
    customer.says("/conformance", document("<Speak>Stay.</Speak><Wait length='3600'/>"))
    customer.says("/fuzzed", document("<Speak>Stay.</Speak><Wait length='3600'/>"))
    node = NodeProcess(
        *(tmp_path / "data",), auth_id=MAIN, auth_token=TOKEN, api_requests="0", calls_per_s="100", log_level="warning"
    )
    caller = Caller(node.route(NUMBER, customer.url("/conformance")))
    yield node
    caller.stop()
    assert node.stop() == 0, node.log.read_text()[-3000:]
    assert "Traceback" not in node.log.read_text(), node.log.read_text()[-6000:]


def test_the_description_is_an_openapi_document(raw: Raw) -> None:
    schemathesis.openapi.from_dict(raw.ask("GET", "/v1/openapi.json", Authorization="").body).validate()


@pytest.mark.skipif(ON_POSTGRESQL and not FULL, reason="asked on SQLite; on PostgreSQL with OFFHOOK_LOAD=full")
def test_the_node_does_what_it_is_described_to_do(asked: NodeProcess, customer: Customer, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{asked.http_port}"
    phases = (
        ["--phases=examples,coverage,fuzzing,stateful", "--max-examples=100"]
        if FULL
        else [*("--phases=fuzzing", "--max-examples=3", "--seed=1", "--no-shrink")]
    )
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{url}/v1/openapi.json", f"--url={url}"),
            *(f"--auth={MAIN}:{TOKEN}", "--no-color", "--generation-database=none", "--request-timeout=60"),
            *(f"--exclude-checks={_LEFT_OUT}", "--suppress-health-check=all", "--warnings=off", *phases),
        ],
        env={
            **os.environ,
            "PYTHONPATH": f"{HERE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "SCHEMATHESIS_HOOKS": "conformance_hooks",
            "CONFORMANCE_URL": url,
            "CONFORMANCE_AUTH_ID": MAIN,
            "CONFORMANCE_TOKEN": TOKEN,
            "CONFORMANCE_KEPT": NUMBER,
            "CONFORMANCE_CUSTOMER": customer.url(""),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=None if FULL else 600,
        check=False,
    )
    (tmp_path / "said").write_text(done.stdout)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-3000:]
    selected = [line for line in done.stdout.splitlines() if "Tested:" in line]
    described = Raw(asked.http_port).ask("GET", "/v1/openapi.json", Authorization="").body["paths"]
    assert selected == [f"  Tested: {sum(len(methods) for methods in described.values())}"]
