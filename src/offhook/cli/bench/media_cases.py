"""What the media benchmark measures, what came out, and what it may cost. No I/O: this is all that tests and charts need."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

Scenario = Literal["plain", "bridged", "rooms", "recording", "transcoding"]
SCENARIOS: tuple[Scenario, ...] = get_args(Scenario)
PERIOD_MS = 20.0
GAP_STEP_MS = 0.25
GAP_REACH_MS = 10.0
"""How far off 20 ms a gap may be to be counted where it lies; what is further off is in the outermost bins."""
GAP_BINS = round(2 * GAP_REACH_MS / GAP_STEP_MS)

# The budgets hold for one number of legs each: below it the fixed part of a tick weighs more than it would there.
RATIO_LEGS = 1000
RATIO_LIMITS: dict[tuple[Scenario, int], float] = {("plain", 0): 1.45, ("bridged", 0): 1.5, ("rooms", 30): 1.7}
RATIO_AIM = 1.2
MEMORY_LIMIT_KB, MEMORY_AIM_KB = 40.0, 20.0
PACING_LEGS = 500
PACING_LIMIT_MS, PACING_AIM_MS, PACING_SHARE = 2.0, 0.75, 99.9
KEY_LIMIT_MS, KEY_AIM_MS = 60.0, 40.0
_DISTURBED_PERCENT = 5.0
_BEHIND_PERCENT = 0.5


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure."""

    scenario: Scenario
    legs: int
    room_size: int = 0
    """Of rooms only."""

    @property
    def name(self) -> str:
        return f"rooms of {self.room_size}" if self.scenario == "rooms" else self.scenario

    def room(self, number: int) -> int | None:
        """Which room a leg is in, by its number."""
        match self.scenario:
            case "rooms":
                return number // self.room_size
            case "bridged" | "transcoding":
                return number // 2
            case _:
                return None

    def codec(self, number: int) -> Literal["PCMU", "PCMA"]:
        """What a leg is coded with."""
        return "PCMA" if self.scenario == "transcoding" and number % 2 else "PCMU"


def cases(scenarios: Sequence[Scenario], legs: Sequence[int], room_sizes: Sequence[int]) -> list[Case]:
    """All combinations, in the order in which they are measured."""
    return [
        Case(scenario, count, size)
        for scenario in scenarios
        for size in (room_sizes if scenario == "rooms" else (0,))
        for count in legs
    ]


@dataclass(frozen=True, slots=True)
class Round:
    """The engine's turn, and the floor's before and after it. CPU time in µs per leg and tick, averaged over all ticks."""

    engine_us: float
    """Everything that the process does."""
    floor_us: float
    asking_us: float
    """What it would cost the floor to ask epoll who is readable; it is not part of the floor."""
    phases_us: dict[str, float]
    """By step of the tick, as the engine counts."""

    @property
    def ratio(self) -> float:
        return self.engine_us / self.floor_us


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures, and what lies around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def as_json(self) -> dict[str, float]:
        return {"median": round(self.median, 3), "low": round(self.low, 3), "high": round(self.high, 3)}


@dataclass(frozen=True, slots=True)
class Gaps:
    """Times between packets of a leg, or between ticks: how far each is off 20 ms."""

    counts: tuple[int, ...]
    """By steps of 0.25 ms from -10 ms to 10 ms; the outermost take everything beyond."""

    def share(self, limit_ms: float) -> float:
        """How many percent are off by less than this, a multiple of 0.25 ms."""
        middle, reach = GAP_BINS // 2, round(limit_ms / GAP_STEP_MS)
        return 100 * sum(self.counts[middle - reach : middle + reach]) / max(1, sum(self.counts))

    def as_json(self) -> dict[str, object]:
        shares = {str(limit): round(self.share(limit), 3) for limit in (0.25, 0.5, 0.75, 1.0, 2.0, 5.0)}
        return {"gaps": sum(self.counts), "percent_within_ms": shares, "step_ms": GAP_STEP_MS, "counts": list(self.counts)}


def two_sided(offs: Sequence[int]) -> Gaps:
    """What the engine counts of its ticks, without sign, in steps of 0.25 ms: half on either side."""
    counts = [0] * GAP_BINS
    middle = GAP_BINS // 2
    for step, count in enumerate(offs):
        place = min(step, middle - 1)
        counts[middle + place] += count - count // 2
        counts[middle - 1 - place] += count // 2
    return Gaps(tuple(counts))


