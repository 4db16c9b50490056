"""Header fields that a customer adds to an INVITE: ``sipHeaders`` (reference ``xml.md`` section 2.7)."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z0-9]{1,64}", re.ASCII)
_VALUE = re.compile(r"[A-Za-z0-9%\-_.]{1,1024}", re.ASCII)
RESERVED = ("ph-", "plivo", "fs-", "sipauth", "zt-", "twilio")
"""What names of customers may not begin with, in lower case."""
MAX_FIELDS = 50


def custom_fields(text: str, *, raw: bool = False) -> tuple[list[tuple[str, str]], list[str]]:
    """Read ``k1=v1,k2=v2``.

    Args:
        raw: the inbound leg has proved who it is by digest: its headers go without ``PH-``.

    Returns:
        The fields of the INVITE (``X-PH-k1: v1``), and the pairs that do not fit and are to be logged. Reserved names are
        dropped without a word.
    """
    fields: list[tuple[str, str]] = []
    misfits: list[str] = []
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if name.lower().startswith(RESERVED) or name.lower() == "clientregion":
            continue
        if not equals or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or len(fields) >= MAX_FIELDS:
            misfits.append(pair)
            continue
        fields.append((f"X-{name}" if raw else f"X-PH-{name}", value))
    return fields, misfits
