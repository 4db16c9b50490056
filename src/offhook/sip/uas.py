"""The server side: requests that come in, with and without a dialog (RFC 3261 sections 8.2, 9.2, 12.2.2, 13.3, 14.2, 15.1.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from offhook.sip import refreshing, reliable
from offhook.sip.dialog import DEFAULT_PORTS, Dialog
from offhook.sip.errors import HeaderError
from offhook.sip.fitness import ACCEPT, ALLOW, METHODS, SUPPORTED, Refusal, unfit, unfit_content
from offhook.sip.headers import Address
from offhook.sip.invite import (
    Acknowledged,
    Cancelled,
    Ended,
    IncomingInvite,
    InfoReceived,
    InviteDialog,
    Lost,
    Phase,
    Referred,
    Reinvited,
)
from offhook.sip.message import SDP, Fields, Request, Response, respond
from offhook.sip.names import is_address
from offhook.sip.refreshing import Refreshing
from offhook.sip.reliable import Provisionals
from offhook.sip.requests import IncomingRequest
from offhook.sip.transaction import T1, T2, TIMEOUT, InviteServer, NonInviteServer, State
from offhook.sip.transfer import Referral, replaced
from offhook.sip.updating import RETRY_AFTER, Updating

if TYPE_CHECKING:
    from offhook.sip.core import Core

Headers = Sequence[tuple[str, str]]
REMINDER = 60.0
"""A provisional response is said again so often, lest a proxy give up (section 13.3.1.1), s."""


class Repeats:
    """Our 200, sent again until its ACK comes, over any transport: a proxy may go on by UDP (section 13.3.1.4)."""

    def __init__(self, core: Core, server: InviteServer, response: Response, given_up: Callable[[], None]) -> None:
        self.sequence = server.request.cseq.number
        self._core = core
        self._server = server
        self._response = response
        self._next = core.after(T1, lambda: self._again(2 * T1))
        self._last = core.after(TIMEOUT, given_up)

    def _again(self, interval_s: float) -> None:
        if self._server.state is State.ACCEPTED:
            self._server.respond(self._response)
            self._server.repeated(self._response, sent=True)
            self._next = self._core.after(interval_s, lambda: self._again(min(2 * interval_s, T2)))

    def stop(self) -> None:
        """The ACK came, or nobody waits for it any more."""
        self._next.cancel()
        self._last.cancel()


class Uas:
    """Answers requests; makes ``IncomingInvite`` of INVITEs."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.updating = Updating(core)
        self._owners: dict[InviteServer, InviteDialog] = {}
        """Whose INVITE or re-INVITE an open server transaction is."""

    def close(self) -> None:
        """Forget everything."""
        self._owners.clear()

    # -- requests --------------------------------------------------------------------------------------------------

    def request(self, request: Request, key: tuple[str, ...], source: Address, reply_to: Address) -> None:
        """A new request, not an ACK. Only what belongs to a call leaves a trace: all else is answered and forgotten."""
        if request.method == "CANCEL":
            self._cancel(request, key, reply_to)
            return
        tag = request.to.tag
        if tag is None and not self._core.parts.hears(source, request):
            self._core.dropped += 1
            return
        registering = request.method == "REGISTER" and self._core.parts.on_request is not None
        refusal = unfit(request, METHODS | {"REGISTER"} if registering else METHODS)
        usage = None
        if refusal is None and tag is not None:
            usage = self._core.dialogs.get((request.call_id, tag, request.from_.tag or ""))
            refusal = Refusal(481) if usage is None else None
        if refusal is not None:
            self._refuse(request, reply_to, refusal)
        elif usage is not None:
            self._within(usage, request, key, source, reply_to)
        elif request.method == "INVITE":
            self._invite(request, key, source, reply_to)
        elif registering and self._core.parts.on_request is not None:
            self._core.parts.on_request(IncomingRequest(self._core, request, key, source, reply_to))
        elif request.method == "OPTIONS":
            self._core.reply(request, reply_to, self._core.answer(request, 200, headers=_capabilities()))
        else:
            self._refuse(request, reply_to, Refusal(481))

    def _refuse(self, request: Request, reply_to: Address, refusal: Refusal) -> None:
        response = self._core.answer(request, refusal.status, refusal.reason, headers=refusal.headers)
        self._core.reply(request, reply_to, response)

    def _within(self, usage: InviteDialog, request: Request, key: tuple[str, ...], source: Address, reply_to: Address) -> None:
        """A request of a dialog (section 12.2.2)."""
        usage.received(request)
        number, last = request.cseq.number, usage.dialog.remote_sequence
        if last is not None and number <= last:
            self._reject(usage, request, reply_to, Refusal(500, (), "Server Internal Error (the CSeq is out of order)"))
            return
        if usage.crowded and request.method in {"INFO", "INVITE"}:
            self._reject(usage, request, reply_to, Refusal(500, (RETRY_AFTER,)))
            return
        usage.dialog.remote_sequence = number
        if usage.flow is not None and usage.flow.reliable and source.reliable and len(request.items("via")) == 1:
            usage.flow = source  # its connection was lost, and it has come back by another one
        if request.method == "INVITE":
            self._reinvite(usage, request, key, source, reply_to)
            return
        server = NonInviteServer(self._core, key, request, reply_to, _otherwise(request, reply_to))
        self._core.transactions[key], server.on_repeat = server, usage.repeated
        if request.method == "BYE":
            self._bye(usage, request, server)
            return
        if request.method == "PRACK":
            self.updating.prack(usage, request, server)
            return
        if request.method == "REFER":
            self._refer(usage, request, server)
            return
        if request.method == "UPDATE":
            self.updating.update(usage, request, server, flow_of(request, source))
            return
        response = self._core.answer(request, 200, headers=_capabilities() if request.method == "OPTIONS" else ())
        server.respond(response)
        usage.sent(response)
        if request.method == "INFO":
            usage.deliver(InfoReceived((request.header("content-type") or "").lower(), request.body))

    def _refer(self, usage: InviteDialog, request: Request, server: NonInviteServer) -> None:
        try:
            referral = Referral(self._core, usage, request, server)
        except HeaderError:
            status = 400
        else:
            status = 202 if usage.phase is Phase.CONFIRMED and not usage.crowded else 500
        if status == 202:
            usage.deliver(Referred(referral))
            return
        response = self._core.answer(request, status)
        server.respond(response)
        usage.sent(response)

    def _replaced(self, request: Request) -> tuple[InviteDialog | None, Refusal | None]:
        """The dialog that an INVITE is to take the place of, and why it may not (RFC 3891 section 3)."""
        try:
            wanted = replaced(request)
        except HeaderError as error:
            return None, Refusal(400, (), f"Bad Request ({error.field} is malformed)")
        if wanted is None:
            return None, None
        other = self._core.dialogs.get(wanted[0])
        if other is None or other.phase is not Phase.CONFIRMED:
            return None, Refusal(481)
        return (None, Refusal(486)) if wanted[1] else (other, None)

    def _reject(self, usage: InviteDialog, request: Request, reply_to: Address, refusal: Refusal) -> None:
        response = self._core.answer(request, refusal.status, refusal.reason, headers=refusal.headers)
        self._core.reply(request, reply_to, response)
        usage.sent(response)

    def _bye(self, usage: InviteDialog, request: Request, server: NonInviteServer) -> None:
        response = self._core.answer(request, 200)
        server.respond(response)
        usage.sent(response)
        self._end(usage, Ended(request.header("reason")))

    def _end(self, usage: InviteDialog, event: Ended | Lost) -> None:
        """The dialog is over: nothing of it stays open."""
        if isinstance(usage, IncomingInvite) and usage.phase is Phase.EARLY:
            self._settle(usage)
            self._respond(usage, 487)  # BYE for an early dialog: the INVITE is still open (section 15.1.2)
        self.leave(usage)
        if usage.glare is not None:
            usage.glare.cancel()
        self._core.uac.left(usage)
        self._core.remove_dialog(usage)
        usage.deliver(event)

    def leave(self, usage: InviteDialog) -> None:
        """Somebody hangs up: what is open of the peer's re-INVITE or UPDATE ends with the dialog."""
        if usage.reinvite_server is not None:
            self._final(usage, usage.reinvite_server, 487)
        if usage.update_server is not None:
            self.updating.answer(usage, 487, b"")
        self._stop_repeats(usage)

    # -- INVITE ----------------------------------------------------------------------------------------------------

    def _invite(self, request: Request, key: tuple[str, ...], source: Address, reply_to: Address) -> None:
        core = self._core
        mark = (request.call_id, request.from_.tag or "", request.cseq.number)
        refusal = Refusal(482) if mark in core.merged else unfit_content(request) or refreshing.too_short(request)
        other = None
        if refusal is None:
            other, refusal = self._replaced(request)
        if refusal is None and len(core.transactions) >= core.parts.max_transactions:
            refusal = Refusal(503, (("Retry-After", "10"),))
        if refusal is not None:
            self._refuse(request, reply_to, refusal)
            return
        dialog = Dialog.answering(request, core.parts.token(16), source.transport)
        server = InviteServer(core, key, request, reply_to, _otherwise(request, reply_to))
        core.transactions[key] = server
        core.merged[mark] = key
        usage = IncomingInvite(core, dialog, source, request, server)
        usage.flow, usage.replaces = flow_of(request, source), other
        usage.refreshing = Refreshing(core, usage, core.parts.session_s)
        can, usage.insists = reliable.wants(request)
        if can:
            usage.provisionals = Provisionals(core, usage, server.respond, lambda: self._unacknowledged(usage))
        self._owners[server], server.on_repeat = usage, usage.repeated
        core.add_dialog(usage)
        usage.received(request)
        core.parts.on_invite(usage)

    def provisional(self, usage: IncomingInvite, status: int, body: bytes, headers: Headers) -> None:
        """180 or 183 with our tag: the dialog is early."""
        if usage.phase is not Phase.EARLY:
            return
        provisionals = usage.provisionals
        if provisionals is not None and (body or usage.insists):
            usage.settled |= bool(body and usage.request.body)
            self._respond(usage, status, body=body, headers=headers, send=provisionals.put)
        else:
            self._remind(usage, self._respond(usage, status, body=body, headers=headers))

    def _unacknowledged(self, usage: IncomingInvite) -> None:
        """No PRACK for our 183: the caller cannot hear us (RFC 3262 section 3)."""
        if usage.phase is Phase.EARLY:
            self.refuse(usage, 504, None, ())
            usage.deliver(Lost("timeout: no PRACK came for our provisional response"))

    def _remind(self, usage: IncomingInvite, response: Response) -> None:
        def again() -> None:
            usage.server.respond(response)
            self._remind(usage, response)

        if usage.reminder is not None:
            usage.reminder.cancel()
        usage.reminder = self._core.after(REMINDER, again)

    def _settle(self, usage: IncomingInvite) -> None:
        """The INVITE gets its final response now."""
        usage.accept_waits = None
        if usage.update_server is not None:
            self.updating.answer(usage, 487, b"")
        if usage.provisionals is not None:
            usage.provisionals.stop()
        self._owners.pop(usage.server, None)
        if usage.reminder is not None:
            usage.reminder.cancel()

    def accept(self, usage: IncomingInvite, body: bytes, headers: Headers) -> None:
        """200, repeated until the ACK."""
        if usage.phase is not Phase.EARLY:
            return
        if usage.provisionals is not None and usage.provisionals.open:
            usage.provisionals.when_acknowledged(lambda: self.accept(usage, body, headers))
            return
        if usage.update_server is not None:
            usage.accept_waits = lambda: self.accept(usage, body, headers)
            return
        body = b"" if usage.changed else body
        self._settle(usage)
        usage.phase = Phase.ANSWERED
        timer = usage.refreshing.answer(usage.request) if usage.refreshing is not None else []
        fields = [("Supported", ", ".join(sorted(SUPPORTED))), *timer, *headers]
        self._await_ack(usage, usage.server, self._respond(usage, 200, body=body, headers=fields))

    def refuse(self, usage: IncomingInvite, status: int, reason: str | None, headers: Headers) -> None:
        """A final refusal; the dialog is gone."""
        if usage.phase is Phase.EARLY:
            self._settle(usage)
            self._respond(usage, status, reason, headers=headers)
            self._core.remove_dialog(usage)
            usage.events.close()

    def _respond(
        self,
        usage: IncomingInvite,
        status: int,
        reason: str | None = None,
        *,
        body: bytes = b"",
        headers: Headers = (),
        send: Callable[[Response], None] | None = None,
    ) -> Response:
        fields: Fields = [*headers, ("Allow", ALLOW), ("Server", self._core.parts.user_agent)]
        if status < 300:
            fields.insert(0, ("Contact", self._core.contact_in(usage, usage.peer)))
        else:
            usage.server.on_ack = usage.received
        if body:
            fields.append(("Content-Type", SDP))
        usage.described = body or usage.described
        response = respond(usage.request, status, reason, to_tag=usage.local_tag, headers=fields, body=body)
        (send or usage.server.respond)(response)
        usage.sent(response)
        return response

    def _await_ack(self, usage: InviteDialog, server: InviteServer, response: Response) -> None:
        def given_up() -> None:
            usage.repeats = None
            usage.deliver(Lost("timeout: no ACK came for our 200"))
            self._core.hang_up(usage, usage.hangup_waits or ())

        usage.repeats = Repeats(self._core, server, response, given_up)

    def _stop_repeats(self, usage: InviteDialog) -> None:
        if usage.repeats is not None:
            usage.repeats.stop()
            usage.repeats = None

    def ack(self, request: Request) -> None:
        """The ACK of a 2xx: it belongs to the dialog, not to a transaction (section 13.2.2.4). An ACK is never answered."""
        usage = self._core.dialogs.get((request.call_id, request.to.tag or "", request.from_.tag or ""))
        if usage is None or usage.repeats is None or usage.repeats.sequence != request.cseq.number:
            return  # a repeat, or for nobody
        usage.received(request)
        self._stop_repeats(usage)
        if usage.hangup_waits is not None:
            self._core.hang_up(usage, usage.hangup_waits)
            return
        if usage.phase is Phase.ANSWERED:
            usage.phase = Phase.CONFIRMED
        usage.deliver(Acknowledged(request.description))
        self._core.uac.reinvite_waiting(usage)

    def _cancel(self, request: Request, key: tuple[str, ...], reply_to: Address) -> None:
        """200 to the CANCEL, 487 to the INVITE, if that is still open (section 9.2)."""
        invite = self._core.transactions.get((*key[:-1], "INVITE"))
        if not isinstance(invite, InviteServer):
            self._refuse(request, reply_to, Refusal(481))
            return
        usage = self._owners.get(invite)
        answer = self._core.answer(request, 200, tag=usage.local_tag if usage is not None else None)
        self._core.reply(request, reply_to, answer)
        if usage is None or invite.state is not State.PROCEEDING:
            return
        usage.received(request)
        usage.sent(answer)
        if isinstance(usage, IncomingInvite) and usage.server is invite:
            self._settle(usage)
            self._respond(usage, 487)
            self._core.remove_dialog(usage)
            usage.deliver(Cancelled(request.header("reason")))
        else:
            self._final(usage, invite, 487)  # a re-INVITE is withdrawn: the dialog stays as it was
            self._core.uac.reinvite_waiting(usage)

    # -- re-INVITE -------------------------------------------------------------------------------------------------

    def _reinvite(self, usage: InviteDialog, request: Request, key: tuple[str, ...], source: Address, reply_to: Address) -> None:
        refusal = unfit_content(request) or refreshing.too_short(request)
        if usage.phase in {Phase.EARLY, Phase.CANCELLING} or usage.reinvite_server is not None:
            refusal = Refusal(500, (RETRY_AFTER,))  # one at a time (section 14.2)
        elif usage.reinviting is not None or usage.repeats is not None or usage.phase is not Phase.CONFIRMED:
            refusal = Refusal(491)
        target = request.contact  # read before anything is remembered of a request that may be malformed
        server = InviteServer(self._core, key, request, reply_to, _otherwise(request, reply_to))
        self._core.transactions[key], server.on_repeat = server, usage.repeated
        if refusal is not None:
            self._final(usage, server, refusal.status, headers=refusal.headers)
            return
        if target is not None:
            usage.dialog.remote_target = target.uri  # a target refresh (section 12.2.2)
            usage.flow = flow_of(request, source)
        usage.reinvite_server, self._owners[server] = server, usage
        usage.deliver(Reinvited(request.description))

    def answer_reinvite(self, usage: InviteDialog, status: int, body: bytes) -> None:
        """200 with a description, or a refusal that leaves the dialog as it was."""
        if usage.update_server is not None:
            self.updating.answer(usage, status, body)
            return
        server = usage.reinvite_server
        if server is None or usage.phase is not Phase.CONFIRMED:
            return
        response = self._final(usage, server, status, body)
        if status < 300:
            self._await_ack(usage, server, response)
        else:
            self._core.uac.reinvite_waiting(usage)

    def _final(
        self, usage: InviteDialog, server: InviteServer, status: int, body: bytes = b"", headers: Headers = ()
    ) -> Response:
        """The final response to a re-INVITE."""
        if usage.reinvite_server is server:
            usage.reinvite_server = None
        self._owners.pop(server, None)
        fields: Fields = [*headers, ("Allow", ALLOW), ("Server", self._core.parts.user_agent)]
        if status < 300:
            timer = usage.refreshing.answer(server.request) if usage.refreshing is not None else []
            fields = [("Contact", self._core.contact_in(usage, usage.peer)), *timer, *fields]
        else:
            server.on_ack = usage.received
        if body:
            fields.append(("Content-Type", SDP))
            usage.described = body
        response = respond(server.request, status, headers=fields, body=body)
        server.respond(response)
        usage.sent(response)
        return response

    def transaction_over(self, server: InviteServer) -> None:
        """Its owner, if it never answered, cannot any more."""
        self._owners.pop(server, None)


def flow_of(request: Request, source: Address) -> Address | None:
    """Where a peer is reached whose Contact is of no use: it has sent this itself, from another address than it believes to have
    (a NAT), or by a WebSocket, whose client cannot be connected to (RFC 7118 section 5). ``None``: its Contact will do.
    """
    if request.contact is None or len(request.items("via")) > 1 or request.headers_all("record-route"):
        return None  # proxies know the way back to what they have passed on
    contact = request.contact.uri
    if source.transport in {"ws", "wss"}:
        return source
    misled = request.via.host != source.host if is_address(request.via.host) else source.reliable
    return source if misled and is_address(contact.host) and contact.host != source.host else None


def _capabilities() -> Fields:
    """What an OPTIONS request is told (section 11.2)."""
    return [("Allow", ALLOW), ("Accept", ACCEPT), ("Accept-Encoding", "identity"), ("Supported", ", ".join(sorted(SUPPORTED)))]


def _otherwise(request: Request, reply_to: Address) -> Address | None:
    """Where responses go when the connection that the request came by is gone (section 18.2.2)."""
    port = request.via.port or DEFAULT_PORTS.get(reply_to.transport, 5060)
    return Address(reply_to.host, port, reply_to.transport) if reply_to.reliable else None
