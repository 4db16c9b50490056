"""Charts as SVG, drawn by hand: lines, stacked bars and columns need no library.

Numbers in, text out. The background is white, so that a chart reads the same on a dark page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 760
_LEFT, _RIGHT, _TOP, _PLOT = 76, 30, 72, 300
_COLOURS = ("#2f6f8f", "#c05a3a", "#4d9078", "#8c4a6b", "#c2a33a", "#5c5c8a", "#7a9e3f", "#b9503f", "#777777", "#333333")
_INK, _SOFT, _GRID = "#1c1c1c", "#5a5a5a", "#e2e2e2"
Point = tuple[float, float]
Part = tuple[str, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """What a length along one side of the plot means."""

    label: str
    """With its unit."""
    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    @classmethod
    def linear(cls, label: str, low: float, high: float) -> Axis:
        """From ``low`` to ``high`` or a little beyond, with ticks at round numbers."""
        step = _round_step((high - low or 1.0) / 6)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        ticks = tuple(round(number * step, 10) for number in range(first, max(last, first + 1) + 1))
        return cls(label, ticks[0], ticks[-1], ticks)

    @classmethod
    def logarithmic(cls, label: str, ticks: Sequence[float]) -> Axis:
        """Between the first and the last tick, all of them above 0."""
        return cls(label, ticks[0], ticks[-1], tuple(ticks), log=True)

    def place(self, value: float) -> float:
        """Where a value lies: 0 at the low end, 1 at the high one. What is beyond lies at the end."""
        value = min(max(value, self.low), self.high)
        if self.low == self.high:
            return 0.5
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)


def lines(
    title: str, subtitle: str, x: Axis, y: Axis, series: Sequence[tuple[str, Sequence[Point]]], marks: Sequence[Part] = ()
) -> str:
    """One line a series, with dots where ``x`` has ticks only for the points given.

    Args:
        title: the first line.
        subtitle: the second: under which conditions.
        x: the axis below.
        y: the axis on the left.
        series: a name and its points.
        marks: names and values of ``y`` for dashed lines right across: budgets.
    """
    to_x, to_y = _plot(x, y)
    body = [*_frame(x, y)]
    for name, value in marks:
        body.append(_dashed(_LEFT, to_y(value), WIDTH - _RIGHT, to_y(value)))
        body.append(_text(WIDTH - _RIGHT - 4, to_y(value) - 5, name, anchor="end", colour=_SOFT))
    for colour, (name, points) in zip(_colours(len(series)), series, strict=True):
        path = " ".join(f"{to_x(at):.1f},{to_y(value):.1f}" for at, value in points)
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(points) <= 20:
            for at, value in points:
                about = escape(f"{name}: {value:.2f} at {at:g}")
                body.append(
                    f'<circle cx="{to_x(at):.1f}" cy="{to_y(value):.1f}" r="3.5" fill="{colour}"><title>{about}</title></circle>'
                )
    return _document(title, subtitle, body, _TOP + _PLOT + 66, [name for name, _ in series])


def columns(
    title: str, subtitle: str, x: Axis, y: Axis, bins: Sequence[tuple[float, float, float]], marks: Sequence[Part]
) -> str:
    """A histogram.

    Args:
        title: the first line.
        subtitle: the second: under which conditions.
        x: the axis below.
        y: the axis on the left; a bin below its low end is not drawn.
        bins: where each begins and ends, and its value.
        marks: names and values of ``x`` for dashed lines right up.
    """
    to_x, to_y = _plot(x, y)
    body = [*_frame(x, y)]
    for begin, end, value in bins:
        if value > 0:
            left, top = to_x(begin), to_y(value)
            body.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(to_x(end) - left - 0.6, 0.5):.1f}" '
                f'height="{_TOP + _PLOT - top:.1f}" fill="{_COLOURS[0]}"><title>{begin:g} to {end:g}: {value:.4g}</title></rect>'
            )
    for row, (name, value) in enumerate(marks):
        body.append(_dashed(to_x(value), _TOP, to_x(value), _TOP + _PLOT))
        body.append(_text(to_x(value) + 4, _TOP + 12 + 8 * row, name, colour=_SOFT))
    return _document(title, subtitle, body, _TOP + _PLOT + 56, [])


def stacked(title: str, subtitle: str, unit: str, bars: Sequence[tuple[str, Sequence[Part]]]) -> str:
    """Horizontal bars, each made of parts with names.

    Args:
        title: the first line.
        subtitle: the second: under which conditions.
        unit: of all lengths.
        bars: a name and the parts of each bar.
    """
    left, bar, step = 130, 22, 34
    longest = max((sum(value for _, value in parts) for _, parts in bars), default=0) or 1.0
    scale = (WIDTH - left - 100) / longest
    names = list(dict.fromkeys(name for _, parts in bars for name, _ in parts))
    colours = dict(zip(names, _colours(len(names)), strict=True))
    body = []
    for row, (name, parts) in enumerate(bars):
        y, x = _TOP + row * step, float(left)
        body.append(_text(left - 10, y + 16, name, anchor="end"))
        for part, value in parts:
            body.append(
                f'<rect x="{x:.1f}" y="{y}" width="{value * scale:.1f}" height="{bar}" fill="{colours[part]}">'
                f"<title>{escape(part)}: {value:.2f} {escape(unit)}</title></rect>"
            )
            x += value * scale
        body.append(_text(x + 6, y + 16, f"{sum(value for _, value in parts):.2f} {unit}"))
    return _document(title, subtitle, body, _TOP + len(bars) * step + 20, names)


def _plot(x: Axis, y: Axis) -> tuple[Callable[[float], float], Callable[[float], float]]:
    return (
        lambda value: _LEFT + x.place(value) * (WIDTH - _LEFT - _RIGHT),
        lambda value: _TOP + (1 - y.place(value)) * _PLOT,
    )


def _frame(x: Axis, y: Axis) -> Iterator[str]:
    """Grid, ticks and labels."""
    to_x, to_y = _plot(x, y)
    bottom, right = _TOP + _PLOT, WIDTH - _RIGHT
    for tick in y.ticks:
        yield f'<line x1="{_LEFT}" y1="{to_y(tick):.1f}" x2="{right}" y2="{to_y(tick):.1f}" stroke="{_GRID}"/>'
        yield _text(_LEFT - 8, to_y(tick) + 4, f"{tick:g}", anchor="end")
    for tick in x.ticks:
        yield f'<line x1="{to_x(tick):.1f}" y1="{bottom}" x2="{to_x(tick):.1f}" y2="{bottom + 5}" stroke="{_SOFT}"/>'
        yield _text(to_x(tick), bottom + 20, f"{tick:,g}" if abs(tick) < 1e6 else f"{tick:g}", anchor="middle")
    yield f'<line x1="{_LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}" stroke="{_SOFT}"/>'
    yield _text((_LEFT + right) / 2, bottom + 40, x.label, anchor="middle", colour=_SOFT)
    middle = _TOP + _PLOT / 2
    yield (
        f'<text x="20" y="{middle:.1f}" text-anchor="middle" fill="{_SOFT}" transform="rotate(-90 20 {middle:.1f})">'
        f"{escape(y.label)}</text>"
    )


def _document(title: str, subtitle: str, body: Sequence[str], legend_y: float, names: Sequence[str]) -> str:
    a_line = 4
    height = legend_y + 20 * -(-len(names) // a_line) + 4
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="16" font-weight="600" fill="{_INK}">{escape(title)}</text>',
        _text(16, 47, subtitle, colour=_SOFT),
    ]
    legend = []
    for i, (colour, name) in enumerate(zip(_colours(len(names)), names, strict=True)):
        x, y = 16 + (WIDTH - 32) / a_line * (i % a_line), legend_y + 20 * (i // a_line)
        legend.append(f'<rect x="{x:.1f}" y="{y - 10:.1f}" width="11" height="11" fill="{colour}"/>')
        legend.append(_text(x + 17, y, name, colour=_SOFT))
    return "\n".join([*head, *body, *legend, "</svg>", ""])


def _text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = _INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'


def _dashed(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{_SOFT}" stroke-dasharray="5 4"/>'


def _colours(count: int) -> list[str]:
    return [_COLOURS[i % len(_COLOURS)] for i in range(count)]


def _round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is no less."""
    power: float = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
