"""A node as a customer's program meets it, and the SDK pointed at it."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import plivo
import plivo.rest.client
import pytest
import trustme
from plivo import exceptions

from offhook.legs import IncomingLeg
from offhook.testing.live import Customer, Desk, NodeProcess, Reply, a_desk, hears, starts_to_hear, tone_wav

from .node_sdk import installed

ROOT = Path(__file__).resolve().parents[2]
HELPERS = ROOT / "examples" / "sdk"
MAIN = "MA" + "C" * 18
TOKEN = "the-token-of-the-main-account-is-secret!"
SCENE_S = 120
QUIET = 50
"""RMS of 32768."""
Scene = Callable[[Desk], Awaitable[None]]

sys.path.insert(0, str(HELPERS))
import plivo_here  # noqa: E402 - its folder is no package


def blocks(page: str, language: str) -> list[str]:
    """The blocks of code of a page."""
    text = (ROOT / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def played(scene: Scene) -> None:
    """Run a scene with telephones."""

    async def limited() -> None:
        async with asyncio.timeout(SCENE_S), a_desk() as desk:
            await scene(desk)

    asyncio.run(limited())


async def recorded(client: plivo.RestClient, call_uuid: str) -> Any:
    """The record of a call, as soon as it is over."""
    while True:
        try:
            return await asyncio.to_thread(client.calls.get, call_uuid)
        except exceptions.ResourceNotFoundError:
            await asyncio.sleep(0.05)


async def heard_until_stopped(leg: IncomingLeg, start: Callable[[], object], stop: Callable[[], object]) -> None:
    """Something that is played again and again is heard; and after it was stopped, it is quiet."""
    await asyncio.to_thread(start)
    await starts_to_hear(leg, timeout_s=SCENE_S)
    await asyncio.to_thread(stop)
    while (await hears(leg, 0.4)).levels.max() > QUIET:
        pass


async def kept(look: Callable[[str], Any], recording_id: str, missing: type[Exception]) -> Any:
    """A recording, as soon as it is complete."""
    while True:
        try:
            return await asyncio.to_thread(look, recording_id)
        except missing:
            await asyncio.sleep(0.1)


@pytest.fixture
def tone(customer: Customer) -> str:
    """The URL of a tone."""
    customer.forget()
    customer.says("/tone.wav", Reply(tone_wav((440, 0.5)), content_type="audio/wav"))
    customer.says("/first", Reply("<Response><Wait length='120' silence='true'/></Response>"))
    return customer.url("/tone.wav")


@pytest.fixture(scope="package")
def customer() -> Iterator[Customer]:
    """The customer's web server."""
    started = Customer()
    yield started
    started.close()


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node without a limit of requests."""
    data = tmp_path_factory.mktemp("compat") / "data"
    started = NodeProcess(data, auth_id=MAIN, auth_token=TOKEN, api_requests="0", sip_domain="sip.example")
    yield started
    assert started.stop() == 0, started.log.read_text()[-3000:]
    assert "Traceback" not in started.log.read_text()


@pytest.fixture(scope="package")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NodeProcess, Path]]:
    """A node with a certificate for Plivo's own name, and the file of the authority."""
    folder = tmp_path_factory.mktemp("named")
    authority = trustme.CA()
    authority.issue_cert("api.plivo.com").private_key_and_cert_chain_pem.write_to_path(str(folder / "node.pem"))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    node = NodeProcess(
        folder / "data", auth_id=MAIN, auth_token=TOKEN, http_tls="true", tls_certificate=str(folder / "node.pem"), sip_tls="0"
    )
    yield node, folder / "ca.pem"
    assert node.stop() == 0, node.log.read_text()[-3000:]


@pytest.fixture(scope="package")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the SDK for Node.js is installed."""
    return installed(tmp_path_factory.mktemp("node") / "sdk")


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK as it comes; whatever a test points elsewhere points to Plivo again afterwards."""
    for name in (*plivo_here.ADDRESSES, plivo_here.FEEDBACK):
        host = "https://stats.plivo.com" if name == plivo_here.FEEDBACK else "https://api.plivo.com/v1/Account"
        monkeypatch.setattr(plivo.rest.client, name, host)


@pytest.fixture
def url(node: NodeProcess) -> str:
    """Where the node is reached."""
    return f"http://127.0.0.1:{node.http_port}"


@pytest.fixture
def client(url: str, untouched: None) -> plivo.RestClient:
    """The SDK, as the main account."""
    plivo_here.use(url)
    return plivo.RestClient(MAIN, TOKEN, timeout=60)
