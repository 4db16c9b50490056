"""Several nodes on one database: each closes and delivers what it has left itself, unless it is gone for good."""

from __future__ import annotations

import asyncio
import base64
import http.client
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from offhook.clock import Clock
from offhook.errors import OffhookError
from offhook.records import LiveCall, Notification
from offhook.store import Store, known_node_id, node_id
from offhook.testing.live import Cluster, Customer, NodeProcess, a_phone, document

MAIN, TOKEN = "MA" + "N" * 18, "t" * 40
BEGAN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
CALLS = 5
_IN_TIME_S = 120.0


@pytest.fixture
def customer() -> Iterator[Customer]:
    """The customer's web server."""
    started = Customer()
    yield started
    started.close()


def _live(call_uuid: str) -> LiveCall:
    return LiveCall(call_uuid, MAIN, "inbound", "1", "2", BEGAN)


def _notification(call_uuid: str, purpose: str) -> Notification:
    return Notification(f"{purpose} of {call_uuid}", MAIN, call_uuid, purpose, "https://h.example/", "POST", {}, BEGAN)


def test_what_a_node_has_left_is_its_own(cluster: Cluster) -> None:
    async def work() -> None:
        url = cluster.database()
        one, other = [await Store.open(url, clock=Clock(), node=name) for name in "ab"]
        await one.begun([_live("1")])
        await one.outbox.add(_notification("1", "ring"))
        await other.begun([_live("2")])
        await other.outbox.add(_notification("2", "ring"))
        for store, call_uuid in ((one, "1"), (other, "2")):
            assert [each.call_uuid for each in await store.leftovers()] == [call_uuid]
            assert [each.call_uuid for each in await store.outbox.pending(9)] == [call_uuid]
        await one.aclose()
        await other.aclose()

    asyncio.run(work())


def test_a_node_that_lives_is_not_taken_over_and_of_two_that_try_one_gets_what_a_dead_one_left(cluster: Cluster) -> None:
    async def work() -> None:
        url = cluster.database()
        one, other, third = [await Store.open(url, clock=Clock(), node=name) for name in "abc"]
        await one.begun([_live("1")])
        await one.outbox.add(_notification("1", "ring"))
        await one.outbox.add(_notification("1", "action"))
        one.beat()
        await one.outbox.pending(1)
        [(node, beat)] = (await other.nodes.others()).items()
        one.beat()
        await one.outbox.pending(1)
        assert node == "a"
        assert await other.nodes.adopt(node, beat) is None, "it has lived since"
        [(node, beat)] = (await other.nodes.others()).items()
        found = await asyncio.gather(other.nodes.adopt(node, beat), third.nodes.adopt(node, beat))
        [left] = [each for each in found if each is not None]
        heir = other if found[0] is not None else third
        assert [each.call_uuid for each in left.calls] == ["1"]
        assert [each.purpose for each in left.notifications] == ["ring", "action"]
        assert await heir.leftovers() == left.calls, "should the heir die before they are closed"
        assert await one.leftovers() == [] and await one.outbox.pending(9) == []
        for store in (one, other, third):
            await store.aclose()

    asyncio.run(work())


