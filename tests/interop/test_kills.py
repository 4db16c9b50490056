"""A node that is killed in the middle of its calls, and again while it recovers: nothing is lost, nothing contradicts itself.

The calls are placed by the API and answered by sipp; the customer's web server answers, fails, dawdles or hangs, for each call in
its own way. What the server was told is compared with what is on record.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import sqlite3
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dialled.callees import Callee, listening
from strangers.programs import LOOPBACK, free_ports, needed

from offhook.testing.live import Customer, NodeProcess, Reply, Seen, document

CALLS = 50
LIMIT_S = 150
ACCOUNT, TOKEN = "MA" + "K" * 18, "the-token-of-the-account-is-a-secret-one"
SETTINGS = {"auth_id": ACCOUNT, "auth_token": TOKEN, "calls_per_s": "40", "log_level": "warning", "drain_s": "0"}
LIMITS = "#rt=600&rc=1"
SEEDS = range(12) if os.environ.get("OFFHOOK_LOAD") == "full" else range(1)


@dataclass
class Promised:
    """What a customer was promised before the node died."""

    calls: set[str]
    answered: dict[str, str]
    """When each was answered, as far as that was written down."""
    alive: str
    """When the node was last known to live."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A node to be killed, and everybody around it."""
    with ExitStack() as opened:
        yield Stage(tmp_path, opened)