def quantile(values: Sequence[float], share: float) -> float:
    """The value below or at which this share of all lies; NaN when there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


@dataclass(frozen=True, slots=True)
class Check:
    """A figure and its budget (DESIGN section 10 of this project's design, repeated in ``docs/performance.md``)."""

    what: str
    value: float
    unit: str
    limit: float
    aim: float | None
    ok: bool

    def as_json(self) -> dict[str, object]:
        return {
            "what": self.what,
            "value": round(self.value, 3),
            "unit": self.unit,
            "budget": self.limit,
            "aim": self.aim,
            "ok": self.ok,
        }


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What was found for one case."""

    case: Case
    rounds: tuple[Round, ...]
    memory_kb_per_leg: float
    """What the engine's resident memory grew by."""
    wire: Gaps
    """As the peer's kernel saw the packets come."""
    ticks: Gaps
    """As the engine counted them."""
    keys_ms: tuple[float, ...] = field(repr=False)
    """From the first packet of a key to the first packet without the prompt, both on the wire."""
    keys_unanswered: int
    ticks_skipped: int
    packets_lost_percent: float
    peer_behind_percent: float
    """How much of its sending the far end left out because it was too slow itself."""
    others_percent: float
    """CPU time that other programs took meanwhile, in percent of one core."""

    @property
    def disturbed(self) -> str:
        """Why these figures are not to be trusted; empty when nothing is known against them."""
        reasons = []
        if self.others_percent > _DISTURBED_PERCENT:
            reasons.append(f"other programs took {self.others_percent:.0f} % of a core")
        if self.peer_behind_percent > _BEHIND_PERCENT:
            reasons.append(f"the far end was too slow for {self.peer_behind_percent:.1f} % of its packets")
        return "; ".join(reasons)

    def spread(self, name: Literal["engine_us", "floor_us", "asking_us", "ratio"]) -> Spread:
        """Over all rounds."""
        return Spread.of([getattr(each, name) for each in self.rounds])

    def phases(self) -> dict[str, float]:
        """The medians of the steps, and what is beside them, µs per leg and tick."""
        names = self.rounds[0].phases_us
        medians = {name: statistics.median(each.phases_us[name] for each in self.rounds) for name in names}
        return {**medians, "rest": max(0.0, self.spread("engine_us").median - sum(medians.values()))}

    def checks(self) -> Iterator[Check]:
        """The figures that have a budget."""
        limit = RATIO_LIMITS.get((self.case.scenario, self.case.room_size))
        if limit is not None and self.case.legs == RATIO_LEGS:
            ratio = self.spread("ratio").median
            yield Check("ratio", ratio, "× the floor", limit, RATIO_AIM, ratio <= limit)
        if self.case.legs >= PACING_LEGS:
            memory = self.memory_kb_per_leg
            yield Check("memory", memory, "kB a leg", MEMORY_LIMIT_KB, MEMORY_AIM_KB, memory <= MEMORY_LIMIT_KB)
        if self.case.legs == PACING_LEGS:
            share = self.wire.share(PACING_LIMIT_MS)
            yield Check("pacing", share, f"% within ±{PACING_LIMIT_MS:g} ms", PACING_SHARE, None, share >= PACING_SHARE)
        if self.case.legs <= RATIO_LEGS and (self.keys_ms or self.keys_unanswered):
            worst = quantile(self.keys_ms, 0.99)
            ok = worst <= KEY_LIMIT_MS and not self.keys_unanswered
            yield Check("key", worst, "ms, p99", KEY_LIMIT_MS, KEY_AIM_MS, ok)

    def as_json(self) -> dict[str, object]:
        return {
            "scenario": self.case.scenario,
            "name": self.case.name,
            "room_size": self.case.room_size,
            "legs": self.case.legs,
            "ratio": self.spread("ratio").as_json(),
            "us_per_leg_tick": self.spread("engine_us").as_json(),
            "floor_us_per_leg_tick": self.spread("floor_us").as_json(),
            "epoll_us_per_leg_tick": self.spread("asking_us").as_json(),
            "rounds": [round(each.ratio, 3) for each in self.rounds],
            "phases_us_per_leg_tick": {name: round(us, 3) for name, us in self.phases().items()},
            "memory_kb_per_leg": round(self.memory_kb_per_leg, 1),
            "wire": self.wire.as_json(),
            "ticks": self.ticks.as_json(),
            "key_to_silence": {
                "presses": len(self.keys_ms) + self.keys_unanswered,
                "unanswered": self.keys_unanswered,
                "ms": sorted(round(each, 2) for each in self.keys_ms),
                **{name: _rounded(quantile(self.keys_ms, q)) for name, q in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))},
            },
            "ticks_skipped": self.ticks_skipped,
            "packets_lost_percent": round(self.packets_lost_percent, 3),
            "peer_behind_percent": round(self.peer_behind_percent, 3),
            "others_cpu_percent": round(self.others_percent, 1),
            "disturbed": self.disturbed,
            "budgets": [check.as_json() for check in self.checks()],
        }


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 2)
