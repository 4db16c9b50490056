"""Custom SIP headers as attributes carry them: ``k=v,k2=v2`` (reference ``xml.md`` section 2.7)."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z0-9]{1,64}")
_VALUE = re.compile(r"[A-Za-z0-9%\-_.]{0,512}")
_RESERVED_PREFIXES = ("ph-", "plivo", "fs-", "sipauth", "zt-", "twilio")
_RESERVED_NAMES = frozenset({"clientregion"})
MAX_PAIRS = 50


def sip_headers(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Read the pairs.

    Returns:
        Name → value without the ``X-PH-``, and a sentence for each pair that was dropped. Reserved names are dropped in silence.
    """
    pairs: dict[str, str] = {}
    dropped = []
    for part in text.split(","):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not name and not equals:
            continue
        if name.lower().startswith(_RESERVED_PREFIXES) or name.lower() in _RESERVED_NAMES:
            continue
        if not equals or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            dropped.append(f"sipHeaders: {part.strip()[:60]!r} is not name=value of letters and digits; it is dropped")
        elif len(pairs) == MAX_PAIRS and name not in pairs:
            dropped.append(f"sipHeaders: more than {MAX_PAIRS} pairs; {name!r} is dropped")
        else:
            pairs[name] = value
    return pairs, tuple(dropped)
