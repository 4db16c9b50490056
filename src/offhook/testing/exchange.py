"""Whom applications call: people elsewhere, who ring, answer, refuse, talk and hang up as the test says; no SIP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from offhook import causes
from offhook.calls import Leg, Order, Unanswered
from offhook.causes import Ending
from offhook.errors import LegGone
from offhook.events import CallAnswered, CallRang, EarlyMediaOpened, Observe
from offhook.testing.caller import Caller, Party
from offhook.testing.studio import Studio

Does = Callable[["Callee"], None]


@dataclass(frozen=True, slots=True)
class Answers:
    """Somebody who picks up."""

    after_s: float = 1.0
    """From the INVITE on."""
    rings_s: float | None = 0.1
    """When it rings; ``None``: never."""
    early_s: float | None = None
    """When early media comes."""
    hangs_up_s: float | None = None
    """How long after the answer; ``None``: never."""
    then: Does | None = None
    """What he does as soon as he has answered: ``lambda callee: callee.press("1", after_s=2)``."""


@dataclass(frozen=True, slots=True)
class Refuses:
    """A leg that is never answered."""

    ending: Ending = field(default_factory=lambda: causes.from_refusal(486))
    after_s: float = 1.0
    rings_s: float | None = 0.1
    early_s: float | None = None


Behaves = Answers | Refuses
RINGS_FOR_EVER = Refuses(after_s=100_000)


class Callee(Caller):
    """A B leg and the person on it."""

    def __init__(self, order: Order, studio: Studio, observe: Observe) -> None:
        super().__init__(Party(order.from_number, order.target, order.target), studio)
        self.order = order
        self.observe = observe
        self.answered_s: float | None = None
        """Loop time."""

    def hang_up(self, *, after_s: float = 0.0) -> None:
        """Hang up."""
        self.leave(causes.CALLEE_HUNG_UP, after_s=after_s)

    def release(self, ending: Ending) -> None:
        """CANCEL what rings, BYE what was answered."""
        if self.gone:
            return
        self.released_with = ending
        self.signals.append("BYE" if self.answered else "CANCEL")

    def pick_up(self) -> None:
        """Answer."""
        self.answered = True
        self.answered_s = asyncio.get_running_loop().time()
        self.observe(CallAnswered())


@dataclass
class Exchange:
    """The ``Dialler`` of a world."""

    studio: Studio
    people: dict[str, Behaves] = field(default_factory=dict)
    """How whoever is called behaves, by the target of the order; others do not exist."""
    placed: list[Callee] = field(default_factory=list)
    """Every leg, in the order of its INVITE."""

    def leg(self, target: str) -> Callee:
        """The last leg towards somebody."""
        return next(leg for leg in reversed(self.placed) if leg.order.target == target)

    @asynccontextmanager
    async def dialling(
        self, order: Order, *, observe: Observe, ringing: Callable[[], None], early: Callable[[Leg], None]
    ) -> AsyncIterator[Callee]:
        """Call somebody, see ``calls.Dialler``."""
        behaves = self.people.get(order.target, Refuses(causes.from_refusal(404), 0.05, None))
        leg = Callee(order, self.studio, observe)
        self.placed.append(leg)
        try:
            await self._ring(leg, behaves, ringing, early)
            leg.pick_up()
            if isinstance(behaves, Answers):
                if behaves.hangs_up_s is not None:
                    leg.hang_up(after_s=behaves.hangs_up_s)
                if behaves.then is not None:
                    behaves.then(leg)
            yield leg
        finally:
            leg.release(causes.API_CANCEL)
            await leg.aclose()

    async def _ring(self, leg: Callee, behaves: Behaves, ringing: Callable[[], None], early: Callable[[Leg], None]) -> None:
        """Until it is answered. Raises ``Unanswered``."""

        def rings() -> None:
            leg.observe(CallRang())
            ringing()

        def sounds() -> None:
            leg.early = True
            leg.observe(EarlyMediaOpened())
            early(leg)

        loop = asyncio.get_running_loop()
        timers = [
            loop.call_later(after_s, act)
            for after_s, act in ((behaves.rings_s, rings), (behaves.early_s, sounds))
            if after_s is not None and after_s <= behaves.after_s
        ]
        try:
            await asyncio.sleep(behaves.after_s)
        finally:
            for timer in timers:
                timer.cancel()
        if isinstance(behaves, Refuses):
            leg.leave(behaves.ending)
            raise Unanswered(behaves.ending)
        if leg.gone:
            raise LegGone("the one called has left")
