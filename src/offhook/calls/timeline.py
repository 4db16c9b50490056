"""The timeline of a call: every step leaves an event. It is write-only; whoever wants to read it is a sink."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from offhook.clock import Clock
from offhook.events import Event, Noted
from offhook.records import TimelineRow

log = logging.getLogger("offhook.timeline")

Sink = Callable[[TimelineRow], None]

MAX_EVENTS = 5000
"""A call's timeline ends with a note there: a loop of the customer's must not fill the disk."""
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@dataclass
class Timeline:
    """Numbers and dates the events of one call and hands them to the sinks."""

    call_uuid: str
    clock: Clock
    sinks: Sequence[Sink]

    def __post_init__(self) -> None:
        self._began = self.clock.now()
        self._sequence = 0

    def add(self, event: Event) -> None:
        """Write an event. Never raises: a sink that fails is the sink's trouble, not the call's."""
        if self._sequence >= MAX_EVENTS:
            return
        self._sequence += 1
        if self._sequence == MAX_EVENTS:
            event = Noted(f"the timeline ends here: {MAX_EVENTS} events are enough", level="error")
        offset_ms = round((self.clock.now() - self._began) * 1000)
        row = TimelineRow(self.call_uuid, self._sequence, self.clock.wall(), offset_ms, event.kind, event.facts())
        for sink in self.sinks:
            try:
                sink(row)
            except Exception:
                log.exception("call %s: the timeline could not be written", self.call_uuid)


def describe(row: TimelineRow) -> str:
    """One readable line: when in the call, what, and the facts."""
    facts = " ".join(f"{name}={_show(value)}" for name, value in row.facts.items() if name != "level")
    return f"{row.offset_ms / 1000:8.3f} {row.kind:<20} {facts}".rstrip()


def log_row(row: TimelineRow) -> None:
    """A sink that prints to the log, one line an event."""
    level = _LEVELS.get(str(row.facts.get("level", "info")), logging.INFO)
    if log.isEnabledFor(level):
        log.log(level, "%s %s", row.call_uuid[:8], describe(row))


def _show(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_show(each) for each in value) + "]"
    text = str(value).replace("\n", " ")
    return f'"{text}"' if " " in text else text
