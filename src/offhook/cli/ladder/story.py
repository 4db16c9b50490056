"""From the timelines of a call and its B legs to one picture: one clock, one order, repeats in one row."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from offhook.cli.ladder.steps import OFFHOOK, PARTY, Kind, Lane, Picture, Shape, Step, Told
from offhook.cli.ladder.telling import Scene, bounded, number, origin_of, tell, word
from offhook.records import CallRecord, TimelineRow

ROUNDING_MS = 1
"""Offsets and durations are whole milliseconds: a request cannot be seen to begin before what it follows from."""
PRESSED_BY_B_LEG = "BLeg"
"""How the timeline of a call marks keys that the party pressed whom it is connected with."""
MOST_KEYS = 60
"""Of a row of keys; how many there were stands behind them."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A step with its place in the order of time."""

    order: tuple[int, float, int, int, int, int]
    scene: Scene
    row: TimelineRow
    step: Step


def picture(call: Told, children: Sequence[Told] = (), *, most_lanes: int = 12) -> Picture:
    """Draw up a call.

    Args:
        call: its record and timeline.
        children: those of its B legs; they are numbered in the order of their beginning.
        most_lanes: the last lane is shared by the B legs that find no other.
    """
    legs = sorted(children, key=_began)
    has_web = any(row.kind == "http" for told in (call, *legs) for row in told.rows)
    lanes, scenes = _lanes(call, legs, has_web, max(most_lanes, 4))
    placed = sorted(
        (each for index, told in enumerate((call, *legs)) for each in _placed(index, told, scenes[index], _shift(call, told))),
        key=lambda each: each.order,
    )
    about = tuple(f"{scene.name}  {_about_leg(told)}" for scene, told in zip(scenes[1:], legs, strict=True))
    return Picture(_title(call), _outcome(call), lanes, tuple(_folded(placed)), about)


def _lanes(call: Told, legs: Sequence[Told], has_web: bool, most: int) -> tuple[tuple[Lane, ...], list[Scene]]:
    """The lanes, and where on them the call and each leg is drawn."""
    rows = [row for told in (call, *legs) for row in told.rows if row.kind == "http"]
    origins = Counter(origin_of(word(row, "url")) for row in rows)
    origin = origins.most_common(1)[0][0] if origins else ""
    who, number_shown = _party(call)
    lanes = [Lane(who, number_shown), Lane("Offhook")]
    if has_web:
        others = len(origins) - 1
        lanes.append(Lane("web server", bounded(origin.partition("://")[2]) + (f" +{others}" if others else "")))
    first, web = len(lanes), 2 if has_web else OFFHOOK
    room = most - first
    scenes = [_scene(call, PARTY, web, who, origin=origin)]
    for index, leg in enumerate(legs):
        lane = first + min(index, room - 1)
        shared = len(legs) > room and index >= room - 1
        name, (far, about) = f"B{index + 1}", _party(leg)
        scenes.append(_scene(leg, lane, web, far, name=name, shared=shared, origin=origin))
        if lane == len(lanes):
            lanes.append(Lane(f"{name}–B{len(legs)}", "") if shared else Lane(name, about))
    known = {_uuid(leg): (scene.name, scene.party) for leg, scene in zip(legs, scenes[1:], strict=True)}
    scenes[0] = replace(scenes[0], legs=known)
    return tuple(lanes), scenes


def _scene(told: Told, party: int, web: int, who: str, *, origin: str, name: str = "", shared: bool = False) -> Scene:
    return Scene(
        party=party,
        web=web,
        who=who,
        name=name,
        shared=shared,
        origin=origin,
        signalled=any(row.kind in {"sip-received", "sip-sent"} for row in told.rows),
        agreed_ms=next((row.offset_ms for row in told.rows if row.kind == "media-agreed"), None),
        requested=frozenset(word(row, "purpose") for row in told.rows if row.kind == "http"),
    )


# -- one clock, one order --------------------------------------------------------------------------------------------------


def _began(told: Told) -> tuple[float, str]:
    if told.rows:
        first = told.rows[0]
        return first.at.timestamp() - first.offset_ms / 1000, first.call_uuid
    return (told.record.initiation_time.timestamp(), told.record.call_uuid) if told.record else (0.0, "")


def _shift(call: Told, leg: Told) -> int:
    """What makes a leg's offsets those of the call, ms. Within each the clock is monotonic; between them it is the wall's."""
    return 0 if leg is call else round((_began(leg)[0] - _began(call)[0]) * 1000)


