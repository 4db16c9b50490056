"""The client side of INVITE: forks, CANCEL, late offers, re-INVITE (RFC 3261 sections 9.1, 13.2 and 14.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from offhook.sip.dialog import Dialog
from offhook.sip.errors import SipParseError
from offhook.sip.headers import Address
from offhook.sip.invite import (
    Answered,
    Cancelled,
    InviteDialog,
    InviteEvent,
    Lost,
    OutgoingInvite,
    Phase,
    Progressed,
    Rang,
    Reanswered,
    Refused,
)
from offhook.sip.message import SDP, Fields, Request, Response
from offhook.sip.sending import Sending
from offhook.sip.transaction import TIMEOUT, ClientTransaction, InviteClient, NonInviteClient, State

if TYPE_CHECKING:
    from offhook.sip.core import Core

MAX_GLARE_RETRIES = 4
MAX_EARLY_DIALOGS = 16
"""Forks of one INVITE that are known by their tags."""

AckKey = tuple[str, str, str, int]


class Uac:
    """Places INVITEs and follows them to their end."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._acks: dict[AckKey, tuple[bytes, Address] | None] = {}
        """ACKs of 2xx responses, sent again for each repeat of the 2xx; ``None`` while the next hop is being looked up."""
        self._open: set[OutgoingInvite] = set()
        """INVITEs without a final response."""

    def close(self) -> None:
        """Forget everything; the events of what is open end."""
        for usage in self._open:
            usage.events.close()
        self._open.clear()
        self._acks.clear()

    @property
    def withdrawing(self) -> bool:
        """Whether a cancelled INVITE still waits for its final response."""
        return any(usage.phase is Phase.CANCELLING for usage in self._open)

    # -- the first INVITE ------------------------------------------------------------------------------------------

    def invite(self, usage: OutgoingInvite, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
        """Send it; what follows comes as events."""
        self._open.add(usage)
        usage.described = body
        known = ["timer", *(["100rel"] if usage.pracks is not None else [])]
        fields = [*headers, *self._core.common(), ("Supported", ", ".join(sorted(known)))]
        usage.inviting = Sending(
            self._core,
            usage,
            "INVITE",
            headers=_with_type([*fields, *(usage.refreshing.fields() if usage.refreshing is not None else [])], body),
            body=body,
            on_response=lambda response: self._response(usage, response),
            on_failure=lambda why: self._over(usage, Lost(why)),
        )
        usage.inviting.start()

    def _over(self, usage: OutgoingInvite, event: InviteEvent) -> None:
        """Nothing came of it; what we withdrew was cancelled, whatever the answer."""
        if usage.phase not in {Phase.EARLY, Phase.CANCELLING}:
            return
        withdrawn = usage.phase is Phase.CANCELLING
        self._open.discard(usage)
        self._core.uas.leave(usage)
        self._core.remove_dialog(usage)
        usage.deliver(Cancelled() if withdrawn else event)

    def left(self, usage: InviteDialog) -> None:
        """The peer has ended a dialog, which may still have been early."""
        if isinstance(usage, OutgoingInvite) and usage in self._open:
            self._open.discard(usage)
            if usage.inviting is not None:  # a 200 may have been under way: it still gets its ACK and a BYE
                self._core.after(TIMEOUT, usage.inviting.give_up)

    def _response(self, usage: OutgoingInvite, response: Response) -> None:
        if response.status < 200:
            self._provisional(usage, response)
        elif response.status < 300:
            self._success(usage, response)
        elif response.status == 422 and self._longer(usage, response):
            return
        else:
            self._over(usage, Refused(response))

    def _longer(self, usage: OutgoingInvite, response: Response) -> bool:
        """The peer wants a longer session timer: ask again with that (RFC 4028 section 7.4)."""
        refreshing, inviting = usage.refreshing, usage.inviting
        if usage.phase is not Phase.EARLY or refreshing is None or inviting is None or not refreshing.longer(response):
            return False
        least = ("Min-SE", response.header("min-se") or "")
        inviting.again([pair for pair in refreshing.fields() if pair[0] != "Min-SE"] + [least])
        return True

    def _provisional(self, usage: OutgoingInvite, response: Response) -> None:
        usage.heard = True
        if usage.phase is Phase.CANCELLING:
            self._send_cancel(usage)
        if usage.phase is not Phase.EARLY or response.status == 100:
            return
        if usage.pracks is not None and not usage.pracks.take(response):
            return
        if response.to.tag is not None and len(usage.ids) < MAX_EARLY_DIALOGS:
            # The dialog itself stays as it was: a challenge may still come, and is answered outside of any dialog.
            self._core.add_dialog(usage, (usage.call_id, usage.local_tag, response.to.tag))
        if usage.crowded:
            return
        body = _description(usage, response)
        usage.deliver(Progressed(response.status, body) if body else Rang(response.status))

    def _success(self, usage: OutgoingInvite, response: Response) -> None:
        """The first 2xx makes the call; those of other forks are acknowledged and hung up (section 13.2.2.4)."""
        try:
            dialog = usage.dialog.confirmed_by(response)
        except SipParseError as error:
            usage.received(response)
            self._over(usage, Lost(f"the 200 cannot be used: {error}"))
            return
        key = (*dialog.id, response.cseq.number)
        if self._repeat_ack(key) or (usage.ack_due is not None and usage.dialog.id == dialog.id):
            if usage.inviting is not None and usage.inviting.transaction is not None:
                usage.inviting.transaction.repeated(response, sent=False)
            return
        usage.received(response)
        if usage.phase is not Phase.EARLY:
            self._surplus(usage, dialog, response)
            return
        self._open.discard(usage)
        self._core.remove_dialog(usage)  # the early dialogs of all forks
        usage.dialog = dialog
        usage.phase = Phase.CONFIRMED
        usage.ack_due = response.cseq.number
        self._core.add_dialog(usage)
        if usage.refreshing is not None:
            usage.refreshing.agreed(response)
        if usage.inviting is not None and usage.inviting.body:
            self.late_ack(usage, b"")
        usage.deliver(Answered(_description(usage, response), response))
        self.reinvite_waiting(usage)

    def _surplus(self, usage: OutgoingInvite, dialog: Dialog, response: Response) -> None:
        """An answer that nobody wants any more: of another fork, or after our CANCEL."""
        usage.surplus += 1
        if usage.surplus > MAX_EARLY_DIALOGS:
            return  # no proxy forks so wide: whoever goes on inventing tags gets no dialog, ACK and BYE for each
        other = OutgoingInvite(self._core, dialog, usage.peer, usage.credentials)
        other.inviting = usage.inviting
        other.observe = usage.observe
        other.phase = Phase.CONFIRMED
        other.ack_due = response.cseq.number
        self._core.add_dialog(other)
        self._core.hang_up(other)
        self._over(usage, Cancelled())

    # -- ACK -------------------------------------------------------------------------------------------------------

    def late_ack(self, usage: InviteDialog, body: bytes) -> None:
        """The ACK of a 2xx, with our answer where the offer was theirs. It has a way of its own (section 13.2.2.4)."""
        sequence, usage.ack_due = usage.ack_due, None
        if sequence is None:
            return
        core = self._core
        key = (*usage.dialog.id, sequence)
        sending = usage.inviting if isinstance(usage, OutgoingInvite) else None
        headers = _with_type([*(sending.authorization if sending is not None else []), *core.common()[1:]], body)
        self._acks[key] = None
        core.after(TIMEOUT, lambda: self._forget_ack(key))

        def located(found: list[Address], _why: str, _free: bool) -> None:
            if not found:
                return  # the peer repeats its 200 in vain and hangs up
            if key not in self._acks:
                return  # the look-up took longer than the peer waits
            address = found[0]
            via, _ = core.via(address)
            ack = usage.dialog.request("ACK", via=via, contact=None, sequence=sequence, headers=headers, body=body)
            self._acks[key] = (ack.to_bytes(), address)
            usage.sent(ack)
            self._repeat_ack(key)

        core.locate(usage, located)

    def _repeat_ack(self, key: AckKey) -> bool:
        """Send the ACK again; whether there is one."""
        if key not in self._acks:
            return False
        known = self._acks[key]
        if known is not None:
            self._core.transmit(*known)
        return True

    def _forget_ack(self, key: AckKey) -> None:
        self._acks.pop(key, None)

    # -- CANCEL ----------------------------------------------------------------------------------------------------

    def cancel(self, usage: OutgoingInvite) -> None:
        """CANCEL now, or after the first provisional response (section 9.1); BYE where it was answered."""
        if usage.phase is Phase.CONFIRMED:
            self._core.hang_up(usage)
        elif usage.phase is Phase.EARLY and usage.inviting is not None:
            usage.phase = Phase.CANCELLING
            if usage.inviting.transaction is None:
                usage.inviting.abandon()  # its next hop is still being looked up
                self._over(usage, Cancelled())
            elif usage.heard:
                self._send_cancel(usage)

    def _send_cancel(self, usage: OutgoingInvite) -> None:
        client = usage.inviting.transaction if usage.inviting is not None else None
        if not isinstance(client, InviteClient) or client.state is not State.PROCEEDING:
            return
        key = ("client", client.request.via.branch, "CANCEL")
        if key in self._core.transactions:
            return
        request = _cancel_of(client.request)
        transaction = NonInviteClient(self._core, key, request, client.address, usage.received, _nothing)
        self._core.transactions[key] = transaction
        usage.sent(request)
        transaction.start()
        # A peer that never sends the 487 must not keep the INVITE for ever (section 9.1).
        self._core.after(TIMEOUT, lambda: self._give_up(usage, client))

    def _give_up(self, usage: OutgoingInvite, client: ClientTransaction) -> None:
        if client.state is State.PROCEEDING:
            client.abort()
            self._over(usage, Cancelled())

    # -- re-INVITE -------------------------------------------------------------------------------------------------

    def reinvite(self, usage: InviteDialog, body: bytes) -> None:
        """Offer a change within a dialog: now, or when what is under way is through."""
        if usage.phase in {Phase.EARLY, Phase.ANSWERED, Phase.CONFIRMED}:
            usage.reinvite_next = body
            self.reinvite_waiting(usage)

    def reinvite_waiting(self, usage: InviteDialog) -> None:
        """Send the offer that waits, if its time has come."""
        busy = usage.reinviting or usage.reinvite_server or usage.repeats or usage.glare or usage.ack_due is not None
        if usage.reinvite_next is not None and usage.phase is Phase.CONFIRMED and not busy:
            body, usage.reinvite_next = usage.reinvite_next, None
            self._reinvite(usage, body, MAX_GLARE_RETRIES)

    def _reinvite(self, usage: InviteDialog, body: bytes, retries: int) -> None:
        usage.described = body or usage.described
        timer = [("Supported", "timer"), *usage.refreshing.fields()] if usage.refreshing is not None else []
        usage.reinviting = Sending(
            self._core,
            usage,
            "INVITE",
            headers=_with_type([*self._core.common(), *timer], body),
            body=body,
            on_response=lambda response: self._reanswered(usage, response, body, retries),
            on_failure=lambda why: self._broken(usage, why),
        )
        usage.reinviting.start()

    def _broken(self, usage: InviteDialog, why: str) -> None:
        """No response, or one that says that the dialog is unknown: it is dead (section 12.2.1.2)."""
        usage.reinviting = None
        if usage.phase is Phase.CONFIRMED:
            usage.deliver(Lost(why))
            self._core.hang_up(usage)

    def _reanswered(self, usage: InviteDialog, response: Response, body: bytes, retries: int) -> None:
        sequence = response.cseq.number
        if response.status < 200 or self._repeat_ack((*usage.dialog.id, sequence)) or usage.ack_due == sequence:
            return
        usage.reinviting = None
        if response.status < 300:
            usage.received(response)
            usage.dialog.refresh(response)
            if usage.refreshing is not None:
                usage.refreshing.agreed(response)
            usage.ack_due = sequence
            if body or usage.phase is not Phase.CONFIRMED:
                self.late_ack(usage, b"")
        elif response.status in {408, 481}:
            self._broken(usage, f"the peer answered {response.status} to a re-INVITE")
            return
        elif response.status == 491 and retries > 0 and usage.phase is Phase.CONFIRMED:
            self._after_glare(usage, body, retries - 1)
            return
        usage.deliver(Reanswered(response.status, response.description))
        self.reinvite_waiting(usage)

    def _after_glare(self, usage: InviteDialog, body: bytes, retries: int) -> None:
        """Both offered at once: the side that owns the Call-ID waits longer (section 14.1)."""
        tens_ms = int(self._core.parts.token(4), 16)
        delay_s = 2.1 + tens_ms % 191 / 100 if isinstance(usage, OutgoingInvite) else tens_ms % 201 / 100

        def again() -> None:
            usage.glare = None
            offer, usage.reinvite_next = (body if usage.reinvite_next is None else usage.reinvite_next), None
            if usage.reinvite_server is not None or usage.repeats is not None:
                usage.reinvite_next = offer
            elif usage.phase is Phase.CONFIRMED:
                self._reinvite(usage, offer, retries)

        usage.glare = self._core.after(delay_s, again)


def _description(usage: OutgoingInvite, response: Response) -> bytes:
    """What a response to our INVITE describes; after a change by UPDATE that is out of date (RFC 3261 section 13.2.1)."""
    changed = usage.pracks is not None and (response.to.tag or "") in usage.pracks.changed
    return b"" if changed else response.description


def _nothing(_why: str) -> None:
    """An unanswered CANCEL: the INVITE's own timers see to it."""


def _with_type(headers: Fields, body: bytes) -> Fields:
    if body and not any(name.lower() == "content-type" for name, _ in headers):
        return [*headers, ("Content-Type", SDP)]
    return headers


def _cancel_of(invite: Request) -> Request:
    """The CANCEL of an INVITE: its branch, its route, its CSeq number (section 9.1)."""
    headers = [("Via", str(invite.via))]
    headers += [("Route", value) for value in invite.headers_all("route")]
    headers += [
        ("Max-Forwards", "70"),
        ("From", invite.header("from") or ""),
        ("To", invite.header("to") or ""),
        ("Call-ID", invite.call_id),
        ("CSeq", f"{invite.cseq.number} CANCEL"),
    ]
    return Request("CANCEL", invite.uri_text, headers)
