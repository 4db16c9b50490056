"""The data folder: can it be written, has it room, is the database whole?"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from pathlib import Path

from offhook.cli.doctor.finding import Finding, joined, ok, problem, warning
from offhook.cli.doctor.threads import in_thread
from offhook.errors import OffhookError
from offhook.settings import Settings
from offhook.store import Contents, contents, faults, size

LITTLE_BYTES = 1 << 30
NOTHING_BYTES = 50 << 20
FEW_FILES = 10_000
QUICK_CHECK_S = 5.0
CACHES = ("clips", "speech")
MOST_FILES = 200_000
"""That are counted in a cache."""


async def folder(settings: Settings) -> Finding:
    """Whether the data folder can be written, and how much room is there and in the caches."""
    return await in_thread(lambda: _folder(settings.data))


def _folder(data: Path) -> Finding:
    try:
        missing = not data.exists()
        place = next(each for each in (data, *data.absolute().parents) if each.exists()) if missing else data
        with tempfile.NamedTemporaryFile(dir=place, prefix=".doctor-") as file:
            file.write(b"written")
            file.flush()
            os.fsync(file.fileno())
        room = os.statvfs(place)
    except OSError as error:
        remedy = f"let user {os.getuid()} write there, or set OFFHOOK_DATA to another folder"
        return problem("data folder", f"{data} cannot be written: {error.strerror}", remedy)
    free = room.f_bavail * room.f_frsize
    text = f"{data} {'is made at the first start' if missing else 'can be written'}; {_size(free)} are free"
    if not missing:
        text += "".join(f", {name} has {_size(_used(data / name))}" for name in (*CACHES, "recordings"))
    remedy = "make room on that disk, or set OFFHOOK_DATA to a folder on another; clips and speech in it are caches"
    if free < NOTHING_BYTES:
        return problem("data folder", text, remedy)
    few_files = room.f_files and room.f_favail < FEW_FILES
    if free < LITTLE_BYTES or few_files:
        return warning("data folder", text + (f", and room for {room.f_favail} more files" if few_files else ""), remedy)
    return ok("data folder", text)


def _used(cache: Path) -> int:
    """What a cache takes, as far as it is counted."""
    total = count = 0
    folders = [cache]
    while folders and count < MOST_FILES:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    count += 1
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:  # gone meanwhile, or not there yet
            continue
    return total


def _size(octets: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if octets < 1000:
            return f"{octets:.0f} {unit}" if unit == "bytes" or octets >= 10 else f"{octets:.1f} {unit}"
        octets /= 1000
    return f"{octets:.1f} TB"


async def database(settings: Settings, limit_s: float = QUICK_CHECK_S) -> Finding:
    """Whether the database opens, is whole, and is nobody else's business.

    Args:
        limit_s: how long it may be looked at.
    """
    where = settings.stored_in
    if isinstance(where, str) and not where.startswith("sqlite:"):
        return await in_thread(lambda: _server(where))
    path = where if isinstance(where, Path) else Path(where.removeprefix("sqlite:///"))
    return await in_thread(lambda: _database(path, limit_s))


def _server(url: str) -> Finding:
    try:
        began = time.monotonic()  # a thread has no loop whose time it could take
        name, octets, version = size(url)
        stored = contents(url)
        took_ms = (time.monotonic() - began) * 1000
    except OffhookError as error:
        return problem(
            "database", str(error), "check OFFHOOK_DATABASE, the server, and whether it lets this machine in (pg_hba.conf)"
        )
    found = [ok("database", f"{name} ({_size(octets)}) on PostgreSQL {version} answers; this look took {took_ms:.0f} ms")]
    return joined([*found, *_version(name, stored)])


def _version(name: str, stored: Contents) -> list[Finding]:
    if stored.newer:
        remedy = "start that version, or restore a backup from before the update"
        return [problem("database", f"{name} was made by a newer Offhook: this one does not start on it", remedy)]
    if stored.version is None:
        return [ok("database", "its tables are made at the first start")]
    return (
        [] if stored.current else [ok("database", "its tables are of an older version: the next start brings them to this one")]
    )


def _database(path: Path, limit_s: float) -> Finding:
    if not path.exists():
        return ok("database", f"{path} is made at the first start")
    restore = f"stop the node and restore a backup of {path}, or save what 'sqlite3 {path} .recover' can read"
    stored = contents(path)
    wrong = faults(path, limit_s=limit_s)
    status = path.stat()
    text = f"{path} ({_size(status.st_size)})"
    if wrong:
        return problem("database", f"{text} is damaged: {wrong[0]}", restore)
    found = [ok("database", f"{text} is whole" if wrong is not None else f"{text} opens; not all was looked at in {limit_s:g} s")]
    found += _version(text, stored)
    if stat.S_IMODE(status.st_mode) & 0o077:
        text = f"others than its owner can read {path}, which has the account's token and who called whom"
        found.append(warning("database", text, f"chmod 600 {path}"))
    return joined(found)
