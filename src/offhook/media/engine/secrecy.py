"""SRTP with keys from the session description (RFC 3711, RFC 4568): one leg's packets are sealed and opened at the edge."""

from __future__ import annotations

import base64
from importlib import import_module
from typing import Any

from offhook.media.wire import Srtp

_WINDOW = 1024
"""Packets that may overtake each other; what is older, or came before, is not believed (RFC 3711 section 3.3.2)."""
_PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": "SRTP_PROFILE_AES128_CM_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32": "SRTP_PROFILE_AES128_CM_SHA1_32",
}


class Secrecy:
    """The keys of a leg at work.

    Args:
        agreed: what offer and answer agreed on.
    """

    def __init__(self, agreed: Srtp) -> None:
        self._library = import_module("pylibsrtp")
        self._error: type[Exception] = self._library.Error
        self._agreed = agreed
        self._out = self._session(agreed.our_key, "SSRC_ANY_OUTBOUND")
        self._in = self._session(agreed.their_key, "SSRC_ANY_INBOUND")
        self._looked_at: tuple[bytes, bytes] | None = None

    def agree(self, agreed: Srtp) -> None:
        """Go on under what a new offer and answer agreed on. Where our key stays, so does the count of the packets that were
        sealed with it: beginning anew would seal two packets alike.
        """
        before, self._agreed = self._agreed, agreed
        if (agreed.suite, agreed.our_key) != (before.suite, before.our_key):
            self._out = self._session(agreed.our_key, "SSRC_ANY_OUTBOUND")
        if (agreed.suite, agreed.their_key) != (before.suite, before.their_key):
            self._in = self._session(agreed.their_key, "SSRC_ANY_INBOUND")

    def _session(self, key: str, direction: str) -> Any:
        library = self._library
        policy = library.Policy(
            key=base64.b64decode(key),
            ssrc_type=getattr(library.Policy, direction),
            srtp_profile=getattr(library.Policy, _PROFILES[self._agreed.suite]),
        )
        policy.window_size, policy.allow_repeat_tx = _WINDOW, True
        return library.Session(policy=policy)

    def seal(self, packet: bytes) -> bytes:
        """An RTP packet as it goes out."""
        sealed: bytes = self._out.protect(packet)
        return sealed

    def open(self, packet: bytes) -> bytes | None:
        """An RTP packet that has come; ``None``: it is not our peer's, or came before."""
        looked_at, self._looked_at = self._looked_at, None
        if looked_at is not None and looked_at[0] == packet:
            return looked_at[1]
        return self._opened(self._in.unprotect, packet)

    def look(self, packet: bytes) -> bool:
        """Whether this RTP packet is our peer's. It is still to be opened, next."""
        opened = self._opened(self._in.unprotect, packet)
        self._looked_at = None if opened is None else (packet, opened)
        return opened is not None

    def seal_report(self, packet: bytes) -> bytes:
        """An RTCP packet as it goes out."""
        sealed: bytes = self._out.protect_rtcp(packet)
        return sealed

    def open_report(self, packet: bytes) -> bytes | None:
        """An RTCP packet that has come."""
        return self._opened(self._in.unprotect_rtcp, packet)

    def _opened(self, open_it: Any, packet: bytes) -> bytes | None:
        try:
            opened: bytes = open_it(packet)
        except self._error:
            return None
        return opened
