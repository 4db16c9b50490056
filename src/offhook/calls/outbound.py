"""Calls that we place: ring, be answered, and from then on run like any other (reference ``api.md`` section 5.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from offhook import causes
from offhook.calls import bookkeeping, keys, parameters
from offhook.calls.answering import Detection, before_the_document, beside_the_document
from offhook.calls.b_legs import BLeg
from offhook.calls.call import Call, Tools
from offhook.calls.ports import Dialler, Leg, Order, Unanswered
from offhook.calls.timeline import Timeline
from offhook.causes import Ending
from offhook.errors import LegGone
from offhook.events import DigitsSent, Observe
from offhook.records import Application, LiveCall

LONGEST_S = 86_400
DEFAULT_LIMIT_S = 14_400
RING_S = 120
KEY_MS = 2000
"""How long a key of ``send_digits`` is held where it does not say (``1w2@500``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A call that is to be placed."""

    call_uuid: str
    request_uuid: str
    order: Order
    application: Application
    """Its web hooks, and whose it is."""
    ring_url: str | None = None
    ring_method: str = "POST"
    ring_timeout_s: int = RING_S
    """From the INVITE on."""
    hangup_on_ring_s: int | None = None
    """From the first ringing on."""
    time_limit_s: int = DEFAULT_LIMIT_S
    """From the answer on; at most a day."""
    keys: str = ""
    """Pressed after the answer; as it was written."""
    keys_early: bool = False
    """They are pressed during early media instead."""
    parent_call_uuid: str | None = None
    detection: Detection | None = None
    """Find out whether a machine has answered; ``None``: do not."""

    def parties(self) -> Parties:
        """Who calls whom, as the call's requests say it."""
        return Parties(
            from_number=self.order.from_number,
            to_number=self.order.target,
            to_user=self.order.target,
            caller_name=self.order.caller_name or None,
            custom_headers={f"X-PH-{name}": value for name, value in self.order.headers.items()},
        )

    def parameters(self) -> dict[str, str]:
        """What its requests carry beside the standard ones."""
        return {"ALegUUID": self.call_uuid, "ALegRequestUUID": self.request_uuid, "RequestUUID": self.request_uuid}


@dataclass(frozen=True, slots=True)
class Parties:
    """The facts of a call that we place (``ports.Facts``)."""

    from_number: str
    to_number: str
    to_user: str
    caller_name: str | None = None
    forwarded_from: str | None = None
    custom_headers: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    sip_call_id: str = ""
    app_id: str | None = None
    fallback_app_id: str | None = None
    auth_user: str | None = None
    hops: int = 0
    stir_verification: str = "Not Applicable"
    stir_attestation: str = "Not Applicable"


def announced(placement: Placement, tools: Tools) -> LiveCall:
    """What is written down of a call that waits for its turn."""
    application, facts, began_at = placement.application, placement.parties(), tools.clock.wall()
    standard = parameters.standard(placement.call_uuid, application.auth_id, facts, direction="outbound", began_at=began_at)
    return bookkeeping.live_call(
        placement.call_uuid,
        facts,
        application,
        auth_id=application.auth_id,
        direction="outbound",
        parent_call_uuid=placement.parent_call_uuid,
        began_at=began_at,
        request={**standard, **placement.parameters()},
        hangup_defaults_to_answer=tools.settings.hangup_defaults_to_answer,
    )


def placed(placement: Placement, timeline: Timeline, tools: Tools, scope: asyncio.TaskGroup) -> Call:
    """The call of a placement, before it rings anywhere."""
    return Call(
        *(placement.parties(), placement.application, timeline, tools),
        call_uuid=placement.call_uuid,
        scope=scope,
        direction="outbound",
        more=placement.parameters(),
        parent_call_uuid=placement.parent_call_uuid,
    )


def on_its_own(b_leg: BLeg, tools: Tools, scope: asyncio.TaskGroup) -> Call:
    """The call that a B leg is from now on: it has left its bridge, and runs documents like any other."""
    live, leg = b_leg.live, b_leg.leg
    assert leg is not None
    headers = {name: value for name, value in leg.facts.custom_headers.items() if name.startswith("X-PH-")}
    call = Call(
        Parties(live.from_number, live.to_number, live.to_number, custom_headers=headers, hops=b_leg.a_leg.facts.hops + 1),
        *(b_leg.a_leg.application, b_leg.timeline, tools),
        call_uuid=b_leg.uuid,
        scope=scope,
        direction="outbound",
        more={"ALegUUID": b_leg.a_leg.uuid},
        parent_call_uuid=b_leg.a_leg.uuid,
        began_at=live.began_at,
    )
    call.was_answered(leg, at=b_leg.answered_at, now=b_leg.answered_now)
    return call


class Held:
    """A leg that a task of its own places, keeps and frees: the scopes of a leg are entered and left by the same task."""

    def __init__(
        self, dialler: Dialler, order: Order, *, observe: Observe, ringing: Callable[[], None], early: Callable[[Any], None]
    ) -> None:
        self.answered: asyncio.Future[Leg] = asyncio.get_running_loop().create_future()
        """The leg, or ``Unanswered``."""
        self._dialling = dialler.dialling(order, observe=observe, ringing=ringing, early=early)
        self._done = asyncio.Event()
        self._task = asyncio.create_task(self._hold(), name=f"leg to {order.target}")

    async def _hold(self) -> None:
        try:
            async with self._dialling as leg:
                self.answered.set_result(leg)
                await self._done.wait()
        except asyncio.CancelledError:
            if not self.answered.done():
                self.answered.cancel()
        except Exception as error:
            if not self.answered.done():
                self.answered.set_exception(error)
                self.answered.exception()  # nobody has to be waiting
            else:
                raise

    async def free(self) -> None:
        """Cancel what rings, free what was answered. Idempotent."""
        self._done.set()
        if not self.answered.done():
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def answered(call: Call, placement: Placement, held: Held, rang: asyncio.Event) -> Leg | Ending:
    """Wait until somebody answers; or how it ended: refused, rang out, or called off."""
    ordered = asyncio.ensure_future(call.ordered_to_end())
    limit = asyncio.ensure_future(_rings_out(placement, rang))
    ways: list[asyncio.Future[Any]] = [held.answered, ordered, limit]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if held.answered.done():
            try:
                return held.answered.result()
            except Unanswered as refused:
                return refused.ending
            except LegGone as gone:
                return causes.CALLEE_HUNG_UP.because(str(gone))
        return ordered.result() if ordered.done() else causes.RANG_OUT
    finally:
        ordered.cancel()
        limit.cancel()
        await asyncio.gather(ordered, limit, return_exceptions=True)


async def _rings_out(placement: Placement, rang: asyncio.Event) -> None:
    async with asyncio.timeout(placement.ring_timeout_s) as limit:
        try:
            if placement.hangup_on_ring_s is None:
                await asyncio.Event().wait()
            await rang.wait()
            await asyncio.sleep(placement.hangup_on_ring_s or 0)
        except asyncio.CancelledError:
            if not limit.expired():
                raise


def detect(call: Call, detection: Detection) -> None:
    """Find out who has answered: before the document begins, or, where a URL is told, beside it."""
    if detection.url is None:
        call.introduced = lambda: before_the_document(call, detection)
    else:
        call.beside(beside_the_document(call, detection), name="machine detection", waited=False)


async def press(leg: Leg, placement: Placement, call: Call) -> None:
    """``send_digits``; that the leg leaves meanwhile is told by the leg."""
    row = keys.read(placement.keys, KEY_MS)
    try:
        await keys.press(leg, row)
        call.note(DigitsSent(row.keys, "leg"))
    except LegGone:
        pass
