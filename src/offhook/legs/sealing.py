"""``a=crypto``: the keys of SRTP in a session description (RFC 4568). Only what carries them is as secret as they are: TLS."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from offhook.sip import sdp

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
"""By preference when we offer; of an offer the first that we know is taken."""
KEY_OCTETS = 30
"""Master key and salt, of either suite (section 6.2)."""
_CRYPTO = re.compile(r"(\d{1,9})\s+(\S+)\s+inline:([A-Za-z0-9+/=]+)(\|\S*)?(\s.*)?", re.ASCII)
_UNSEALED = ("UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP")


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was agreed on; both keys are base64 of 30 octets."""

    tag: int
    suite: str
    our_key: str = field(repr=False)
    their_key: str = field(repr=False)

    def attribute(self) -> tuple[str, str]:
        """Our line in an answer."""
        return ("crypto", f"{self.tag} {self.suite} inline:{self.our_key}")


def offered(key: str) -> tuple[tuple[str, str], ...]:
    """The lines of an offer: every suite, with the same key."""
    return tuple(("crypto", f"{tag} {suite} inline:{key}") for tag, suite in enumerate(SUITES, start=1))


def agreed(media: sdp.Media, key: str) -> Sealed | None:
    """The first line that we can do, of an offer or of the answer to ours; ``None`` when there is none.

    Args:
        key: ours.
    """
    if not key:
        return None
    for name, value in media.attributes:
        found = _CRYPTO.fullmatch((value or "").strip()) if name == "crypto" else None
        if found is None or found[2] not in SUITES or not _usable(found[3]):
            continue
        lifetime, parameters = found[4] or "", found[5] or ""
        if lifetime.count("|") > 1 or ":" in lifetime or any(each in parameters.upper() for each in _UNSEALED):
            continue  # several master keys, or a stream that is only half sealed
        return Sealed(int(found[1]), found[2], key, found[3])
    return None


def _usable(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == KEY_OCTETS
    except (binascii.Error, ValueError):
        return False
