"""Records, timelines, live calls and the outbox."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from offhook.clock import Clock
from offhook.store import Store, StoreError
from offhook.testing.live import ON_POSTGRESQL, database_in


def test_a_call_leaves_its_record_its_timeline_and_its_hangup_request(with_store, make):
    call = make.uuid()
    hangup = make.notification(call)

    async def work(store):
        store.begin(make.live(call))
        for sequence in range(15):
            store.add_event(make.event(call, sequence))
        await store.finish(make.record(call), hangup)
        return await store.record(call), await store.timeline(call), await store.outbox.pending(10), await store.leftovers()

    record, timeline, pending, leftovers = with_store(work)
    assert record == make.record(call)
    assert timeline == [make.event(call, sequence) for sequence in range(15)]
    assert pending == [hangup]
    assert leftovers == []


def test_a_call_that_was_never_answered_has_no_answer_time(with_store, make):
    record = make.record(make.uuid(), answer_time=None, duration_s=0, source_ip="192.0.2.7", parent_call_uuid=make.uuid())

    async def work(store):
        await store.finish(record, None)
        return await store.record(record.call_uuid)

    assert with_store(work) == record


def test_the_b_legs_of_a_call_are_found_by_it_in_the_order_of_their_beginning(with_store, make):
    call = make.uuid()
    legs = [make.record(make.uuid(), parent_call_uuid=call, initiation_time=make.began + timedelta(seconds=n)) for n in range(3)]
    others = [make.record(call), make.record(make.uuid()), make.record(make.uuid(), parent_call_uuid=make.uuid())]

    async def work(store):
        for record in [legs[2], *others, legs[0], legs[1]]:
            await store.finish(record, None)
        return await store.children(call), await store.children(legs[0].call_uuid)

    assert with_store(work) == (legs, [])


def test_times_of_another_zone_come_back_as_the_same_moment(with_store, make):
    elsewhere = make.began.astimezone(timezone(timedelta(hours=5, minutes=30)))

    async def work(store):
        await store.finish(make.record("c", end_time=elsewhere), None)
        store.add_event(make.event("c", 0, at=elsewhere))
        await store.outbox.pending(1)
        return await store.record("c"), await store.timeline("c")

    record, (event,) = with_store(work)
    assert record.end_time == event.at == make.began
    assert record.end_time.utcoffset() == timedelta(0)


def test_a_running_call_is_a_leftover_after_a_restart(with_store, make):
    call = make.live(make.uuid())

    async def crashes(store):
        store.begin(call)

    async def later(store):
        return await store.leftovers()

    with_store(crashes)
    assert with_store(later) == [call]


def test_calls_that_end_at_once_share_commits(with_store, make, monkeypatch):
    commits = []

    async def work(store):
        write_rows = store._database.write_rows

        async def counted(rows):
            commits.append(rows)
            return await write_rows(rows)

        monkeypatch.setattr(store._database, "write_rows", counted)
        calls = [make.uuid() for _ in range(200)]
        await asyncio.gather(*(store.finish(make.record(call), make.notification(call)) for call in calls))
        return await store.count_records(make.account), len(await store.outbox.pending(1000))

    assert with_store(work) == (200, 200)
    assert len(commits) <= 3


def test_records_come_newest_first_page_by_page_and_only_of_their_account(with_store, make):
    records = [make.record(make.uuid(), end_time=make.began + timedelta(seconds=second // 2)) for second in range(25)]
    stranger = make.record(make.uuid(), auth_id="MA" + "B" * 18)

    async def work(store):
        await asyncio.gather(*(store.finish(record, None) for record in [*records, stranger]))
        pages = [await store.records(make.account, limit=10, offset=offset) for offset in (0, 10, 20, 30)]
        return pages, await store.count_records(make.account)

    pages, count = with_store(work)
    assert [len(page) for page in pages] == [10, 10, 5, 0] and count == 25
    listed = [record for page in pages for record in page]
    assert len({record.call_uuid for record in listed}) == 25
    assert [record.end_time for record in listed] == sorted((record.end_time for record in records), reverse=True)


def test_finishing_a_call_twice_leaves_the_first_record(with_store, make):
    record = make.record(make.uuid())
    hangup = make.notification(record.call_uuid)

    async def work(store):
        await store.finish(record, hangup)
        await store.finish(replace(record, duration_s=1), hangup)
        return await store.record(record.call_uuid), await store.outbox.pending(10)

    assert with_store(work) == (record, [hangup])


def test_the_outbox_keeps_the_order_and_forgets_what_was_delivered(with_store, make):
    notifications = [make.notification("c", purpose=f"p{number}") for number in range(5)]

    async def work(store):
        for each in notifications:
            await store.outbox.add(each)
        some = await store.outbox.pending(2)
        await store.outbox.finish(make.delivery(notifications[0]))
        await store.outbox.finish(make.delivery(notifications[3], delivered=False, status=500, error="status", attempts=2))
        return some, await store.outbox.pending(10), [await store.outbox.delivery(each.id) for each in notifications]

    some, left, deliveries = with_store(work)
    assert some == notifications[:2]
    assert left == [notifications[1], notifications[2], notifications[4]]
    assert deliveries == [
        make.delivery(notifications[0]),
        None,
        None,
        make.delivery(notifications[3], delivered=False, status=500, error="status", attempts=2),
        None,
    ]


def test_what_was_delivered_stays_delivered_after_a_restart(with_store, make):
    notification = make.notification("c")

    async def first(store):
        await store.outbox.add(notification)
        await store.outbox.finish(make.delivery(notification))

    async def later(store):
        return await store.outbox.pending(10)

    with_store(first)
    assert with_store(later) == []


def test_text_that_no_encoding_knows_costs_neither_its_call_nor_another(with_store, make):
    bad, good = make.uuid(), make.uuid()

    async def work(store):
        store.begin(make.live(bad, parameters={"X-PH-Name": "\udcff"}))
        store.add_event(make.event(bad, 0, facts={"message": "INVITE \udc80", "deep": [{"x": "\ud800"}]}))
        store.add_event(make.event(bad, 1, facts={"size": 2**80}))
        await asyncio.gather(
            store.finish(make.record(bad, from_number="al\udcedce"), make.notification(bad, parameters={"From": "\udced"})),
            store.finish(make.record(good), make.notification(good)),
        )
        return await store.record(bad), await store.record(good), await store.timeline(bad), await store.outbox.pending(9)

    bad_record, good_record, timeline, pending = with_store(work)
    assert bad_record.from_number == "al?ce"
    assert good_record == make.record(good)
    assert timeline[0].facts["message"] == "INVITE ?"
    assert [row.sequence for row in timeline] == [0, 1]
    assert len(pending) == 2 and pending[0].parameters == {"From": "?"}


def test_a_record_that_cannot_be_stored_at_all_is_told_and_logged(with_store, make, caplog):
    impossible = make.record(make.uuid(), hangup_cause=None)

    async def work(store):
        with pytest.raises(StoreError):
            await store.finish(impossible, None)
        await store.finish(make.record("good"), None)
        return await store.record("good")

    with caplog.at_level(logging.CRITICAL):
        assert with_store(work) == make.record("good")
    assert impossible.call_uuid in caplog.text


def test_numbers_beyond_what_the_database_holds_are_cut_not_lost(with_store, make):
    async def work(store):
        store.add_event(make.event("c", 0, offset_ms=2**70))
        await store.outbox.pending(1)
        return await store.timeline("c")

    assert with_store(work)[0].offset_ms == (2**31 - 1 if ON_POSTGRESQL else 2**63 - 1)


def test_when_the_database_does_not_keep_up_events_go_first_and_the_timeline_says_so(with_store, make, monkeypatch):
    monkeypatch.setattr("offhook.store.writer.MAX_BUFFERED_EVENTS", 10)

    async def work(store):
        store.begin(make.live("c"))
        for sequence in range(25):
            store.add_event(make.event("c", sequence))
        await store.finish(make.record("c"), None)
        return await store.timeline("c"), await store.record("c")

    timeline, record = with_store(work)
    assert record == make.record("c")
    assert [row.sequence for row in timeline] == [*range(10), 24]
    assert timeline[-1].kind == "note" and timeline[-1].facts["text"].startswith("15 event(s)")


def test_a_locked_database_is_waited_for(with_store, make, blocked):
    async def work(store):
        with blocked():
            finishing = asyncio.create_task(store.finish(make.record("c"), None))
            await asyncio.sleep(0.2)
            assert not finishing.done()
        await finishing
        return await store.record("c")

    assert with_store(work) == make.record("c")


def test_a_database_that_refuses_for_long_is_told_to_those_who_wait_and_written_when_it_recovers(
    with_store, make, blocked, monkeypatch
):
    monkeypatch.setattr("offhook.store.writer.PATIENCE_S", 0.25)
    monkeypatch.setattr("offhook.store.writer.LONGEST_PAUSE_S", 0.1)

    async def work(store):
        with blocked():
            store.begin(make.live("running"))
            with pytest.raises(StoreError, match="lock"):
                await store.finish(make.record("c"), make.notification("c", id="n"))
            with pytest.raises(StoreError, match="lock"):  # At once: the trouble is known.
                async with asyncio.timeout(0.05):
                    await store.finish(make.record("d"), None)
            with pytest.raises(StoreError):  # Trying again must not make two of it.
                await store.finish(make.record("c"), make.notification("c", id="n"))
        while await store.record("d") is None:  # noqa: ASYNC110 - a test looks from outside
            await asyncio.sleep(0.02)
        await store.finish(make.record("e"), None)
        return [await store.record(call) for call in "cde"], await store.outbox.pending(9), await store.leftovers()

    records, pending, leftovers = with_store(work)
    assert records == [make.record(call) for call in "cde"]
    assert [each.id for each in pending] == ["n"]
    assert [each.call_uuid for each in leftovers] == ["running"]


def test_a_node_that_stops_while_the_database_refuses_leaves_the_records_in_the_log(
    with_store, make, blocked, monkeypatch, caplog
):
    monkeypatch.setattr("offhook.store.writer.PATIENCE_S", 0.2)

    async def work(store):
        with blocked():
            finishing = asyncio.create_task(store.finish(make.record("lost-one"), None))
            await asyncio.sleep(0)
            await store.aclose()
            with pytest.raises(StoreError):
                await finishing

    with caplog.at_level(logging.CRITICAL):
        with_store(work)
    assert "lost-one" in caplog.text


def test_closing_writes_what_waits_and_a_closed_store_says_so(with_store, make):
    async def work(store):
        finishing = asyncio.create_task(store.finish(make.record("c"), None))
        await asyncio.sleep(0)
        store.add_event(make.event("c", 0))
        await store.aclose()
        await finishing
        await store.aclose()
        with pytest.raises(StoreError, match="closed"):
            await store.finish(make.record("d"), None)
        with pytest.raises(StoreError, match="closed"):
            await store.record("c")

    async def later(store):
        return await store.record("c"), await store.timeline("c")

    with_store(work)
    assert with_store(later) == (make.record("c"), [make.event("c", 0)])


def test_nothing_is_left_running_when_the_store_is_closed(tmp_path, make):
    import threading

    async def work():
        store = await Store.open(database_in(tmp_path), clock=Clock())
        await store.finish(make.record("c"), None)
        await store.aclose()
        return len(asyncio.all_tasks())

    assert asyncio.run(work()) == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("store")]
    assert not (tmp_path / "offhook.db-wal").exists()


def test_a_thousand_calls_at_once_are_all_written(with_store, make):
    async def one(store, call):
        store.begin(make.live(call))
        for sequence in range(15):
            store.add_event(make.event(call, sequence))
        await asyncio.sleep(0.01)
        notification = make.notification(call)
        await store.finish(make.record(call), notification)
        await store.outbox.finish(make.delivery(notification))

    async def work(store):
        calls = [make.uuid() for _ in range(1000)]
        await asyncio.gather(*(one(store, call) for call in calls))
        return await store.count_records(make.account), len(await store.timeline(calls[-1])), await store.outbox.pending(9)

    assert with_store(work) == (1000, 15, [])
