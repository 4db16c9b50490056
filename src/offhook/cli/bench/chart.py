"""Bar charts as SVG, drawn by hand: a chart of six bars needs no library."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offhook.cli.bench.media_load import MediaResult

_WIDTH, _LEFT, _RIGHT, _BAR, _STEP, _TOP = 720, 150, 70, 22, 34, 70
_COLOURS = ("#2f6f8f", "#4d9078", "#7a9e3f", "#c2a33a", "#d07c3c", "#b9503f", "#8c4a6b", "#5c5c8a")
Part = tuple[str, float]


def stacked(title: str, subtitle: str, unit: str, bars: Sequence[tuple[str, Sequence[Part]]]) -> str:
    """Horizontal bars, each made of parts with names.

    Args:
        title: the first line.
        subtitle: the second: under which conditions.
        unit: of all lengths.
        bars: a name and the parts of each bar.
    """
    longest = max(sum(value for _, value in parts) for _, parts in bars) or 1.0
    scale = (_WIDTH - _LEFT - _RIGHT) / longest
    names = list(dict.fromkeys(name for _, parts in bars for name, _ in parts))
    colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
    legend_y = _TOP + len(bars) * _STEP + 20
    height = legend_y + 20 * (1 + (len(names) - 1) // 4) + 6
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="16" font-weight="600" fill="#1c1c1c">{escape(title)}</text>',
        f'<text x="16" y="47" fill="#666666">{escape(subtitle)}</text>',
    ]
    for row, (name, parts) in enumerate(bars):
        y, x = _TOP + row * _STEP, float(_LEFT)
        lines.append(f'<text x="{_LEFT - 10}" y="{y + 16}" text-anchor="end" fill="#1c1c1c">{escape(name)}</text>')
        for part, value in parts:
            lines.append(
                f'<rect x="{x:.1f}" y="{y}" width="{value * scale:.1f}" height="{_BAR}" fill="{colours[part]}">'
                f"<title>{escape(part)}: {value:.2f} {escape(unit)}</title></rect>"
            )
            x += value * scale
        total = sum(value for _, value in parts)
        lines.append(f'<text x="{x + 6:.1f}" y="{y + 16}" fill="#1c1c1c">{total:.2f} {escape(unit)}</text>')
    for i, name in enumerate(names):
        x, y = 16 + 175 * (i % 4), legend_y + 20 * (i // 4)
        lines.append(f'<rect x="{x}" y="{y - 10}" width="11" height="11" fill="{colours[name]}"/>')
        lines.append(f'<text x="{x + 17}" y="{y}" fill="#444444">{escape(name)}</text>')
    return "\n".join([*lines, "</svg>", ""])


def media(result: MediaResult) -> str:
    """The chart of ``offhook bench media``."""
    from offhook.cli.bench.media_load import median, phases  # noqa: PLC0415 - only whoever has a result has loaded it

    bars: list[tuple[str, Sequence[Part]]] = []
    for name, turns in (("plain leg", result.plain), ("bridged leg", result.bridged)):
        parts = phases(turns)
        bars.append((name, [*parts.items(), ("waiting", max(0.0, median(turns, "engine_us") - sum(parts.values())))]))
    bars.append(("floor", [("send + recv_into", median(result.plain, "floor_us"))]))
    return stacked(
        f"CPU time per leg and 20 ms tick: {median(result.plain, 'ratio'):.2f} × the floor",
        f"{result.legs} legs, PCMU both ways, each playing a clip; median of {len(result.plain)} turns",
        "µs",
        bars,
    )
