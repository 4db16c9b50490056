"""``offhook hooks`` as an operator types it, mistakes included."""

from __future__ import annotations

import asyncio
import fcntl
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from offhook.cli.program import app
from offhook.clock import Clock
from offhook.records import Attempt, Delivery, Notification
from offhook.store import Store

RUNNER = CliRunner()
CALL = "5b1f4f0e-0d6e-4f0f-9a35-2f6f5a3c9d11"
NOW = datetime.now(UTC)
LOG = (
    Attempt(1, NOW - timedelta(hours=3), "https://app.example/over", 41, None, "connect: refused"),
    Attempt(2, NOW - timedelta(hours=3), "https://app.example/over", 12, 500),
)


def _notification(name: str, **more: object) -> Notification:
    usual: dict[str, object] = {
        "id": f"00000000-0000-4000-8000-00000000000{name}",
        "auth_id": "MA" + "A" * 18,
        "call_uuid": CALL,
        "purpose": "hangup",
        "url": "https://user:secret@app.example/over#rc=1",
        "method": "POST",
        "parameters": {"CallUUID": CALL, "Event": "Hangup", "From": "14155550100"},
        "created_at": NOW - timedelta(hours=4),
    }
    return Notification(**{**usual, **more})  # type: ignore[arg-type]


def _delivery(notification: Notification, *, delivered: bool, hours_ago: int = 3) -> Delivery:
    names = ("auth_id", "call_uuid", "purpose", "url", "method", "created_at")
    status, error = (200, None) if delivered else (500, "status")
    return Delivery(
        *(notification.id, delivered, status, 2, error, NOW - timedelta(hours=hours_ago)),
        **{name: getattr(notification, name) for name in names},
        parameters=None if delivered else notification.parameters,
        log=LOG,
    )


GIVEN_UP, DELIVERED, LONG_AGO = _notification("1"), _notification("2", purpose="ring"), _notification("3", call_uuid="other")
WAITING = _notification("4", purpose="callback", due_at=NOW + timedelta(hours=1), rounds=1, log=LOG)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder in which each kind of notification stands."""

    async def fill() -> None:
        store = await Store.open(tmp_path / "offhook.db", clock=Clock())
        await store.outbox.add(WAITING)
        await store.outbox.finish(_delivery(LONG_AGO, delivered=False, hours_ago=100))
        await store.outbox.finish(_delivery(DELIVERED, delivered=True, hours_ago=2))
        await store.outbox.finish(_delivery(GIVEN_UP, delivered=False))
        await store.aclose()

    asyncio.run(fill())
    return tmp_path


@pytest.fixture
def run(folder: Path):
    def command(*arguments: str, fails: str = "") -> str:
        done = RUNNER.invoke(app, ["hooks", *arguments, "--data", str(folder)], env={"COLUMNS": "250"})
        text = done.output + (str(done.exception) if done.exception else "")
        assert (done.exit_code != 0) == bool(fails), text
        assert fails in " ".join(text.replace("│", " ").split())
        assert "secret" not in text
        return done.output

    return command


def _ids(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines()[1:]]


def test_they_are_listed_and_found_by_state_and_call(run) -> None:
    assert _ids(run("list")) == [each.id for each in (WAITING, DELIVERED, GIVEN_UP, LONG_AGO)]
    assert _ids(run("list", "--failed")) == [GIVEN_UP.id, LONG_AGO.id]
    assert _ids(run("list", "--pending")) == [WAITING.id]
    assert _ids(run("list", "--failed", "--pending", "--call", CALL)) == [WAITING.id, GIVEN_UP.id]
    assert _ids(run("list", "--limit", "1")) == [WAITING.id]
    shown = run("list", "--failed")
    assert "HTTP 500" in shown
    assert "POST https://***@app.example/over" in shown


def test_as_json_it_is_everything(run) -> None:
    [first, *_] = [json.loads(line) for line in run("list", "--json", "--failed").splitlines()]
    assert (first["id"], first["state"], first["attempts"], first["parameters"]["Event"]) == (
        GIVEN_UP.id,
        "given-up",
        2,
        "Hangup",
    )
    assert [each["status"] for each in first["log"]] == [None, 500]
    assert json.loads(run("show", GIVEN_UP.id, "--json")) == first


def test_one_is_shown_with_every_attempt_and_what_it_says(run) -> None:
    shown = run("show", GIVEN_UP.id)
    for part in (
        "hangup, given-up, status",
        f"call {CALL} of MA",
        "attempt 1",
        "connect: refused in 41 ms",
        "HTTP 500 in 12 ms",
        "given up",
        "Event=Hangup",
    ):
        assert part in shown
    assert "next attempt" in run("show", WAITING.id)
    delivered = run("show", DELIVERED.id)
    assert "delivered" in delivered
    assert "Event=" not in delivered
    run("show", "nobody", fails="there is no notification nobody; 'offhook hooks list' shows them")


def test_one_is_sent_again_at_the_next_start(run) -> None:
    assert "1 notification(s) will be sent again at the next start" in run("retry", GIVEN_UP.id)
    assert _ids(run("list", "--pending")) == [GIVEN_UP.id, WAITING.id]
    run("retry", GIVEN_UP.id, fails="waits already")


def test_all_are_sent_again_or_those_since_then(run, folder: Path) -> None:
    with (folder / "node.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as a node holds it
        assert "1 notification(s) will be sent again by the node that runs" in run("retry", "--failed", "--since", "1d")
    assert _ids(run("list", "--failed")) == [LONG_AGO.id]
    since = (NOW - timedelta(hours=99)).strftime("%Y-%m-%dT%H:%M")
    assert "nothing was given up since" in run("retry", "--failed", "--since", since)
    assert "1 notification(s)" in run("retry", "--failed")
    assert "nothing was given up" in run("retry", "--failed")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "give ids"),
        ((GIVEN_UP.id, "--failed"), "give ids"),
        ((GIVEN_UP.id, "--since", "1d"), "--since goes with --failed"),
        (("--failed", "--since", "yesterday"), "must be 90m, 12h, 7d, or a time"),
        ((DELIVERED.id,), "was delivered at"),
        (("nobody",), "there is no notification nobody"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_sent(run, arguments: tuple[str, ...], told: str) -> None:
    run("retry", *arguments, fails=told)
    assert _ids(run("list", "--pending")) == [WAITING.id]
