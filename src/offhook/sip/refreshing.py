"""Session timers (RFC 4028): dialogs whose other end has gone without a BYE are found out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from offhook.sip.fitness import Refusal
from offhook.sip.invite import InviteDialog, Lost, Phase
from offhook.sip.message import Fields, Message, Request, Response
from offhook.sip.sending import Sending

if TYPE_CHECKING:
    from offhook.sip.core import Core
    from offhook.sip.timers import Timer

TAG = "timer"
SHORTEST_S = 90
"""The least interval that RFC 4028 allows (section 5)."""
MARGIN_S = 32.0
Role = Literal["uac", "uas"]


@dataclass(frozen=True, slots=True)
class Interval:
    """How long a session lives without a refresh, and who refreshes it."""

    seconds: int
    refresher: Role | None = None

    def __str__(self) -> str:
        return f"{self.seconds};refresher={self.refresher}" if self.refresher else str(self.seconds)


def read(message: Message) -> Interval | None:
    """The Session-Expires of a message, ``None`` without a usable one."""
    text, *parameters = (message.header("session-expires") or "").split(";")
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return None
    told = {name.strip().lower(): value.strip().lower() for name, _, value in (each.partition("=") for each in parameters)}
    refresher: Role | None = "uac" if told.get("refresher") == "uac" else "uas" if told.get("refresher") == "uas" else None
    return Interval(int(text), refresher)


def least(message: Message) -> int:
    """The Min-SE of a message."""
    text = (message.header("min-se") or "").partition(";")[0].strip()
    return max(SHORTEST_S, int(text)) if text.isascii() and text.isdigit() and len(text) < 10 else SHORTEST_S


def supports(message: Message) -> bool:
    """Whether the peer knows session timers."""
    return TAG in {each.lower() for name in ("supported", "require") for each in message.items(name)}


def too_short(request: Request) -> Refusal | None:
    """422 for an interval below what is allowed (section 9)."""
    wanted = read(request)
    if wanted is not None and wanted.seconds < SHORTEST_S and supports(request):
        return Refusal(422, (("Min-SE", str(SHORTEST_S)),))
    return None


class Refreshing:
    """The session timer of one dialog.

    Args:
        core: timers.
        usage: whose it is.
        seconds: the interval that we would like; 0: timers are not used.
    """

    def __init__(self, core: Core, usage: InviteDialog, seconds: int) -> None:
        self._core = core
        self._usage = usage
        self._wanted = seconds
        self._timers: list[Timer] = []
        self._by_update = False
        self._promised: int | None = None
        """The interval that we have said to keep by refreshing, s."""

    @property
    def running(self) -> bool:
        """Whether somebody is to refresh."""
        return bool(self._timers)

    def fields(self) -> Fields:
        """What an INVITE of ours asks for."""
        return [("Session-Expires", str(self._wanted)), ("Min-SE", str(SHORTEST_S))] if self._wanted else []

    def longer(self, refusal: Response) -> bool:
        """Ask for what a 422 demands. Returns whether that is more than before (section 7.4)."""
        more = least(refusal)
        if not self._wanted or more <= self._wanted:
            return False
        self._wanted = more
        return True

    def answer(self, request: Request) -> Fields:
        """A request of the peer's is accepted: what the 200 says, and from then on the timer runs (section 9)."""
        self._learn(request)
        told = read(request)
        if not self._wanted and told is None:
            return []
        interval = told.seconds if told is not None else max(self._wanted, least(request))
        if self._wanted:
            interval = max(min(interval, max(self._wanted, least(request))), SHORTEST_S)
        # Who does not know timers cannot refresh; who does, and does not mind, does: then we need not know its SDP.
        role: Role = "uas" if not supports(request) or (told is not None and told.refresher == "uas") else "uac"
        self._run(interval, ours=role == "uas")
        fields = [("Session-Expires", str(Interval(interval, role)))]
        return [("Require", TAG), *fields] if role == "uac" else fields

    def agreed(self, response: Response) -> None:
        """A request of ours was accepted (section 7.2)."""
        self._learn(response)
        told = read(response)
        if told is not None:
            self._run(max(told.seconds, SHORTEST_S), ours=told.refresher != "uas")
        elif self._promised is not None:  # it knows no timers: all the more it is for us to find out whether it lives
            self._run(self._promised, ours=True)
        else:
            self.stop()

    def stop(self) -> None:
        """The dialog is over."""
        for timer in self._timers:
            timer.cancel()
        self._timers = []

    def _learn(self, message: Message) -> None:
        allowed = {each.upper() for each in message.items("allow")}
        self._by_update = "UPDATE" in allowed if allowed else self._by_update

    def _run(self, seconds: int, *, ours: bool) -> None:
        self.stop()
        self._promised = seconds if ours else None
        if self._usage.phase in {Phase.LEAVING, Phase.OVER}:
            return  # the 200 to a last re-INVITE may come after our BYE
        self._timers = [self._core.after(seconds - min(MARGIN_S, seconds / 3), self._expired)]
        if ours:
            self._timers.append(self._core.after(seconds / 2, lambda: self._refresh(seconds)))

    def _expired(self) -> None:
        usage = self._usage
        self.stop()
        if usage.phase is Phase.CONFIRMED:
            usage.deliver(Lost("the session timer ran out: nobody refreshed the call"))
            self._core.hang_up(usage, [("Reason", 'SIP;cause=408;text="session timer"')])

    def _refresh(self, seconds: int) -> None:
        usage = self._usage
        if usage.phase is not Phase.CONFIRMED:
            return
        if not self._by_update:
            if usage.described and usage.reinvite_next is None:
                self._core.reinvite(usage, usage.described)
            return
        fields: Fields = [
            *self._core.common(),
            ("Supported", TAG),
            ("Session-Expires", str(Interval(seconds, "uac"))),
            ("Min-SE", str(SHORTEST_S)),
        ]
        Sending(
            self._core, usage, "UPDATE", headers=fields, on_response=self._updated, on_failure=lambda _why: self._expired()
        ).start()

    def _updated(self, response: Response) -> None:
        if response.status < 200:
            return
        if response.status < 300:
            self._usage.dialog.refresh(response)
            self.agreed(response)
        elif response.status in {408, 481}:
            self._expired()
        elif response.status in {405, 501}:
            self._by_update = False
            self._refresh(self._wanted or SHORTEST_S)
