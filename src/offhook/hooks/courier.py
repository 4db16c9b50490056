"""Delivering notifications: in order within a call, calls side by side, no host able to starve the others.

Each notification is already on the shelf when it comes here, and is struck off when it was delivered or given up. What is neither
when the node stops is delivered at the next start: at least once (reference ``callbacks.md`` section 2.5).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from offhook.events import Observe, unobserved
from offhook.records import Delivery, Notification

_log = logging.getLogger("offhook.hooks")

Deliver = Callable[[Notification, Observe], Awaitable[Delivery]]
"""Makes the request with all its attempts; raises nothing but cancellation."""


class Shelf(Protocol):
    """Where notifications survive a restart."""

    async def add(self, notification: Notification) -> None:
        """Keep it; it is durable on return."""

    async def pending(self, limit: int) -> list[Notification]:
        """What is not finished, the oldest first, at most ``limit``."""

    async def finish(self, delivery: Delivery) -> None:
        """It was delivered, or given up."""


@dataclass(slots=True, eq=False)
class _Line:
    """The notifications of one call; the first is under way or waits for its host."""

    call_uuid: str
    queue: deque[tuple[Notification, Observe]] = field(default_factory=deque)
    empty: asyncio.Future[None] | None = None
    """Made when somebody waits for it."""


@dataclass(slots=True, eq=False)
class _Host:
    running: int = 0
    waiting: deque[_Line] = field(default_factory=deque)


class Courier:
    """Delivers in the background. One task for each request under way, none for what waits."""

    def __init__(
        self,
        shelf: Shelf,
        deliver: Deliver,
        host_of: Callable[[Notification], str],
        *,
        at_once: int = 1024,
        at_once_per_host: int = 128,
        in_memory: int = 20_000,
    ) -> None:
        """Prepare it.

        Args:
            shelf: where they are kept.
            deliver: how one is delivered.
            host_of: who receives it: what the bound per host counts by.
            at_once: requests under way, all together.
            at_once_per_host: so that one customer's dead server holds up only its own.
            in_memory: more than that wait on the shelf alone and are fetched when there is room.
        """
        self._shelf = shelf
        self._deliver = deliver
        self._host_of = host_of
        self._at_once = at_once
        self._at_once_per_host = at_once_per_host
        self._in_memory = in_memory
        self._lines: dict[str, _Line] = {}
        self._hosts: dict[str, _Host] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._known: set[str] = set()
        """Ids of what is in memory."""
        self._overflowed = 0
        """How many were left on the shelf since the last look there."""
        self._crowded = False
        """Some host waits although it is below its own bound."""
        self._refill: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Notifications in memory, those under way included."""
        return len(self._known)

    async def start(self) -> None:
        """Take up what the last run left."""
        left = await self._shelf.pending(self._in_memory)
        self._overflowed = int(len(left) >= self._in_memory)
        for notification in left:
            self._enqueue(notification, unobserved)
        if left:
            _log.info("%d notification(s) of the last run are delivered now", len(left))

    def take(self, notification: Notification, observe: Observe) -> None:
        """Deliver it after the earlier ones of its call. It must be on the shelf already."""
        if self._closed or self._overflowed or len(self._known) >= self._in_memory:
            self._overflowed += 1  # Once one waits on the shelf, the later ones must, or they would overtake it.
            return
        self._enqueue(notification, observe)

    async def settled(self, call_uuid: str, timeout_s: float) -> bool:
        """Wait until everything taken for this call is done.

        Returns:
            Whether it is. If not, what is taken from now on no longer waits for it.
        """
        line = self._lines.get(call_uuid)
        if line is None:
            return True
        if line.empty is None:
            line.empty = asyncio.get_running_loop().create_future()
        done, _ = await asyncio.wait([line.empty], timeout=timeout_s)
        if not done and self._lines.get(call_uuid) is line:
            del self._lines[call_uuid]
        return bool(done)

    async def aclose(self, drain_s: float) -> None:
        """Go on for at most ``drain_s`` seconds with what is in memory, then leave the rest to the shelf."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                while self._tasks:
                    await asyncio.wait(set(self._tasks))
        last = [*self._tasks, *([self._refill] if self._refill else [])]
        for task in last:
            task.cancel()
        await asyncio.gather(*last, return_exceptions=True)
        if self._known:
            _log.warning("%d notification(s) wait on the shelf for the next start", len(self._known))

    def _enqueue(self, notification: Notification, observe: Observe) -> None:
        if notification.id in self._known:
            return
        self._known.add(notification.id)
        line = self._lines.get(notification.call_uuid)
        if line is not None:
            line.queue.append((notification, observe))
            return
        line = self._lines[notification.call_uuid] = _Line(notification.call_uuid)
        line.queue.append((notification, observe))
        self._dispatch(line)

    def _dispatch(self, line: _Line) -> None:
        """Start the first of the line, or let it wait for its host's turn."""
        key = self._host_of(line.queue[0][0])
        host = self._hosts.setdefault(key, _Host())
        if len(self._tasks) >= self._at_once:
            self._crowded = True
        elif host.running < self._at_once_per_host:
            self._start(line, host, key)
            return
        host.waiting.append(line)

    def _start(self, line: _Line, host: _Host, key: str) -> None:
        host.running += 1
        task = asyncio.get_running_loop().create_task(self._run(line, key), name=f"notify {line.call_uuid}")
        self._tasks.add(task)

    async def _run(self, line: _Line, key: str) -> None:
        notification, observe = line.queue[0]
        try:
            delivery = await self._deliver(notification, observe)
            await self._shelf.finish(delivery)
        except Exception:  # noqa: BLE001 - a task ends here
            # The shelf is out of order: the notification stays on it, and will be repeated at the next start.
            _log.exception("notification %s of call %s could not be struck off", notification.id, notification.call_uuid)
        finally:
            task = asyncio.current_task()
            if task is not None:
                self._tasks.discard(task)
            if task is None or not task.cancelling():
                self._advance(line, key)

    def _advance(self, line: _Line, key: str) -> None:
        """The first of the line is done: on with the line, and with who waited for the place."""
        notification, _ = line.queue.popleft()
        self._known.discard(notification.id)
        host = self._hosts[key]
        host.running -= 1
        if line.queue:
            self._dispatch(line)
        else:
            if line.empty is not None and not line.empty.done():
                line.empty.set_result(None)
            if self._lines.get(line.call_uuid) is line:
                del self._lines[line.call_uuid]
        self._fill(key)
        if host.running == 0 and not host.waiting:
            self._hosts.pop(key, None)
        if self._overflowed and self._refill is None and not self._closed and len(self._known) <= self._in_memory // 2:
            self._refill = asyncio.get_running_loop().create_task(self._fetch_from_shelf(), name="notifications from shelf")

    def _fill(self, key: str) -> None:
        """Give the place that became free to one who waits: of this host, or of any when all places had been taken."""
        host = self._hosts.pop(key)
        self._hosts[key] = host  # Whoever was served last stands last: hosts take turns.
        for name, each in list(self._hosts.items()) if self._crowded else [(key, host)]:
            if len(self._tasks) >= self._at_once:
                return
            if each.waiting and each.running < self._at_once_per_host:
                self._start(each.waiting.popleft(), each, name)
        self._crowded = self._crowded and len(self._tasks) >= self._at_once

    async def _fetch_from_shelf(self) -> None:
        try:
            while self._overflowed and not self._closed and len(self._known) <= self._in_memory // 2:
                before = self._overflowed
                found = await self._shelf.pending(self._in_memory)
                room = self._in_memory - len(self._known)
                fresh = [notification for notification in found if notification.id not in self._known]
                for notification in fresh[:room]:
                    self._enqueue(notification, unobserved)
                if len(found) < self._in_memory and len(fresh) <= room and self._overflowed == before:
                    self._overflowed = 0  # Everything on the shelf is in memory, and nothing was added while we looked.
        except Exception:  # noqa: BLE001 - a task ends here
            _log.exception("the shelf could not be read; notifications on it wait")
        finally:
            self._refill = None
