"""One request of ours on its way: its next hop, its transaction, and the second tries that a caller need not know of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from offhook.sip.digest import authorize, choose
from offhook.sip.headers import Address
from offhook.sip.invite import InviteDialog, Phase
from offhook.sip.locating import SILENCE_PENALTY_S, Tries
from offhook.sip.message import Fields, Request, Response
from offhook.sip.transaction import ClientTransaction, InviteClient, NonInviteClient

if TYPE_CHECKING:
    from offhook.sip.core import Core

MAX_UDP_REQUEST = 1300
"""Longer requests go by TCP where the next hop leaves the choice to us (RFC 3261 section 18.1.1), bytes."""
MAX_CHALLENGES = 2
"""One for the credentials, one more for a nonce that was stale."""


class Sending:
    """A request within a dialog, or the one that begins it.

    It asks where the next hop is, goes by TCP when it is long and back to UDP when nobody listens there, and answers a
    challenge once when there are credentials. Each try has its own transaction and branch.
    """

    def __init__(
        self,
        core: Core,
        usage: InviteDialog,
        method: str,
        *,
        headers: Fields,
        body: bytes = b"",
        on_response: Callable[[Response], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self.method = method
        self.body = body
        self.transaction: ClientTransaction | None = None
        """``None`` until the next hop is known."""
        self.sequence = 0
        self._core = core
        self._usage = usage
        self._headers = headers
        self._on_response = on_response
        self._on_failure = on_failure
        self._by_udp: Address | None = None
        self._tries: Tries | None = None
        self._free_choice = False
        self._challenges = 0
        self._last_provisional: tuple[object, ...] = ()
        self._abandoned = False

    def start(self) -> None:
        """Take the next CSeq and send it, as soon as it is known where to."""
        dialog = self._usage.dialog
        dialog.local_sequence += 1
        self.sequence = dialog.local_sequence
        self._core.locate(self._usage, self._located)

    def again(self, headers: Fields) -> None:
        """Send it once more, with these fields in place of those of the same names."""
        names = {name for name, _ in headers}
        self._headers = [*(pair for pair in self._headers if pair[0] not in names), *headers]
        self._last_provisional = ()
        self.start()

    def abandon(self) -> None:
        """Nobody wants the responses any more."""
        self._abandoned = True

    def give_up(self) -> None:
        """Wait no longer: after a provisional response an INVITE has no timer, and a dead peer would keep it for ever."""
        self.abandon()
        if self.transaction is not None and self.transaction.waiting:
            self.transaction.abort()

    def _located(self, found: list[Address], why: str, free_choice: bool) -> None:
        if self._abandoned:
            return
        self._free_choice = free_choice
        destination = found[0].name or found[0].host if found else ""
        self._tries = self._core.failover.tries(destination, found)
        if not self._try_next():
            self._on_failure(why)

    def _try_next(self) -> bool:
        """Send it to the next server; whether there is one."""
        address = None if self._tries is None or self._abandoned else self._tries.next(self._core.parts.time())
        if address is None:
            return False
        self._launch(address, free_choice=self._free_choice)
        return True

    def _launch(self, address: Address, *, free_choice: bool) -> None:
        request, branch = self._compose(address)
        data = request.to_bytes()
        if free_choice and len(data) > MAX_UDP_REQUEST and not address.reliable:
            self._by_udp = address
            address = replace(address, transport="tcp")
            request, branch = self._compose(address)
            data = request.to_bytes()
        kind = InviteClient if self.method == "INVITE" else NonInviteClient
        transaction = kind(self._core, ("client", branch, self.method), request, address, self._responded, self._failed)
        self.transaction = transaction
        if self._usage.phase is Phase.EARLY:
            self._usage.peer = address
        self._core.transactions[transaction.key] = transaction
        transaction.on_repeat = self._usage.repeated
        self._usage.sent(request)
        transaction.start(data)

    def _compose(self, address: Address) -> tuple[Request, str]:
        core, dialog = self._core, self._usage.dialog
        via, branch = core.via(address)
        contact = core.contact_in(self._usage, address) if self.method in {"INVITE", "UPDATE"} else None
        request = dialog.request(
            self.method, via=via, contact=contact, sequence=self.sequence, headers=self._headers, body=self.body
        )
        return request, branch

    def _failed(self, why: str) -> None:
        by_udp, self._by_udp = self._by_udp, None
        silent = why.startswith("timeout")
        if by_udp is not None and not self._abandoned and not silent:
            self._launch(by_udp, free_choice=False)
            return
        if self._tries is not None:
            self._tries.failed(self._core.parts.time(), SILENCE_PENALTY_S if silent else None)
        if not self._try_next():
            untried = self._tries.untried if self._tries is not None and not self._abandoned else 0
            self._on_failure(f"{why}; there was no time to try {untried} more of its servers" if untried else why)

    def _responded(self, response: Response) -> None:
        if response.status < 200:
            # A repeated 180 says nothing new; it must not fill the timeline nor the owner's mailbox.
            # A new RSeq makes it a new one, whatever it says: it wants a PRACK (RFC 3262 section 4).
            seen = (response.status, response.header("to"), response.header("rseq"), response.body)
            if seen == self._last_provisional:
                return
            self._last_provisional = seen
        if self.method != "INVITE" or not 200 <= response.status < 300:  # whether a 2xx is new, the dialog knows
            self._usage.received(response)
        if response.status >= 300 and self.method == "INVITE":
            self._usage.acknowledged_refusal(self.sequence)
        if response.status in {401, 407} and self._answer_challenge(response):
            return
        if self._tries is not None and response.status >= 200 and self._elsewhere(response, self._tries):
            return
        self._on_response(response)

    def _elsewhere(self, response: Response, tries: Tries) -> bool:
        """A server that says 503 is passed over for the next one, if there is one (RFC 3263 section 4.3)."""
        if response.status != 503:
            tries.succeeded()
            return False
        asked = (response.header("retry-after") or "").partition(";")[0].partition("(")[0].strip()
        tries.failed(self._core.parts.time(), float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 8 else None)
        return self._usage.phase in {Phase.EARLY, Phase.CONFIRMED} and self._try_next()

    def _answer_challenge(self, response: Response) -> bool:
        """Send it again with credentials; again when only the nonce was stale (section 22.2). Whether that was possible."""
        proxy = response.status == 407
        challenge = choose(response.headers_all("Proxy-Authenticate" if proxy else "WWW-Authenticate"))
        credentials, transaction = self._usage.credentials, self.transaction
        if credentials is None or challenge is None or transaction is None or self._abandoned:
            return False
        self._challenges += 1
        if self._challenges > MAX_CHALLENGES or (self._challenges > 1 and not challenge.stale):
            return False
        field = "Proxy-Authorization" if proxy else "Authorization"
        value = authorize(
            challenge, credentials, method=self.method, uri=transaction.request.uri_text, cnonce=self._core.parts.token(16)
        )
        self._headers = [*(pair for pair in self._headers if pair[0] != field), (field, value)]
        self._last_provisional = ()
        self.start()
        return True

    @property
    def authorization(self) -> Fields:
        """The credentials that it was sent with: an ACK carries them too (section 22.1)."""
        return [pair for pair in self._headers if pair[0] in {"Authorization", "Proxy-Authorization"}]
