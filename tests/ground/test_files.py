"""Folders of sounds that are kept bounded."""

import os
import time
from pathlib import Path

from offhook.files import MAX_NOTES, Keeper, sweep, used

HOUR = 3600.0


def file(path: Path, size: int, age_s: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    old, older, new = (file(tmp_path / "aa" / f"{age}.pcm", 100, age * HOUR) for age in (5, 9, 2))
    assert sweep(tmp_path, limit_bytes=200) == 1
    assert [path.exists() for path in (old, older, new)] == [True, False, True]


def test_below_the_limit_nothing_goes_however_old(tmp_path: Path) -> None:
    old = file(tmp_path / "old.pcm", 100, 10_000 * HOUR)
    assert sweep(tmp_path, limit_bytes=100) == 0
    assert old.exists()


def test_what_was_used_within_the_hour_stays(tmp_path: Path) -> None:
    path = file(tmp_path / "a.pcm", 150, 5 * HOUR)
    assert used(path)
    assert sweep(tmp_path, limit_bytes=100) == 0
    assert path.exists()


def test_a_flood_of_new_files_is_held_back_all_the_same(tmp_path: Path) -> None:
    for minute in range(10):
        file(tmp_path / f"{minute}.pcm", 100, minute * 60 + 1)
    assert sweep(tmp_path, limit_bytes=100) == 8
    assert sorted(path.name for path in tmp_path.glob("*.pcm")) == ["0.pcm", "1.pcm"]


def test_what_a_dead_worker_left_half_written_goes(tmp_path: Path) -> None:
    dead, alive = file(tmp_path / "dead.part", 10, 2 * HOUR), file(tmp_path / "alive.part", 10, 5)
    sweep(tmp_path, limit_bytes=100)
    assert (dead.exists(), alive.exists()) == (False, True)


def test_what_is_known_of_a_url_is_forgotten_after_eight_days(tmp_path: Path) -> None:
    old, new = file(tmp_path / "urls" / "a.json", 10, 9 * 24 * HOUR), file(tmp_path / "urls" / "b.json", 10, HOUR)
    sweep(tmp_path, limit_bytes=100)
    assert (old.exists(), new.exists()) == (False, True)
    assert MAX_NOTES >= 10_000


def test_a_file_that_is_not_there_was_not_used(tmp_path: Path) -> None:
    assert not used(tmp_path / "nothing.pcm")
    assert sweep(tmp_path / "nowhere", limit_bytes=1) == 0


def test_a_keeper_looks_at_the_first_file_and_then_now_and_then(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path, limit_bytes=1_000_000)
    file(tmp_path / "left.pcm", 2_000_000, 5 * HOUR)
    keeper.added(10)
    assert not (tmp_path / "left.pcm").exists()
    file(tmp_path / "left.pcm", 2_000_000, 5 * HOUR)
    keeper.added(10)
    assert (tmp_path / "left.pcm").exists()
    keeper.added(60_000)
    assert not (tmp_path / "left.pcm").exists()
