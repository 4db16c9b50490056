"""The states of a call."""

from __future__ import annotations

from enum import StrEnum


class CallStatus(StrEnum):
    """The states of a call as its webhooks name them (reference ``xml.md`` section 2.6)."""

    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