class Stage:
    """Those around the node, and the node that runs now."""

    def __init__(self, folder: Path, opened: ExitStack) -> None:
        self.folder = folder / "data"
        self.customer = Customer()
        opened.callback(self.customer.close)
        program = needed("sipp", "sip-tester")
        self.ann = Callee(program, folder, "ann", free_ports(), "180", "wait:200", "200", "ack", "bye?")
        self.bob = Callee(program, folder, "bob", free_ports(), "180", "200", "ack", "bye?")
        for callee in (self.ann, self.bob):
            opened.callback(callee.close)
        listening([self.ann, self.bob])
        self.node: NodeProcess | None = None
        opened.callback(self.kill)
        self._script()

    def _script(self) -> None:
        told, done = (f"/{each}{LIMITS}".replace("&", "&amp;") for each in ("told", "done"))
        dial = f'<Dial callbackUrl="{told}" action="{done}" redirect="false"><User>{self.bob.user}</User></Dial>'
        documents = [
            document("<Wait length='1' silence='true'/><Hangup/>"),
            document("<Wait length='300' silence='true'/>"),
            document(dial),
        ]
        self.customer.says("/answer", lambda seen: documents[_number(seen) % 3])
        for path in ("/ring", "/told", "/done", "/over"):
            self.customer.says(path, _moody)

    def start(self, *, ready: bool = True) -> NodeProcess:
        """Start a node on the folder."""
        self.node = NodeProcess(self.folder, ready=ready, **SETTINGS)
        return self.node

    def kill(self) -> None:
        """kill -9."""
        if self.node is not None:
            self.node.kill()
        self.node = None

    def place(self) -> set[str]:
        """Place all calls by one request of the API; their ids."""
        assert self.node is not None
        body = {
            "from": "14155550100",
            "to": "<".join(f"sip:ann{number}@{LOOPBACK}:{self.ann.port}" for number in range(CALLS)),
            "answer_url": self.customer.url("/answer"),
            "ring_url": self.customer.url("/ring" + LIMITS),
            "hangup_url": self.customer.url("/over" + LIMITS),
        }
        basic = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
        with closing(http.client.HTTPConnection(LOOPBACK, self.node.http_port, timeout=LIMIT_S)) as connection:
            connection.request("POST", f"/v1/Account/{ACCOUNT}/Call/", json.dumps(body), headers)
            answer = connection.getresponse()
            assert answer.status == 201, answer.read()
            return set(json.loads(answer.read())["request_uuid"])

    def query(self, sql: str) -> list[Any]:
        """Ask the database from outside."""
        with closing(sqlite3.connect(f"file:{self.folder / 'offhook.db'}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(sql).fetchall()

    def count(self, what: str) -> int:
        """How many rows."""
        return int(self.query(f"SELECT count(*) FROM {what}")[0][0])

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Wait for it."""
        deadline = time.monotonic() + LIMIT_S
        while not true():
            log = self.node.log.read_text()[-3000:] if self.node is not None else ""
            assert time.monotonic() < deadline, f"{what}: not within {LIMIT_S} s; {log}"
            time.sleep(0.02)


def _number(seen: Seen) -> int:
    """The same for all requests of a call."""
    return int(seen["CallUUID"][:8], 16)


def _moody(seen: Seen) -> Reply:
    """The customer's server: fine, failing, slow, or hanging."""
    mood = _number(seen) // 3 % 4
    if mood == 0:
        return Reply("")
    return (Reply("no", 500), Reply("", delay_s=0.3), Reply("", delay_s=20))[mood - 1]


def _killed_in_the_middle(stage: Stage, chance: random.Random) -> Promised:
    """Run calls until many have been answered and told of, and kill the node there."""
    stage.start()
    calls = stage.place()
    requests, answers = chance.randrange(30, 110), chance.randrange(5, 30)
    stage.until(lambda: len(stage.customer.seen) >= requests, f"{requests} requests")
    stage.until(lambda: stage.count("live_calls WHERE answered_at IS NOT NULL") >= answers, f"{answers} answered calls")
    stage.until(lambda: stage.count("heartbeats") > 0, "a heartbeat")
    time.sleep(chance.uniform(0, 0.6))
    stage.kill()
    answered = stage.query("SELECT call_uuid, answered_at FROM live_calls WHERE answered_at IS NOT NULL")
    assert answered
    waiting = f"{stage.count('live_calls')} calls run, {len(answered)} answered, {stage.count('outbox')} notifications wait"
    print(f"killed after {len(stage.customer.seen)} requests: {waiting}", file=sys.stderr)
    [(alive,)] = stage.query("SELECT beat_at FROM heartbeats")
    return Promised(calls, dict(answered), alive)


def _killed_while_it_starts(stage: Stage, chance: random.Random) -> None:
    """Once wherever it is, once in the midst of closing what was left: as soon as more records are there."""
    stage.start(ready=False)
    time.sleep(chance.uniform(0.3, 1.5))
    stage.kill()
    left = stage.count("live_calls")
    if left:
        stage.start(ready=False)
        deadline = time.monotonic() + LIMIT_S
        while stage.count("live_calls") == left and time.monotonic() < deadline:
            pass
        time.sleep(chance.choice((0, chance.uniform(0, 0.4))))
        stage.kill()
    print(f"{left} calls were left at the second kill, {stage.count('live_calls')} at the third", file=sys.stderr)


def _bodies(customer: Customer) -> dict[tuple[str, ...], set[tuple[tuple[str, str], ...]]]:
    """What was said about each thing that happened."""
    said: defaultdict[tuple[str, ...], set[tuple[tuple[str, str], ...]]] = defaultdict(set)
    for seen in customer.seen:
        names = ("CallUUID", "Event", "DialBLegUUID", "DialAction")
        about = (seen.path, *(seen.parameters.get(name, "") for name in names))
        said[about].add(tuple(sorted(seen.parameters.items())))
    return dict(said)


@pytest.mark.load
@pytest.mark.parametrize("seed", SEEDS)
def test_after_kills_every_call_has_its_record_and_one_story(stage: Stage, seed: int) -> None:
    chance = random.Random(seed)
    promised = _killed_in_the_middle(stage, chance)
    _killed_while_it_starts(stage, chance)
    node = stage.start()
    stage.until(lambda: not stage.count("outbox"), "an empty outbox")
    assert stage.count("live_calls") == 0

    columns = "call_uuid, parent_call_uuid, answer_time, duration_s, call_status, hangup_cause_code, end_time"
    records = {row[0]: row for row in stage.query(f"SELECT {columns} FROM call_records")}
    assert {uuid for uuid, row in records.items() if row[1] is None} == promised.calls
    assert promised.answered.keys() <= records.keys()
    for uuid, answered_at in promised.answered.items():
        assert (records[uuid][2], records[uuid][4]) == (answered_at, "completed")
        assert records[uuid][6] == max(answered_at, promised.alive), "it lasted until the node was last known to live"

    customer = stage.customer
    hangups = {seen["CallUUID"]: seen for seen in customer.requests("/over")}
    assert hangups.keys() == promised.calls
    for uuid, seen in hangups.items():
        _, _, answer_time, duration_s, status, code, _ = records[uuid]
        assert (seen["Duration"], seen["CallStatus"], seen["HangupCauseCode"]) == (str(duration_s), status, str(code))
        assert ("AnswerTime" in seen.parameters) == (answer_time is not None)
    assert customer.requests("/told"), "nobody was dialled"
    contradictions = {about: said for about, said in _bodies(customer).items() if len(said) > 1}
    assert not contradictions
    assert Counter(row[5] for row in records.values())[5010] > 0, "the kill met no call"

    _sent_again(stage, node)
    assert node.stop() == 0
    assert "Traceback" not in node.log.read_text()


def _sent_again(stage: Stage, node: NodeProcess) -> None:
    """What was given up meanwhile is delivered once somebody asks for it, as it was."""
    failed = [json.loads(line) for line in node.command("hooks", "list", "--failed", "--limit", "1000", "--json").splitlines()]
    assert failed
    assert all(each["log"] and each["log"][-1]["number"] == each["attempts"] for each in failed)
    for path in ("/ring", "/told", "/done", "/over"):
        stage.customer.says(path, Reply(""))
    said, seen = _bodies(stage.customer), len(stage.customer.seen)
    assert node.command("hooks", "retry", "--failed").startswith(f"{len(failed)} notification(s) will be sent again by the node")
    stage.until(lambda: not stage.count("outbox") and not stage.count("deliveries WHERE NOT delivered"), "all delivered")
    assert len(stage.customer.seen) - seen == len(failed)
    assert _bodies(stage.customer) == said
    with suppress(IndexError):
        told = node.timeline(failed[0]["call_uuid"])
        assert told[-1].kind == "http"
        assert told[-1].facts["status"] == 200
