"""What ``callbackUrl`` is told, in order and without anybody waiting for it (reference ``xml.md`` section 9.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from offhook.calls.call import Call
from offhook.records import Notification
from offhook.xml import Dial

if TYPE_CHECKING:
    from offhook.calls.dialling.branch import Branch

EVENTS = {"answer": "DialAnswer", "connected": "DialConnected", "digits": "DialDigitsMatch", "hangup": "DialHangup"}
NO_PRICE = "0.00000"


class Reports:
    """The reports of one ``Dial``. Each holds the CallStatus of the moment in which it was told."""

    def __init__(self, dial: Dial, call: Call) -> None:
        self._dial = dial
        self._call = call
        self._waiting: asyncio.Queue[Notification] = asyncio.Queue()
        self._sender: asyncio.Task[None] | None = None
        self._held: tuple[Branch, Notification] | None = None
        """Waits for the verdict of machine detection; nothing of the same leg overtakes it."""

    def tell(self, branch: Branch, action: str, branches: Sequence[Branch]) -> None:
        """Report that a leg was answered, connected or hung up.

        Args:
            branches: all legs of the ``Dial``.
        """
        self._queue(branch, action, branches, branch.report() if action == "hangup" else {})

    def digits(self, branch: Branch, pattern: str, whose: str, branches: Sequence[Branch]) -> None:
        """Report a pattern that was pressed by ``ALeg`` or ``BLeg``."""
        self._queue(branch, "digits", branches, {"DialDigitsMatch": pattern, "DialDigitsPressedBy": whose})

    async def flush(self) -> None:
        """Wait until everything that was told is in the outbox."""
        self._release()
        if self._sender is not None:
            await asyncio.gather(self._sender, return_exceptions=True)

    def _queue(self, branch: Branch, action: str, branches: Sequence[Branch], more: Mapping[str, str]) -> None:
        if self._dial.callback_url is None:
            return
        target, order = branch.target, branch.target.order
        known = branch.answered or any(each.answered for each in branches)
        results = {
            "DialAction": action,
            "DialBLegStatus": "connected" if action == "digits" else action,
            "DialALegUUID": self._call.uuid,
            "DialBLegUUID": branch.uuid if known else "",
            "DialBLegFrom": target.caller,
            "DialBLegTo": target.shown,
            "DialBLegPosition": str(target.position),
            "DialBLegBillRate": NO_PRICE,
            **branch.screen.parameters,
            **more,
            "Event": EVENTS[action],
            **{f"X-PH-{name}": value for name, value in order.headers.items()},
        }
        notification = self._call.notification("callback", self._dial.callback_url, self._dial.callback_method, results)
        if self._held is not None and self._held[0] is branch:
            self._release()
        if notification is not None and action == "connected" and branch.screen.pending:
            self._held = branch, notification
            branch.screen.when_known(self._release)
        elif notification is not None:
            self._put(notification)

    def _release(self) -> None:
        """Let go what is held, with the verdict if there is one by now."""
        if self._held is not None:
            (branch, notification), self._held = self._held, None
            self._put(replace(notification, parameters={**notification.parameters, **branch.screen.parameters}))

    def _put(self, notification: Notification) -> None:
        self._waiting.put_nowait(notification)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send(), name=f"reports of {self._call.uuid}")

    async def _send(self) -> None:
        while not self._waiting.empty():
            await self._call.dispatch(self._waiting.get_nowait())
