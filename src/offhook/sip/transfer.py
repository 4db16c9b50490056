"""Transfers that the peer asks for: REFER within a dialog (RFC 3515), and INVITEs that replace one (RFC 3891)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from offhook.sip.dialog import DialogId
from offhook.sip.errors import HeaderError
from offhook.sip.message import REASONS, Request
from offhook.sip.sending import Sending
from offhook.sip.transaction import NonInviteServer
from offhook.sip.uri import NameAddr, Uri

if TYPE_CHECKING:
    from offhook.sip.core import Core
    from offhook.sip.invite import InviteDialog

TAG = "replaces"
_TAG = re.compile(r";\s*(to-tag|from-tag)\s*=\s*([^;\s]+)", re.IGNORECASE)
ACTIVE_S = 60
"""How long the subscription that a REFER makes is said to last: as long as we let a phone ring."""


class Referral:
    """One REFER of the peer's: whom we are asked to call instead of it, and what becomes of that.

    Args:
        core: sends.
        usage: the dialog that it came in.
        request: the REFER.
        server: its transaction.

    Raises:
        HeaderError: Refer-To is not one address.
    """

    def __init__(self, core: Core, usage: InviteDialog, request: Request, server: NonInviteServer) -> None:
        values = request.headers_all("refer-to")
        if len(values) != 1:
            raise HeaderError("Refer-To", ", ".join(values), "one address")
        self.target = NameAddr.parse(values[0], "Refer-To").uri
        self.silent = (request.header("refer-sub") or "").strip().lower() == "false"
        """The peer wants no reports (RFC 4488)."""
        self._core = core
        self._usage = usage
        self._server: NonInviteServer | None = server
        self._id = request.cseq.number

    @property
    def callee(self) -> Uri:
        """Whom to call: the target without what it says about the INVITE's fields."""
        return replace(self.target, headers="")

    @property
    def replaces(self) -> str | None:
        """The Replaces field that the INVITE is to have: an attended transfer."""
        for pair in self.target.headers.split("&"):
            name, _, value = pair.partition("=")
            if name.lower() == "replaces":
                return unquote(value)
        return None

    def accept(self) -> None:
        """202: we try."""
        if self._answer(202, [("Refer-Sub", "false")] if self.silent else []):
            self.report(100)

    def refuse(self, status: int) -> None:
        """Nothing comes of it."""
        self._answer(status, [])

    def _answer(self, status: int, headers: list[tuple[str, str]]) -> bool:
        server, self._server = self._server, None
        if server is None:
            return False
        contact = [("Contact", self._contact())] if status < 300 else []
        response = self._core.answer(server.request, status, headers=[*contact, *headers])
        server.respond(response)
        self._usage.sent(response)
        return True

    def _contact(self) -> str:
        return self._core.contact_in(self._usage, self._usage.peer)

    def report(self, status: int) -> None:
        """Tell the peer how far it is; a final status is the last word (section 2.4.5)."""
        if self.silent:
            return
        state = f"active;expires={ACTIVE_S}" if status < 200 else "terminated;reason=noresource"
        headers = [
            ("Event", f"refer;id={self._id}"),
            ("Subscription-State", state),
            ("Content-Type", "message/sipfrag;version=2.0"),
            ("Contact", self._contact()),
            ("User-Agent", self._core.parts.user_agent),
        ]
        body = f"SIP/2.0 {status} {REASONS.get(status, 'Unknown')}\r\n".encode()
        Sending(self._core, self._usage, "NOTIFY", headers=headers, body=body, on_response=_nothing, on_failure=_nothing).start()


def replaced(request: Request) -> tuple[DialogId, bool] | None:
    """The dialog that an INVITE wants to replace, as we know it, and whether only if it is early.

    Raises:
        HeaderError: there is a Replaces field that is none.
    """
    values = request.headers_all("replaces")
    if not values:
        return None
    named = dialog_named(values[0])
    if len(values) > 1 or named is None:
        raise HeaderError("Replaces", ", ".join(values), "Call-ID;to-tag=…;from-tag=…")
    return named, "early-only" in values[0].lower().replace(" ", "").split(";")


def dialog_named(value: str) -> DialogId | None:
    """The dialog that a Replaces field names, as whoever gets the INVITE knows it; ``None`` where it names none."""
    tags = {name.lower(): tag for name, tag in _TAG.findall(value)}
    call_id = value.partition(";")[0].strip()
    return (call_id, tags["to-tag"], tags["from-tag"]) if call_id and set(tags) == {"to-tag", "from-tag"} else None


def _nothing(_result: object) -> None:
    """A peer that has hung up meanwhile does not answer reports."""
