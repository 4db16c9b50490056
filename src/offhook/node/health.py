"""Whether the node can do its work: what ``/readyz`` says, and why not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from offhook.clock import Clock
from offhook.errors import OffhookError
from offhook.media import Media
from offhook.node.reception import Reception
from offhook.sip import Stack
from offhook.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")

FRESH_S = 1.0
PATIENCE_S = 2.0
"""How long a part may take to answer. SQLite waits longer for another process; a node whose database does is not ready."""


class Shared(Generic[T]):
    """One answer for all who ask at the same time or shortly after, so that who asks often costs no more than who asks once."""

    def __init__(self, make: Callable[[], Awaitable[T]], clock: Clock, fresh_s: float = FRESH_S) -> None:
        self._make = make
        self._clock = clock
        self._fresh_s = fresh_s
        self._made: asyncio.Task[T] | None = None
        self._until = 0.0

    async def get(self) -> T:
        """The answer. Raises what making it raised."""
        if self._made is None or (self._made.done() and self._clock.now() >= self._until):
            self._made = asyncio.get_running_loop().create_task(self._timed(), name="an answer to share")
        return await asyncio.shield(self._made)  # one who loses patience must not spoil it for the others

    async def _timed(self) -> T:
        made = await self._make()
        self._until = self._clock.now() + self._fresh_s
        return made

    async def aclose(self) -> None:
        """Stop making one."""
        if self._made is not None:
            self._made.cancel()
            await asyncio.gather(self._made, return_exceptions=True)


class Health:
    """Looks at what calls need."""

    def __init__(self, store: Store, media: Media, stack: Stack, reception: Reception, clock: Clock) -> None:
        self._store = store
        self._media = media
        self._stack = stack
        self._reception = reception
        self._shared = Shared(self._look, clock)

    @property
    def serving(self) -> bool:
        """Whether calls are taken, as far as this process itself knows."""
        return self._reception.open

    async def checks(self) -> dict[str, str]:
        """What is wrong, by the part that it is wrong with; empty texts: nothing. Asked once a second at most.

        ``calls`` is about now, whatever the others were found to be.
        """
        return {**await self._shared.get(), "calls": "" if self.serving else "the node starts or drains"}

    async def aclose(self) -> None:
        """Stop looking."""
        await self._shared.aclose()

    async def _look(self) -> dict[str, str]:
        database, media = await asyncio.gather(
            self._try("database", self._store.check(), "nothing can be written"),
            self._try("media", self._media.figures(), "the media engine does not answer"),
        )
        sip = "" if self._stack.listening else "SIP is not listened for"
        return {"database": database, "media": media, "sip": sip}

    async def _try(self, part: str, work: Awaitable[object], trouble: str) -> str:
        """Whatever is wrong stands in the log with all that is known; who asks over HTTP learns only which part it is."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await work
        except TimeoutError:
            log.warning("not ready: %s took more than %g s", part, PATIENCE_S)
            return trouble
        except OffhookError as error:
            log.warning("not ready: %s: %s", part, error)
            return trouble
        return ""
