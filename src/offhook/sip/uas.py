"""The server side: requests that come in, with and without a dialog (RFC 3261 sections 8.2, 9.2, 12.2.2, 13.3, 14.2, 15.1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from offhook.sip.dialog import Dialog
from offhook.sip.errors import HeaderError, SipParseError
from offhook.sip.headers import Address
from offhook.sip.invite import Acknowledged, Cancelled, Ended, IncomingInvite, InfoReceived, InviteDialog, Lost, Reinvited
from offhook.sip.message import Request, Response, respond
from offhook.sip.timers import Timer
from offhook.sip.transaction import T1, T2, TIMEOUT, InviteServer, NonInviteServer, State

if TYPE_CHECKING:
    from offhook.sip.core import Core

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO"
KNOWN_METHODS = frozenset({"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO"})
ACCEPT = "application/sdp, application/dtmf-relay"
SDP = "application/sdp"


class _Repeats:
    """Our 200, sent again until its ACK comes (section 13.3.1.4)."""

    def __init__(self, server: InviteServer, response: Response) -> None:
        self.server = server
        self.response = response
        self.timers: list[Timer] = []

    def cancel(self) -> None:
        for timer in self.timers:
            timer.cancel()


class Uas:
    """Answers requests; makes ``IncomingInvite`` of INVITEs."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._repeats: dict[InviteDialog, _Repeats] = {}
        self._pending: dict[InviteServer, IncomingInvite] = {}

    # -- requests --------------------------------------------------------------------------------------------------

    def request(self, request: Request, key: tuple[str, ...], source: Address) -> None:
        """A new request, not an ACK; its transaction is made here."""
        reply_to = request.via.reply_to(source)
        if request.method == "CANCEL":
            self._cancel(request, key, reply_to)
            return
        if request.method == "INVITE":
            self._any_invite(request, key, source, reply_to)
            return
        server = NonInviteServer(self._core, key, request, reply_to)
        self._core.transactions[key] = server
        refusal = self._unfit(request)
        if refusal is not None:
            server.respond(refusal)
        elif request.to.tag:
            self._in_dialog(request, server)
        elif request.method == "OPTIONS":
            server.respond(self._answer(request, 200, headers=[("Accept", ACCEPT), ("Allow", ALLOW), ("Supported", "")]))
        else:
            server.respond(self._answer(request, 481))

    def _unfit(self, request: Request) -> Response | None:
        """The refusal of a request that we cannot treat at all (sections 8.2.1 to 8.2.3), ``None`` for a fit one."""
        if request.method not in KNOWN_METHODS:
            return self._answer(request, 405, headers=[("Allow", ALLOW)])
        try:
            scheme = request.uri.scheme
        except HeaderError as error:
            return self._answer(request, 400, f"Bad Request-URI ({error.expected} expected)")
        if scheme not in {"sip", "sips", "tel"}:
            return self._answer(request, 416)
        forwards = request.header("max-forwards")
        if forwards is not None and int(forwards) == 0 and request.method != "OPTIONS" and not request.to.tag:
            return self._answer(request, 483)
        required = request.items("require")
        if required:
            return self._answer(request, 420, headers=[("Unsupported", ", ".join(required)[:256])])
        return None

    def _answer(
        self,
        request: Request,
        status: int,
        reason: str | None = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        tag: str | None = None,
    ) -> Response:
        to_tag = tag or self._core.parts.token(16)
        return respond(request, status, reason, to_tag=to_tag, headers=[*headers, ("User-Agent", self._core.parts.user_agent)])

    def _in_dialog(self, request: Request, server: NonInviteServer) -> None:
        usage = self._core.dialogs.get((request.call_id, request.to.tag or "", request.from_.tag or ""))
        if usage is None:
            server.respond(self._answer(request, 481))
            return
        usage.received(request)
        if self._stale(usage, request):
            server.respond(self._answer(request, 500, "Out of order"))
            return
        if request.method == "BYE":
            self._bye(usage, request, server)
        elif request.method == "INFO":
            server.respond(self._answer(request, 200))
            usage.deliver(InfoReceived((request.header("content-type") or "").lower(), request.body))
        else:
            server.respond(self._answer(request, 200, headers=[("Accept", ACCEPT), ("Allow", ALLOW)]))

    def _stale(self, usage: InviteDialog, request: Request) -> bool:
        """Whether its CSeq is not above the last one (section 12.2.2); else it is the last one now."""
        number, last = request.cseq.number, usage.dialog.remote_sequence
        if last is not None and number <= last:
            return True
        usage.dialog.remote_sequence = number
        return False

    def _bye(self, usage: InviteDialog, request: Request, server: NonInviteServer) -> None:
        response = self._answer(request, 200)
        server.respond(response)
        usage.sent(response)
        if usage.reinvite_server is not None:
            self._final(usage.reinvite_server, 487)
        if isinstance(usage, IncomingInvite) and not usage.answered and not usage.refused:
            # BYE for an early dialog: the INVITE is still open (section 15.1.2).
            usage.refused = True
            self._final(usage.server, 487)
        self._stop_repeats(usage)
        self._core.remove_dialog(usage)
        usage.deliver(Ended(request.header("reason")))

    # -- INVITE ----------------------------------------------------------------------------------------------------

    def _any_invite(self, request: Request, key: tuple[str, ...], source: Address, reply_to: Address) -> None:
        server = InviteServer(self._core, key, request, reply_to)
        self._core.transactions[key] = server
        refusal = self._unfit(request)
        if refusal is not None:
            server.respond(refusal)
        elif request.to.tag:
            self._reinvite(request, server)
        else:
            self._invite(request, server, source)

    def _invite(self, request: Request, server: InviteServer, source: Address) -> None:
        mark = (request.call_id, request.from_.tag or "", request.cseq.number)
        if mark in self._core.merged:
            server.respond(self._answer(request, 482))
            return
        content_type = (request.header("content-type") or SDP).partition(";")[0].strip().lower()
        if request.body and content_type != SDP:
            server.respond(self._answer(request, 415, headers=[("Accept", SDP)]))
            return
        try:
            dialog = Dialog.answering(request, self._core.parts.token(16), source.transport)
        except SipParseError as error:
            server.respond(self._answer(request, 400, f"Bad Request ({error})"[:100].replace("\r", " ").replace("\n", " ")))
            return
        self._core.merged[mark] = server.key
        server.respond(respond(request, 100))
        usage = IncomingInvite(self._core, dialog, source, request, server)
        self._pending[server] = usage
        self._core.add_dialog(usage)
        usage.received(request)
        self._core.parts.on_invite(usage)

    def provisional(self, usage: IncomingInvite, status: int, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
        """180 or 183 with our tag: the dialog is early."""
        if usage.answered or usage.refused or usage.over:
            return
        self._respond(usage, status, None, body, headers)

    def accept(self, usage: IncomingInvite, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
        """200, repeated until the ACK."""
        if usage.answered or usage.refused or usage.over:
            return
        usage.answered = True
        self._pending.pop(usage.server, None)
        response = self._respond(usage, 200, None, body, [("Supported", ""), *headers])
        self._await_ack(usage, usage.server, response)

    def refuse(self, usage: IncomingInvite, status: int, reason: str | None, headers: Sequence[tuple[str, str]]) -> None:
        """A final refusal; the dialog is gone."""
        if usage.answered or usage.refused or usage.over:
            return
        usage.refused = True
        self._pending.pop(usage.server, None)
        self._respond(usage, status, reason, b"", headers)
        self._core.remove_dialog(usage)
        usage.stop()

    def _respond(
        self, usage: IncomingInvite, status: int, reason: str | None, body: bytes, headers: Sequence[tuple[str, str]]
    ) -> Response:
        extra = [*headers, ("Allow", ALLOW), ("User-Agent", self._core.parts.user_agent)]
        if status < 300:
            extra.insert(0, ("Contact", self._core.contact(usage.peer, usage.request.uri.user)))
        if body:
            extra.append(("Content-Type", SDP))
        response = respond(usage.request, status, reason, to_tag=usage.dialog.local.tag, headers=extra, body=body)
        usage.server.respond(response)
        usage.sent(response)
        return response

    def _await_ack(self, usage: InviteDialog, server: InviteServer, response: Response) -> None:
        repeats = _Repeats(server, response)
        self._repeats[usage] = repeats
        core = self._core

        def again(interval_s: float) -> None:
            server.respond(response)
            repeats.timers[0] = core.after(interval_s, lambda: again(min(2 * interval_s, T2)))

        def given_up() -> None:
            self._stop_repeats(usage)
            usage.confirmed = True
            usage.deliver(Lost("timeout: no ACK came for our 200"))
            core.hang_up(usage)

        # Also over a reliable transport: a proxy behind it may not be on one (section 13.3.1.4).
        repeats.timers = [core.after(T1, lambda: again(2 * T1)), core.after(TIMEOUT, given_up)]

    def _stop_repeats(self, usage: InviteDialog) -> None:
        repeats = self._repeats.pop(usage, None)
        if repeats is not None:
            repeats.cancel()

    def ack(self, request: Request) -> None:
        """The ACK of a 2xx: it belongs to the dialog, not to a transaction (section 13.2.2.4)."""
        usage = self._core.dialogs.get((request.call_id, request.to.tag or "", request.from_.tag or ""))
        if usage is None or usage not in self._repeats:
            return  # a repeat, or for nobody: an ACK is never answered
        usage.received(request)
        self._stop_repeats(usage)
        first = not usage.confirmed
        usage.confirmed = True
        usage.reinvite_server = None
        if isinstance(usage, IncomingInvite) and usage.hangup_waits is not None:
            self._core.hang_up(usage, usage.hangup_waits)
        elif first:
            usage.deliver(Acknowledged(request.body))

    def _cancel(self, request: Request, key: tuple[str, ...], reply_to: Address) -> None:
        """200 to the CANCEL, 487 to the INVITE, if that is still open (section 9.2)."""
        server = NonInviteServer(self._core, key, request, reply_to)
        self._core.transactions[key] = server
        invite = self._core.transactions.get((*key[:-1], "INVITE"))
        if not isinstance(invite, InviteServer):
            server.respond(self._answer(request, 481))
            return
        usage = self._pending.get(invite)
        server.respond(self._answer(request, 200, tag=usage.dialog.local.tag if usage else None))
        if invite.state is not State.PROCEEDING:
            return
        if usage is None:
            self._final(invite, 487)  # a re-INVITE is withdrawn: the dialog stays
            return
        usage.received(request)
        usage.refused = True
        self._pending.pop(invite, None)
        self._respond(usage, 487, None, b"", ())
        self._core.remove_dialog(usage)
        usage.deliver(Cancelled(request.header("reason")))

    # -- re-INVITE -------------------------------------------------------------------------------------------------

    def _reinvite(self, request: Request, server: InviteServer) -> None:
        usage = self._core.dialogs.get((request.call_id, request.to.tag or "", request.from_.tag or ""))
        if usage is None:
            server.respond(self._answer(request, 481))
            return
        usage.received(request)
        if self._stale(usage, request):
            server.respond(self._answer(request, 500, "Out of order"))
        elif usage.reinvite_server is not None or not usage.confirmed:
            server.respond(self._answer(request, 500, headers=[("Retry-After", "5")]))  # section 14.2
        elif usage.reinvite_client is not None:
            server.respond(self._answer(request, 491))
        else:
            if request.contact is not None:
                usage.dialog.remote_target = request.contact.uri  # a target refresh (section 12.2.2)
            server.respond(respond(request, 100))
            usage.reinvite_server = server
            usage.deliver(Reinvited(request.body))

    def answer_reinvite(self, usage: InviteDialog, status: int, body: bytes) -> None:
        """200 with a description, or a refusal that leaves the dialog as it was."""
        server = usage.reinvite_server
        if server is None or usage.over:
            return
        response = self._final(server, status, body, contact=self._core.contact(usage.peer))
        usage.sent(response)
        if status < 300:
            self._await_ack(usage, server, response)
        else:
            usage.reinvite_server = None

    def _final(self, server: InviteServer, status: int, body: bytes = b"", *, contact: str | None = None) -> Response:
        headers = [("Allow", ALLOW), ("User-Agent", self._core.parts.user_agent)]
        if contact is not None and status < 300:
            headers.insert(0, ("Contact", contact))
        if body:
            headers.append(("Content-Type", SDP))
        response = respond(server.request, status, to_tag=self._core.parts.token(16), headers=headers, body=body)
        if server.state is State.PROCEEDING:
            server.respond(response)
        return response

    def transaction_over(self, server: InviteServer) -> None:
        """Its owner, if it never answered, cannot any more."""
        self._pending.pop(server, None)
