"""The SIP core: bytes in, bytes and events out. No socket, no loop, no clock and no randomness of its own.

``receive`` takes what came, ``wake`` does what is due, ``deadline`` says when that is. The rest is what ``InviteDialog`` wishes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from offhook.sip.dialog import DialogId
from offhook.sip.digest import Credentials
from offhook.sip.errors import SipParseError
from offhook.sip.headers import MAGIC, Address
from offhook.sip.invite import IncomingInvite, InviteDialog, OutgoingInvite
from offhook.sip.message import Request, Response, parse_message, respond
from offhook.sip.timers import Timer, Timers
from offhook.sip.transaction import (
    ClientTransaction,
    Cue,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    State,
    Transaction,
)
from offhook.sip.uac import Uac
from offhook.sip.uas import ALLOW, Uas
from offhook.sip.uri import NameAddr, Uri


@dataclass(frozen=True, slots=True)
class CoreParts:
    """What the core is handed, because it has none of its own."""

    transmit: Callable[[bytes, Address], None]
    """Send bytes to an address."""
    time: Callable[[], float]
    """Loop time, s."""
    token: Callable[[int], str]
    """That many random hexadecimal digits."""
    local: Callable[[Address], tuple[str, int]]
    """The host and port of ours that this peer reaches us at."""
    on_invite: Callable[[IncomingInvite], None]
    """A new INVITE came in; its owner answers or refuses it."""
    user_agent: str = "Offhook"


class Core:
    """Transactions and dialogs of one node."""

    def __init__(self, parts: CoreParts) -> None:
        self.parts = parts
        self.timers = Timers()
        self.transactions: dict[tuple[str, ...], Transaction] = {}
        self.dialogs: dict[DialogId, InviteDialog] = {}
        self.merged: dict[tuple[str, str, int], tuple[str, ...]] = {}
        self.dropped = 0
        """Messages that were thrown away: unreadable, or answers to nothing."""
        self.uas = Uas(self)
        self.uac = Uac(self)

    # -- what comes in ---------------------------------------------------------------------------------------------

    def receive(self, data: bytes, source: Address) -> None:
        """Take one message. Nothing that a peer can send raises."""
        try:
            message = parse_message(data, stream=source.reliable)
        except SipParseError as error:
            self.dropped += 1
            self._refuse_unreadable(data, source, str(error))
            return
        try:
            if isinstance(message, Response):
                self._response(message)
            else:
                self._request(message, source)
        except SipParseError as error:
            self.dropped += 1
            if isinstance(message, Request):
                self._answer_bad(message, source, str(error))

    def wake(self) -> None:
        """Do what is due."""
        self.timers.run(self.parts.time())

    @property
    def deadline(self) -> float | None:
        """When ``wake`` wants to be called, loop time."""
        return self.timers.deadline

    def transport_failed(self, address: Address, why: str) -> None:
        """Nothing can be sent to ``address``: client transactions there fail now (RFC 3261 section 17.1.4)."""
        for transaction in [each for each in self.transactions.values() if each.address == address]:
            if isinstance(transaction, ClientTransaction):
                transaction.failed(why)

    def _response(self, response: Response) -> None:
        key = ("client", response.via.branch, response.cseq.method)
        transaction = self.transactions.get(key)
        if isinstance(transaction, ClientTransaction):
            transaction.receive(response)
        elif response.cseq.method == "INVITE" and 200 <= response.status < 300:
            self.uac.stray_success(response)
        else:
            self.dropped += 1

    def _request(self, request: Request, source: Address) -> None:
        key = server_key(request)
        transaction = self.transactions.get(key)
        if isinstance(transaction, InviteServer):
            if request.method == "ACK":
                transaction.receive(Cue.ACK)
                if transaction.state is not State.ACCEPTED:
                    return
            else:
                transaction.receive(Cue.REQUEST)
                return
        elif isinstance(transaction, NonInviteServer):
            transaction.receive(Cue.REQUEST)
            return
        if request.method == "ACK":
            self.uas.ack(request)
            return
        _check(request)
        request.headers[:] = _with_source(request, source)
        request.__dict__.pop("_index", None)
        request.__dict__.pop("via", None)
        self.uas.request(request, key, source)

    def _answer_bad(self, request: Request, source: Address, why: str) -> None:
        """400 with the reason, where there is enough of a request to answer (RFC 4475 section 3.1.2)."""
        if request.method == "ACK":
            return
        try:
            reply_to = request.via.reply_to(source)
            if not (request.header("call-id") and request.header("from") and request.header("to") and request.header("cseq")):
                return
        except SipParseError:
            return
        response = respond(
            request, 400, f"Bad Request ({why[:80]})".replace("\r", " ").replace("\n", " "), to_tag=self.parts.token(16)
        )
        self.parts.transmit(response.to_bytes(), reply_to)

    def _refuse_unreadable(self, data: bytes, source: Address, why: str) -> None:
        """A body that is shorter than promised still has a header to answer; anything else is dropped without a word."""
        if "Content-Length says" not in why or source.reliable:
            return
        head = data.partition(b"\r\n\r\n")[0]
        lines = [
            line for line in head.split(b"\r\n") if not line.lower().replace(b" ", b"").startswith((b"content-length:", b"l:"))
        ]
        try:
            message = parse_message(b"\r\n".join(lines) + b"\r\n\r\n")
        except SipParseError:
            return
        if isinstance(message, Request):
            self._answer_bad(message, source, why)

    # -- Wire: what transactions ask for ---------------------------------------------------------------------------

    def transmit(self, data: bytes, address: Address) -> None:
        """Send bytes."""
        self.parts.transmit(data, address)

    def after(self, delay_s: float, act: Callable[[], None]) -> Timer:
        """Do something later."""
        return self.timers.at(self.parts.time() + delay_s, act)

    def forget(self, transaction: Transaction) -> None:
        """A transaction has terminated."""
        self.transactions.pop(transaction.key, None)
        if isinstance(transaction, InviteServer):
            self.merged.pop(merge_key(transaction.request), None)
            self.uas.transaction_over(transaction)

    # -- shared by both sides --------------------------------------------------------------------------------------

    def via(self, address: Address) -> tuple[str, str]:
        """A Via value with a new branch for a request to ``address``, and the branch."""
        branch = MAGIC + self.parts.token(20)
        host, port = self.parts.local(address)
        shown = f"[{host}]" if ":" in host else host
        return f"SIP/2.0/{address.transport.upper()} {shown}:{port};branch={branch};rport", branch

    def contact(self, address: Address, user: str | None = None) -> str:
        """Our Contact, as ``address`` reaches us."""
        host, port = self.parts.local(address)
        parameters = () if address.transport == "udp" else (("transport", address.transport),)
        return f"<{Uri(host=host, port=port, user=user, parameters=parameters)}>"

    def common(self) -> list[tuple[str, str]]:
        """Fields that all our requests and responses of a dialog carry."""
        return [("Allow", ALLOW), ("User-Agent", self.parts.user_agent)]

    def dialog_request(
        self,
        usage: InviteDialog,
        method: str,
        on_response: Callable[[Response], None],
        on_failure: Callable[[str], None],
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        """Send a request other than INVITE within a dialog."""
        address = usage.dialog.next_hop()
        usage.dialog.local_sequence += 1
        via, branch = self.via(address)
        request = usage.dialog.request(
            method,
            via=via,
            contact=None,
            sequence=usage.dialog.local_sequence,
            headers=[*headers, ("User-Agent", self.parts.user_agent)],
            body=body,
        )
        usage.sent(request)
        transaction = NonInviteClient(self, ("client", branch, method), request, address, State.TRYING, on_response, on_failure)
        self.transactions[transaction.key] = transaction
        transaction.start(4.0)

    def add_dialog(self, usage: InviteDialog) -> None:
        """Find it by its id from now on."""
        self.dialogs[usage.dialog.id] = usage

    def remove_dialog(self, usage: InviteDialog) -> None:
        """It is over; requests for it get 481."""
        if self.dialogs.get(usage.dialog.id) is usage:
            del self.dialogs[usage.dialog.id]

    # -- wishes of the dialogs -------------------------------------------------------------------------------------

    def provisional(self, usage: IncomingInvite, status: int, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
        """180 or 183."""
        self.uas.provisional(usage, status, body, headers)

    def accept(self, usage: IncomingInvite, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
        """200 to an INVITE."""
        self.uas.accept(usage, body, headers)

    def refuse(self, usage: IncomingInvite, status: int, reason: str | None, headers: Sequence[tuple[str, str]]) -> None:
        """300 to 699 to an INVITE."""
        self.uas.refuse(usage, status, reason, headers)

    def answer_reinvite(self, usage: InviteDialog, status: int, body: bytes) -> None:
        """The final response to the peer's re-INVITE."""
        self.uas.answer_reinvite(usage, status, body)

    def invite(
        self,
        target: Uri,
        address: Address,
        *,
        caller: NameAddr,
        callee: NameAddr | None = None,
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (),
        credentials: Credentials | None = None,
    ) -> OutgoingInvite:
        """Send an INVITE to ``target`` by way of ``address``."""
        return self.uac.invite(target, address, caller, callee or NameAddr(target), body, headers, credentials)

    def cancel(self, usage: OutgoingInvite) -> None:
        """Withdraw an INVITE of ours."""
        self.uac.cancel(usage)

    def reinvite(self, usage: InviteDialog, body: bytes) -> None:
        """Offer a change within a dialog."""
        self.uac.reinvite(usage, body)

    def bye(self, usage: InviteDialog, headers: Sequence[tuple[str, str]]) -> None:
        """Hang up."""
        if isinstance(usage, OutgoingInvite) and not usage.confirmed:
            self.uac.cancel(usage)
        elif isinstance(usage, IncomingInvite) and not usage.answered:
            self.uas.refuse(usage, 480, None, headers)
        elif isinstance(usage, IncomingInvite) and not usage.confirmed:
            usage.hangup_waits = headers
            usage.stop()
        else:
            self.hang_up(usage, headers)

    def hang_up(self, usage: InviteDialog, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Send BYE and forget the dialog. What the peer says to it does not matter."""
        if self.dialogs.get(usage.dialog.id) is not usage:
            usage.stop()
            return

        def answered(response: Response) -> None:
            usage.received(response)

        def unanswered(_why: str) -> None:
            pass

        self.dialog_request(usage, "BYE", answered, unanswered, headers=headers)
        self.remove_dialog(usage)
        usage.stop()

    def info(self, usage: InviteDialog, content_type: str, body: bytes) -> None:
        """INFO within a confirmed dialog."""
        if usage.confirmed and not usage.over:
            self.dialog_request(
                usage, "INFO", usage.received, lambda _why: None, headers=[("Content-Type", content_type)], body=body
            )


def server_key(request: Request) -> tuple[str, ...]:
    """The key of the server transaction that a request belongs to (RFC 3261 section 17.2.3)."""
    method = "INVITE" if request.method == "ACK" else request.method
    via = request.via
    if via.branch.startswith(MAGIC) and len(via.branch) > len(MAGIC):
        return ("server", via.branch, via.host.lower(), str(via.port), method)
    # RFC 2543: no magic cookie; an ACK's To may have gained our tag, so To stays out of the key.
    return ("server2543", request.uri_text, request.from_.tag or "", request.call_id, str(request.cseq.number), str(via), method)


def merge_key(request: Request) -> tuple[str, str, int]:
    """What two copies of one request that came by two ways share (section 8.2.2.2)."""
    return (request.call_id, request.from_.tag or "", request.cseq.number)


def _check(request: Request) -> None:
    """What every request must have (section 8.1.1); raises ``SipParseError``."""
    if request.cseq.method != request.method:
        raise SipParseError("the method of CSeq is not that of the request")
    _ = request.call_id, request.from_, request.to
    forwards = request.header("max-forwards")
    if forwards is not None and not (
        forwards.strip().isascii() and forwards.strip().isdigit() and int(forwards.strip()[:6]) <= 255
    ):
        raise SipParseError("Max-Forwards is not a number from 0 to 255")


def _with_source(request: Request, source: Address) -> list[tuple[str, str]]:
    """The fields, with ``received`` and ``rport`` in the topmost Via."""
    via = request.via
    seen = via.seen_from(source)
    if seen is via:
        return request.headers
    fields: list[tuple[str, str]] = []
    done = False
    for name, value in request.headers:
        if not done and name.lower() in {"via", "v"}:
            rest = request.items("via")[1:] if "," in value else []
            first_line = [str(seen), *rest[: value.count(",")]] if rest else [str(seen)]
            fields.append((name, ", ".join(first_line)))
            done = True
        else:
            fields.append((name, value))
    return fields
