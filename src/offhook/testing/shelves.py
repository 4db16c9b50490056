"""Where the recordings of a world are kept: in memory, and nothing is in their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from offhook.errors import NoRoom
from offhook.records import Notification, Recording


@dataclass
class Shelves:
    """The ``Archive`` of a world."""

    running: dict[str, Recording] = field(default_factory=dict)
    complete: list[Recording] = field(default_factory=list)
    outbox: list[Notification] = field(default_factory=list)
    """What was written down together with the recordings."""
    full: bool = False
    """There is no room for recordings."""
    failures_left: int = 0
    """So many more ``finish`` fail."""
    in_files: tuple[int, int] | None = None
    """What is found in a file that was left in the middle: ms and octets."""

    def url(self, recording: Recording) -> str:
        """Where it would be had."""
        return f"https://voice.example/v1/Account/{recording.auth_id}/Recording/{recording.file_name}"

    def path_of(self, recording: Recording) -> Path:
        """Where it would be."""
        return Path("/recordings", recording.folder, recording.file_name)

    async def begin(self, recording: Recording) -> None:
        """It begins. Raises ``NoRoom`` when ``full``."""
        if self.full:
            raise NoRoom(0, 1 << 20)
        self.running[recording.recording_id] = recording

    async def has_room(self) -> bool:
        """Unless ``full``."""
        return not self.full

    async def finish(self, recording: Recording, notifications: Sequence[Notification]) -> bool:
        """It is complete. Raises ``OSError`` while ``failures_left``."""
        if self.failures_left:
            self.failures_left -= 1
            raise OSError("the disk is full")
        if self.running.pop(recording.recording_id, None) is None:
            return False
        self.complete.append(recording)
        self.outbox.extend(notifications)
        return True

    async def discard(self, recording: Recording) -> None:
        """It is not kept."""
        self.running.pop(recording.recording_id, None)

    async def left(self) -> list[Recording]:
        """What runs: whoever asks has just begun."""
        return list(self.running.values())

    async def mend(self, recording: Recording) -> tuple[int, int] | None:  # noqa: ARG002
        """As ``in_files`` says."""
        return self.in_files
