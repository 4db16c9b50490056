"""Each kind of event as steps of a picture. A kind that is not known here is told in words, with all that it says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import urlsplit

from offhook.cli.ladder.steps import MOST_CHARACTERS, OFFHOOK, Kind, Shape, Step, Weight
from offhook.printable import printable
from offhook.records import TimelineRow

MOST_PROBLEMS = 5
"""Of one document, a row each."""
_USUAL_REFUSALS = {401, 407, 487}
"""A challenge, and what a cancelled INVITE is answered with."""
_LOSSY = 0.05
"""From this share of lost packets on, people complain."""
_WEIGHTS = {"info": Weight.QUIET, "warning": Weight.WARNING, "error": Weight.ERROR}


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the events of one call are drawn, and what is said by others already."""

    party: int
    """The lane of who is at the other end."""
    web: int
    who: str
    """``caller`` or ``callee``."""
    name: str = ""
    """``B1``, …; empty for the call itself."""
    shared: bool = False
    """Other legs are drawn on the same lane."""
    origin: str = ""
    """Scheme and host that most requests go to: their URLs are shown without."""
    signalled: bool = False
    """There are SIP messages, which say that it rang and was answered."""
    requested: frozenset[str] = frozenset()
    """Purposes of the web requests that were made."""
    agreed_ms: int | None = None
    """When RTP could flow."""
    legs: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Name and lane of each B leg, by its id."""

    def beside(self, row: TimelineRow, text: str, kind: Kind = Kind.NOTE, weight: Weight = Weight.PLAIN) -> Step:
        """A step in words, beside Offhook's lane."""
        return self._step(row, kind, Shape.TEXT, f"{self.name}: {text}" if self.name else text, OFFHOOK, OFFHOOK, weight)

    def arrow(
        self, row: TimelineRow, kind: Kind, text: str, lane: int, to: int, weight: Weight = Weight.PLAIN, *, both: bool = False
    ) -> Step:
        """A step from one lane to another."""
        named = f"{self.name} {text}" if self.shared else text
        return self._step(row, kind, Shape.BOTH if both else Shape.ARROW, named, lane, to, weight)

    def box(self, row: TimelineRow, shape: Shape, text: str, weight: Weight = Weight.PLAIN) -> Step:
        """The beginning or the end of an element."""
        return self._step(row, Kind.ELEMENT, shape, f"{self.name}: {text}" if self.name else text, OFFHOOK, OFFHOOK, weight)

    def _step(self, row: TimelineRow, kind: Kind, shape: Shape, text: str, lane: int, to: int, weight: Weight) -> Step:
        about = f"{row.kind} " + " ".join(f"{name}={_told(value)}" for name, value in row.facts.items())
        return Step(row.offset_ms, kind, shape, bounded(self.short(text)), lane, to, weight, bounded(about.rstrip(), 2000))

    def short(self, text: str) -> str:
        """A text whose URLs at the usual server have lost what they have in common."""
        return text.replace(self.origin, "") if self.origin else text


def bounded(text: str, most: int = MOST_CHARACTERS) -> str:
    """Printable, and not longer than that."""
    return printable(text[:most]) + ("…" if len(text) > most else "")


def _told(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_told(each) for each in value) + "]"
    return str(value)


def word(row: TimelineRow, name: str) -> str:
    """A fact as text; empty where there is none."""
    value = row.facts.get(name)
    return "" if value is None else _told(value)


def number(row: TimelineRow, name: str) -> float | None:
    """A fact as a number, where it is one."""
    value = row.facts.get(name)
    return value if isinstance(value, int | float) and abs(value) < 1e15 else None


def words(row: TimelineRow, name: str) -> list[str]:
    """A fact that is a list."""
    value = row.facts.get(name)
    return [_told(each) for each in value] if isinstance(value, list | tuple) else []


def lasting(milliseconds: float | None) -> str:
    """``382 ms``, ``3.82 s``."""
    if milliseconds is None:
        return "?"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def origin_of(url: str) -> str:
    """Scheme and host of a URL; empty where it is none."""
    found = re.match(r"https?://[^/?#\s]+", url, re.IGNORECASE)
    return found[0] if found else ""


