"""Delivering notifications: in order within a call, calls side by side, no host able to starve the others.

Each notification is already on the shelf when it comes here, and is struck off when it was delivered or given up. What is neither
when the node stops is delivered at the next start: at least once (reference ``callbacks.md`` section 2.5). One that is put off
keeps its place: what comes after it in its call waits, but for the hangup request, which waits ``SETTLE_S`` at most.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from offhook.clock import Clock
from offhook.events import Observe, unobserved
from offhook.records import Delivery, Notification

_log = logging.getLogger("offhook.hooks")

SETTLE_S = 5.0
"""How long a hangup request waits for earlier notifications of its call that the closing of the call did not wait for (2.5)."""
LOOK_S = 2.0
"""How often it is asked whether somebody wants something to be sent again."""

Deliver = Callable[[Notification, Observe], Awaitable[Delivery | Notification]]
"""Makes one round of attempts. Returns what became of it, or how it waits for the next round; raises nothing but cancellation."""
Reopen = Callable[[str], Awaitable[Observe]]
"""The timeline of a call, by its CallUUID."""


async def nothing_reopened(_call_uuid: str) -> Observe:
    """Where there are no timelines."""
    return unobserved


class Shelf(Protocol):
    """Where notifications survive a restart."""

    async def add(self, notification: Notification) -> None:
        """Keep it; it is durable on return."""

    async def pending(self, limit: int) -> list[Notification]:
        """What is not finished, the oldest first, at most ``limit``."""

    async def asked_again(self) -> list[Notification]:
        """What somebody wants to be sent again although it was given up, each told once."""

    async def postpone(self, notification: Notification) -> None:
        """It is tried again at its ``due_at``."""

    async def finish(self, delivery: Delivery) -> None:
        """It was delivered, or given up."""


@dataclass(slots=True, eq=False)
class _Line:
    """The notifications of one call; the first is under way, waits for its host, or until it is due."""

    call_uuid: str
    queue: deque[tuple[Notification, Observe | None]] = field(default_factory=deque)
    observe: Observe | None = None
    """The call's timeline, reopened for those that came without one."""
    timer: asyncio.TimerHandle | None = None
    """Of the first, when it is put off."""
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
        clock: Clock | None = None,
        reopen: Reopen = nothing_reopened,
    ) -> None:
        """Prepare it.

        Args:
            shelf: where they are kept.
            deliver: how one is delivered.
            host_of: who receives it: what the bound per host counts by.
            at_once: requests under way, all together.
            at_once_per_host: so that one customer's dead server holds up only its own.
            in_memory: more than that wait on the shelf alone and are fetched when there is room.
            clock: for those that are put off.
            reopen: gives the timeline of a call whose notification comes from the shelf.
        """
        self._clock = clock or Clock()
        self._reopen = reopen
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
        self._looking: asyncio.Task[None] | None = None
        self._overtaking: set[asyncio.TimerHandle] = set()
        self._struck_off: set[str] | None = None
        """What is finished while the shelf is being read: it may still stand in what was read."""
        self._closed = False

    @property
    def waiting(self) -> int:
        """Notifications in memory, those under way included."""
        return len(self._known)

    async def start(self) -> None:
        """Take up what the last run left."""
        while await self._shelf.asked_again():
            pass  # They stand among those that are left.
        left = await self._shelf.pending(self._in_memory)
        self._overflowed = int(len(left) >= self._in_memory)
        for notification in left:
            self._enqueue(notification, None)
        if left:
            _log.info("%d notification(s) of the last run are delivered now", len(left))
        self._looking = asyncio.get_running_loop().create_task(self._look(), name="what is asked for again")

    def take(self, notification: Notification, observe: Observe | None) -> None:
        """Deliver it after the earlier ones of its call. It must be on the shelf already.

        Args:
            observe: the call's timeline; ``None``: it has to be reopened.
        """
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
        for timer in [*self._overtaking, *(line.timer for line in self._lines.values() if line.timer is not None)]:
            timer.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                while self._tasks:
                    await asyncio.wait(set(self._tasks))
        last = [*self._tasks, *(task for task in (self._refill, self._looking) if task is not None)]
        for task in last:
            task.cancel()
        await asyncio.gather(*last, return_exceptions=True)
        if self._known:
            _log.warning("%d notification(s) wait on the shelf for the next start", len(self._known))

    def _enqueue(self, notification: Notification, observe: Observe | None) -> None:
        if notification.id in self._known:
            return
        self._known.add(notification.id)
        line = self._lines.get(notification.call_uuid)
        if line is not None:
            line.queue.append((notification, observe))
            if notification.purpose == "hangup":
                self._let_overtake(line, notification)
            return
        self._begin_line(notification, observe)

    def _begin_line(self, notification: Notification, observe: Observe | None) -> None:
        line = self._lines[notification.call_uuid] = _Line(notification.call_uuid)
        line.queue.append((notification, observe))
        self._dispatch(line)

    def _let_overtake(self, line: _Line, notification: Notification) -> None:
        """After ``SETTLE_S`` it does not wait any longer for what stands before it in the line."""

        def overtake() -> None:
            self._overtaking.discard(timer)
            place = next((each for each in list(line.queue)[1:] if each[0].id == notification.id), None)
            if place is not None:
                line.queue.remove(place)
                self._begin_line(notification, place[1])

        timer = asyncio.get_running_loop().call_later(SETTLE_S, overtake)
        self._overtaking.add(timer)

    def _dispatch(self, line: _Line) -> None:
        """Start the first of the line, or let it wait until it is due, or for its host's turn."""
        line.timer = None
        due_at = line.queue[0][0].due_at
        wait_s = 0.0 if due_at is None else (due_at - self._clock.wall()).total_seconds()
        if wait_s > 0:
            if not self._closed:
                line.timer = asyncio.get_running_loop().call_later(wait_s, self._dispatch, line)
            return
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
        outcome: Delivery | Notification | None = None
        try:
            outcome = await self._deliver(notification, observe or await self._timeline(line))
            if isinstance(outcome, Notification):
                await self._shelf.postpone(outcome)
            else:
                await self._shelf.finish(outcome)
        except Exception:  # noqa: BLE001 - a task ends here
            # The shelf is out of order: the notification stays on it, and will be repeated at the next start.
            _log.exception("notification %s of call %s could not be struck off", notification.id, notification.call_uuid)
        finally:
            task = asyncio.current_task()
            if task is not None:
                self._tasks.discard(task)
            if task is None or not task.cancelling():
                self._advance(line, key, outcome)

    async def _timeline(self, line: _Line) -> Observe:
        if line.observe is None:
            try:
                line.observe = await self._reopen(line.call_uuid)
            except Exception:  # noqa: BLE001 - the customer shall hear of it whatever is wrong with our database
                _log.exception("the timeline of call %s cannot be read: deliveries are not written on it", line.call_uuid)
                line.observe = unobserved
        return line.observe

    def _advance(self, line: _Line, key: str, outcome: Delivery | Notification | None) -> None:
        """The first of the line is done, or put off: on with the line, and with who waited for the place."""
        notification, observe = line.queue.popleft()
        if isinstance(outcome, Notification):
            line.queue.appendleft((outcome, observe))
        else:
            self._known.discard(notification.id)
            if self._struck_off is not None:
                self._struck_off.add(notification.id)
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
                self._struck_off = set()
                found = await self._shelf.pending(self._in_memory)
                room = self._in_memory - len(self._known)
                seen = self._known | self._struck_off
                fresh = [notification for notification in found if notification.id not in seen]
                for notification in fresh[:room]:
                    self._enqueue(notification, None)
                if len(found) < self._in_memory and len(fresh) <= room and self._overflowed == before:
                    self._overflowed = 0  # Everything on the shelf is in memory, and nothing was added while we looked.
        except Exception:  # noqa: BLE001 - a task ends here
            _log.exception("the shelf could not be read; notifications on it wait")
        finally:
            self._refill = self._struck_off = None

    async def _look(self) -> None:
        """Deliver what was given up and is asked for again, by the command line or whoever else writes on the shelf."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                for notification in await self._shelf.asked_again():
                    self.take(notification, None)
            except Exception:  # noqa: BLE001 - there is a next time
                _log.exception("the shelf could not be read; what is asked for again waits")
