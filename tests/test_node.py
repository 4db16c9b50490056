"""A node as a whole, in this process: it starts, says where it is, is alone in its folder, closes what a dead one left."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from offhook.clock import Clock
from offhook.errors import SettingsError
from offhook.legs import NotAnswered
from offhook.node import running
from offhook.records import LiveCall
from offhook.settings import Settings, load
from offhook.store import Store
from offhook.testing.live import a_phone


def settings(folder: Path, **more: str) -> Settings:
    flags = {"data": str(folder), "sip": "127.0.0.1:0", "http": "127.0.0.1:0", "rtp_ports": "7000-7098", **more}
    return load(environment={}, flags=flags)


def test_it_says_where_it_serves_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(settings(tmp_path)) as node:
            line = node.ready_line()
            assert line.startswith(f"ready: SIP 127.0.0.1:{node.parts.stack.port} ")
            assert node.account_is_new
            assert node.live_calls == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        async with running(settings(tmp_path)) as node:
            assert not node.account_is_new

    asyncio.run(run())


def test_two_nodes_do_not_share_a_folder(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(settings(tmp_path)):
            with pytest.raises(SettingsError, match="another node runs on the data folder"):
                async with running(settings(tmp_path)):
                    pass

    asyncio.run(run())


def test_a_call_that_ran_when_the_last_node_died_gets_its_record_and_its_hangup_request(tmp_path: Path) -> None:
    async def run() -> None:
        store = await Store.open(tmp_path / "offhook.db", clock=Clock())
        account, _ = await store.ensure_account(None, None)
        store.begin(
            LiveCall(
                call_uuid="5b1f4f0e-0d6e-4f0f-9a35-2f6f5a3c9d11",
                auth_id=account.auth_id,
                direction="inbound",
                from_number="14155550100",
                to_number="14155550199",
                began_at=datetime(2026, 1, 1, tzinfo=UTC),
                hangup_url="http://127.0.0.1:9/hangup",
                parameters={"CallUUID": "5b1f4f0e-0d6e-4f0f-9a35-2f6f5a3c9d11", "CallStatus": "in-progress"},
            )
        )
        await store.aclose()
        async with running(settings(tmp_path, allow_private_urls="true")) as node:
            record = await node.parts.store.record("5b1f4f0e-0d6e-4f0f-9a35-2f6f5a3c9d11")
            assert record is not None
            assert (record.hangup_cause_code, record.hangup_source) == (5010, "Error")
            assert await node.parts.store.leftovers() == []
            async with asyncio.timeout(120):
                timeline = await node.parts.store.timeline(record.call_uuid)
                while not any(row.kind == "notification-given-up" for row in timeline):
                    await asyncio.sleep(0.05)
                    timeline = await node.parts.store.timeline(record.call_uuid)
            assert "the node stopped" in str(timeline[0].facts)
            told = [row.kind for row in timeline]
            assert told == ["note", "call-ended", "notification-queued", "http", "http", "notification-given-up"]

    asyncio.run(run())


@pytest.mark.parametrize(("name", "remedy"), [("sip", "OFFHOOK_SIP"), ("http", "OFFHOOK_HTTP")])
def test_a_port_that_is_taken_is_named_with_its_remedy(tmp_path: Path, name: str, remedy: str) -> None:
    async def run() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Exception, match=remedy):
            async with running(settings(tmp_path, **{name: f"127.0.0.1:{port}"})):
                pass
        server.close()

    asyncio.run(run())


def test_while_the_media_engine_is_busy_new_calls_are_refused_with_503_and_later_taken_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(settings(tmp_path)) as node, a_phone() as phone:
            target = f"sip:14155550199@127.0.0.1:{node.parts.stack.port}"
            statuses = []
            for busy in (True, False):
                node.parts.media.busy = busy
                refused = await phone.call(target)
                assert isinstance(refused, NotAnswered)
                statuses.append(refused.status)
            assert statuses == [503, 404]
            await node.parts.service.drain(5)  # a record is written after its call
            assert len(await node.parts.store.records(node.account.auth_id, limit=10, offset=0)) == 1

    asyncio.run(run())
