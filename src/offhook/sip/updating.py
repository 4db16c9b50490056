"""Changes that come without an INVITE of their own: by UPDATE (RFC 3311), or as an offer in a PRACK (RFC 3262 section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.sip import refreshing
from offhook.sip.fitness import ALLOW, Refusal, unfit_content
from offhook.sip.headers import Address
from offhook.sip.invite import EarlyAnswer, IncomingInvite, InviteDialog, OutgoingInvite, Phase, Reinvited
from offhook.sip.message import SDP, Fields, Request, respond
from offhook.sip.transaction import NonInviteServer

if TYPE_CHECKING:
    from offhook.sip.core import Core

RETRY_AFTER = ("Retry-After", "2")


class Updating:
    """The server side of UPDATE and PRACK. An offer is handed to the dialog's owner, who answers as he does a re-INVITE."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def update(self, usage: InviteDialog, request: Request, server: NonInviteServer, flow: Address | None) -> None:
        """A change of the session, or only a sign of life (RFC 3311 section 5.2).

        Args:
            flow: where the peer is reached whose Contact is of no use.
        """
        refusal = unfit_content(request) or refreshing.too_short(request)
        if refusal is None and usage.update_server is not None:
            refusal = Refusal(500, (RETRY_AFTER,))  # one at a time, whatever it carries
        elif refusal is None and request.description:
            refusal = _untimely(usage, request)
        target = request.contact
        if refusal is not None:
            self._reply(usage, server, refusal)
            return
        # A fork of our INVITE makes no dialog yet: the INVITE may still be challenged, and its 200 names the target anew.
        if target is not None and not (isinstance(usage, OutgoingInvite) and usage.phase is Phase.EARLY):
            usage.dialog.remote_target = target.uri
            usage.flow = flow
        usage.update_server = server
        if request.description:
            usage.deliver(Reinvited(request.description))
        else:
            self.answer(usage, 200, b"")

    def prack(self, usage: InviteDialog, request: Request, server: NonInviteServer) -> None:
        """The caller has our reliable provisional response, and may answer the offer in it or make one (RFC 3262 section 5)."""
        provisionals = usage.provisionals if isinstance(usage, IncomingInvite) else None
        if not isinstance(usage, IncomingInvite) or provisionals is None or not provisionals.awaits(request):
            self._reply(usage, server, Refusal(481))
            return
        body = request.description
        answers = bool(body) and not usage.settled and not usage.request.body and bool(usage.described)
        offers = bool(body) and usage.settled and usage.update_server is None
        if offers:  # the 200 to the INVITE, which may have waited for this PRACK, waits for the answer too
            usage.update_server = server
        provisionals.acknowledged()
        if offers:
            usage.deliver(Reinvited(body))
            return
        self._reply(usage, server, Refusal(200 if answers or not body else 488))
        if answers:
            usage.settled = True
            usage.deliver(EarlyAnswer(body))

    def answer(self, usage: InviteDialog, status: int, body: bytes) -> None:
        """The final response to the peer's UPDATE, or to its PRACK with an offer."""
        server, usage.update_server = usage.update_server, None
        if server is None:
            return
        fields: Fields = [("Allow", ALLOW), ("Server", self._core.parts.user_agent)]
        if status < 300 and server.request.method == "UPDATE":
            # The session timer begins with the 200 to the INVITE, whatever is said before (RFC 4028 section 7).
            timed = usage.refreshing is not None and usage.phase is not Phase.EARLY
            timer = usage.refreshing.answer(server.request) if timed and usage.refreshing is not None else []
            fields = [("Contact", self._core.contact_in(usage, usage.peer)), *timer, *fields]
        if body:
            fields.append(("Content-Type", SDP))
            usage.described = body
            _changed(usage, server.request)
        response = respond(server.request, status, headers=fields, body=body)
        server.respond(response)
        usage.sent(response)
        if isinstance(usage, IncomingInvite) and usage.accept_waits is not None:
            accept, usage.accept_waits = usage.accept_waits, None
            accept()

    def _reply(self, usage: InviteDialog, server: NonInviteServer, refusal: Refusal) -> None:
        response = self._core.answer(server.request, refusal.status, refusal.reason, headers=refusal.headers)
        server.respond(response)
        usage.sent(response)


def _untimely(usage: InviteDialog, request: Request) -> Refusal | None:
    """Why an offer may not come now: another one is still without its answer (RFC 3311 section 5.2)."""
    if usage.reinvite_server is not None:
        return Refusal(500, (RETRY_AFTER,))
    if usage.phase is not Phase.EARLY:
        busy = usage.reinviting is not None or usage.repeats is not None or usage.phase is not Phase.CONFIRMED
        return Refusal(491) if busy else None
    if isinstance(usage, IncomingInvite):
        if usage.settled:
            return None
        return Refusal(500, (RETRY_AFTER,)) if usage.request.body else Refusal(491)
    pracks = usage.pracks if isinstance(usage, OutgoingInvite) else None
    return None if pracks is not None and (request.from_.tag or "") in pracks.settled else Refusal(491)


def _changed(usage: InviteDialog, request: Request) -> None:
    """What the responses to the INVITE describe from now on is out of date."""
    if usage.phase is not Phase.EARLY:
        return
    if isinstance(usage, IncomingInvite):
        usage.changed = True
    elif isinstance(usage, OutgoingInvite) and usage.pracks is not None:
        usage.pracks.changed.add(request.from_.tag or "")