def tell(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    """The steps of one event: none where others say the same."""
    return _TELLERS.get(row.kind, _unknown)(scene, row)


def _unknown(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    facts = " ".join(f"{name}={_told(value)}" for name, value in row.facts.items())
    yield scene.beside(row, f"{row.kind} {facts}".rstrip())


def _nothing(_scene: Scene, _row: TimelineRow) -> Iterator[Step]:
    yield from ()


def _milestone(text: str, scene: Scene, row: TimelineRow) -> Iterator[Step]:
    if not scene.signalled:
        yield scene.beside(row, text, Kind.SIP)


def _sip(scene: Scene, row: TimelineRow, *, sent: bool) -> Iterator[Step]:
    message, method = word(row, "message"), word(row, "cseq").rpartition(" ")[2]
    status = int(message[:3]) if message[:3].isascii() and message[:3].isdigit() else 0
    weight = Weight.WARNING if status >= 400 and status not in _USUAL_REFUSALS else Weight.PLAIN
    text = f"{message} ({method})" if status and method not in {"INVITE", ""} else message
    lanes = (OFFHOOK, scene.party) if sent else (scene.party, OFFHOOK)
    yield scene.arrow(row, Kind.SIP, text, *lanes, weight)


def _http(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    """The request where it began, the answer where it came. The timeline has one line for both, written at the end."""
    attempt, took = number(row, "attempt") or 1, max(number(row, "duration_ms") or 0, 0)
    again = f" (attempt {attempt:.0f})" if attempt > 1 else ""
    url = word(row, "url")
    shown = url.removeprefix(scene.origin) or "/" if url.startswith(scene.origin) else url.partition("://")[2] or url
    request = scene.arrow(row, Kind.HTTP, f"{word(row, 'method')} {shown}{again}", OFFHOOK, scene.web)
    yield replace(request, at_ms=row.offset_ms - round(took))
    status, error = number(row, "status"), word(row, "error")
    if status is None:
        text = f"{word(row, 'purpose')} {urlsplit_path(url)} failed after {lasting(took)}: {error or 'no answer'}"
        yield scene.beside(row, text, Kind.HTTP, Weight.ERROR)
        return
    fine = 200 <= status < 400 and not error
    text = f"{status:.0f} in {lasting(took)} ({word(row, 'purpose')})"
    yield scene.arrow(row, Kind.HTTP, text, scene.web, OFFHOOK, Weight.PLAIN if fine else Weight.ERROR)


def urlsplit_path(url: str) -> str:
    """The path of a URL, or all of it where it has none that can be read."""
    try:
        return urlsplit(url).path or "/"
    except ValueError:
        return url


def _document(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    yield scene.beside(row, "document: " + (", ".join(words(row, "elements")) or "empty"), Kind.ELEMENT, Weight.QUIET)
    yield from _problems(scene, row, "warnings", Weight.WARNING)


def _refused(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    yield scene.beside(row, f"document refused: {word(row, 'url')}", Kind.ELEMENT, Weight.ERROR)
    yield from _problems(scene, row, "problems", Weight.ERROR)


def _problems(scene: Scene, row: TimelineRow, name: str, weight: Weight) -> Iterator[Step]:
    found = words(row, name)
    for each in found[:MOST_PROBLEMS]:
        yield scene.beside(row, each, Kind.ELEMENT, weight)
    if len(found) > MOST_PROBLEMS:
        yield scene.beside(row, f"and {len(found) - MOST_PROBLEMS} more", Kind.ELEMENT, weight)


def _started(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    about = word(row, "about")
    yield scene.box(row, Shape.BEGIN, f"{word(row, 'element')}, line {word(row, 'line')}" + (f": {about}" if about else ""))


def _ended(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    text = f"{word(row, 'element')}: {word(row, 'why')} ({lasting(number(row, 'duration_ms'))})"
    yield scene.box(row, Shape.END, text)


def _agreed(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    direction, srtp = word(row, "direction"), word(row, "srtp")
    text = f"{'SRTP' if srtp else 'RTP'} {word(row, 'codec')}" + (f" {direction}" if direction not in {"", "sendrecv"} else "")
    yield scene.arrow(row, Kind.SOUND, text, OFFHOOK, scene.party, both=True)
    if word(row, "digits") == "none":
        yield scene.beside(row, "keys travel as tones only: no telephone-event was agreed on", Kind.SOUND, Weight.QUIET)


def _playing(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    yield scene.arrow(row, Kind.SOUND, f"♪ {word(row, 'what')}", OFFHOOK, scene.party)


def _played(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    what = word(row, "what")
    which = f"{what} " if "(by the API" in what else ""  # it was heard over another: which of them has ended?
    text = f"♪ {which}ended after {lasting(number(row, 'played_ms'))}: {word(row, 'why')}"
    yield scene.beside(row, text, Kind.SOUND, Weight.QUIET)


def _pressed(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    yield scene.arrow(row, Kind.KEYS, f"key {word(row, 'digit')}", scene.party, OFFHOOK)


def _sent(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    yield scene.arrow(row, Kind.KEYS, f"keys {word(row, 'digits')}", OFFHOOK, scene.party)


def _records(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    yield scene.beside(row, f"records {word(row, 'recording_id')[:8]}: {word(row, 'about')}", Kind.SOUND)


def _recorded(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    lasted = lasting(number(row, "duration_ms"))
    yield scene.beside(row, f"recorded {word(row, 'recording_id')[:8]}: {lasted}, {word(row, 'why')}", Kind.SOUND)


def _note(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    yield scene.beside(row, word(row, "text"), Kind.NOTE, _WEIGHTS.get(word(row, "level"), Weight.PLAIN))


def _queued(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    """Only what has not been sent yet: else the request itself is there."""
    if word(row, "purpose") not in scene.requested:
        yield scene.beside(row, f"waits in the outbox: {word(row, 'purpose')} {word(row, 'url')}", Kind.HTTP, Weight.WARNING)


def _put_off(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    text = f"{word(row, 'purpose')} {urlsplit_path(word(row, 'url'))}: {word(row, 'error')}; again in {word(row, 'wait_s')} s"
    yield scene.beside(row, text, Kind.HTTP, Weight.WARNING)


def _given_up(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    text = f"{word(row, 'purpose')} {urlsplit_path(word(row, 'url'))} given up after {word(row, 'attempts')} attempt(s)"
    yield scene.beside(row, f"{text}: {word(row, 'error')} ({word(row, 'id')})", Kind.HTTP, Weight.ERROR)


def _placed(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    name, _ = _leg(scene, row)
    yield scene.beside(row, f"{name}: calling {word(row, 'to_number')}", Kind.NOTE, Weight.QUIET)


def _bridged(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    name, lane = _leg(scene, row)
    if lane == OFFHOOK:
        yield scene.beside(row, f"connected with {name}", Kind.SOUND)
    else:
        yield scene.arrow(row, Kind.SOUND, f"{name} connected", scene.party, lane, both=True)


def _judged(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    who = "a machine" if row.facts.get("machine") is True else "a person"
    yield scene.beside(row, f"{who} answered: {word(row, 'why')}", Kind.SOUND)


def _leg_over(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    name, lane = _leg(scene, row)
    if lane == OFFHOOK:  # a leg with a lane says itself how it ended
        yield scene.beside(row, f"{name} ended: {word(row, 'code')} {word(row, 'cause')} by {word(row, 'source')}")


def _leg(scene: Scene, row: TimelineRow) -> tuple[str, int]:
    """Its name and lane; Offhook's where it has none."""
    uuid = word(row, "leg_uuid")
    return scene.legs.get(uuid, (f"leg {uuid}", OFFHOOK))


def _measured(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    first_ms = number(row, "first_packet_ms")
    if scene.agreed_ms is not None and first_ms is not None:  # it is counted where it comes, and told at the end
        first = scene.arrow(row, Kind.SOUND, "first RTP packet", scene.party, OFFHOOK, Weight.QUIET)
        yield replace(first, at_ms=min(scene.agreed_ms + max(round(first_ms), 0), row.offset_ms))
    sent, received, lost = (number(row, f"packets_{name}") or 0 for name in ("sent", "received", "lost"))
    scores = [number(row, name) for name in ("mos_received", "mos_sent")]
    text = f"RTP {received:.0f} in, {sent:.0f} out, {lost:.0f} lost"
    heard = [f"{score:.1f} {way}" for score, way in zip(scores, ("in", "out"), strict=True) if score is not None]
    lossy = lost > _LOSSY * (received + lost)
    text += f"; MOS {', '.join(heard)}" if heard else ""
    text += f"; jitter {word(row, 'jitter_ms') or '?'} ms"
    yield scene.beside(row, text, Kind.SOUND, Weight.WARNING if lossy else Weight.QUIET)
    if sent and not received:
        yield scene.beside(row, f"deaf: no RTP came from the {scene.who}", Kind.SOUND, Weight.ERROR)


def _over(scene: Scene, row: TimelineRow) -> Iterator[Step]:
    detail, seconds = word(row, "detail"), number(row, "duration_s") or 0
    text = f"ended: {word(row, 'code')} {word(row, 'name')} by {word(row, 'source')}, {seconds:.0f} s"
    weight = Weight.ERROR if word(row, "source") == "Error" else Weight.PLAIN
    yield scene.beside(row, text, Kind.NOTE, weight)
    if detail:
        yield scene.beside(row, detail, Kind.NOTE, weight)


_TELLERS: dict[str, Callable[[Scene, TimelineRow], Iterator[Step]]] = {
    "call-arrived": _nothing,  # the picture's title
    "call-rang": partial(_milestone, "ringing"),
    "early-media-opened": partial(_milestone, "early media"),
    "call-answered": partial(_milestone, "answered"),
    "sip-received": partial(_sip, sent=False),
    "sip-sent": partial(_sip, sent=True),
    "media-agreed": _agreed,
    "http": _http,
    "document-loaded": _document,
    "document-refused": _refused,
    "element-started": _started,
    "element-ended": _ended,
    "audio-started": _playing,
    "audio-stopped": _played,
    "recording-started": _records,
    "recording-ended": _recorded,
    "digit-received": _pressed,
    "digits-sent": _sent,
    "note": _note,
    "leg-placed": _placed,
    "legs-bridged": _bridged,
    "answerer-judged": _judged,
    "leg-ended": _leg_over,
    "notification-queued": _queued,
    "notification-postponed": _put_off,
    "notification-given-up": _given_up,
    "media-measured": _measured,
    "call-ended": _over,
}
