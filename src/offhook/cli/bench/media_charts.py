"""The charts of ``offhook bench media``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offhook.cli.bench.chart import Axis, Part, Point, columns, lines, stacked
from offhook.cli.bench.media_cases import (
    GAP_REACH_MS,
    GAP_STEP_MS,
    KEY_LIMIT_MS,
    PACING_AIM_MS,
    PACING_LEGS,
    PACING_LIMIT_MS,
    RATIO_LEGS,
    RATIO_LIMITS,
    CaseResult,
    quantile,
)

_SETTING = "PCMU, 20 ms a packet, each leg sends, receives and plays a clip"


def charts(results: Sequence[CaseResult]) -> dict[str, str]:
    """File name → SVG. Where a chart shows one number of legs, it is the nearest measured to that of the budget."""
    return {
        "ratio.svg": _by_legs(
            results,
            "CPU time of the engine against the floor of the same sockets",
            "ratio to the floor",
            lambda result: result.spread("ratio").median,
            [(f"budget, plain, {RATIO_LEGS:,} legs", RATIO_LIMITS["plain", 0])],
        ),
        "cost.svg": _by_legs(
            results,
            "CPU time of the engine",
            "µs per leg and 20 ms tick",
            lambda result: result.spread("engine_us").median,
            floor=True,
        ),
        "phases.svg": _phases(results),
        "pacing.svg": _pacing(results),
        "keys.svg": _keys(results),
    }


def _by_legs(
    results: Sequence[CaseResult],
    title: str,
    label: str,
    figure: Callable[[CaseResult], float],
    marks: Sequence[Part] = (),
    *,
    floor: bool = False,
) -> str:
    legs = sorted({result.case.legs for result in results})
    names = list(dict.fromkeys(result.case.name for result in results))
    series: list[tuple[str, list[Point]]] = [
        (name, sorted((float(each.case.legs), figure(each)) for each in results if each.case.name == name)) for name in names
    ]
    if floor:
        floors = {count: [each.spread("floor_us").median for each in results if each.case.legs == count] for count in legs}
        series.append(("the floor", [(float(count), quantile(found, 0.5)) for count, found in floors.items()]))
    highest = max(value for _, points in series for _, value in points)
    x = Axis.logarithmic("legs", [float(count) for count in legs])
    y = Axis.linear(label, 0, max([highest, *(value for _, value in marks)]))
    rounds = min(len(result.rounds) for result in results)
    return lines(title, f"{_SETTING}; median of {rounds} rounds or more", x, y, series, marks)


def _phases(results: Sequence[CaseResult]) -> str:
    some = _nearest(results, RATIO_LEGS)
    bars: list[tuple[str, Sequence[Part]]] = [(each.case.name, list(each.phases().items())) for each in some]
    floors = [each.spread("floor_us").median for each in some]
    bars.append(("the floor", [("send + recv_into", quantile(floors, 0.5))]))
    return stacked("Where the time goes: CPU time per leg and 20 ms tick", f"{some[0].case.legs:,} legs; {_SETTING}", "µs", bars)


def _pacing(results: Sequence[CaseResult]) -> str:
    result = _nearest(results, PACING_LEGS)[0]
    gaps, total = result.wire, max(1, sum(result.wire.counts))
    bins = [
        (GAP_STEP_MS * i - GAP_REACH_MS, GAP_STEP_MS * (i + 1) - GAP_REACH_MS, 100 * count / total)
        for i, count in enumerate(gaps.counts)
    ]
    marks = [
        (f"±{limit:g} ms" if sign > 0 else "", sign * limit) for limit in (PACING_AIM_MS, PACING_LIMIT_MS) for sign in (-1, 1)
    ]
    shares = ", ".join(f"{gaps.share(limit):.2f} % within ±{limit:g} ms" for limit in (PACING_AIM_MS, PACING_LIMIT_MS))
    return columns(
        "Gaps between the packets of a leg, by the kernel's clock at the far end",
        f"{result.case.name}, {result.case.legs:,} legs, {total:,} gaps: {shares}",
        Axis.linear("off 20 ms, ms; the outermost bins hold all beyond", -GAP_REACH_MS, GAP_REACH_MS),
        Axis.logarithmic("% of the gaps", [0.001, 0.01, 0.1, 1, 10, 100]),
        bins,
        marks,
    )


def _keys(results: Sequence[CaseResult]) -> str:
    some = [each for each in _nearest(results, RATIO_LEGS) if each.keys_ms]
    series: list[tuple[str, list[Point]]] = []
    for each in some:
        ordered = sorted(each.keys_ms)
        points = [(ms, 100 * (i + 1) / (len(ordered) + each.keys_unanswered)) for i, ms in enumerate(ordered)]
        series.append((each.case.name, [(ordered[0], 0.0), *points]))
    longest = max((points[-1][0] for _, points in series), default=0.0)
    presses = sum(len(each.keys_ms) for each in some)
    return lines(
        "From key to silence: the first packet of the key to the first without the prompt",
        f"{some[0].case.legs if some else 0:,} legs, {presses:,} presses on legs all over the engine, both on the wire",
        Axis.linear(f"ms; the budget is {KEY_LIMIT_MS:g} ms for 99 %", 0, max(longest, KEY_LIMIT_MS)),
        Axis.linear("% of the presses", 0, 100),
        series,
    )


def _nearest(results: Sequence[CaseResult], legs: int) -> list[CaseResult]:
    """Those with the number of legs that is nearest."""
    nearest = min((result.case.legs for result in results), key=lambda count: abs(count - legs))
    return [result for result in results if result.case.legs == nearest]
