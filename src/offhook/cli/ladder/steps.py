"""What a picture consists of: lanes side by side, and steps on them and between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from offhook.records import CallRecord, TimelineRow

PARTY, OFFHOOK = 0, 1
"""The first two lanes of every picture."""
FEW_KEYS = 12
"""So many in a row are seen without being counted."""
MOST_CHARACTERS = 400
"""Of a step's text. A picture shows far less of it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is written down about one call."""

    record: CallRecord | None
    """``None`` while it runs."""
    rows: Sequence[TimelineRow]


class Kind(Enum):
    """What a step is about."""

    SIP = "sip"
    HTTP = "http"
    ELEMENT = "element"
    SOUND = "sound"
    KEYS = "keys"
    NOTE = "note"


class Shape(Enum):
    """How a step is drawn."""

    ARROW = "from a lane to another"
    BOTH = "an arrow with two heads"
    TEXT = "beside a lane"
    BEGIN = "a box on Offhook's lane begins"
    END = "and ends"
    WHOLE = "a box in one row"


class Weight(Enum):
    """How much attention a step wants."""

    QUIET = "quiet"
    PLAIN = "plain"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Step:
    """One row of a picture."""

    at_ms: int
    """Since the call arrived."""
    kind: Kind
    shape: Shape
    text: str
    """Printable, of one line."""
    lane: int = OFFHOOK
    """Where it begins or stands."""
    to: int = OFFHOOK
    """Where an arrow leads."""
    weight: Weight = Weight.PLAIN
    about: str = ""
    """Everything that the timeline has about it, for who points at it."""
    times: int = 1
    """How many of the same this row stands for."""

    @property
    def mark(self) -> str:
        """What follows the text, however much that is shortened."""
        return f" ×{self.times}" if self.times > (FEW_KEYS if self.kind is Kind.KEYS else 1) else ""


@dataclass(frozen=True, slots=True)
class Lane:
    """Somebody who takes part, with a line of his own from top to bottom."""

    name: str
    about: str = ""
    """A number, an address, a host."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A call as it is drawn."""

    title: str
    outcome: str
    lanes: tuple[Lane, ...]
    steps: tuple[Step, ...]
    legs: tuple[str, ...] = ()
    """A line about each B leg."""

    def spans(self) -> list[tuple[int, int]]:
        """The first and the last row of each lane: the parties of the B legs come later and leave earlier."""
        last = max(len(self.steps) - 1, 0)
        spans = [(0, last) for _ in self.lanes]
        for lane in range(OFFHOOK + 1, len(self.lanes)):
            rows = [row for row, step in enumerate(self.steps) if lane in {step.lane, step.to}]
            spans[lane] = (rows[0], rows[-1]) if rows else (0, last)
        return spans
