"""Old calls are removed with all that belongs to them; places in lists outlive that, and totals are counted anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from offhook.records import Feedback
from offhook.store import CallFilter, Place, Store
from offhook.store.retention import AT_ONCE

from .conftest import ACCOUNT, BEGAN

Runs = Callable[[Callable[[Store], Awaitable[Any]]], Any]


def test_old_calls_are_removed_with_all_that_belongs_to_them(with_store: Runs, make: SimpleNamespace) -> None:
    old, new = make.uuid(), make.uuid()

    async def run(store: Store) -> None:
        for uuid, ended in ((old, BEGAN), (new, BEGAN + timedelta(days=2))):
            store.add_event(make.event(uuid, 1))
            await store.finish(make.record(uuid, end_time=ended), None)
            await store.feedback.give(Feedback(uuid, ACCOUNT, 4.5, ("echo",), "", BEGAN))
        deliveries = [make.delivery(make.notification(old), finished_at=BEGAN + days * timedelta(days=2)) for days in (0, 1)]
        for each in deliveries:
            await store.outbox.finish(each)
            assert await store.outbox.delivery(each.notification_id) is not None
        listed = await store.history.calls(ACCOUNT, CallFilter(), limit=20, offset=0)
        assert (len(listed.items), listed.total) == (2, 2)
        assert await store.retention.remove(BEGAN + timedelta(days=1)) == 1
        assert await store.retention.remove(BEGAN + timedelta(days=1)) == 0
        assert [await store.outbox.delivery(each.notification_id) is None for each in deliveries] == [True, False]
        assert (await store.record(old), await store.timeline(old), await store.feedback.of(old)) == (None, [], None)
        kept = await store.feedback.of(new)
        assert kept is not None
        assert (kept.rating, kept.issues, kept.given_at) == (4.5, ("echo",), BEGAN)
        assert len(await store.timeline(new)) == 1
        listed = await store.history.calls(ACCOUNT, CallFilter(), limit=20, offset=0)
        assert ([each.call_uuid for each in listed.items], listed.total) == ([new], 1)

    with_store(run)


def test_many_are_removed_piece_by_piece(with_store: Runs, make: SimpleNamespace) -> None:
    async def run(store: Store) -> None:
        many = AT_ONCE + 1
        await asyncio.gather(*(store.finish(make.record(make.uuid()), None) for _ in range(many)))
        assert await store.retention.remove(datetime.now(UTC)) == many
        assert await store.count_records(ACCOUNT) == 0

    with_store(run)


def test_a_list_is_read_from_a_place_in_either_direction(with_store: Runs, make: SimpleNamespace) -> None:
    async def run(store: Store) -> None:
        uuids = [make.uuid() for _ in range(10)]
        for number, uuid in enumerate(uuids):
            await store.finish(make.record(uuid, end_time=BEGAN + timedelta(seconds=number // 4)), None)

        async def read(place: Place | None, limit: int = 3) -> tuple[list[str], bool]:
            found = await store.history.calls(ACCOUNT, CallFilter(), limit=limit, offset=0, place=place)
            assert found.total == 10
            return [each.call_uuid for each in found.items], found.more

        newest_first = uuids[::-1]
        assert await read(None) == (newest_first[:3], True)
        for number, uuid in enumerate(newest_first):
            ended = BEGAN + timedelta(seconds=(9 - number) // 4)
            behind, before = newest_first[number + 1 :], newest_first[:number]
            assert await read(Place(ended, uuid, newer=False)) == (behind[:3], len(behind) > 3)
            assert await read(Place(ended, uuid, newer=True)) == (before[-3:], len(before) > 3)

    with_store(run)
