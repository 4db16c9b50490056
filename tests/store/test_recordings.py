"""Recordings and their files: what is found, what is removed, and who may look."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from offhook.errors import NoRoom
from offhook.records import Recording
from offhook.store import Archive, Place, RecordingFilter, Store

With = Callable[[Callable[[Store], Awaitable[Any]]], Any]


@pytest.fixture
def recording(make: SimpleNamespace) -> Callable[..., Recording]:
    """Makes recordings; each begins an hour after the one before."""

    def one(**fields: Any) -> Recording:
        recording_id = make.uuid()
        began = make.began + timedelta(hours=int(recording_id[-4:]))
        usual: dict[str, Any] = {
            "recording_id": recording_id,
            "auth_id": make.account,
            "call_uuid": "11111111-0000-4000-8000-000000000001",
            "from_number": "+14155550100",
            "to_number": "14155550199",
            "file_format": "mp3",
            "channels": 2,
            "folder": make.account,
            "started_at": began,
            "added_at": began,
            "callback_parameters": {"api_id": "a1"},
        }
        return Recording(**{**usual, **fields})

    return one


def archive_of(store: Store, folder: Path, **more: Any) -> Archive:
    return Archive(folder / "recordings", store.recordings, base_url=lambda: "https://voice.example", **more)


def files(folder: Path) -> list[str]:
    """The names of all files of recordings, without their ends."""
    return sorted(path.stem for path in folder.rglob("*.mp3"))


def test_a_running_one_is_not_listed_and_comes_back_as_it_was(with_store: With, recording: Callable[..., Recording]) -> None:
    one = recording(callback_url="https://h.example/", conference_uuid="c")

    async def begin(store: Store) -> None:
        await store.recordings.add(one)
        assert await store.recordings.get(one.recording_id) is None
        assert (await store.recordings.of_account(one.auth_id, RecordingFilter(), limit=20, offset=0)).items == []

    with_store(begin)
    assert with_store(lambda store: store.recordings.running()) == [one]


def test_it_is_finished_once_together_with_what_is_sent(
    with_store: With, recording: Callable[..., Recording], make: SimpleNamespace
) -> None:
    one = recording()
    done = replace(one, complete=True, duration_ms=4200, octets=2**33, added_at=one.added_at + timedelta(seconds=5))
    first, second = make.notification(one.call_uuid), make.notification(one.call_uuid)

    async def work(store: Store) -> None:
        await store.recordings.add(one)
        assert await store.recordings.finish(done, [first])
        assert not await store.recordings.finish(done, [second])
        assert await store.recordings.get(one.recording_id) == done
        assert await store.recordings.running() == []
        assert await store.outbox.pending(10) == [first]

    with_store(work)


def test_they_are_found_by_what_is_asked(with_store: With, recording: Callable[..., Recording], make: SimpleNamespace) -> None:
    other = "22222222-0000-4000-8000-000000000002"
    some = [
        recording(complete=True),
        recording(complete=True, call_uuid=other, from_number="442079460000", conference_name="noname"),
        recording(complete=True, to_number="sip:a_b@x.example", mpc_name="m"),
        recording(),
        recording(complete=True, auth_id="SA" + "B" * 18),
    ]
    asked = [
        (RecordingFilter(), [2, 1, 0]),
        (RecordingFilter(call_uuid=other), [1]),
        (RecordingFilter(from_number="1415"), [2, 0]),
        (RecordingFilter(from_number="+1415"), [2, 0]),
        (RecordingFilter(to_number="sip:a_"), [2]),
        (RecordingFilter(to_number="sip:aX"), []),
        (RecordingFilter(conference_name="noname"), [1]),
        (RecordingFilter(mpc_name="m"), [2]),
        (RecordingFilter(mpc_uuid="m"), []),
        (RecordingFilter(added=(("gt", some[0].added_at), ("lte", some[1].added_at))), [1]),
        (RecordingFilter(added=(("gte", some[1].added_at), ("lt", some[2].added_at))), [1]),
    ]

    async def work(store: Store) -> None:
        for each in some:
            await store.recordings.add(each)
        for wanted, expected in asked:
            found = await store.recordings.of_account(make.account, wanted, limit=20, offset=0)
            assert (found.items, found.total) == ([some[at] for at in expected], len(expected)), wanted
        piece = await store.recordings.of_account(make.account, RecordingFilter(), limit=1, offset=1)
        assert (piece.items, piece.total, piece.more) == ([some[1]], 3, True)
        older = Place(some[1].added_at, some[1].recording_id, newer=False)
        behind = await store.recordings.of_account(make.account, RecordingFilter(), limit=20, offset=7, place=older)
        assert (behind.items, behind.total, behind.more) == ([some[0]], 3, False)
        newer = Place(some[0].added_at, some[0].recording_id, newer=True)
        before = await store.recordings.of_account(make.account, RecordingFilter(), limit=1, offset=0, place=newer)
        assert (before.items, before.total, before.more) == ([some[1]], 3, True)
        both = await store.recordings.of_account(make.account, RecordingFilter(), limit=2, offset=0, place=newer)
        assert (both.items, both.more) == ([some[2], some[1]], False)

    with_store(work)


def test_files_are_nobody_elses_business(with_store: With, recording: Callable[..., Recording], tmp_path: Path) -> None:
    one = recording()

    async def work(store: Store) -> None:
        archive = archive_of(store, tmp_path)
        await archive.begin(one)
        path = archive.path_of(one)
        assert path == tmp_path / "recordings" / one.auth_id / f"{one.recording_id}.mp3"
        assert [each.stat().st_mode & 0o777 for each in (path.parent.parent, path.parent, path)] == [0o700, 0o700, 0o600]
        assert archive.url(one) == f"https://voice.example/v1/Account/{one.auth_id}/Recording/{one.recording_id}.mp3"
        await archive.discard(one)
        await archive.discard(one)
        assert not path.exists()
        assert await archive.left() == []

    with_store(work)


def test_none_begins_where_the_disk_is_nearly_full(with_store: With, recording: Callable[..., Recording], tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        archive = archive_of(store, tmp_path, reserve_bytes=1 << 60)
        with pytest.raises(NoRoom, match="MiB are free"):
            await archive.begin(recording())
        assert not await archive.has_room()
        assert await archive.left() == []
        assert files(tmp_path) == []

    with_store(work)


def test_old_ones_go_with_their_files_and_running_ones_stay(
    with_store: With, recording: Callable[..., Recording], tmp_path: Path
) -> None:
    old, running, new = recording(), recording(), recording()

    async def work(store: Store) -> None:
        archive = archive_of(store, tmp_path)
        for each in (old, running, new):
            await archive.begin(each)
        for each in (old, new):
            await archive.finish(replace(each, complete=True), [])
        assert await archive.expire(new.added_at) == 1
        assert await archive.expire(new.added_at) == 0
        assert files(tmp_path) == sorted([running.recording_id, new.recording_id])
        assert await store.recordings.get(old.recording_id) is None
        assert await archive.left() == [running]

    with_store(work)


def test_a_removed_subaccount_leaves_them_to_its_main_account_or_takes_them_along(
    with_store: With, recording: Callable[..., Recording], make: SimpleNamespace, tmp_path: Path
) -> None:
    async def work(store: Store) -> None:
        archive = archive_of(store, tmp_path)
        for auth_id in ("SA" + "B" * 18, "SA" + "C" * 18):
            one = recording(auth_id=auth_id, folder=auth_id)
            await archive.begin(one)
            await archive.finish(replace(one, complete=True), [])
            if auth_id.endswith("C"):
                assert await archive.clear(auth_id) == 1
            await store.tenants.remove(auth_id, make.account, cascade=auth_id.endswith("C"))
        [inherited] = (await store.recordings.of_account(make.account, RecordingFilter(), limit=20, offset=0)).items
        assert (inherited.auth_id, inherited.folder) == (make.account, "SA" + "B" * 18)
        assert files(tmp_path) == [inherited.recording_id]
        assert archive.path_of(inherited).exists()

    with_store(work)


def test_a_file_is_mended_in_a_thread(with_store: With, recording: Callable[..., Recording], tmp_path: Path) -> None:
    asked: list[tuple[Path, str, int]] = []

    def mend(*what: Any) -> tuple[int, int]:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        asked.append(what)
        return 20, 364

    async def work(store: Store) -> None:
        one = recording()
        archive = archive_of(store, tmp_path, mend=mend)
        assert await archive.mend(one) == (20, 364)
        assert asked == [(archive.path_of(one), "mp3", 2)]

    with_store(work)
