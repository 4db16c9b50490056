"""What a store tells about itself: whether it takes anything, what waits, how long commits took."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from offhook.store import Store, StoreError

WithStore = Callable[[Callable[[Store], Awaitable[Any]]], Any]


def test_the_outbox_tells_how_many_wait_and_for_how_long(with_store: WithStore, make: SimpleNamespace) -> None:
    async def work(store: Store) -> list[tuple[int, float]]:
        now = make.began + timedelta(seconds=90)
        told = [await store.outbox.depth(now)]
        older, newer = make.notification("a"), make.notification("b", created_at=now)
        for each in (newer, older):
            await store.outbox.add(each)
        told.append(await store.outbox.depth(now))
        await store.outbox.finish(make.delivery(older))
        await store.writing.flushed()
        told.append(await store.outbox.depth(now))
        return told

    assert with_store(work) == [(0, 0.0), (2, 90.0), (1, 0.0)]


def test_it_says_whether_it_takes_anything(with_store: WithStore) -> None:
    async def work(store: Store) -> None:
        await store.check()
        await store.aclose()
        with pytest.raises(StoreError):
            await store.check()

    with_store(work)


def test_commits_and_refusals_are_counted(
    with_store: WithStore, make: SimpleNamespace, blocked: Callable[[], AbstractContextManager[None]]
) -> None:
    async def work(store: Store) -> None:
        before = sum(store.writing.commits.counts.get((), []))
        await store.outbox.add(make.notification("a"))
        assert sum(store.writing.commits.counts[()]) == before + 1
        assert store.writing.waiting == store.writing.refusals == 0
        with blocked():
            adding = asyncio.ensure_future(store.outbox.add(make.notification("b")))
            while not store.writing.refusals:  # noqa: ASYNC110 - it is a figure and no event
                await asyncio.sleep(0.01)
            assert store.writing.waiting == 1
        await adding
        assert store.writing.waiting == 0

    with_store(work)
