"""The timeline of a call: every step leaves an event. It is write-only; whoever wants to read it is a sink."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from offhook.calls.urls import without_credentials
from offhook.clock import Clock
from offhook.events import CallEnded, Event, HttpAttempted, Noted, NotificationGivenUp, NotificationPostponed
from offhook.printable import printable
from offhook.records import TimelineRow

log = logging.getLogger("offhook.timeline")

Sink = Callable[[TimelineRow], None]

MAX_EVENTS = 5000
"""A call's timeline goes silent there: a loop of the customer's must not fill the disk. How the call ended still follows."""
_DELIVERIES = (HttpAttempted, NotificationPostponed, NotificationGivenUp)
"""What becomes of the last requests of a call that is over: a few lines, which are told on a full timeline too."""
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@dataclass
class Timeline:
    """Numbers and dates the events of one call and hands them to the sinks."""

    call_uuid: str
    clock: Clock
    sinks: Sequence[Sink]
    sequence: int = 0
    """The number of the last event. A timeline that goes on after a crash begins behind everything that was written before."""
    age_s: float = 0.0
    """How long ago the call arrived."""

    def __post_init__(self) -> None:
        self._began = self.clock.now() - self.age_s
        self._full = self._over = False

    def add(self, event: Event) -> None:
        """Write an event. Never raises: a sink that fails is the sink's trouble, not the call's."""
        self._over = self._over or isinstance(event, CallEnded)
        if self._full and not (isinstance(event, CallEnded) or (self._over and isinstance(event, _DELIVERIES))):
            return
        self.sequence += 1
        if self.sequence == MAX_EVENTS:
            self._full = True
            event = Noted(f"the timeline is full: {MAX_EVENTS} events are enough", level="error")
        offset_ms = round((self.clock.now() - self._began) * 1000)
        facts = {name: _shown(value) for name, value in event.facts().items()}
        row = TimelineRow(self.call_uuid, self.sequence, self.clock.wall(), offset_ms, event.kind, facts)
        for sink in self.sinks:
            try:
                sink(row)
            except Exception:
                log.exception("call %s: the timeline could not be written", self.call_uuid)


def _shown(value: object) -> object:
    """The value without the passwords of URLs: a timeline is read by people."""
    if isinstance(value, str):
        return without_credentials(value)
    if isinstance(value, tuple):
        return tuple(_shown(each) for each in value)
    return value


def describe(row: TimelineRow) -> str:
    """One readable line: when in the call, what, and the facts."""
    facts = " ".join(f"{name}={_printed(value)}" for name, value in row.facts.items() if name != "level")
    return f"{row.offset_ms / 1000:8.3f} {row.kind:<20} {facts}".rstrip()


def log_row(row: TimelineRow) -> None:
    """A sink that prints to the log, one line an event."""
    level = _LEVELS.get(str(row.facts.get("level", "info")), logging.INFO)
    if log.isEnabledFor(level):
        log.log(level, "%s %s", row.call_uuid[:8], describe(row))


def _printed(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_printed(each) for each in value) + "]"
    text = printable(str(value))
    return f'"{text}"' if " " in text else text
