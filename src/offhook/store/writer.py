"""Grouped commits: everything that calls write goes through one task, in one transaction for all that waits."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime

from offhook.clock import Clock
from offhook.metrics import Distribution
from offhook.records import CallRecord, Delivery, LiveCall, Notification, TimelineRow
from offhook.store.backend import StoreError
from offhook.store.batch import Batch, Heartbeat
from offhook.store.database import Database, reason
from offhook.store.statements import Statements

log = logging.getLogger(__name__)

BEGIN_S = 0.05
"""How long a call that began waits for company: a crash in this time forgets it."""
EVENT_S = 0.2
"""How long timeline events wait."""
DELIVERY_S = 0.5
"""How long the word that a notification was delivered waits: a crash in this time repeats it, which is allowed."""
AWAITED_S = 0.005
"""How long rows wait that somebody waits for: as long as it takes for calls that end at once to share a commit."""
MAX_BUFFERED_EVENTS = 50_000
"""Timeline events that may wait for a store that does not keep up; more are dropped, and noted. Records never are."""
PATIENCE_S = 5.0
"""How long the database may refuse before those who wait are told. What they brought is still tried, again and again."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0


class Writer:
    """Owns the batch that fills, and the task that writes it.

    Args:
        node: whose live calls and notifications they are, where several nodes share the database.
    """

    def __init__(self, database: Database, clock: Clock, node: str = "") -> None:
        self._database = database
        self._statements = Statements(database.backend, node)
        self._clock = clock
        self._batch = Batch()
        self._writing = Batch()
        """The batch under way; it stays until it is committed."""
        self._due = asyncio.Event()
        """The batch is to be written now."""
        self._timer: asyncio.TimerHandle | None = None
        """Will set ``_due``."""
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._trouble: StoreError | None = None
        """The database has refused for longer than ``PATIENCE_S``."""
        self._dropped: dict[str, tuple[int, TimelineRow]] = {}
        self.commits = Distribution()
        """How long they took, in s, the attempts that the database refused included."""
        self.refusals = 0
        self.dropped = 0
        """Timeline events that were not kept."""

    @property
    def waiting(self) -> int:
        """Rows that are not committed yet."""
        return len(self._batch) + len(self._writing)

    @property
    def trouble(self) -> StoreError | None:
        """Why the database has taken nothing for longer than ``PATIENCE_S``."""
        return self._trouble

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="store writer")

    async def aclose(self) -> None:
        """Write what waits, for ``PATIENCE_S`` at most, then stop; what could not be written stands in the log. Idempotent."""
        self._closing = True
        self._due.set()
        if self._task is not None:
            await self._task

    def begin(self, call: LiveCall) -> None:
        """A call runs; again when more is known of it, which replaces what was."""
        self._batch.live[call.call_uuid] = call
        self._write_within(BEGIN_S)

    def beat(self, at: datetime) -> None:
        """The node lives, and calls run."""
        self._batch.beat = Heartbeat(at)
        self._write_within(EVENT_S)

    def event(self, row: TimelineRow) -> None:
        """A line of a timeline."""
        if len(self._batch.events) >= MAX_BUFFERED_EVENTS:
            count = self._dropped[row.call_uuid][0] if row.call_uuid in self._dropped else 0
            self._dropped[row.call_uuid] = count + 1, row
            self.dropped += 1
            return
        self._batch.events.append(row)
        if len(self._batch.events) == 1:
            self._write_within(EVENT_S)

    def finish(self, record: CallRecord, hangup: Notification | None) -> asyncio.Future[None]:
        """A call is over; done when that is committed."""
        call_uuid = record.call_uuid
        self._batch.live.pop(call_uuid, None)  # It need not be put in again to be taken out,
        self._batch.over.append(call_uuid)  # but an earlier batch may have put it in.
        self._batch.records[call_uuid] = record
        if hangup is not None:
            self._batch.outbox[hangup.id] = hangup
        return self.flushed()

    def post(self, notification: Notification) -> asyncio.Future[None]:
        """A notification waits; done when that is committed."""
        self._batch.outbox[notification.id] = notification
        return self.flushed()

    def postpone(self, notification: Notification) -> None:
        """A notification waits for its next round. If that is lost in a crash, the round comes early, which is allowed."""
        self._batch.postponed[notification.id] = notification
        self._write_within(DELIVERY_S)

    def delivered(self, delivery: Delivery) -> None:
        """A notification waits no more. Nobody waits for this: if it is lost in a crash, the notification is repeated."""
        self._batch.deliveries.append(delivery)
        if len(self._batch.deliveries) == 1:
            self._write_within(DELIVERY_S)

    def flushed(self) -> asyncio.Future[None]:
        """Done when everything until now is committed; ``StoreError`` when the database refuses for too long.

        After ``StoreError`` the rows are still in the buffer and are written as soon as the database takes them again.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._trouble is not None:
            waiter.set_exception(self._trouble)
        elif self._task is None or self._task.done():
            waiter.set_exception(StoreError(f"the database {self._database.name} is closed"))
        else:
            self._batch.waiters.append(waiter)
        self._write_within(AWAITED_S)
        return waiter

    def _write_within(self, seconds: float) -> None:
        """See to it that what is buffered now is written in this time, or sooner."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._due.set)

    async def _run(self) -> None:
        while not (self._closing and self._batch.empty and not self._batch.waiters):
            await self._due.wait()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._due.clear()
            self._writing, self._batch = self._batch, Batch()
            self._note_dropped()
            await self._write()
            self._writing = Batch()

    async def _write(self) -> None:
        """Write the batch until it is committed, or until there is no time left to."""
        began, pause_s = self._clock.now(), FIRST_PAUSE_S
        while not self._writing.empty:
            try:
                await self._commit()
            except Exception as error:  # noqa: BLE001 - whatever it is, this task must not end: every call waits for it
                self.refusals += 1
                refused_s = self._clock.now() - began
                log.error("the database %s refuses for %.1f s: %s", self._database.name, refused_s, reason(error))
                if refused_s >= PATIENCE_S:
                    self._despair(error)
                    if self._closing:
                        self._give_up()
                        return
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                self.commits.note(self._clock.now() - began)
                break
        self._trouble = None
        for waiter in self._writing.waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _commit(self) -> None:
        batch, statements, backend = self._writing, self._statements, self._database.backend
        try:
            await self._database.write_rows(lambda cursor: batch.write(cursor, statements))
        except Exception as error:
            if backend.refuses(error):
                raise  # The database is in trouble: locked, full, gone.
            # Some row is: text that no encoding knows, a number beyond 64 bits.
            log.warning("a row cannot be stored as it is (%s: %s); writing one by one", type(error).__name__, error)
            left_out = await self._database.write_rows(lambda cursor: batch.write_singly(cursor, statements, backend))
            for each in left_out:
                log.critical("not stored (%s), here it is: %r", each.why, each.value)
            if any(isinstance(each.value, CallRecord | Notification) for each in left_out):
                self._refuse(StoreError("some record or notification cannot be stored; the log has it"))

    def _despair(self, error: Exception) -> None:
        """Nobody may think that it is written, and nobody shall wait for ever."""
        self._trouble = StoreError(f"the database {self._database.name} does not take anything: {reason(error)}")
        self._refuse(self._trouble)
        for waiter in self._batch.waiters:
            if not waiter.done():
                waiter.set_exception(self._trouble)

    def _refuse(self, error: StoreError) -> None:
        for waiter in self._writing.waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _give_up(self) -> None:
        """The process ends and the database still refuses: the log is what is left."""
        for batch in (self._writing, self._batch):
            for record in batch.records.values():
                log.critical("call record not stored, here it is: %r", record)
            for notification in batch.outbox.values():
                log.critical("notification neither stored nor delivered for sure, here it is: %r", notification)
        self._writing, self._batch = Batch(), Batch()

    def _note_dropped(self) -> None:
        """Say on each timeline that has a gap that it has one; the place of the last dropped event is free for that."""
        for count, last in self._dropped.values():
            text = f"{count} event(s) up to here were not kept: the database did not keep up"
            self._writing.events.append(replace(last, kind="note", facts={"text": text, "level": "warning"}))
        self._dropped.clear()
