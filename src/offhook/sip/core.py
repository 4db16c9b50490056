"""The SIP core: bytes in, bytes and events out. No socket, no loop, no clock and no randomness of its own.

``receive`` takes what came, ``wake`` does what is due, ``deadline`` says when that is. The rest is what ``InviteDialog`` wishes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from offhook.sip.dialog import DEFAULT_PORTS, Dialog, DialogId, hop
from offhook.sip.digest import Credentials
from offhook.sip.errors import SipParseError
from offhook.sip.fitness import ALLOW, RECOGNISED
from offhook.sip.headers import MAGIC, Address
from offhook.sip.invite import IncomingInvite, InviteDialog, OutgoingInvite, Phase
from offhook.sip.locating import Failover, unlocated
from offhook.sip.message import Message, Request, Response, has_tag, parse_message, respond
from offhook.sip.refreshing import Refreshing
from offhook.sip.reliable import Pracks
from offhook.sip.requests import IncomingRequest
from offhook.sip.sending import Sending
from offhook.sip.timers import Timer, Timers
from offhook.sip.transaction import ClientTransaction, InviteServer, NonInviteServer, State, Transaction
from offhook.sip.uac import Uac
from offhook.sip.uas import Uas
from offhook.sip.uri import NameAddr, Uri, split_list

Located = Callable[[Address | None, str], None]
Headers = Sequence[tuple[str, str]]

MAX_REASON_CHARACTERS = 120


def _as_it_is(address: Address, then: Located) -> None:
    then(address, "")


@dataclass(frozen=True, slots=True)
class CoreParts:
    """What the core is handed, because it has none of its own."""

    transmit: Callable[[bytes, Address, Address | None], None]
    """Send bytes to an address; a response whose connection is gone goes to the second one."""
    time: Callable[[], float]
    """Loop time, s."""
    token: Callable[[int], str]
    """That many random hexadecimal digits."""
    local: Callable[[Address], tuple[str, int]]
    """The host and port of ours that this peer reaches us at."""
    on_invite: Callable[[IncomingInvite], None]
    """A new INVITE came in; its owner answers or refuses it."""
    on_request: Callable[[IncomingRequest], None] | None = None
    """A REGISTER came in; without this they get 405."""
    hears: Callable[[Address, Request | None], bool] = lambda _source, _request: True
    """Whether a message of this address is looked at; asked again with each new request outside of a dialog."""
    user_agent: str = "Offhook"
    locate: Callable[[Address, Located], None] = _as_it_is
    """Make an IP address of a host name, now or later; with ``None`` and the reason when there is none."""
    candidates: Callable[[Address, bool, Callable[[list[Address], str], None]], None] | None = None
    """Find all servers of an address (port 0: none is named), whose transport may be chosen or not, in the order to try them
    (RFC 3263); without this only ``locate`` is asked."""
    connected: Callable[[Address], bool] = lambda address: address.reliable
    """Whether a connection to this address stands."""
    transports: frozenset[str] = frozenset({"udp", "tcp"})
    """By which requests can be sent to an address that has not opened a connection itself."""
    session_s: int = 1800
    """The session timer that we ask for and agree to (RFC 4028), s; 0: none is asked for."""
    max_transactions: int = 20_000
    """New INVITEs above this get 503."""


class Core:
    """Transactions and dialogs of one node."""

    def __init__(self, parts: CoreParts) -> None:
        self.parts = parts
        self.timers = Timers()
        self.transactions: dict[tuple[str, ...], Transaction] = {}
        self.dialogs: dict[DialogId, InviteDialog] = {}
        self.merged: dict[tuple[str, str, int], tuple[str, ...]] = {}
        """The transactions of open INVITEs, by what their copies would have in common."""
        self.dropped = 0
        """Messages that were thrown away: unreadable, or answers to nothing."""
        self.messages: Counter[tuple[str, ...]] = Counter()
        """By way, ``received`` or ``sent``, and by method or status."""
        self.repeats: Counter[tuple[str, ...]] = Counter()
        """Messages that came or were sent again, by way."""
        self.failover = Failover()
        self.uas = Uas(self)
        self.uac = Uac(self)
        self._secret = parts.token(32).encode()
        self._spoken = " or ".join(sorted((each.upper() for each in parts.transports), reverse=True))

    # -- what comes in ---------------------------------------------------------------------------------------------

    def receive(self, data: bytes, source: Address) -> None:
        """Take one message. Nothing that a peer can send raises."""
        message: Message | None = None
        if not self.parts.hears(source, None):
            self.dropped += 1
            return
        try:
            message = parse_message(data, stream=source.framed)
            if isinstance(message, Response):
                self.messages["received", str(message.status)] += 1
                self._response(message)
            else:
                # Strangers may make up any method; they must not make up figures.
                self.messages["received", message.method if message.method in RECOGNISED else "other"] += 1
                self._request(message, source)
        except SipParseError as error:
            self.dropped += 1
            self._answer_bad(error, message or error.partial, source)

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

    def close(self) -> None:
        """Forget everything; the events of all dialogs end."""
        for usage in list(self.dialogs.values()):
            usage.events.close()
        self.timers.clear()
        for table in (self.transactions, self.dialogs, self.merged):
            table.clear()
        self.uas.close()
        self.uac.close()

    def _response(self, response: Response) -> None:
        # A response with two Via values was meant for somebody behind us (section 8.1.3.3).
        transaction = None
        if len(response.headers_all("via")) == 1 and "," not in response.headers_all("via")[0]:
            transaction = self.transactions.get(("client", response.via.branch, response.cseq.method))
        if isinstance(transaction, ClientTransaction):
            transaction.receive(response)
        else:
            self.dropped += 1

    def _request(self, request: Request, source: Address) -> None:
        key = server_key(request)
        transaction = self.transactions.get(key)
        if request.method == "ACK":
            if isinstance(transaction, InviteServer) and transaction.state is not State.ACCEPTED:
                transaction.acknowledge(request)
            else:
                self.uas.ack(request)
        elif isinstance(transaction, InviteServer | NonInviteServer):
            transaction.receive()
        else:
            _check(request)
            reply_to = request.via.reply_to(source)
            _stamp(request, source)
            self.uas.request(request, key, source, reply_to)

    # -- answers without a transaction -----------------------------------------------------------------------------

    def reply(self, request: Request, reply_to: Address, response: Response) -> None:
        """Send a response and remember nothing (section 8.2.7): a request that comes again is answered again, alike."""
        self.transmit(response.to_bytes(), reply_to, sent_by(request, reply_to))

    def answer(
        self, request: Request, status: int, reason: str | None = None, *, headers: Headers = (), tag: str | None = None
    ) -> Response:
        """A response outside a dialog. Its tag follows from the request, so that repeats get the same one."""
        to_tag = tag or (None if has_tag(request) else self._tag(request))
        return respond(request, status, reason, to_tag=to_tag, headers=[*headers, ("Server", self.parts.user_agent)])

    def _tag(self, request: Request) -> str:
        text = "\n".join([request.header("via") or "", request.header("call-id") or "", request.header("cseq") or ""])
        return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), key=self._secret, digest_size=8).hexdigest()

    def _answer_bad(self, error: SipParseError, message: Message | None, source: Address) -> None:
        """400 with the reason, where there is enough of a request to answer (RFC 4475 section 3.1.2); else silence."""
        if not isinstance(message, Request) or message.method == "ACK":
            return
        try:
            reply_to = message.via.reply_to(source)
        except SipParseError:
            return
        if self._is_open(message):
            return  # a damaged copy: what was taken already is not refused
        if message.header("cseq"):  # with the Via, enough for the peer to know its request by
            _stamp(message, source)
            why = str(error).encode("ascii", "replace").decode()[:MAX_REASON_CHARACTERS]
            reason = f"Bad Request ({why})" if error.status == 400 else None
            self.reply(message, reply_to, self.answer(message, error.status, reason))

    def _is_open(self, request: Request) -> bool:
        """Whether there is a transaction that would take the answer for its own."""
        try:
            key = server_key(request)
            words = (request.header("cseq") or "").split()[-1:]  # of which the answer is a copy
            return any((*key[:-1], method) in self.transactions for method in (request.method, *words))
        except SipParseError:
            return False

    # -- Wire: what transactions ask for ---------------------------------------------------------------------------

    def transmit(self, data: bytes, address: Address, otherwise: Address | None = None) -> None:
        """Send bytes."""
        self.messages["sent", (data[8:11] if data.startswith(b"SIP/2.0 ") else data[: data.find(b" ")]).decode()] += 1
        self.parts.transmit(data, address, otherwise)

    def after(self, delay_s: float, act: Callable[[], None]) -> Timer:
        """Do something later."""
        return self.timers.at(self.parts.time() + delay_s, act)

    def forget(self, transaction: Transaction) -> None:
        """A transaction has terminated."""
        self.transactions.pop(transaction.key, None)
        if isinstance(transaction, InviteServer):
            mark = merge_key(transaction.request)
            if self.merged.get(mark) == transaction.key:
                del self.merged[mark]
            self.uas.transaction_over(transaction)

    def repeated(self, *, sent: bool) -> None:
        """A message was sent or came again."""
        self.repeats["sent" if sent else "received",] += 1

    # -- shared by both sides --------------------------------------------------------------------------------------

    def via(self, address: Address) -> tuple[str, str]:
        """A Via value with a new branch for a request to ``address``, and the branch."""
        branch = MAGIC + self.parts.token(20)
        host, port = self.parts.local(address)
        shown = f"[{host}]" if ":" in host else host
        return f"SIP/2.0/{address.transport.upper()} {shown}:{port};branch={branch};rport", branch

    def contact(self, address: Address, user: str | None = None, *, secure: bool = False) -> str:
        """Our Contact, as ``address`` reaches us: a SIPS URI where a ``secure`` dialog has come by TLS, which needs no more words
        to say so (RFC 5630 section 3.1.4).
        """
        host, port = self.parts.local(address)
        kind = "ws" if address.transport == "wss" else address.transport  # a URI knows no other word (RFC 7118 section 5.2.3)
        scheme = "sips" if secure and address.transport in {"tls", "wss"} else "sip"
        parameters = () if kind == "udp" or (scheme, kind) == ("sips", "tls") else (("transport", kind),)
        return f"<{Uri(host=host, port=port, user=user, scheme=scheme, parameters=parameters)}>"

    def contact_in(self, usage: InviteDialog, address: Address) -> str:
        """Our Contact in a dialog: but for where ``address`` reaches us, the same in all of its messages."""
        return self.contact(address, usage.contact_user, secure=usage.dialog.secure)

    def common(self) -> list[tuple[str, str]]:
        """Fields that our requests within a dialog carry."""
        return [("Allow", ALLOW), ("User-Agent", self.parts.user_agent)]

    def locate(self, usage: InviteDialog, then: Callable[[list[Address], str, bool], None]) -> None:
        """Find where the next request of a dialog goes: the addresses to try, or none and why; and whether we may choose TCP or
        UDP.

        Over TCP the connection that the dialog came by is used while it stands: a peer behind NAT has no other.
        """
        dialog, peer = usage.dialog, usage.peer
        if usage.flow is not None and not dialog.route_set:
            then([usage.flow], "", False)
            return
        uri = dialog.next_uri()
        wanted = hop(uri, dialog.transport or "udp")
        same_way = peer.reliable and wanted.transport == peer.transport and (not dialog.route_set or wanted.host == peer.host)
        if same_way and usage.phase is not Phase.EARLY and self.parts.connected(peer):
            then([peer], "", False)
            return
        if uri.scheme not in {"sip", "sips"} or wanted.transport not in self.parts.transports or not wanted.host:
            then([], f"transport: {uri} cannot be reached by {self._spoken}", False)
            return
        free = dialog.transport is None and uri.transport is None
        if self.parts.candidates is not None:
            address, choose = unlocated(uri, dialog.transport)
            self.parts.candidates(address, choose, lambda found, why: then(found, why, free))
        else:
            self.parts.locate(wanted, lambda address, why: then([] if address is None else [address], why, free))

    def add_dialog(self, usage: InviteDialog, dialog_id: DialogId | None = None) -> None:
        """Find it by its id, or by that of an early fork, from now on."""
        found = dialog_id or usage.dialog.id
        if found not in usage.ids:
            usage.ids.append(found)
        self.dialogs[found] = usage

    def remove_dialog(self, usage: InviteDialog) -> None:
        """It is over; requests for it get 481."""
        usage.phase = Phase.OVER
        if usage.refreshing is not None:
            usage.refreshing.stop()
        if isinstance(usage, IncomingInvite) and usage.provisionals is not None:
            usage.provisionals.stop()
        if usage.reinviting is not None:
            usage.reinviting.give_up()
            usage.reinviting = None
        for each in usage.ids:
            if self.dialogs.get(each) is usage:
                del self.dialogs[each]
        usage.ids.clear()

    # -- wishes of the dialogs -------------------------------------------------------------------------------------

    def provisional(self, usage: IncomingInvite, status: int, body: bytes, headers: Headers) -> None:
        """180 or 183."""
        self.uas.provisional(usage, status, body, headers)

    def accept(self, usage: IncomingInvite, body: bytes, headers: Headers) -> None:
        """200 to an INVITE."""
        self.uas.accept(usage, body, headers)

    def refuse(self, usage: IncomingInvite, status: int, reason: str | None, headers: Headers) -> None:
        """300 to 699 to an INVITE."""
        self.uas.refuse(usage, status, reason, headers)

    def answer_reinvite(self, usage: InviteDialog, status: int, body: bytes) -> None:
        """The final response to the peer's re-INVITE."""
        self.uas.answer_reinvite(usage, status, body)

    def invite(
        self,
        target: Uri,
        *,
        caller: NameAddr,
        callee: NameAddr | None = None,
        body: bytes = b"",
        headers: Headers = (),
        transport: str | None = None,
        credentials: Credentials | None = None,
        route: Sequence[NameAddr] = (),
        flow: Address | None = None,
    ) -> OutgoingInvite:
        """Send an INVITE to ``target``; without ``transport`` the URI says which, or else the length."""
        address = flow or hop(route[0].uri if route else target, transport or "udp")
        dialog = Dialog(
            call_id=self.parts.token(32),
            local=caller.tagged(self.parts.token(16)),
            remote=callee or NameAddr(replace(target, parameters=(), headers="") if target.scheme != "tel" else target),
            remote_target=target,
            route_set=tuple(route),
            transport=transport,
            secure="sips" in {target.scheme, route[0].uri.scheme if route else ""},
        )
        usage = OutgoingInvite(self, dialog, address, credentials)
        usage.flow = flow
        usage.refreshing = Refreshing(self, usage, self.parts.session_s)
        if body:  # a reliable response to an INVITE without an offer would bring one, which its PRACK had to answer
            usage.pracks = Pracks(self, usage)
        self.uac.invite(usage, body, headers)
        return usage

    def cancel(self, usage: OutgoingInvite) -> None:
        """Withdraw an INVITE of ours."""
        self.uac.cancel(usage)

    def reinvite(self, usage: InviteDialog, body: bytes) -> None:
        """Offer a change within a dialog."""
        self.uac.reinvite(usage, body)

    def ack(self, usage: InviteDialog, body: bytes) -> None:
        """The ACK that waits for our answer."""
        self.uac.late_ack(usage, body)
        self.uac.reinvite_waiting(usage)

    def bye(self, usage: InviteDialog, headers: Headers) -> None:
        """Hang up, in the way that the phase asks for."""
        if usage.phase is Phase.CONFIRMED:
            self.hang_up(usage, headers)
        elif usage.phase is Phase.ANSWERED:
            usage.phase = Phase.LEAVING
            usage.hangup_waits = headers  # not before the ACK, or the end of waiting for it (section 15)
            usage.events.close()
        elif isinstance(usage, OutgoingInvite):
            self.uac.cancel(usage)
        elif isinstance(usage, IncomingInvite):
            self.uas.refuse(usage, 480, None, headers)

    def hang_up(self, usage: InviteDialog, headers: Headers = ()) -> None:
        """Send BYE. The dialog stays until it is answered, so that a BYE of the peer's which crosses ours finds it."""
        self.uac.late_ack(usage, b"")
        self.uas.leave(usage)
        if usage.refreshing is not None:
            usage.refreshing.stop()
        usage.phase = Phase.LEAVING
        usage.events.close()
        if usage.glare is not None:
            usage.glare.cancel()

        def done(_result: object) -> None:
            self.remove_dialog(usage)

        fields = [*headers, ("User-Agent", self.parts.user_agent)]
        Sending(self, usage, "BYE", headers=fields, on_response=_final(done), on_failure=done).start()

    def info(self, usage: InviteDialog, content_type: str, body: bytes) -> None:
        """INFO within a confirmed dialog."""
        if usage.phase is Phase.CONFIRMED:
            fields = [("Content-Type", content_type), ("User-Agent", self.parts.user_agent)]
            Sending(self, usage, "INFO", headers=fields, body=body, on_response=_ignore, on_failure=_ignore).start()


