"""The picture as SVG: one file, nothing loaded from elsewhere, text that can be selected, light or dark as the reader has it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from rich.cells import cell_len

from offhook.cli.ladder.steps import OFFHOOK, Kind, Picture, Shape, Step, Weight
from offhook.cli.ladder.terminal import clipped

MOST_LANES = 16
"""More would not fit on any screen; the last is shared."""
_ROW, _TOP, _BOTTOM = 22, 112, 18
_TIME, _FIRST, _GAP, _RIGHT, _LEAST = 74, 150, 270, 130, 920
_CELL = 7.3
"""The width of a character: fonts of equal width are 0.6 em wide, a little more to be safe."""
_SIZE = 12

_STYLE = """
svg { background: #ffffff; }
text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1c1c1c; white-space: pre; }
.title { font-size: 14px; font-weight: bold; } .name { font-weight: bold; }
.lane { stroke: #b8bcc2; } .box { fill: #eef1f4; stroke: #6b7280; } .ground { fill: #ffffff; }
.arrow { fill: none; stroke: #1c1c1c; stroke-width: 1.3; } .head { fill: #1c1c1c; }
.sip text { fill: #0b5d78; } .sip .arrow { stroke: #0b5d78; } .sip .head { fill: #0b5d78; }
.http text { fill: #7a2e8c; } .http .arrow { stroke: #7a2e8c; } .http .head { fill: #7a2e8c; }
.sound text, .keys text { fill: #2b6e3f; } .sound .arrow, .keys .arrow { stroke: #2b6e3f; stroke-dasharray: 5 3; }
.sound .head, .keys .head { fill: #2b6e3f; } .keys text, .element text { font-weight: bold; }
.row.quiet text { fill: #5f6368; font-weight: normal; }
.warning text { fill: #8a5a00; } .error text { fill: #b3261e; font-weight: bold; }
.soft, .row .soft { fill: #5f6368; font-weight: normal; } .row:hover .ground { fill: #f3f6f9; }
@media (prefers-color-scheme: dark) {
svg { background: #16181c; } text { fill: #e8eaed; }
.lane { stroke: #4a4e55; } .box { fill: #2a2e35; stroke: #8b929c; } .ground { fill: #16181c; }
.arrow { stroke: #e8eaed; } .head { fill: #e8eaed; }
.sip text { fill: #6cc7e3; } .sip .arrow { stroke: #6cc7e3; } .sip .head { fill: #6cc7e3; }
.http text { fill: #d9a0e8; } .http .arrow { stroke: #d9a0e8; } .http .head { fill: #d9a0e8; }
.sound text, .keys text { fill: #86cf9b; } .sound .arrow, .keys .arrow { stroke: #86cf9b; }
.sound .head, .keys .head { fill: #86cf9b; } .row.quiet text { fill: #9aa0a6; }
.warning text { fill: #f2c063; } .error text { fill: #ff8a80; } .soft, .row .soft { fill: #9aa0a6; }
.row:hover .ground { fill: #20242a; }
}
"""


def svg(picture: Picture) -> str:
    """The picture as an SVG document."""
    return "\n".join(_Sheet(picture).elements()) + "\n"


class _Sheet:
    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._columns = [_FIRST + number * _GAP for number in range(len(picture.lanes))]
        self._width = max(self._columns[-1] + _RIGHT, _LEAST)
        self._foot = _TOP + len(picture.steps) * _ROW + _BOTTOM
        self._height = self._foot + _ROW * len(picture.legs) + (12 if picture.legs else 0)

    def elements(self) -> Iterator[str]:
        lanes = ", ".join(f"{lane.name} {lane.about}".strip() for lane in self._picture.lanes)
        steps = f"{len(self._picture.steps)} steps in the order of time, from top to bottom"
        about = f"{self._picture.outcome}. {steps}, between: {lanes}."
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self._width} {self._height}" width="{self._width}" '
            f'height="{self._height}" role="graphics-document document" aria-labelledby="title about">'
        )
        yield f'<title id="title">{escape(self._picture.title)}</title>'
        yield f'<desc id="about">{escape(about)}</desc>'
        yield f"<style>{_STYLE}</style>"
        yield f'<rect class="ground" width="{self._width}" height="{self._height}"/>'
        yield self._text(16, 24, self._picture.title, self._width - 32, css="title")
        yield self._text(16, 44, self._picture.outcome, self._width - 32)
        yield from self._lanes()
        yield from self._boxes()
        for row, step in enumerate(self._picture.steps):
            yield from self._row(row, step)
        for number, each in enumerate(self._picture.legs):
            yield self._text(16, self._foot + _ROW * (number + 1), each, self._width - 32)
        yield "</svg>"

    def _y(self, row: float) -> float:
        """The middle of a row."""
        return _TOP + (row + 0.5) * _ROW

    def _lanes(self) -> Iterator[str]:
        for column, lane, (first, last) in zip(self._columns, self._picture.lanes, self._picture.spans(), strict=True):
            top, bottom = self._y(first) - _ROW / 2, self._y(last) + _ROW / 2
            yield f'<line class="lane" x1="{column}" y1="{top:g}" x2="{column}" y2="{bottom:g}"/>'
            yield self._text(column, 78, lane.name, _GAP - 8, css="name", anchor="middle")
            yield self._text(column, 96, lane.about, _GAP - 8, css="soft", anchor="middle")

    def _boxes(self) -> Iterator[str]:
        """What ran, as bars on Offhook's lane; inner ones a little to the right. One that did not end reaches to the foot."""
        open_at: list[int] = []
        ended: list[tuple[int, int, float, float]] = []
        last = len(self._picture.steps) - 1
        for row, step in enumerate(self._picture.steps):
            if step.shape is Shape.BEGIN:
                open_at.append(row)
            elif step.shape is Shape.END and open_at:
                begun = open_at.pop()
                ended.append((begun, len(open_at), self._y(begun), self._y(row)))
            elif step.shape is Shape.WHOLE:
                ended.append((row, len(open_at), self._y(row) - 5, self._y(row) + 5))
        ended += [(row, depth, self._y(row), self._y(last) + _ROW / 2) for depth, row in enumerate(open_at)]
        for _, depth, top, bottom in sorted(ended):
            left = self._columns[OFFHOOK] - 5 + 4 * min(depth, 4)
            yield f'<rect class="box" x="{left}" y="{top:g}" width="10" height="{max(bottom - top, 4):g}" rx="2"/>'

    def _row(self, row: int, step: Step) -> Iterator[str]:
        weight = "" if step.weight is Weight.PLAIN else f" {step.weight.value}"
        yield f'<g class="row {step.kind.value}{weight}"><title>{escape(step.about)}</title>'
        y = self._y(row)
        yield self._text(_TIME, y + 4, f"{step.at_ms / 1000:.3f}", _TIME, css="soft", anchor="end")
        if step.shape in {Shape.ARROW, Shape.BOTH} and step.lane != step.to:
            yield from self._arrow(y, step)
        else:
            left = self._columns[step.lane] + (24 if step.kind is Kind.ELEMENT else 14)
            yield self._text(left, y + 4, step.text, self._width - left - 8, mark=step.mark, ground=True)
        yield "</g>"

    def _arrow(self, y: float, step: Step) -> Iterator[str]:
        begin, end = self._columns[step.lane], self._columns[step.to]
        inward = 6 if end > begin else -6
        if step.lane == OFFHOOK:
            begin += inward
        if step.to == OFFHOOK:
            end -= inward
        yield f'<path class="arrow" d="M{begin} {y:g}H{end}"/>'
        yield _head(end, y, 9 if end > begin else -9)
        if step.shape is Shape.BOTH:
            yield _head(begin, y, -9 if end > begin else 9)
        other = step.lane if step.to == OFFHOOK else step.to  # beside it the label hides no lane that the arrow crosses
        middle = self._columns[other] + (_GAP / 2 if other < OFFHOOK else -_GAP / 2)
        yield self._text(middle, y + 4, step.text, _GAP - 50, mark=step.mark, anchor="middle", ground=True)

    def _text(
        self, x: float, y: float, text: str, room: float, *, css: str = "", anchor: str = "", mark: str = "", ground: bool = False
    ) -> str:
        """A line of text, shortened to ``room``; ``ground`` hides what runs behind it."""
        size = 14 / _SIZE if css == "title" else 1
        shown = clipped(text, max(int(room / (_CELL * size)) - len(mark), 1)) + mark
        parts = f' class="{css}"' if css else ""
        parts += f' text-anchor="{anchor}"' if anchor else ""
        written = f'<text x="{x:g}" y="{y:g}"{parts}>{escape(shown)}</text>' if shown else ""
        if not ground or not shown:
            return written
        width = cell_len(shown) * _CELL + 6
        left = x - width / 2 if anchor == "middle" else x - 3
        return f'<rect class="ground" x="{left:g}" y="{y - 12:g}" width="{width:g}" height="16"/>{written}'


def _head(x: float, y: float, size: float) -> str:
    return f'<path class="head" d="M{x} {y:g}l{-size} -4v8z"/>'
