"""Timelines to draw, written as a call writes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from offhook.cli.ladder import Told
from offhook.events import Event
from offhook.records import CallRecord, TimelineRow

BEGAN = datetime(2026, 3, 1, 12, 0, 0, 0, UTC)
Written = tuple[int, Event]
Tell = Callable[..., Told]


def rows(call_uuid: str, *written: Written, began: datetime = BEGAN) -> list[TimelineRow]:
    """The timeline of a call that began then; each event with its offset, ms."""
    return [
        TimelineRow(call_uuid, number + 1, began + timedelta(milliseconds=at), at, event.kind, event.facts())
        for number, (at, event) in enumerate(written)
    ]


def record(call_uuid: str, *, parent: str | None = None, to_number: str = "14155550199", began: datetime = BEGAN) -> CallRecord:
    """A record of 66 seconds."""
    return CallRecord(
        call_uuid=call_uuid,
        auth_id="MA" + "A" * 18,
        direction="outbound" if parent else "inbound",
        from_number="14155550100",
        to_number=to_number,
        call_status="completed",
        initiation_time=began,
        answer_time=began + timedelta(seconds=2),
        end_time=began + timedelta(seconds=68),
        duration_s=66,
        billed_duration_s=120,
        hangup_cause="NORMAL_CLEARING",
        hangup_cause_name="Normal Hangup",
        hangup_cause_code=4000,
        hangup_source="Caller",
        parent_call_uuid=parent,
    )


@pytest.fixture
def tell() -> Tell:
    """Makes what is written down about a call."""

    def told(*written: Written, call_uuid: str = "call-a", parent: str | None = None, after_ms: int = 0, to: str = "200") -> Told:
        began = BEGAN + timedelta(milliseconds=after_ms)
        return Told(
            record(call_uuid, parent=parent, to_number=to, began=began),
            rows(call_uuid, *written, began=began),
        )

    return told
