"""``offhook recordings`` as an operator types it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from offhook.cli.program import app
from offhook.clock import Clock
from offhook.records import Recording
from offhook.store import Archive, Store

ID, CALL = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
BEGAN = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A recording of the main account, complete; its file."""

    async def make() -> Path:
        (tmp_path / "data").mkdir()
        store = await Store.open(tmp_path / "data" / "offhook.db", clock=Clock())
        try:
            account, _ = await store.ensure_account(None, None)
            recording = Recording(
                recording_id=ID,
                auth_id=account.auth_id,
                call_uuid=CALL,
                from_number="14155550100",
                to_number="14155550199",
                file_format="mp3",
                channels=2,
                folder=account.auth_id,
                started_at=BEGAN,
                added_at=BEGAN,
            )
            archive = Archive(tmp_path / "data" / "recordings", store.recordings)
            await archive.begin(recording)
            await archive.finish(replace(recording, complete=True, duration_ms=4250, octets=34_000), [])
            return archive.path_of(recording)
        finally:
            await store.aclose()

    path = asyncio.run(make())
    path.write_bytes(b"sound")
    return path


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., str]:
    def command(*arguments: str, fails: str = "") -> str:
        done = CliRunner().invoke(app, ["recordings", *arguments, "--data", str(tmp_path / "data")], env={"COLUMNS": "220"})
        text = done.output + (str(done.exception) if done.exception else "")
        assert (done.exit_code != 0) == bool(fails), text
        assert fails in " ".join(text.split())
        return done.output

    return command


def test_they_are_listed_and_shown(run: Callable[..., str], file: Path) -> None:
    [_, line] = run("list").splitlines()
    assert line.split() == ["2026-03-01", "12:30:15", ID, CALL, "14155550100", "14155550199", "4.2", "mp3", "stereo", "34"]
    assert len(run("list", "--call", ID).splitlines()) == 1
    assert len(run("list", "--account", "SA" + "X" * 18).splitlines()) == 1
    assert json.loads(run("list", "--json", "--call", CALL))["recording_id"] == ID
    shown = json.loads(run("show", ID))
    assert (shown["duration_ms"], shown["file"]) == (4250, str(file))
    run("show", CALL, fails="there is no recording")


def test_one_is_copied_and_deleted(run: Callable[..., str], file: Path, tmp_path: Path) -> None:
    run("export", ID, str(tmp_path))
    assert (tmp_path / f"{ID}.mp3").read_bytes() == b"sound"
    assert run("export", ID, str(tmp_path / "talk.mp3")).strip() == str(tmp_path / "talk.mp3")
    run("export", ID, str(tmp_path / "none" / "talk.mp3"), fails="cannot be copied")
    run("delete", ID)
    assert not file.exists()
    run("delete", ID, fails="'offhook recordings list' shows them")
