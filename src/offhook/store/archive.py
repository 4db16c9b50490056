"""Recordings and their files: one folder for each account, and nobody else on this machine may look into it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from offhook.errors import NoRoom
from offhook.records import Notification, Recording
from offhook.store.recordings import RecordingShelf

log = logging.getLogger(__name__)

_AT_ONCE = 200
"""Recordings that are removed between two looks at the table."""

Mend = Callable[[Path, str, int], tuple[int, int] | None]
"""Makes a file whole, of a format and so many channels: its ms and octets; ``None``: there is no sound in it. Blocks."""


def _not_mended(_path: Path, _file_format: str, _channels: int) -> tuple[int, int] | None:
    raise NotImplementedError("this archive is only looked at")


class Archive:
    """Keeps files and table together: whatever is interrupted, no file is left that no row knows of.

    Args:
        folder: of all files; made when the first recording begins.
        shelf: the table.
        mend: for files that a crash has left.
        base_url: gives scheme and host of this node's HTTP port, as customers reach it.
        reserve_bytes: what must stay free on that disk.
    """

    def __init__(
        self,
        folder: Path,
        shelf: RecordingShelf,
        *,
        mend: Mend = _not_mended,
        base_url: Callable[[], str] = str,
        reserve_bytes: int = 0,
    ) -> None:
        self._folder = folder
        self._shelf = shelf
        self._mend = mend
        self._base_url = base_url
        self._reserve_bytes = reserve_bytes

    def url(self, recording: Recording) -> str:
        """Where the file is had (reference ``api.md`` section 10)."""
        return f"{self._base_url()}/v1/Account/{recording.auth_id}/Recording/{recording.file_name}"

    def path_of(self, recording: Recording) -> Path:
        """Where the file is."""
        return self._folder / recording.folder / recording.file_name

    async def begin(self, recording: Recording) -> None:
        """A recording is about to begin.

        Raises:
            NoRoom: the disk is nearly full.
        """
        free = await asyncio.to_thread(self._prepare, recording)
        if free < self._reserve_bytes:
            raise NoRoom(free, self._reserve_bytes)
        await self._shelf.add(recording)
        await asyncio.to_thread(_touch, self.path_of(recording))

    async def has_room(self) -> bool:
        """Whether recordings may go on. Raises ``OSError``."""
        return await asyncio.to_thread(_free_bytes, self._folder) >= self._reserve_bytes

    async def finish(self, recording: Recording, notifications: Sequence[Notification]) -> bool:
        """It is complete; see ``RecordingShelf.finish``."""
        return await self._shelf.finish(recording, notifications)

    async def discard(self, recording: Recording) -> None:
        """Remove file and row; the file first, so that what is interrupted can be done again."""
        await asyncio.to_thread(self.path_of(recording).unlink, missing_ok=True)
        await self._shelf.remove(recording.recording_id)

    async def left(self) -> list[Recording]:
        """Those that ran when this node died."""
        return await self._shelf.running()

    async def mend(self, recording: Recording) -> tuple[int, int] | None:
        """Make its file whole: its length in ms and octets; ``None``: there is no sound in it. Raises ``OSError``."""
        return await asyncio.to_thread(self._mend, self.path_of(recording), recording.file_format, recording.channels)

    async def clear(self, auth_id: str) -> int:
        """Remove all recordings of an account that are complete. Returns how many."""
        removed = 0
        while found := await self._shelf.some_of(auth_id, _AT_ONCE):
            for recording in found:
                await self.discard(recording)
            removed += len(found)
        return removed

    async def expire(self, before: datetime) -> int:
        """Remove what was complete before a time. Returns how many."""
        removed = 0
        while found := await self._shelf.older(before, _AT_ONCE):
            for recording in found:
                await self.discard(recording)
            removed += len(found)
        return removed

    def _prepare(self, recording: Recording) -> int:
        """Make its folder; how many bytes are free there."""
        for folder in (self._folder, self.path_of(recording).parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _free_bytes(self._folder)


def _touch(path: Path) -> None:
    """Whoever writes it finds it there, with its permissions."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _free_bytes(folder: Path) -> int:
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize
