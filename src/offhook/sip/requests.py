"""Requests outside of any dialog: those that come in for somebody else than the core, and those that we send."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from offhook.sip.dialog import Dialog, hop
from offhook.sip.digest import Credentials
from offhook.sip.headers import Address
from offhook.sip.invite import InviteDialog
from offhook.sip.message import Request, Response
from offhook.sip.sending import Sending
from offhook.sip.transaction import NonInviteServer
from offhook.sip.uri import NameAddr, Uri

if TYPE_CHECKING:
    from offhook.sip.core import Core

Headers = Sequence[tuple[str, str]]


class IncomingRequest:
    """One that came in. Answered at once it leaves no trace; ``hold`` it where the answer needs time or must stay the same."""

    def __init__(self, core: Core, request: Request, key: tuple[str, ...], source: Address, reply_to: Address) -> None:
        self.request = request
        self.source = source
        self._core = core
        self._key = key
        self._reply_to = reply_to
        self._server: NonInviteServer | None = None

    def hold(self) -> bool:
        """Keep a transaction for it, which answers repeats. False when there are too many; it has got 503 then."""
        if len(self._core.transactions) >= self._core.parts.max_transactions:
            self.respond(503, [("Retry-After", "10")])
            return False
        self._server = NonInviteServer(self._core, self._key, self.request, self._reply_to)
        self._core.transactions[self._key] = self._server
        return True

    def respond(self, status: int, headers: Headers = (), reason: str | None = None) -> None:
        """Send the final response."""
        response = self._core.answer(self.request, status, reason, headers=headers)
        if self._server is not None:
            self._server.respond(response)
        else:
            self._core.reply(self.request, self._reply_to, response)


class Correspondence(InviteDialog):
    """Requests of ours to one server that make no dialog, one after another: the same Call-ID, a growing CSeq.

    Args:
        core: sends them.
        target: the request URI; its host is the next hop unless there is a route.
        sender: From; its tag is made here.
        recipient: To.
        credentials: for the server's challenges.
        route: proxies on the way.
        transport: what the target is reached by where it does not say.
    """

    def __init__(
        self,
        core: Core,
        target: Uri,
        *,
        sender: NameAddr,
        recipient: NameAddr,
        credentials: Credentials | None = None,
        route: Sequence[NameAddr] = (),
        transport: str | None = None,
    ) -> None:
        dialog = Dialog(
            call_id=core.parts.token(32),
            local=sender.tagged(core.parts.token(16)),
            remote=recipient,
            remote_target=target,
            route_set=tuple(route),
            transport=transport,
        )
        super().__init__(core, dialog, hop(route[0].uri if route else target, transport or "udp"))
        self.credentials = credentials
        self.observe = lambda _event: None

    def send(
        self, method: str, headers: Headers, on_response: Callable[[Response], None], on_failure: Callable[[str], None]
    ) -> None:
        """Send one request. Exactly one of the two is called, unless the core is closed before."""
        fields = [*headers, ("User-Agent", self.core.parts.user_agent)]

        def responded(response: Response) -> None:
            if response.status >= 200:
                on_response(response)

        Sending(self.core, self, method, headers=fields, on_response=responded, on_failure=on_failure).start()
