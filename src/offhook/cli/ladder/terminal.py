"""The picture in a terminal: a column a lane, a line a step, never wider than it may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from offhook.cli.ladder.steps import OFFHOOK, Kind, Picture, Shape, Step, Weight

LEAST_WIDTH = 40
TIME_WIDTH = 9
"""A day in ms: ``86400.000``."""
_LEAST_GAP, _GOOD_GAP, _MOST_GAP = 14, 27, 46
_AFTER = 40
"""Cells behind the last lane, for words, where the gaps are good without them."""
_FIRST = TIME_WIDTH + 2
_MOST_MARKS = 2
"""Combining marks a character: no script needs more, and with hundreds one can paint over other lines."""
_COLOURS = {
    Kind.SIP: "cyan",
    Kind.HTTP: "magenta",
    Kind.ELEMENT: "bold",
    Kind.SOUND: "green",
    Kind.KEYS: "bold green",
    Kind.NOTE: "",
}
_WEIGHTS = {Weight.QUIET: "dim", Weight.PLAIN: "", Weight.WARNING: "yellow", Weight.ERROR: "bold red"}
_SIGNS = {Weight.WARNING: "! ", Weight.ERROR: "✗ "}
_DASHES = {Kind.SOUND: "┄", Kind.KEYS: "┄"}
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("─┄━", "-"),
        **dict.fromkeys("│┃", "|"),
        **dict.fromkeys("┼┏┗┣▪", "+"),
        **dict(zip("▶◀×…→–♪✗", "><x~>-~X", strict=True)),
    }
)


def lanes_at(width: int) -> int:
    """How many lanes a picture of this width has room for."""
    return 1 + (max(width, LEAST_WIDTH) - _FIRST - 2) // _LEAST_GAP


def drawn(picture: Picture, width: int, *, ascii_only: bool = False) -> Iterator[Text]:
    """The picture, line by line.

    Args:
        picture: with at most ``lanes_at(width)`` lanes.
        width: the most cells a line may have, at least ``LEAST_WIDTH``.
        ascii_only: for a terminal that knows nothing else; other characters become ``?``.
    """
    canvas = _Canvas(picture, max(width, LEAST_WIDTH))
    for line in canvas.lines():
        text = line.text()
        if ascii_only:
            plain = Text()
            for span in line.spans():
                plain.append(span[0].translate(_PLAIN).encode("ascii", "replace").decode(), span[1])
            text = plain
        text.truncate(canvas.width)
        yield text


class _Line:
    """Cells of one line, each with its style. What is put later lies on top."""

    def __init__(self, width: int) -> None:
        self._cells: list[str] = [" "] * width
        self._styles: list[str] = [""] * width

    def put(self, at: int, text: str, style: str = "") -> None:
        """Write from a cell on; what is beyond the end is left out."""
        for each in _characters(text):
            size = cell_len(each)
            if at < 0 or at + size > len(self._cells):
                return
            for cell in range(at, at + size):
                self._cells[cell], self._styles[cell] = "", style
            self._cells[at] = each
            at += size

    def at(self, cell: int) -> str:
        """What stands there."""
        return self._cells[cell]

    def spans(self) -> Iterator[tuple[str, str]]:
        """Text of one style each, without the blanks at the end."""
        last = max((at for at, each in enumerate(self._cells) if each not in {" ", ""}), default=-1)
        begin = 0
        for at in range(last + 1):
            if at == last or self._styles[at + 1] != self._styles[begin]:
                yield "".join(self._cells[begin : at + 1]), self._styles[begin]
                begin = at + 1

    def text(self) -> Text:
        return Text.assemble(*self.spans(), no_wrap=True, overflow="crop", end="")


def _characters(text: str) -> Iterator[str]:
    """Characters with the marks that combine with them."""
    last = ""
    for each in text:
        if last and cell_len(each) == 0:
            last += each if len(last) <= _MOST_MARKS else ""
            continue
        if last:
            yield last
        last = each if cell_len(each) else ""
    if last:
        yield last


def clipped(text: str, room: int) -> str:
    """As much of a text as ``room`` cells hold, with ``…`` where something is missing."""
    if room <= 0:
        return ""
    kept, used = "", 0
    for each in _characters(text):
        size = cell_len(each)
        if used + size > room:
            while kept and used + 1 > room:
                *start, last = _characters(kept)
                kept, used = "".join(start), used - cell_len(last)
            return f"{kept}…"
        kept, used = kept + each, used + size
    return kept


def _labelled(step: Step, room: int) -> str:
    mark = step.mark
    return clipped(step.text, max(room - cell_len(mark), 1)) + mark if room > cell_len(mark) else clipped(step.text, room)


class _Canvas:
    def __init__(self, picture: Picture, width: int) -> None:
        self.width = width
        self._picture = picture
        gaps = max(len(picture.lanes) - 1, 1)
        room = width - _FIRST - 2
        gap = min(max(min(room // gaps, _GOOD_GAP), (room - _AFTER) // gaps), _MOST_GAP)
        self._columns = [_FIRST + number * gap for number in range(len(picture.lanes))]
        self._gap = gap
        self._spans = picture.spans()
        self._depth = 0

    def lines(self) -> Iterator[_Line]:
        yield from self._prose(self._picture.title, "bold")
        yield from self._prose(self._picture.outcome)
        yield _Line(self.width)
        yield self._heads([lane.name for lane in self._picture.lanes], "bold")
        yield self._heads([lane.about for lane in self._picture.lanes], "dim")
        for row, step in enumerate(self._picture.steps):
            yield self._row(row, step)
        if self._picture.legs:
            yield _Line(self.width)
        for each in self._picture.legs:
            yield from self._prose(each)

    def _prose(self, text: str, style: str = "") -> Iterator[_Line]:
        """A sentence, on as many lines as it needs."""
        rest = text
        while rest:
            part = clipped(rest, self.width)
            if part != rest:
                part = part[:-1].rpartition(" ")[0] or part[:-1]
            line = _Line(self.width)
            line.put(0, part, style)
            yield line
            rest = rest[len(part) :].lstrip() if part else ""

    def _heads(self, texts: Sequence[str], style: str) -> _Line:
        """Names above the lanes: centred, where there is room for that."""
        line = _Line(self.width)
        for number, (column, text) in enumerate(zip(self._columns, texts, strict=True)):
            least = 0 if number == 0 else column - self._gap // 2 + 1
            most = self.width if number == len(texts) - 1 else column + self._gap // 2
            shown = clipped(text, most - least)
            line.put(max(least, min(column - cell_len(shown) // 2, most - cell_len(shown))), shown, style)
        return line

    def _row(self, row: int, step: Step) -> _Line:
        line = _Line(self.width)
        line.put(0, f"{step.at_ms / 1000:{TIME_WIDTH}.3f}"[:TIME_WIDTH], "dim")
        inside = self._depth > 0
        for lane, (column, (first, last)) in enumerate(zip(self._columns, self._spans, strict=True)):
            if first <= row <= last:
                boxed = lane == OFFHOOK and inside
                line.put(column, "┃" if boxed else "│", "bold" if boxed else "dim")
        style = f"{_COLOURS[step.kind]} {_WEIGHTS[step.weight]}".strip()
        if step.shape in {Shape.ARROW, Shape.BOTH} and step.lane != step.to:
            self._arrow(line, step, style)
        elif step.shape in {Shape.BEGIN, Shape.END, Shape.WHOLE}:
            self._box(line, step, style)
        else:
            self._beside(line, step.lane, _SIGNS.get(step.weight, "") + step.text + step.mark, style)
        return line

    def _arrow(self, line: _Line, step: Step, style: str) -> None:
        left, right = sorted((self._columns[step.lane], self._columns[step.to]))
        length = right - left - 1
        line.put(left + 1, _DASHES.get(step.kind, "─") * length, style)
        for column in self._columns[min(step.lane, step.to) + 1 : max(step.lane, step.to)]:
            line.put(column, "┼", style)
        if step.shape is Shape.BOTH or step.to < step.lane:
            line.put(left + 1, "◀", style)
        if step.shape is Shape.BOTH or step.to > step.lane:
            line.put(right - 1, "▶", style)
        heads = 2 if step.shape is Shape.BOTH else 1
        first, last = self._nearest(step)
        label = _labelled(step, last - first - 1 - heads - 2)
        if label:
            free = last - first - 1 - heads - cell_len(label) - 2
            begin = first + 1 + (1 if line.at(first + 1) == "◀" else 0) + free // 2
            line.put(begin, f" {label} ", style)

    def _nearest(self, step: Step) -> tuple[int, int]:
        """The columns on both sides of an arrow's label: next to who is at its other end, so that lanes it crosses stay seen."""
        other = step.lane if step.to == OFFHOOK else step.to
        beside = other + (1 if other < OFFHOOK else -1)
        return self._columns[min(other, beside)], self._columns[max(other, beside)]

    def _box(self, line: _Line, step: Step, style: str) -> None:
        corner = "┣"
        if step.shape is Shape.BEGIN:
            corner = "┏" if self._depth == 0 else "┣"
            self._depth += 1
        elif step.shape is Shape.END:
            self._depth = max(self._depth - 1, 0)
            corner = "┗" if self._depth == 0 else "┣"
        else:
            corner = "▪" if self._depth == 0 else "┣"
        line.put(self._columns[OFFHOOK], f"{corner}━", "bold")
        self._beside(line, OFFHOOK, step.text, style, indent=3)

    def _beside(self, line: _Line, lane: int, text: str, style: str, *, indent: int = 2) -> None:
        begin = self._columns[lane] + indent
        shown = clipped(text, self.width - begin)
        line.put(begin, shown, style)
        after = begin + cell_len(shown)
        if after in self._columns and shown:  # a lane right behind the text would read as its last character
            line.put(after, " ")
