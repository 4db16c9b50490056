"""What was tried for a notification, and what follows from it: it is delivered, put off or given up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from offhook.clock import Clock
from offhook.events import Event, HttpAttempted, NotificationGivenUp, NotificationPostponed, Observe
from offhook.hooks.target import redacted
from offhook.records import Attempt, Delivery, Notification


class AttemptLog:
    """Stands between the requests of one round and the call's timeline, and keeps what passes; rounds are counted through."""

    def __init__(self, notification: Notification, observe: Observe, clock: Clock) -> None:
        """Args:
        observe: the call's timeline.
        """
        self._notification = notification
        self._tell = observe
        self._clock = clock
        self._before = notification.log[-1].number if notification.log else 0
        self._log = list(notification.log)

    @property
    def attempts(self) -> int:
        """How many there were, in all rounds."""
        return self._log[-1].number if self._log else 0

    def observe(self, event: Event) -> None:
        """Something happened: it goes on the timeline, and a request is kept."""
        if isinstance(event, HttpAttempted):
            event = replace(event, attempt=event.attempt + self._before)
            began = self._clock.wall() - timedelta(milliseconds=event.duration_ms)
            self._log.append(Attempt(event.attempt, began, redacted(event.url), event.duration_ms, event.status, event.error))
        self._tell(event)

    def postponed(self, error: str, wait_s: float) -> Notification:
        """All of this round failed: the notification as it waits for the next one."""
        this = self._notification
        self._tell(NotificationPostponed(this.purpose, _shown(this), error, wait_s))
        due_at = self._clock.wall() + timedelta(seconds=wait_s)
        return replace(this, rounds=this.rounds + 1, due_at=due_at, log=tuple(self._log))

    def finished(self, status: int | None, error: str | None) -> Delivery:
        """It was delivered, or, where there is an error, given up."""
        this = self._notification
        if error is not None:
            self._tell(NotificationGivenUp(this.purpose, _shown(this), error, self.attempts, this.id))
        return Delivery(
            notification_id=this.id,
            delivered=error is None,
            status=status,
            attempts=self.attempts,
            error=error,
            finished_at=self._clock.wall(),
            auth_id=this.auth_id,
            call_uuid=this.call_uuid,
            purpose=this.purpose,
            url=this.url,
            method=this.method,
            created_at=this.created_at,
            parameters=None if error is None else this.parameters,
            body=None if error is None else this.body,
            log=tuple(self._log),
        )


def _shown(notification: Notification) -> str:
    return redacted(notification.url.partition("#")[0])
