"""The other nodes that share the database: what one that is gone for good has left is closed and delivered by another."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from offhook.calls import Service
from offhook.clock import Clock
from offhook.hooks import Hooks
from offhook.store import Store

log = logging.getLogger(__name__)

LOOK_S = 10.0
"""How often the others are looked at."""


class Neighbours:
    """Looks for nodes that are not there any more.

    Whether a node lives is told by its heartbeat changing, so that the clocks of the nodes may differ.

    Args:
        after_s: a node whose heart did not beat for so long is taken for gone; 0: none ever is.
    """

    def __init__(self, store: Store, hooks: Hooks, service: Service, clock: Clock, after_s: float) -> None:
        self._store = store
        self._hooks = hooks
        self._service = service
        self._clock = clock
        self._after_s = after_s
        self._beats: dict[str, tuple[datetime, float]] = {}
        """The last heartbeat of each, and since when, in loop time, there was no other."""

    async def watch(self) -> None:
        """Do so until it is cancelled; not at all where the database belongs to this node alone."""
        while self._store.nodes.shared and self._after_s:
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - the database is away: its own log lines say so
                log.debug("the other nodes could not be looked at: %s", error)
            await asyncio.sleep(min(LOOK_S, self._after_s / 2))

    async def _look(self) -> None:
        beats, now = await self._store.nodes.others(), self._clock.now()
        known = {node: self._beats.get(node, (beat, now)) for node, beat in beats.items()}
        self._beats = {node: known[node] if known[node][0] == beat else (beat, now) for node, beat in beats.items()}
        for node, (beat, since) in list(self._beats.items()):
            if now - since >= self._after_s:
                await self._take_over(node, beat)

    async def _take_over(self, node: str, beat: datetime) -> None:
        """First the notifications of a call, then its end: their order is that of the call."""
        left = await self._store.nodes.adopt(node, beat)
        if left is None:
            return
        for notification in left.notifications:
            self._hooks.deliver(notification)
        await self._service.recover(left.calls, beat)
        log.warning(
            "node %s was not there for %g s: its %d call(s) are closed now, its %d notification(s) delivered",
            *(node, self._after_s, len(left.calls), len(left.notifications)),
        )
