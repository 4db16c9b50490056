"""A node with the REST API, the SDK pointed at it, and accounts that know nothing of each other."""

from __future__ import annotations

import base64
import http.client
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import plivo
import pytest

from offhook.testing.live import Customer, NodeProcess

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "sdk"))
import plivo_here

MAIN = "MA" + "X" * 18
TOKEN = "the-token-of-the-main-account-is-secret!"


@dataclass
class Answered:
    """What the API said."""

    status: int
    headers: dict[str, str]
    text: bytes
    body: dict[str, Any] = field(default_factory=dict)


class Raw:
    """Requests by hand, as one account.

    Args:
        port: of the node, on loopback.
    """

    def __init__(self, port: int, auth_id: str = MAIN, token: str = TOKEN) -> None:
        self.port = port
        self.auth_id = auth_id
        self.token = token

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answered:
        """Ask for a path: behind the account's own, or a whole one."""
        whole = path if path.startswith("/") else f"/v1/Account/{self.auth_id}/{path}"
        basic = base64.b64encode(f"{self.auth_id}:{self.token}".encode()).decode()
        sent = {"Authorization": f"Basic {basic}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, whole, body, {name: value for name, value in sent.items() if value})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        answered = Answered(answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)
        if answered.headers.get("content-type", "").startswith("application/json"):
            answered.body = json.loads(text)
        return answered


@pytest.fixture(scope="package")
def customer() -> Iterator[Customer]:
    """The customer's web server."""
    started = Customer()
    yield started
    started.close()


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory, customer: Customer) -> Iterator[NodeProcess]:
    """A node without a limit of requests."""
    started = NodeProcess(
        tmp_path_factory.mktemp("api") / "data", auth_id=MAIN, auth_token=TOKEN, api_requests="0", sip_domain="sip.example"
    )
    yield started
    assert started.stop() == 0, started.log.read_text()[-3000:]
    assert "Traceback" not in started.log.read_text()


@pytest.fixture
def raw(node: NodeProcess) -> Raw:
    """Requests by hand, as the main account."""
    return Raw(node.http_port)


@pytest.fixture
def client(node: NodeProcess) -> plivo.RestClient:
    """The SDK, as the main account."""
    plivo_here.use(f"http://127.0.0.1:{node.http_port}")
    return plivo.RestClient(MAIN, TOKEN, timeout=30)


@pytest.fixture
def subaccount(client: plivo.RestClient) -> Iterator[Callable[[], plivo.RestClient]]:
    """Makes subaccounts; the SDK as each of them. They are gone at the end."""
    made: list[str] = []

    def make(name: str = "tenant") -> plivo.RestClient:
        created = client.subaccounts.create(name, True)
        made.append(created.auth_id)
        return plivo.RestClient(created.auth_id, created.auth_token, timeout=30)

    yield make
    for each in made:
        client.subaccounts.delete(each, cascade=True)