def _placed(index: int, told: Told, scene: Scene, shift: int) -> Iterator[_Placed]:
    offsets = [row.offset_ms for row in told.rows]
    other = scene
    for position, row in enumerate(told.rows):
        if row.kind == "legs-bridged":
            other = replace(scene, party=scene.legs.get(word(row, "leg_uuid"), ("", scene.party))[1])
        theirs = row.kind == "digit-received" and word(row, "via").endswith(PRESSED_BY_B_LEG)
        for part, step in enumerate(tell(other if theirs else scene, row)):
            at, behind = step.at_ms, position
            if at < row.offset_ms:  # it began before it was written down: behind all that had happened by then
                behind = bisect_right(offsets, at + ROUNDING_MS, hi=position) - 1
                at = max(at, offsets[behind]) if behind >= 0 else at
            moved = replace(step, at_ms=at + shift)
            written = told.rows[max(behind, 0)].at.timestamp()  # of two calls, within a millisecond
            yield _Placed((at + shift, written, index, behind, position, part), scene, row, moved)


# -- repeats in one row ------------------------------------------------------------------------------------------------------


def _folded(placed: Sequence[_Placed]) -> list[Step]:
    steps: list[Step] = []
    messages: dict[tuple[str, ...], int] = {}
    previous: _Placed | None = None
    for each in placed:
        step, row = each.step, each.row
        if step.kind is Kind.SIP and step.shape is Shape.ARROW:
            key = (row.call_uuid, row.kind, word(row, "message"), word(row, "cseq"))
            if number(row, "repeat") and key in messages:
                original = messages[key]
                steps[original] = replace(steps[original], times=steps[original].times + 1)
                continue
            messages[key] = len(steps)
        if previous is not None and steps:
            joined = _joined(previous, each, steps[-1])
            if joined is not None:
                steps[-1], previous = joined, each
                continue
        steps.append(step)
        previous = each
    return steps


def _joined(before: _Placed, this: _Placed, drawn: Step) -> Step | None:
    """Two rows as one: keys that follow each other, an element that ends as soon as it began."""
    if before.row.call_uuid != this.row.call_uuid:
        return None
    if before.row.kind == this.row.kind == "digit-received" and before.step.lane == this.step.lane:
        pressed = drawn.text if drawn.times > 1 else drawn.text.replace("key ", "keys ", 1)
        key = bounded(word(this.row, "digit"), 8)
        text = pressed if drawn.times >= MOST_KEYS else pressed + key
        return replace(drawn, text=text, times=drawn.times + 1)
    if before.step.shape is Shape.BEGIN and this.step.shape is Shape.END and drawn is before.step:
        return replace(drawn, shape=Shape.WHOLE, text=_whole(before, this), about=f"{drawn.about}\n{this.step.about}")
    return None


def _whole(begun: _Placed, ended: _Placed) -> str:
    """What ran is said by how it ended."""
    name = f"{begun.scene.name}: " if begun.scene.name else ""
    why = begun.scene.short(word(ended.row, "why"))
    return bounded(f"{name}{word(begun.row, 'element')}, line {word(begun.row, 'line')}: {why}")


# -- words around it -----------------------------------------------------------------------------------------------------------


def _parties(told: Told) -> tuple[str, str, str]:
    """From, to, direction; from the record, or from the first line of the timeline while it runs."""
    if told.record is not None:
        return told.record.from_number, told.record.to_number, told.record.direction
    first = next((row for row in told.rows if "from_number" in row.facts), None)
    return ("", "", "") if first is None else (word(first, "from_number"), word(first, "to_number"), word(first, "direction"))


def _party(told: Told) -> tuple[str, str]:
    """Who is at the other end: the role, and the number."""
    caller, called, direction = _parties(told)
    return ("callee", bounded(called)) if direction == "outbound" else ("caller", bounded(caller))


def _uuid(told: Told) -> str:
    return told.record.call_uuid if told.record else told.rows[0].call_uuid if told.rows else ""


def _title(told: Told) -> str:
    uuid = _uuid(told)
    began = told.record.initiation_time if told.record else told.rows[0].at if told.rows else None
    return bounded(f"call {uuid}" + (f", {began:%Y-%m-%d %H:%M:%S} UTC" if began else ""))


def _outcome(told: Told) -> str:
    caller, called, _ = _parties(told)
    outcome, parent = "not over yet, as far as is written down", None
    if told.record is not None:
        outcome, parent = ending(told.record), told.record.parent_call_uuid
    return bounded(f"{caller} → {called}, {outcome}" + (f"; a B leg of {parent}" if parent else ""))


def ending(record: CallRecord) -> str:
    """How a call ended, in a line."""
    return (
        f"{record.duration_s} s, {record.hangup_cause_code} {record.hangup_cause_name} ({record.hangup_cause}) "
        f"by {record.hangup_source}"
    )


def _about_leg(told: Told) -> str:
    caller, called, direction = _parties(told)
    uuid = _uuid(told)
    outcome = ending(told.record) if told.record else "not over yet"
    return bounded(f"{called if direction == 'outbound' else caller}, {outcome}, call {uuid}")
