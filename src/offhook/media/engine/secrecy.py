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
        library = import_module("pylibsrtp")
        self.agreed = agreed
        self.refused = 0
        """Packets that were not sealed with the peer's key, or came twice."""
        self._error: type[Exception] = library.Error
        self._out = self._session(library, agreed.our_key, "SSRC_ANY_OUTBOUND")
        self._in = self._session(library, agreed.their_key, "SSRC_ANY_INBOUND")

    def _session(self, library: Any, key: str, direction: str) -> Any:
        policy = library.Policy(
            key=base64.b64decode(key),
            ssrc_type=getattr(library.Policy, direction),
            srtp_profile=getattr(library.Policy, _PROFILES[self.agreed.suite]),
        )
        policy.window_size, policy.allow_repeat_tx = _WINDOW, True
        return library.Session(policy=policy)

    def seal(self, packet: bytes) -> bytes:
        """An RTP packet as it goes out."""
        sealed: bytes = self._out.protect(packet)
        return sealed

    def open(self, packet: bytes) -> bytes | None:
        """An RTP packet that has come; ``None``: it is not our peer's."""
        return self._opened(self._in.unprotect, packet)

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
            self.refused += 1
            return None
        return opened
