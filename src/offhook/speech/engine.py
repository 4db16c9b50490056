"""One engine, as the voices see it: its worker, and a rest for it when it breaks again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from offhook.workers import Worker, WorkerBroke, WorkerFailed

BREAKS = 3
"""One text may break an engine; so many in a row say that it is the engine."""
REST_S = 30.0
"""Meanwhile nobody waits for it, and another engine speaks."""


class Engine:
    """A worker that renders speech."""

    def __init__(self, name: str, worker: Worker) -> None:
        self._name = name
        self.worker = worker
        self._breaks = 0
        self._rests_until = 0.0

    async def render(self, request: Mapping[str, Any]) -> int:
        """Render a text into a file; returns how many samples it has.

        Raises:
            WorkerFailed: it cannot say this, it broke, or it rests.
        """
        now = asyncio.get_running_loop().time()
        if now < self._rests_until:
            raise WorkerFailed(f"{self._name} broke {self._breaks} times and rests for {self._rests_until - now:.0f} s more")
        try:
            reply = await self.worker.ask(request)
        except WorkerBroke:
            self._breaks += 1
            if self._breaks >= BREAKS:
                self._rests_until = asyncio.get_running_loop().time() + REST_S
            raise
        self._breaks = 0
        return int(reply["samples"])
