"""Many episodes, each from a seed of its own, and the figures of all."""

from __future__ import annotations

import functools
import gc
import random
import re
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from offhook.sip import HeaderError, NameAddr, SdpError, Uri, Via, sdp
from offhook.testing.sip_fuzz import registering, streams
from offhook.testing.sip_fuzz.grammar import EXTRA, Draft, Grammar
from offhook.testing.sip_fuzz.mutation import hurt
from offhook.testing.sip_fuzz.talk import Talk
from offhook.testing.sip_fuzz.watch import Finding, Watch

MAX_GROWTH_BYTES = 40_000
"""What all that `offhook.sip` holds may grow by from one round of a soak to the next: what it keeps for good levels off."""
SOAK_EPISODES = 40


@dataclass
class Found:
    """Something that went wrong, and how to see it again."""

    seed: int
    what: str
    where: str
    trace: list[str]

    @property
    def kind(self) -> str:
        """What the findings of one defect have in common: the words, without names and numbers, and the last lines of ours."""
        return re.sub(r"[0-9a-f]*[0-9][0-9a-f]*", "#", self.what[:50]) + "".join(re.findall(r"line \d+, in \w+", self.where)[-3:])

    def __str__(self) -> str:
        steps = "\n    ".join(self.trace)
        return f"seed {self.seed}: {self.what}\n  the last steps:\n    {steps}\n{self.where}"


@dataclass
class Report:
    """What a run did."""

    figures: Counter[str] = field(default_factory=Counter)
    found: list[Found] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)


def fuzz(
    first_seed: int,
    *,
    corpus: Sequence[bytes] = (),
    more: Callable[[Report], bool],
) -> Report:
    """Run episodes with the seeds from ``first_seed`` on, while ``more`` says so. What was found before is only counted."""
    report, seed = Report(), first_seed
    while more(report):
        found = episode(seed, report.figures, corpus)
        report.figures["episodes"] += 1
        if found is not None:
            report.figures["findings"] += 1
            kind = found.kind
            if kind not in report.kinds:
                report.kinds.add(kind)
                report.found.append(found)
        seed += 1
    return report


def episode(seed: int, figures: Counter[str], corpus: Sequence[bytes] = ()) -> Found | None:
    """One episode: mostly a conversation, sometimes a stream, registrations or a heap of values."""
    rng = random.Random(seed)
    draw = rng.random()
    trace: Sequence[str] = ()
    try:
        if draw < 0.8:
            talk = Talk(rng, figures, corpus)
            trace = talk.trace
            talk.run()
        elif draw < 0.88:
            streams.run(rng, figures, corpus)
        elif draw < 0.94:
            registering.run(rng, figures)
        else:
            values(rng)
    except Exception as error:  # noqa: BLE001 - whatever the core raises is what we look for
        return Found(seed, f"{type(error).__name__}: {error}", traceback.format_exc(limit=-12), list(trace))
    return None


def values(rng: random.Random) -> None:
    """Values are read or refused, and writing undoes reading."""
    grammar = Grammar(rng)
    for _ in range(30):
        name = rng.choice(("Via", "Contact", *EXTRA))
        text = (
            grammar.via("z9hG4bKx", "udp")[0][1]
            if name == "Via"
            else grammar.address()
            if name == "Contact"
            else EXTRA[name](grammar)
        )
        draft = Draft("x", [(name, text)])
        hurt(rng, draft, rng.randrange(3))
        for _, value in draft.fields[:4]:
            for kind in (Uri, NameAddr, Via):
                try:
                    read = kind.parse(value)
                except HeaderError:
                    continue
                if kind.parse(str(read)) != read:
                    raise Finding(f"{kind.__name__} {value[:300]!r} becomes {str(read)[:300]!r}")
        draft = Draft("x", [("x", grammar.sdp().decode())])
        hurt(rng, draft, rng.randrange(3))
        _description("\r\n".join(value for _, value in draft.fields).encode("utf-8", "surrogateescape"))


def _description(body: bytes) -> None:
    try:
        description = sdp.SessionDescription.parse(body)
    except SdpError:
        return
    again = sdp.SessionDescription.parse(description.to_bytes())
    if again.media != description.media or again.connection != description.connection:
        raise Finding(f"the description {body[:500]!r} changes when it is written")


def soak(seed: int, figures: Counter[str], corpus: Sequence[bytes] = ()) -> int:
    """The same core through many conversations. Returns by how many bytes the memory of `offhook.sip` grew after the first round.

    Raises:
        Finding: that is more than ``MAX_GROWTH_BYTES``.
    """
    rng = random.Random(seed)
    watch = Watch(rng, figures)
    tracemalloc.start()
    try:
        sizes = []
        for _ in range(2):
            for _ in range(SOAK_EPISODES):
                Talk(rng, figures, corpus, watch).run()
            watch.on_invite = watch.arrived.append  # the last conversation is let go of
            gc.collect()
            for each in gc.get_objects():  # caches are bounded, but fill for a long while
                if isinstance(each, functools._lru_cache_wrapper) and each.__module__.startswith("offhook.sip"):
                    each.cache_clear()
            gc.collect()
            only = tracemalloc.Filter(inclusive=True, filename_pattern="*/offhook/sip/*")
            sizes.append(sum(each.size for each in tracemalloc.take_snapshot().filter_traces([only]).statistics("filename")))
    finally:
        tracemalloc.stop()
    grown = sizes[1] - sizes[0]
    if grown > MAX_GROWTH_BYTES:
        raise Finding(f"the core grew by {grown} bytes in {SOAK_EPISODES} conversations")
    return grown


def until(deadline: float) -> Callable[[Report], bool]:
    """Go on until a point of the monotonic clock, s."""
    return lambda _report: time.monotonic() < deadline


def so_many(episodes: int) -> Callable[[Report], bool]:
    """Go on for so many episodes."""
    return lambda report: report.figures["episodes"] < episodes
