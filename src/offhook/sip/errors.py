"""What can be wrong with what a peer sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from offhook.errors import OffhookError, PeerFault

if TYPE_CHECKING:
    from offhook.sip.message import Message


class SipParseError(PeerFault):
    """The bytes are not a SIP message, or not a good one. The sentence says what is wrong, in words fit for a 400's reason."""

    partial: Message | None = None
    """What could be read of it, where that is enough to answer."""
    status: int = 400
    """The answer that says what is wrong."""

    def __init__(self, why: str = "", *, partial: Message | None = None, status: int = 400) -> None:
        super().__init__(why)
        self.partial = partial
        self.status = status


@dataclass(eq=False)
class HeaderError(SipParseError):
    """A header field, or a value in it, is malformed."""

    field: str
    found: str
    expected: str

    def __str__(self) -> str:
        shown = self.found if len(self.found) <= 60 else self.found[:57] + "..."
        return f"{self.field}: {shown!r} is not {self.expected}"


class SdpError(PeerFault):
    """The body is not a usable session description."""


class SipBindError(OffhookError):
    """The stack cannot listen where it was told to; the message says where and what to do."""


class IllegalTransition(OffhookError):
    """A state machine was given a cue that its table does not have: a defect of ours."""

    def __init__(self, state: object, cue: object) -> None:
        super().__init__(f"{cue} in {state}")