def _ignore(_result: object) -> None:
    """What the peer says to it changes nothing."""


def _final(done: Callable[[Response], None]) -> Callable[[Response], None]:
    return lambda response: done(response) if response.status >= 200 else None


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


def sent_by(request: Request, reply_to: Address) -> Address | None:
    """Where a response goes when the connection that its request came by is gone (section 18.2.2)."""
    return replace(reply_to, port=request.via.port or DEFAULT_PORTS.get(reply_to.transport, 5060)) if reply_to.reliable else None


def _check(request: Request) -> None:
    """What every request must have (section 8.1.1); raises ``SipParseError``."""
    if request.cseq.method != request.method:
        status = 400 if request.method in RECOGNISED else 501  # RFC 4475 section 3.1.2.18
        raise SipParseError("the method of CSeq is not that of the request", partial=request, status=status)
    _ = request.call_id, request.from_, request.to
    request.check_vias()
    forwards = request.header("max-forwards")
    if forwards is not None and not (forwards.isascii() and forwards.isdigit() and len(forwards) <= 9 and int(forwards) <= 255):
        raise SipParseError("Max-Forwards is not a number from 0 to 255", partial=request)


def _stamp(request: Request, source: Address) -> None:
    """Put ``received`` and ``rport`` into the topmost Via, which every response copies."""
    seen = request.via.seen_from(source)
    if seen is not request.via:
        values = request.headers_all("via")
        values[0] = ", ".join([str(seen), *split_list(values[0])[1:]])
        request.__dict__["via"] = seen
