"""The server goes and comes, refuses, or is not the one that was meant: nothing is lost, and everything is said."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from offhook.cli.doctor import disk
from offhook.cli.doctor.finding import Finding, Level
from offhook.clock import Clock
from offhook.records import Application, Binding, CallRecord, LiveCall, Notification, TimelineRow
from offhook.settings import load
from offhook.store import CallFilter, Store, StoreBusy, StoreError, contents
from offhook.store.tables import metadata
from offhook.testing.live import Cluster

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ACCOUNT = "MA" + "A" * 18
_IN_TIME_S = 120.0
"""A scene may take as long on a machine that does other things."""


def _record(call_uuid: str) -> CallRecord:
    usual = ("completed", NOW, NOW, NOW + timedelta(seconds=9), 9, 60, "NORMAL_CLEARING", "Normal Hangup", 4000, "Caller")
    return CallRecord(call_uuid, ACCOUNT, "inbound", "1", "2", *usual)


def _hangup(call_uuid: str) -> Notification:
    return Notification("n" + call_uuid, ACCOUNT, call_uuid, "hangup", "https://h.example/", "POST", {"CallUUID": call_uuid}, NOW)


async def _call(store: Store, call_uuid: str) -> None:
    store.begin(LiveCall(call_uuid, ACCOUNT, "inbound", "1", "2", NOW))
    for sequence in range(5):
        store.add_event(TimelineRow(call_uuid, sequence, NOW, sequence, "note", {"text": "x"}))
    await store.finish(_record(call_uuid), _hangup(call_uuid))


async def _assert_whole(store: Store, calls: list[str]) -> None:
    assert sorted(each.call_uuid for each in await store.records(ACCOUNT, limit=10_000)) == sorted(calls)
    assert sorted(each.call_uuid for each in await store.outbox.pending(10_000)) == sorted(calls)
    assert await store.leftovers() == []
    for each in calls:
        assert [row.sequence for row in await store.timeline(each)] == [0, 1, 2, 3, 4]


def test_a_server_that_was_started_anew_is_found_again_by_reads_and_by_writes(cluster: Cluster, caplog) -> None:
    async def work() -> None:
        store = await Store.open(cluster.database(), clock=Clock(), node="a")
        account, _ = await store.ensure_account(None, None)
        await _call(store, "before")
        await store.history.calls(ACCOUNT, CallFilter(), limit=1, offset=0)
        cluster.stop()
        await asyncio.to_thread(cluster.start)
        assert (await store.record("before")) == _record("before")  # each of the three connections is broken
        assert (await store.history.calls(ACCOUNT, CallFilter(), limit=1, offset=0)).total == 1
        await store.set_number("100", account.auth_id, None)
        await _call(store, "after")
        await _assert_whole(store, ["before", "after"])
        await store.aclose()

    with caplog.at_level(logging.WARNING):
        asyncio.run(work())
    assert "was lost" in caplog.text and "is reached again" in caplog.text


def test_what_calls_write_while_the_server_is_away_is_written_when_it_is_back(cluster: Cluster, monkeypatch) -> None:
    monkeypatch.setattr("offhook.store.writer.PATIENCE_S", _IN_TIME_S)

    async def work() -> None:
        store = await Store.open(cluster.database(), clock=Clock(), node="a")
        await _call(store, "0")
        cluster.stop(signal.SIGQUIT)  # as if it had crashed
        calls = [str(number) for number in range(1, 40)]
        ending = [asyncio.create_task(_call(store, each)) for each in calls]
        await asyncio.sleep(0.5)
        assert not any(each.done() for each in ending)
        for _ in range(2):
            with pytest.raises(StoreBusy, match="cannot be read"):
                await store.record("0")
        await asyncio.to_thread(cluster.start)
        async with asyncio.timeout(_IN_TIME_S):
            await asyncio.gather(*ending)
        await _assert_whole(store, ["0", *calls])
        await store.aclose()

    asyncio.run(work())


def test_connections_that_are_cut_again_and_again_lose_nothing_and_double_nothing(cluster: Cluster, monkeypatch) -> None:
    monkeypatch.setattr("offhook.store.writer.PATIENCE_S", _IN_TIME_S)

    async def work() -> None:
        url = cluster.database()
        store = await Store.open(url, clock=Clock(), node="a")
        calls = [str(number) for number in range(300)]
        ending = []
        for number, each in enumerate(calls):
            ending.append(asyncio.create_task(_call(store, each)))
            if number % 30 == 29:
                cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'offhook'"
                await asyncio.to_thread(cluster.run, cut)
            await asyncio.sleep(0.005)
        async with asyncio.timeout(_IN_TIME_S):
            await asyncio.gather(*ending)
        await _assert_whole(store, calls)
        await store.aclose()

    asyncio.run(work())


def test_a_server_that_is_not_there_is_said_at_once_without_the_password() -> None:
    began = time.monotonic()
    with pytest.raises(StoreError, match=r"postgresql://user@127\.0\.0\.1:1/calls cannot be opened: .*refused") as raised:
        asyncio.run(Store.open("postgresql://user:secret@127.0.0.1:1/calls", clock=Clock()))
    assert "secret" not in str(raised.value)
    assert time.monotonic() - began < _IN_TIME_S


@pytest.mark.parametrize("url", ["postgresql://user:secret@[::1/calls", "postgresql://u:secret@h/d?nonsense=1"])
def test_a_url_that_cannot_be_read_is_said_without_the_password(url: str) -> None:
    with pytest.raises(StoreError, match="URL cannot be read") as raised:
        asyncio.run(Store.open(url, clock=Clock()))
    assert "secret" not in str(raised.value)


def test_a_database_that_does_not_exist_or_speaks_no_utf_8_is_named(cluster: Cluster) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        asyncio.run(Store.open(cluster.url("nowhere"), clock=Clock()))
    cluster.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(StoreError, match=r"encoding LATIN1; make it anew with ENCODING 'UTF8'"):
        asyncio.run(Store.open(cluster.url("latin"), clock=Clock()))


def test_without_the_driver_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install 'offhook\[postgresql\]'"):
        asyncio.run(Store.open("postgresql://user@h/d", clock=Clock()))


def test_the_migrations_make_exactly_the_tables_of_the_code(cluster: Cluster) -> None:
    url = cluster.database(empty=True)
    assert contents(url).version is None
    asyncio.run(_opened(url))
    assert contents(url).current
    engine = create_engine("postgresql+psycopg://", creator=lambda: _connected(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _is_described})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_migrations_can_be_taken_back(cluster: Cluster) -> None:
    from alembic import command
    from alembic.config import Config

    import offhook.store

    url = cluster.database()
    config = Config()
    config.set_main_option("script_location", str(Path(offhook.store.__file__).parent / "migrations"))
    engine = create_engine("postgresql+psycopg://", creator=lambda: _connected(url))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        left = connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").scalars().all()
    engine.dispose()
    assert left == ["alembic_version"]


def test_nodes_that_start_at_once_on_an_empty_database_agree_on_one_account(cluster: Cluster) -> None:
    code = (
        "import asyncio, sys; from offhook.clock import Clock; from offhook.store import Store\n"
        "async def main():\n"
        "    store = await Store.open(sys.argv[1], clock=Clock(), node=sys.argv[2])\n"
        "    account, is_new = await store.ensure_account(None, None)\n"
        "    print(account.auth_id, is_new)\n"
        "    await store.aclose()\n"
        "asyncio.run(main())"
    )
    url = cluster.database(empty=True)
    started = [
        subprocess.Popen([sys.executable, "-c", code, url, str(number)], stdout=subprocess.PIPE, text=True) for number in range(3)
    ]
    lines = [process.communicate(timeout=_IN_TIME_S)[0].split() for process in started]
    assert len({auth_id for auth_id, _ in lines}) == 1
    assert sorted(is_new for _, is_new in lines) == ["False", "False", "True"]


def test_totals_are_right_while_transactions_of_others_end_in_another_order_than_they_began(cluster: Cluster) -> None:
    async def work() -> list[int]:
        import psycopg

        url = cluster.database()
        store = await Store.open(url, clock=Clock(), node="a")

        async def total() -> int:
            return (await store.history.calls(ACCOUNT, CallFilter(), limit=1, offset=0)).total

        await store.finish(_record("0"), None)
        totals = [await total()]
        copy = (
            "INSERT INTO call_records SELECT (jsonb_populate_record(r, jsonb_build_object('call_uuid', %s::text, 'written_by', "
        )
        copy += "pg_current_xact_id()::text::bigint))).* FROM call_records r WHERE call_uuid = '0'"
        with psycopg.connect(url) as slow, psycopg.connect(url) as quick:
            slow.execute(copy, ["slow"])
            quick.execute(copy, ["quick"])
            quick.commit()
            totals.append(await total())
            await store.finish(_record("1"), None)
            totals.append(await total())
            slow.commit()
            totals.append(await total())
        totals.append(await total())
        await store.finish(_record("2"), None)
        totals.append(await total())
        await store.aclose()
        return totals

    assert asyncio.run(work()) == [1, 2, 3, 4, 4, 5]


def test_the_doctor_looks_at_the_server(cluster: Cluster, tmp_path: Path) -> None:
    url = cluster.database()

    async def found(where: str) -> Finding:
        return await disk.database(load(environment={}, flags={"data": str(tmp_path), "database": where}))

    well = asyncio.run(found(url))
    assert well.level is Level.OK and "on PostgreSQL" in well.found
    assert "made at the first start" in asyncio.run(found(cluster.database(empty=True))).found
    cluster.run("UPDATE alembic_version SET version_num = '9999'", url.split("@/")[1].split("?")[0])
    newer = asyncio.run(found(url))
    assert newer.level is Level.PROBLEM and "newer" in newer.found
    away = asyncio.run(found("postgresql://user:secret@127.0.0.1:1/calls"))
    assert away.level is Level.PROBLEM and "secret" not in away.found + away.remedy


def test_a_commit_that_breaks_off_is_not_done_twice(cluster: Cluster) -> None:
    """What reads first and then writes is not begun again once it may have been committed."""

    async def work() -> list[int]:
        store = await Store.open(cluster.database(), clock=Clock(), node="a")
        runs: list[int] = []

        def unit(connection: object) -> None:
            runs.append(1)
            cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'offhook'")

        with pytest.raises(Exception, match=r"terminat|closed|lost"):
            await store._database.write(unit)
        await store.aclose()
        return runs

    assert asyncio.run(work()) == [1]


def test_rows_that_the_server_refuses_are_made_to_fit_and_cost_the_others_nothing(cluster: Cluster) -> None:
    async def work() -> None:
        store = await Store.open(cluster.database(), clock=Clock(), node="a")
        long = replace(_record("long"), hangup_cause_name="x" * 100, from_number="a\0b", duration_s=2**40)
        await asyncio.gather(store.finish(long, None), store.finish(_record("good"), _hangup("good")))
        kept = await store.record("long")
        assert kept is not None
        assert (kept.hangup_cause_name, kept.from_number, kept.duration_s) == ("x" * 64, "a?b", 2**31 - 1)
        assert await store.record("good") == _record("good")
        await store.aclose()

    asyncio.run(work())


def test_text_with_nul_finds_nothing_and_breaks_nothing(cluster: Cluster) -> None:
    async def work() -> None:
        store = await Store.open(cluster.database(), clock=Clock(), node="a")
        account, _ = await store.ensure_account(None, None)
        assert await store.application("a\0b") is None
        await store.add_application(Application("1" * 17, account.auth_id, "na\0me", "https://h.example/"))
        found = await store.application("1" * 17)
        assert found is not None and found.name == "na\ufffdme"
        until = NOW + timedelta(days=9999)
        binding = Binding("bob", "sip:bob\0@h", "", source="udp:h:1", call_id="c", sequence=1, expires_at=until)
        await store.telephony.set_bindings({"bob": [binding]})
        assert [each.contact for each in await store.telephony.bindings(NOW)] == ["sip:bob?@h"]
        await store.aclose()

    asyncio.run(work())


def _is_described(_thing: object, name: str | None, kind: str, *_: object) -> bool:
    """But for what only this database has, and what counts in it."""
    return name not in {"written_by", "ix_call_records_written_by"}


def _connected(url: str):
    import psycopg

    return psycopg.connect(url)


async def _opened(url: str) -> None:
    await (await Store.open(url, clock=Clock())).aclose()
