"""What goes wrong is the exception that it is at Plivo, and what is tried again was not done before."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import plivo
import psycopg
import pytest
from plivo import exceptions

from offhook.store.postgresql import LOCK
from offhook.testing.live import ON_POSTGRESQL, Customer, Desk, NodeProcess, document

from .conftest import MAIN, TOKEN, played, plivo_here, recorded

NOWHERE = "5b1f4f0e-0d6e-4f0f-9a35-2f6f5a3c9d11"


def test_400_is_a_validation_error_with_the_rule(client: plivo.RestClient) -> None:
    with pytest.raises(exceptions.ValidationError, match="from parameter is invalid"):
        client.calls.create("nobody", "14155550101", "https://a.example/")
    with pytest.raises(exceptions.ValidationError, match="limit should be between 1 and 20"):
        client.request("GET", ("Call",), {"limit": 21}, is_voice_request=True)


def test_401_is_an_authentication_error(url: str, client: plivo.RestClient) -> None:
    stranger = plivo.RestClient(MAIN, TOKEN[:-1], timeout=60)
    for ask in (stranger.account.get, lambda: stranger.calls.hangup(NOWHERE)):
        with pytest.raises(exceptions.AuthenticationError, match="authentication failed"):
            ask()
    # Of a list the SDK asks first whether it has anything in it, and says something of its own where it is empty.
    with pytest.raises(exceptions.AuthenticationError, match="Failed to authenticate"):
        stranger.calls.list()


def test_403_is_a_forbidden_error(client: plivo.RestClient) -> None:
    made = client.subaccounts.create("branch", True)
    branch = plivo.RestClient(made.auth_id, made.auth_token, timeout=60)
    with pytest.raises(exceptions.ForbiddenError, match="only the main account adds numbers"):
        branch.numbers.create("14155550100", "mine", "here")
    client.subaccounts.delete(made.auth_id)


def test_404_is_a_resource_not_found_error(client: plivo.RestClient) -> None:
    for ask in (client.calls.get, client.calls.hangup, client.calls.cancel, client.live_calls.get, client.queued_calls.get):
        with pytest.raises(exceptions.ResourceNotFoundError, match="call not found"):
            ask(NOWHERE)
    with pytest.raises(exceptions.ResourceNotFoundError):
        client.messages.get(NOWHERE)  # no matter of voice


def test_405_and_409_are_invalid_request_errors(client: plivo.RestClient) -> None:
    with pytest.raises(exceptions.InvalidRequestError, match="method not allowed"):
        client.request("DELETE", ("Application",), is_voice_request=True)
    client.numbers.create("14155550133", "mine", "here")
    other = client.subaccounts.create("other", True)
    with pytest.raises(exceptions.InvalidRequestError, match="14155550133"):
        client.numbers.create("14155550133", "mine", "here", subaccount=other.auth_id)
    client.numbers.delete("14155550133")
    client.subaccounts.delete(other.auth_id)


def test_413_is_an_error_of_its_own_and_the_connection_stays_of_use(client: plivo.RestClient) -> None:
    with pytest.raises(exceptions.PlivoRestError, match="413"):
        client.request("POST", ("Call",), {"from": "x" * 300_000}, is_voice_request=True)
    assert client.account.get().auth_id == MAIN


@contextmanager
def _locked(node: NodeProcess) -> Iterator[None]:
    """Another process has the database to itself: a backup that takes its time, a disk that hangs."""
    if isinstance(node.database, str):
        with psycopg.connect(node.database, autocommit=True) as server:
            server.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
            yield
        return
    with closing(sqlite3.connect(node.database, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


def test_what_could_not_be_stored_is_refused_in_time_and_was_not_done(
    node: NodeProcess, client: plivo.RestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """The SDK asks three times where it gets a 5xx: nothing may have happened behind one, now or later."""
    app_id = client.applications.create("stands", answer_url="https://a.example/before").app_id
    with _locked(node):
        with pytest.raises(exceptions.PlivoRestError, match="503"):
            client.applications.create("never")
        assert capsys.readouterr().out.count("Fallback for URL") == 3  # it asked three times, and was answered three times
        assert client.applications.get(app_id).answer_url == "https://a.example/before"
    # What was written after the lock was gone is behind everything that was refused before.
    later = client.applications.create("later").app_id
    names = [each.app_name for each in client.applications.list()]
    assert "never" not in names
    assert names.count("later") == 1
    assert app_id in [each.app_id for each in client.applications.list()]
    for each in (app_id, later):
        client.applications.delete(each)


def test_a_result_that_is_told_later_is_either_done_and_told_or_refused(
    node: NodeProcess, client: plivo.RestClient, customer: Customer
) -> None:
    customer.forget()
    with _locked(node):
        listed = client.conferences.list(callback_url=customer.url("/listed"))
        assert listed.message == "async api spawned"
        client.voice_retry_count = 2  # one attempt is enough: the SDK counts them here
        with pytest.raises(exceptions.PlivoRestError, match="503"):
            client.applications.create("never", callback_url=customer.url("/never"))
    assert client.applications.create("later", callback_url=customer.url("/later")).message == "async api spawned"
    [told] = customer.wait_for("/listed", timeout_s=60)
    assert json.loads(told.body)["conferences"] == []
    [told] = customer.wait_for("/later", timeout_s=60)
    assert "never" not in [each.app_name for each in client.applications.list()]
    assert customer.requests("/never") == []
    client.applications.delete(json.loads(told.body)["app_id"])


@pytest.mark.skipif(ON_POSTGRESQL, reason="there the rows of calls do not wait for the lock")
def test_calls_are_placed_and_ended_while_nothing_can_be_stored(
    node: NodeProcess, client: plivo.RestClient, customer: Customer
) -> None:
    """Placing a call needs no database: the reply does not wait for one, and its record is written when it is there again."""
    customer.forget()
    customer.says("/first", document("<Wait length='60' silence='true'/>"))

    async def scene(desk: Desk) -> None:
        with _locked(node):
            fired = await asyncio.to_thread(client.calls.create, "14155550100", desk.uri("ann"), customer.url("/first"))
            async with desk.taken("ann") as leg:
                await leg.answer()
                await asyncio.to_thread(customer.wait_for, "/first", timeout_s=60)
                await asyncio.to_thread(client.calls.hangup, fired.request_uuid)
                await leg.ended()
            with pytest.raises(exceptions.ResourceNotFoundError):
                await asyncio.to_thread(client.calls.get, fired.request_uuid)
        record = await recorded(client, fired.request_uuid)
        assert (record.hangup_cause_code, record.hangup_source) == (4000, "API Request")

    played(scene)


@pytest.fixture
def strict(tmp_path: Path, untouched: None) -> Iterator[NodeProcess]:
    """A node that allows little: one call at once, ten requests in five seconds."""
    node = NodeProcess(tmp_path / "data", auth_id=MAIN, auth_token=TOKEN, api_requests="10", account_calls="1")
    plivo_here.use(f"http://127.0.0.1:{node.http_port}")
    try:
        yield node
        assert node.process.wait(120) == 0, node.log.read_text()[-3000:]  # the test has told it to stop
        assert "Traceback" not in node.log.read_text()
    finally:
        node.process.kill()


def test_what_a_strict_node_refuses(strict: NodeProcess, customer: Customer, capsys: pytest.CaptureFixture[str]) -> None:
    """403 of a call, 503 of a node that is being stopped, 429: what each is to a program."""
    client = plivo.RestClient(MAIN, TOKEN, timeout=60)
    customer.forget()
    customer.says("/first", document("<Wait length='60' silence='true'/>"))

    async def scene(desk: Desk) -> None:
        def place(user: str) -> object:
            return client.calls.create("14155550100", desk.uri(user), customer.url("/first"))

        await asyncio.to_thread(place, "ann")
        async with desk.taken("ann") as leg:
            await leg.answer()
            await asyncio.to_thread(customer.wait_for, "/first")
            with pytest.raises(exceptions.GeoPermissionError, match="may have 1"):
                await asyncio.to_thread(place, "bob")
            strict.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(_until_not_ready, strict.http_port)
            with pytest.raises(exceptions.PlivoRestError, match="503"):
                await asyncio.to_thread(place, "bob")
            with pytest.raises(exceptions.PlivoRestError, match="429"):
                for _ in range(50):
                    await asyncio.to_thread(client.calls.list)
        with pytest.raises(TimeoutError):
            await desk.arrival("bob", timeout_s=0.2)

    played(scene)
    assert capsys.readouterr().out.count("Fallback for URL") == 3  # the 503, three times; neither 403 nor 429


def _until_not_ready(port: int) -> None:
    """Wait until the node says that it takes no more calls."""
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=60)
        except urllib.error.HTTPError as told:
            assert told.code == 503
            return
