"""``offhook recordings``: what was recorded, on this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from offhook.cli import tables
from offhook.cli.directory import Config, Data, with_store
from offhook.errors import SettingsError
from offhook.printable import printable
from offhook.records import Recording
from offhook.settings import load, recordings_folder
from offhook.store import Archive, RecordingFilter, Store

T = TypeVar("T")
recordings = typer.Typer(help="Recordings of calls, and their files.", no_args_is_help=True)
Account = Annotated[str | None, typer.Option("--account", help="Of this account or subaccount; else of the main account.")]


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.add_typer(recordings, name="recordings")


@recordings.command("list")
def list_recordings(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
    call: Annotated[str | None, typer.Option(help="Of one call, by its CallUUID.")] = None,
    account: Account = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: Config = None,
    data: Data = None,
) -> None:
    """List recordings that are complete, the newest first."""

    async def work(store: Store, _archive: Archive) -> list[Recording]:
        owner = account or (await store.ensure_account(None, None))[0].auth_id
        wanted = RecordingFilter(call_uuid=call.lower() if call is not None else None)
        return (await store.recordings.of_account(owner, wanted, limit=limit, offset=0)).items

    found = _with_archive(work, config, data)
    if as_json:
        for each in found:
            print(_json(each))
        return
    rows = []
    for each in found:
        cells = (
            f"{each.started_at:%Y-%m-%d %H:%M:%S}",
            each.recording_id,
            each.call_uuid,
            each.from_number,
            each.to_number,
            f"{each.duration_ms / 1000:.1f}",
            f"{each.file_format} {'stereo' if each.channels > 1 else 'mono'}",
            str(each.octets // 1000),
        )
        rows.append(cells)
    tables.show(("began", "recording", "call", "from", "to", "s", "format", "kB"), rows)


@recordings.command("show")
def show_recording(recording_id: str, config: Config = None, data: Data = None) -> None:
    """Print all that is known of a recording, and where its file is, as one JSON object."""

    async def work(store: Store, archive: Archive) -> tuple[Recording, Path]:
        found = await _found(store, recording_id)
        return found, archive.path_of(found)

    found, path = _with_archive(work, config, data)
    print(_json(found, file=str(path)))


@recordings.command("export")
def export_recording(
    recording_id: str,
    to: Annotated[Path, typer.Argument(help="A file, or a folder that gets it under its own name.")],
    config: Config = None,
    data: Data = None,
) -> None:
    """Copy the file of a recording to another place."""

    async def work(store: Store, archive: Archive) -> Path:
        found = await _found(store, recording_id)
        return archive.path_of(found)

    source = _with_archive(work, config, data)
    target = to / source.name if to.is_dir() else to
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise SettingsError(f"{source} cannot be copied to {target}: {error.strerror}") from None
    typer.echo(str(target))


@recordings.command("delete")
def delete_recording(recording_id: str, config: Config = None, data: Data = None) -> None:
    """Delete a recording and its file."""

    async def work(store: Store, archive: Archive) -> None:
        await archive.discard(await _found(store, recording_id))

    _with_archive(work, config, data)


async def _found(store: Store, recording_id: str) -> Recording:
    found = await store.recordings.get(recording_id.lower())
    if found is None:
        raise SettingsError(f"there is no recording {printable(recording_id)}; 'offhook recordings list' shows them")
    return found


def _with_archive(work: Callable[[Store, Archive], Awaitable[T]], config: Path | None, data: str | None) -> T:
    folder = recordings_folder(load(file=config, flags={"data": data}))
    return with_store(lambda store: work(store, Archive(folder, store.recordings)), config, data)


def _json(recording: Recording, **more: str) -> str:
    return json.dumps({**asdict(recording), **more}, default=str)
