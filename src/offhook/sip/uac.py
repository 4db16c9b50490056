"""The client side of INVITE: forks, challenges, CANCEL, re-INVITE (RFC 3261 sections 9.1, 13.2, 14.1, 22)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from offhook.sip.dialog import Dialog
from offhook.sip.digest import Credentials, authorize, choose
from offhook.sip.errors import SipParseError
from offhook.sip.headers import Address
from offhook.sip.invite import Answered, Cancelled, InviteDialog, Lost, OutgoingInvite, Progressed, Rang, Reanswered, Refused
from offhook.sip.message import Request, Response
from offhook.sip.transaction import TIMEOUT, InviteClient, NonInviteClient, State
from offhook.sip.uri import NameAddr, Uri

if TYPE_CHECKING:
    from offhook.sip.core import Core

SDP = "application/sdp"
MAX_GLARE_RETRIES = 4


class Uac:
    """Places INVITEs and follows them to their end."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._acks: dict[tuple[str, str, str, int], tuple[bytes, Address]] = {}
        """ACKs of 2xx responses by Call-ID, both tags and CSeq: sent again for each repeat of the 2xx."""

    # -- the first INVITE ------------------------------------------------------------------------------------------

    def invite(
        self,
        target: Uri,
        address: Address,
        caller: NameAddr,
        callee: NameAddr,
        body: bytes,
        headers: Sequence[tuple[str, str]],
        credentials: Credentials | None,
    ) -> OutgoingInvite:
        """Send it; what follows comes as events."""
        core = self._core
        dialog = Dialog(
            call_id=f"{core.parts.token(24)}@{core.parts.local(address)[0]}",
            local=caller.tagged(core.parts.token(16)),
            remote=callee,
            remote_target=target,
            transport=address.transport,
        )
        usage = OutgoingInvite(core, dialog, address, credentials)
        self._send(usage, [*headers, *core.common()], body)
        return usage

    def _send(self, usage: OutgoingInvite, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        core, dialog = self._core, usage.dialog
        dialog.local_sequence += 1
        via, branch = core.via(usage.peer)
        fields = list(headers)
        if body and not any(name.lower() == "content-type" for name, _ in fields):
            fields.append(("Content-Type", SDP))
        request = dialog.request(
            "INVITE",
            via=via,
            contact=core.contact(usage.peer, dialog.local.uri.user),
            sequence=dialog.local_sequence,
            headers=fields,
            body=body,
        )
        usage.client = InviteClient(
            core,
            ("client", branch, "INVITE"),
            request,
            usage.peer,
            State.CALLING,
            lambda response: self._response(usage, response),
            lambda why: self._failed(usage, why),
        )
        core.transactions[usage.client.key] = usage.client
        usage.sent(request)
        usage.client.start(None)

    def _failed(self, usage: OutgoingInvite, why: str) -> None:
        usage.deliver(Cancelled() if usage.cancelling else Lost(why))

    def _response(self, usage: OutgoingInvite, response: Response) -> None:
        if response.status < 200:
            self._provisional(usage, response)
        elif response.status < 300:
            self._success(usage, response)
        else:
            usage.received(response)
            if response.status in {401, 407} and self._authorize(usage, response):
                return
            usage.deliver(Cancelled() if usage.cancelling and response.status == 487 else Refused(response))

    def _provisional(self, usage: OutgoingInvite, response: Response) -> None:
        usage.heard = True
        if usage.cancelling:
            self._send_cancel(usage)
            return
        usage.received(response)
        if response.status == 100:
            return
        usage.deliver(Progressed(response.status, response.body) if response.body else Rang(response.status))

    def _success(self, usage: OutgoingInvite, response: Response) -> None:
        """The first 2xx makes the call; those of other forks are acknowledged and hung up (section 13.2.2.4)."""
        try:
            dialog = usage.dialog.confirmed_by(response)
        except SipParseError as error:
            usage.deliver(Lost(f"the 200 cannot be used: {error}"))
            return
        key = (*dialog.id, response.cseq.number)
        if key in self._acks:
            self._core.transmit(*self._acks[key])
            return
        fork = usage.confirmed or usage.cancelling
        holder = OutgoingInvite(self._core, dialog, usage.peer, usage.credentials) if fork else usage
        if not fork:
            usage.dialog = dialog
            usage.received(response)
        holder.confirmed = True
        self._ack(holder, response.cseq.number)
        self._core.add_dialog(holder)
        if fork:
            self._core.hang_up(holder)
            if usage.cancelling:
                usage.deliver(Cancelled())
        else:
            usage.deliver(Answered(response.body, response))

    def _ack(self, usage: InviteDialog, sequence: int) -> None:
        address = usage.dialog.next_hop()
        via, _ = self._core.via(address)
        ack = usage.dialog.request("ACK", via=via, contact=None, sequence=sequence)
        data = ack.to_bytes()
        key = (*usage.dialog.id, sequence)
        self._acks[key] = (data, address)
        self._core.after(TIMEOUT, lambda: self._acks.pop(key, None) and None)
        usage.sent(ack)
        self._core.transmit(data, address)

    def stray_success(self, response: Response) -> None:
        """A 2xx whose transaction is gone: repeat its ACK if we know it."""
        known = self._acks.get((response.call_id, response.from_.tag or "", response.to.tag or "", response.cseq.number))
        if known is not None:
            self._core.transmit(*known)
        else:
            self._core.dropped += 1

    def _authorize(self, usage: OutgoingInvite, response: Response) -> bool:
        """Send the INVITE again with credentials, once, or once more when only the nonce was stale (section 22.2)."""
        proxy = response.status == 407
        challenge = choose(response.headers_all("Proxy-Authenticate" if proxy else "WWW-Authenticate"))
        client = usage.client
        if usage.credentials is None or challenge is None or usage.cancelling or client is None:
            return False
        if usage.challenged and not challenge.stale:
            return False
        usage.challenged = True
        value = authorize(
            challenge, usage.credentials, method="INVITE", uri=client.request.uri_text, cnonce=self._core.parts.token(16)
        )
        field = "Proxy-Authorization" if proxy else "Authorization"
        dropped = {"via", "max-forwards", "route", "from", "to", "call-id", "cseq", "contact", field.lower()}
        kept = [pair for pair in client.request.headers if pair[0].lower() not in dropped]
        self._send(usage, [*kept, (field, value)], client.request.body)
        return True

    # -- CANCEL ----------------------------------------------------------------------------------------------------

    def cancel(self, usage: OutgoingInvite) -> None:
        """CANCEL now, or after the first provisional response (section 9.1); BYE where it was answered."""
        if usage.confirmed:
            self._core.hang_up(usage)
            return
        if usage.over or usage.cancelling:
            return
        usage.cancelling = True
        if usage.heard:
            self._send_cancel(usage)

    def _send_cancel(self, usage: OutgoingInvite) -> None:
        client = usage.client
        if (
            client is None
            or client.state is not State.PROCEEDING
            or ("client", client.key[1], "CANCEL") in self._core.transactions
        ):
            return
        invite = client.request
        headers = [("Via", str(invite.via))]
        headers += [("Route", value) for value in invite.headers_all("route")]
        headers += [
            ("Max-Forwards", "70"),
            ("From", invite.header("from") or ""),
            ("To", invite.header("to") or ""),
            ("Call-ID", invite.call_id),
            ("CSeq", f"{invite.cseq.number} CANCEL"),
        ]
        request = Request("CANCEL", invite.uri_text, headers)
        transaction = NonInviteClient(
            self._core,
            ("client", invite.via.branch, "CANCEL"),
            request,
            usage.peer,
            State.TRYING,
            usage.received,
            lambda _why: None,
        )
        self._core.transactions[transaction.key] = transaction
        usage.sent(request)
        transaction.start(4.0)
        # A peer that never sends the 487 must not keep the INVITE for ever (section 9.1).
        self._core.after(TIMEOUT, lambda: self._give_up(usage, client))

    def _give_up(self, usage: OutgoingInvite, client: InviteClient) -> None:
        if client.state is State.PROCEEDING:
            client.abort()
            usage.deliver(Cancelled())

    # -- re-INVITE -------------------------------------------------------------------------------------------------

    def reinvite(self, usage: InviteDialog, body: bytes, retries: int = MAX_GLARE_RETRIES) -> None:
        """Offer a change within a confirmed dialog; one at a time."""
        core = self._core
        if usage.over or not usage.confirmed or usage.reinvite_client is not None or usage.reinvite_server is not None:
            return
        address = usage.dialog.next_hop()
        usage.dialog.local_sequence += 1
        via, branch = core.via(address)
        headers = core.common()
        if body:
            headers.append(("Content-Type", SDP))
        request = usage.dialog.request(
            "INVITE", via=via, contact=core.contact(address), sequence=usage.dialog.local_sequence, headers=headers, body=body
        )
        usage.reinvite_client = InviteClient(
            core,
            ("client", branch, "INVITE"),
            request,
            address,
            State.CALLING,
            lambda response: self._reanswered(usage, response, body, retries),
            lambda why: self._reinvite_failed(usage, why),
        )
        core.transactions[usage.reinvite_client.key] = usage.reinvite_client
        usage.sent(request)
        usage.reinvite_client.start(None)

    def _reinvite_failed(self, usage: InviteDialog, why: str) -> None:
        """No response: the dialog is dead (section 12.2.1.2)."""
        usage.reinvite_client = None
        usage.deliver(Lost(why))
        self._core.hang_up(usage)

    def _reanswered(self, usage: InviteDialog, response: Response, body: bytes, retries: int) -> None:
        if response.status < 200:
            return
        key = (*usage.dialog.id, response.cseq.number)
        if key in self._acks:
            self._core.transmit(*self._acks[key])
            return
        usage.received(response)
        usage.reinvite_client = None
        if response.status < 300:
            if response.contact is not None:
                usage.dialog.remote_target = response.contact.uri
            self._ack(usage, response.cseq.number)
        elif response.status == 491 and retries and not usage.over:
            # Both offered at once: the side that owns the Call-ID waits longer (section 14.1).
            owner = isinstance(usage, OutgoingInvite)
            spread = int(self._core.parts.token(2), 16) / 255
            delay_s = 2.1 + 1.9 * spread if owner else 2.0 * spread
            self._core.after(delay_s, lambda: self.reinvite(usage, body, retries - 1))
            return
        elif response.status in {408, 481}:
            usage.deliver(Lost(f"the peer answered {response.status} to a re-INVITE"))
            self._core.hang_up(usage)
            return
        usage.deliver(Reanswered(response.status, response.body))
