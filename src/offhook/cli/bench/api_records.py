"""Call records as an account of some size has them after 90 days."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from offhook.records import CallRecord

DAYS = 90
SUBACCOUNTS = 5
OWN_NUMBERS = 40
CALLERS = 20_000
B_LEGS = 0.12
"""Of all records."""
_CAUSES = (
    (4000, "NORMAL_CLEARING", "Normal Hangup", 70.0),
    (3010, "USER_BUSY", "Busy Line", 9.0),
    (3020, "CALL_REJECTED", "Rejected", 5.0),
    (3000, "NO_ANSWER", "No Answer", 8.0),
    (1000, "ORIGINATOR_CANCEL", "Cancelled", 5.0),
    (2000, "INVALID_NUMBER_FORMAT", "Invalid Destination Address", 2.0),
    (6000, "ALLOTTED_TIMEOUT", "Scheduled Hangup", 0.9),
    (8011, "NORMAL_TEMPORARY_FAILURE", "Invalid Answer XML", 0.09),
    (5010, "NORMAL_TEMPORARY_FAILURE", "Internal Error", 0.01),
)
_SOURCES = (("Caller", 45.0), ("Callee", 35.0), ("Answer XML", 12.0), ("API Request", 4.0), ("Plivo", 3.0), ("Carrier", 1.0))


@dataclass(frozen=True)
class People:
    """Who calls whom."""

    main: str
    subaccounts: tuple[str, ...]
    own: tuple[str, ...]
    callers: tuple[str, ...]

    @classmethod
    def made(cls, dice: Random, main: str) -> People:
        """Some subaccounts, numbers of our own in a few blocks, and callers from a few countries."""
        subaccounts = tuple("SA" + f"{number:018d}" for number in range(SUBACCOUNTS))
        own = tuple(f"1415555{dice.randrange(10_000):04d}" for _ in range(OWN_NUMBERS))
        countries = [("1", 10), ("44", 10), ("49", 10), ("91", 10)]
        callers = tuple(
            code + "".join(dice.choices("0123456789", k=digits))
            for code, digits in dice.choices(countries, (70, 15, 10, 5), k=CALLERS)
        )
        return cls(main, subaccounts, own, callers)

    def owner(self, dice: Random) -> str:
        """The main account has nine of ten."""
        return self.main if dice.random() < 0.9 else dice.choice(self.subaccounts)

    def caller(self, dice: Random) -> str:
        """Few call often, most do rarely."""
        return self.callers[min(int(dice.paretovariate(0.6)) - 1, CALLERS - 1)]


def records(dice: Random, people: People, count: int, until: datetime) -> Iterator[CallRecord]:
    """As they would have been written, the oldest first.

    Args:
        until: when the last one ends, aware.
    """
    weights = [each[-1] for each in _CAUSES]
    step = timedelta(days=DAYS) / count
    parent: CallRecord | None = None
    for number in range(count):
        ended = until - step * (count - number - dice.random())
        code, telephony, name, _ = dice.choices(_CAUSES, weights)[0]
        answered = code in {4000, 6000}
        seconds = min(int(dice.lognormvariate(4.2, 1.1)), 14_400) if answered else 0
        rang = timedelta(seconds=dice.uniform(1, 30))
        outbound = dice.random() < 0.3
        caller, called = people.caller(dice), dice.choice(people.own)
        is_leg = parent is not None and dice.random() < B_LEGS
        record = CallRecord(
            call_uuid=str(uuid.UUID(int=dice.getrandbits(128), version=4)),
            auth_id=parent.auth_id if is_leg and parent is not None else people.owner(dice),
            direction="outbound" if outbound or is_leg else "inbound",
            from_number=called if outbound else caller,
            to_number=caller if outbound else called,
            call_status="completed" if answered else "failed",
            initiation_time=(ended - timedelta(seconds=seconds) - rang).astimezone(UTC),
            answer_time=(ended - timedelta(seconds=seconds)).astimezone(UTC) if answered else None,
            end_time=ended.astimezone(UTC),
            duration_s=seconds,
            billed_duration_s=-(-seconds // 60) * 60,
            hangup_cause=telephony,
            hangup_cause_name=name,
            hangup_cause_code=code,
            hangup_source=dice.choices([each for each, _ in _SOURCES], [weight for _, weight in _SOURCES])[0],
            parent_call_uuid=parent.call_uuid if is_leg and parent is not None else None,
            stir_verification=dice.choices(["Not Applicable", "Verified", "Not Verified"], [80, 15, 5])[0],
            source_ip="198.51.100.7",
        )
        if not is_leg:
            parent = record
        yield record
