"""Notifications as an operator sees them, and sends them again."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from offhook.records import Attempt
from offhook.store import CannotRetry, State

EVERYTHING = set(State)


def _finished(make, notification, **more):
    usual = {
        "auth_id": notification.auth_id,
        "call_uuid": notification.call_uuid,
        "purpose": notification.purpose,
        "url": notification.url,
        "method": notification.method,
        "created_at": notification.created_at,
        "log": (Attempt(1, make.began, notification.url, 12, more.get("status"), more.get("error") or ""),),
        "parameters": None if more.get("delivered", True) else notification.parameters,
    }
    return make.delivery(notification, **{**usual, **more})


def _given_up(make, notification, **more):
    return _finished(make, notification, **{"delivered": False, "status": 500, "error": "status", **more})


def test_they_are_listed_by_state_and_call_what_waits_first_then_the_newest(with_store, make):
    notes = [make.notification(f"c{number % 2}", purpose=f"p{number}") for number in range(6)]

    async def work(store):
        for each in notes:
            await store.outbox.add(each)
        for number, each in enumerate(notes[:4]):
            finish = _given_up if number % 2 else _finished
            await store.outbox.finish(finish(make, each, finished_at=make.began + timedelta(seconds=number)))
        await store.outbox.pending(1)
        listed = [
            await store.notices.list(EVERYTHING),
            await store.notices.list({State.GIVEN_UP}),
            await store.notices.list({State.PENDING, State.GIVEN_UP}, call_uuid="c1"),
            await store.notices.list(EVERYTHING, limit=3),
            await store.notices.list(EVERYTHING, call_uuid="nobody's"),
        ]
        return [[each.purpose for each in some] for some in listed], await store.notices.find(notes[1].id)

    listed, one = with_store(work)
    assert listed == [["p5", "p4", "p3", "p2", "p1", "p0"], ["p3", "p1"], ["p5", "p3", "p1"], ["p5", "p4", "p3"], []]
    assert (one.state, one.status, one.error, one.attempts) == (State.GIVEN_UP, 500, "status", 1)
    assert one.parameters == notes[1].parameters
    assert one.log == (Attempt(1, make.began, notes[1].url, 12, 500, "status"),)


def test_what_is_sent_again_is_in_the_outbox_as_it_was_and_told_to_the_node_once(with_store, make):
    note = make.notification("c")

    async def work(store):
        await store.outbox.add(note)
        await store.outbox.finish(_given_up(make, note))
        await store.outbox.pending(1)
        await store.notices.retry([note.id, note.id])
        asked = [await store.outbox.asked_again(), await store.outbox.asked_again()]
        return asked, await store.outbox.pending(9), await store.outbox.delivery(note.id), await store.notices.find(note.id)

    asked, pending, delivery, notice = with_store(work)
    wanted = replace(note, log=(Attempt(1, make.began, note.url, 12, 500, "status"),))
    assert asked == [[wanted], []]
    assert pending == [wanted]
    assert delivery is None
    assert (notice.state, notice.attempts, notice.status) == (State.PENDING, 1, 500)


def test_what_cannot_be_sent_again_is_named_and_then_nothing_is(with_store, make):
    failed, delivered, waiting, old = (make.notification("c") for _ in range(4))

    async def work(store):
        for each in (failed, delivered, waiting):
            await store.outbox.add(each)
        await store.outbox.finish(_given_up(make, failed))
        await store.outbox.finish(_finished(make, delivered))
        await store.outbox.finish(make.delivery(old, delivered=False, error="connect"))
        await store.outbox.pending(1)
        for each, why in ((delivered, "was delivered at"), (waiting, "waits already"), (old, "earlier version")):
            with pytest.raises(CannotRetry, match=why):
                await store.notices.retry([failed.id, each.id])
        with pytest.raises(CannotRetry, match="there is no notification"):
            await store.notices.retry([failed.id, "nobody"])
        return await store.notices.find(failed.id), await store.outbox.asked_again(), await store.notices.retry_failed()

    still, asked, all_of_them = with_store(work)
    assert still.state is State.GIVEN_UP
    assert asked == []
    assert all_of_them == [failed.id]


def test_all_that_was_given_up_since_then_in_its_order(with_store, make):
    notes = [make.notification("c", created_at=make.began + timedelta(minutes=number)) for number in range(1200)]

    async def work(store):
        for each in reversed(notes):
            await store.outbox.finish(_given_up(make, each, finished_at=each.created_at))
        await store.outbox.pending(1)
        late = await store.notices.retry_failed(notes[1100].created_at)
        rest = await store.notices.retry_failed()
        told = [*await store.outbox.asked_again(), *await store.outbox.asked_again()]
        return late, rest, await store.notices.retry_failed(), [each.id for each in told]

    late, rest, nothing, told = with_store(work)
    assert late == [each.id for each in notes[1100:]]
    assert rest == [each.id for each in notes[:1100]]
    assert nothing == []
    assert told == [*late, *rest]


def test_a_row_that_is_put_off_waits_as_long(with_store, make):
    note = make.notification("c")
    later = replace(
        note, rounds=2, due_at=make.began + timedelta(hours=1), log=(Attempt(1, make.began, "u", 3, None, "connect"),)
    )

    async def work(store):
        await store.outbox.add(note)
        await store.outbox.postpone(later)
        return await store.outbox.pending(9)

    assert with_store(work) == [later]


def test_a_call_that_is_answered_replaces_what_was_written_and_leaves_nothing_when_it_is_over(with_store, make):
    live = make.live("c")
    answered = replace(live, answered_at=make.began + timedelta(seconds=3))

    async def crashes(store):
        await store.begun([live])
        store.begin(answered)
        store.beat()
        await store.outbox.pending(1)

    async def later(store):
        left, beat = await store.leftovers(), await store.last_beat()
        # Answered and over in one commit, after it had been written that it began.
        store.begin(replace(answered, app_id=None))
        await store.finish(make.record("c"), None)
        return left, beat, await store.leftovers()

    with_store(crashes)
    left, beat, nothing = with_store(later)
    assert left == [answered]
    assert beat is not None
    assert nothing == []


def test_the_end_of_a_timeline(with_store, make):
    async def work(store):
        for sequence in (1, 2, 7):
            store.add_event(make.event("c", sequence))
        return await store.timeline_end("c"), await store.timeline_end("nobody's")

    assert with_store(work) == ((7, make.began + timedelta(milliseconds=1)), None)


def test_deliveries_of_an_earlier_version_are_listed(only_sqlite, with_store, make, tmp_path):
    async def work(store):
        return await store.notices.list(EVERYTHING)

    with_store(work)
    with sqlite3.connect(tmp_path / "offhook.db") as database:
        database.execute(
            "INSERT INTO deliveries (notification_id, delivered, status, attempts, error, finished_at, auth_id, call_uuid, "
            "purpose, url, method, log) VALUES ('old', 1, 200, 1, NULL, '2026-03-01 12:00:00.000000', '', '', '', '', '', '[]')"
        )
    [old] = with_store(work)
    assert (old.state, old.created_at, old.parameters, old.log) == (State.DELIVERED, None, None, ())
