"""``machineDetection`` of a ``Dial``: who has answered one of its legs (reference ``xml.md`` section 2.10)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from offhook.calls.answering import Tuning, Verdict, judged
from offhook.calls.ports import AnyLeg
from offhook.errors import LegGone
from offhook.events import AnswererJudged, Observe


class Screen:
    """Made for one leg. Without the attribute it does nothing."""

    def __init__(self, wanted: str | None, observe: Observe) -> None:
        """Args:
        wanted: the attribute: ``true``, ``hangup``, or ``None``.
        observe: gets the verdict.
        """
        self.verdict: Verdict | None = None
        self._wanted = wanted
        self._observe = observe
        self._judging: asyncio.Task[None] | None = None

    @property
    def refuses(self) -> bool:
        """Whether the leg is to be dropped: a machine, and one is not wanted."""
        return self.decides and self.verdict is not None and self.verdict.machine

    @property
    def pending(self) -> bool:
        """Whether there is a verdict to come."""
        return self._judging is not None and not self._judging.done()

    @property
    def parameters(self) -> dict[str, str]:
        """What reports say of it, as soon as it is known."""
        return {} if self.verdict is None else self.verdict.parameters

    def begin(self, leg: AnyLeg) -> None:
        """The leg has been answered: listen to it."""
        if self._wanted is not None:
            self._judging = asyncio.create_task(self._judge(leg), name="machine detection")

    @property
    def decides(self) -> bool:
        """Whether it depends on the verdict if the leg is connected."""
        return self._wanted == "hangup"

    async def decided(self) -> None:
        """Wait until there is a verdict, or will be none."""
        if self._judging is not None:
            await asyncio.wait([self._judging])

    def when_known(self, tell: Callable[[], None]) -> None:
        """Call this when there is a verdict, or when there will be none."""
        if self._judging is not None:
            self._judging.add_done_callback(lambda _: tell())

    async def aclose(self) -> None:
        """Listen no more."""
        if self._judging is not None:
            self._judging.cancel()
            await asyncio.gather(self._judging, return_exceptions=True)

    async def _judge(self, leg: AnyLeg) -> None:
        try:
            self.verdict = await judged(leg, Tuning())
        except LegGone:
            return  # the leg says so itself
        self._observe(AnswererJudged(self.verdict.machine, self.verdict.why, self.verdict.after_ms))
