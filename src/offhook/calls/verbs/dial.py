"""``Dial``: call others and connect the first that answers (reference ``xml.md`` sections 9 to 11)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from offhook.calls import closing
from offhook.calls.call import Call, Next
from offhook.calls.dialling import Attempt, targets_of
from offhook.errors import LegGone
from offhook.xml import Dial, Number, User


def about(element: Dial) -> str:
    """Whom."""
    called = [child for child in element.children if isinstance(child, (Number, User))]
    targets = [child.number if isinstance(child, Number) else child.target for child in called]
    shown = ", ".join(targets[:5])
    return f"{shown} and {len(targets) - 5} more" if len(targets) > 5 else shown


async def run(element: Dial, call: Call) -> Next | None:
    """Dial, talk, and tell the action URL; where the A leg leaves meanwhile that is told, and its answer is not used."""
    targets = targets_of(element, call.facts, most=call.tools.settings.max_dial_targets)
    endless, call.endless = call.endless, ()
    attempt = Attempt(element, targets, call, endless)
    try:
        await attempt.run()
    except (asyncio.CancelledError, LegGone):
        if not call.being_transferred:  # it drops the document with all that the element had still to say
            await closing.shielded(_tell_without_call(element, attempt, call))
        raise
    call.unconnected = None if attempt.connected else attempt.ending
    if element.action is None:
        return None
    return await call.follow(element.action, element.method, redirect=element.redirect, results=_results(attempt))


def _results(attempt: Attempt) -> Mapping[str, str]:
    return attempt.result().parameters()


async def _tell_without_call(element: Dial, attempt: Attempt, call: Call) -> None:
    """The action request of a call that is over: it carries how, and nobody reads the reply (section 1.8)."""
    if element.action is None:
        return
    ending = await call.how_it_ended()
    gone = closing.hangup_parameters(call, ending)
    method = element.method if element.method in {"GET", "POST"} else "POST"
    await call.notify("action", element.action, method, {**gone, **_results(attempt), "Event": "Redirect"})