def test_a_node_keeps_its_id_and_another_has_another(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert known_node_id(tmp_path / "a") == ""
    made = node_id(tmp_path / "a")
    assert node_id(tmp_path / "a") == known_node_id(tmp_path / "a") == made
    assert node_id(tmp_path / "b") != made
    (tmp_path / "a" / "node-id").write_text("nonsense")
    with pytest.raises(OffhookError, match="does not hold a node's id"):
        node_id(tmp_path / "a")


class Scene:
    """Two nodes on one database, and calls that wait for their ends."""

    def __init__(self, cluster: Cluster, customer: Customer, folder: Path, **settings: str) -> None:
        self.customer = customer
        self._folder = folder
        self._settings = {"database": cluster.database(), "auth_id": MAIN, "auth_token": TOKEN, **settings}
        customer.says("/answer", document('<GetDigits timeout="600"/>'))
        customer.says("/short", document('<Hangup reason="busy"/>'))
        self.one, self.other = self.start("one"), self.start("other")

    def start(self, name: str) -> NodeProcess:
        """A node with a data folder of that name."""
        urls = "--answer-url", self.customer.url("/answer"), "--hangup-url", self.customer.url("/hangup")
        return NodeProcess(self._folder / name, *urls, **self._settings)

    async def killed_during_calls(self) -> None:
        """Calls run on both; the first node is killed."""
        async with a_phone() as phone, asyncio.timeout(_IN_TIME_S), asyncio.TaskGroup() as group:
            answered = asyncio.Queue[None]()

            async def one_call(node: NodeProcess) -> None:
                async with phone.dial(node.uri()) as leg:
                    await leg.wait_answered()
                    answered.put_nowait(None)
                    await asyncio.sleep(_IN_TIME_S)

            calls = [group.create_task(one_call(node)) for node in (self.one, self.other) for _ in range(CALLS)]
            for _ in calls:
                await answered.get()
            await asyncio.sleep(0.5)  # what began is on disk 50 ms later
            self.one.process.kill()
            self.one.process.wait()
            await asyncio.to_thread(self.while_one_is_dead)
            for each in calls:
                each.cancel()

    def while_one_is_dead(self) -> None:
        """The other goes on: its calls run, and new ones come."""

    def stop(self, *nodes: NodeProcess) -> None:
        """Each without a complaint."""
        for each in nodes:
            assert each.stop() == 0
            assert "Traceback" not in each.log.read_text()

    def told(self) -> dict[str, str]:
        """The hangup cause that the customer was told of each call; that it was told once is checked here."""
        requests = self.customer.requests("/hangup")
        causes = {each["CallUUID"]: each["HangupCauseCode"] for each in requests}
        assert len(causes) == len(requests)
        return causes


def test_one_node_is_killed_the_other_goes_on_and_the_first_closes_its_own_at_its_next_start(
    cluster: Cluster, customer: Customer, tmp_path: Path
) -> None:
    scene = Scene(cluster, customer, tmp_path)

    def other_goes_on() -> None:
        target = scene.other.route("14155550155", customer.url("/short"), hangup_url=customer.url("/hangup"))
        asyncio.run(_busy(target))
        customer.wait_for("/hangup", timeout_s=_IN_TIME_S)
        assert set(scene.told().values()) == {"3010"}, "nobody else's calls are closed"

    scene.while_one_is_dead = other_goes_on  # type: ignore[method-assign]
    asyncio.run(scene.killed_during_calls())
    customer.wait_for("/hangup", count=1 + CALLS, timeout_s=_IN_TIME_S)  # those of the other, whose phone has hung up
    again = scene.start("one")
    customer.wait_for("/hangup", count=1 + 2 * CALLS, timeout_s=_IN_TIME_S)
    scene.stop(scene.other, again)
    causes = list(scene.told().values())
    assert causes.count("5010") == CALLS and causes.count("3010") == 1 and len(causes) == 1 + 2 * CALLS
    records = again.records()
    assert {each.call_uuid for each in records} == set(scene.told())
    assert f"{CALLS} call(s) ran when the last node died" in again.log.read_text()


def test_what_a_node_has_left_that_does_not_come_back_is_closed_by_the_other(
    cluster: Cluster, customer: Customer, tmp_path: Path
) -> None:
    scene = Scene(cluster, customer, tmp_path, adopt_after_s="10")

    def other_takes_over() -> None:
        customer.wait_for("/hangup", count=CALLS, timeout_s=_IN_TIME_S)
        assert list(scene.told().values()) == ["5010"] * CALLS

    scene.while_one_is_dead = other_takes_over  # type: ignore[method-assign]
    asyncio.run(scene.killed_during_calls())
    customer.wait_for("/hangup", count=2 * CALLS, timeout_s=_IN_TIME_S)
    again = scene.start("one")
    scene.stop(again, scene.other)
    assert len(scene.told()) == 2 * CALLS, "nothing was left to close"
    assert {each.call_uuid for each in again.records()} == set(scene.told())
    assert f"its {CALLS} call(s) are closed now" in scene.other.log.read_text()
    now = datetime.now(UTC)
    assert all(each.end_time <= now + timedelta(seconds=5) for each in again.records())


def test_a_call_outlives_the_server_and_is_on_record_when_that_is_back(
    cluster: Cluster, customer: Customer, tmp_path: Path
) -> None:
    customer.says("/answer", document('<GetDigits timeout="600"/>'))
    urls = "--answer-url", customer.url("/answer"), "--hangup-url", customer.url("/hangup")
    node = NodeProcess(tmp_path / "node", *urls, database=cluster.database(), auth_id=MAIN, auth_token=TOKEN)

    async def scene() -> None:
        async with a_phone() as phone, phone.dial(node.uri()) as leg, asyncio.timeout(_IN_TIME_S):
            await leg.wait_answered()
            assert await asyncio.to_thread(_asked, node) == 200
            await asyncio.to_thread(cluster.stop)
            assert await asyncio.to_thread(_asked, node) == 503

    asyncio.run(scene())  # at its end the phone hangs up
    cluster.start()
    [hangup] = customer.wait_for("/hangup", timeout_s=_IN_TIME_S)
    assert node.stop() == 0
    [record] = node.records()
    assert (record.call_uuid, record.hangup_source) == (hangup["CallUUID"], "Caller")
    log = node.log.read_text()
    assert "is reached again" in log and TOKEN not in log


def _asked(node: NodeProcess) -> int:
    """The status of a list of calls."""
    connection = http.client.HTTPConnection("127.0.0.1", node.http_port, timeout=_IN_TIME_S)
    basic = base64.b64encode(f"{MAIN}:{TOKEN}".encode()).decode()
    connection.request("GET", f"/v1/Account/{MAIN}/Call/", headers={"Authorization": f"Basic {basic}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


async def _busy(target: str) -> None:
    async with a_phone() as phone, asyncio.timeout(_IN_TIME_S):
        await phone.call(target)
