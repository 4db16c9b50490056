"""A program of ours around somebody's library: takes commands as lines of JSON, and tells what happens likewise."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from strangers.programs import Loopback


class Commanded(Loopback):
    """One such program; it says ``ready`` when it takes commands."""

    def __init__(self, command: list[str], log: Path, *, environment: dict[str, str] | None = None) -> None:
        super().__init__(command, log, stdin=True, environment=environment)
        self._read = 0
        self.events: list[dict[str, Any]] = []
        """What has happened and nobody has waited for yet."""
        try:
            self.wait_for("ready")
        except BaseException:
            self.close()
            raise

    def do(self, what: str, **how: Any) -> None:
        """Give a command and wait until it is done; fails with what the program says went wrong."""
        self.stdin.write(json.dumps({"do": what, **how}).encode() + b"\n")
        self.stdin.flush()
        done = self.wait_for(f"done {what}")
        assert "error" not in done, f"{what}: {done['error']}\n{self.said()}"

    def wait_for(self, event: str, timeout_s: float = 60.0, **facts: Any) -> dict[str, Any]:
        """Wait for the next event of that name, and with these facts, that nobody has waited for yet."""
        until = time.monotonic() + timeout_s
        while True:
            self._take()
            for position, each in enumerate(self.events):
                if each["event"] == event and facts.items() <= each.items():
                    return self.events.pop(position)
            self.running()
            assert time.monotonic() < until, f"no {event} {facts or ''}:\n{self.said()}"
            time.sleep(0.01)

    def happened(self) -> list[str]:
        """The names of what has happened up to now and nobody has waited for."""
        self._take()
        return [each["event"] for each in self.events]

    def forget(self) -> None:
        """Wait for nothing that has happened up to now."""
        self.happened()
        self.events.clear()

    def _take(self) -> None:
        with self.log.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                if line.startswith(b'{"event"'):
                    self.events.append(json.loads(line))
