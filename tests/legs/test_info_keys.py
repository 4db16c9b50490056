"""Keys that phones tell by INFO."""

from __future__ import annotations

import pytest

from offhook.legs.leg import info_key


@pytest.mark.parametrize(
    ("content_type", "body", "key"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=250\r\n", ("5", 250)),
        ("application/dtmf-relay; charset=utf-8", b"Signal= #\nDuration = 100", ("#", 100)),
        ("application/dtmf-relay", b"Duration=90\r\nSignal=a\r\n", ("A", 90)),
        ("application/dtmf-relay", b"Signal=10\r\n", ("*", 160)),
        ("application/dtmf-relay", b"Signal=11\r\n", ("#", 160)),
        ("application/dtmf", b" 7\r\n", ("7", 160)),
        ("application/dtmf", b"77", None),
        ("application/dtmf-relay", b"Signal=x", None),
        ("application/dtmf-relay", b"\xff" * 300, None),
        ("application/vnd.other", b"5", None),
        ("", b"", None),
    ],
)
def test_what_an_info_says(content_type: str, body: bytes, key: tuple[str, int] | None) -> None:
    assert info_key(content_type, body) == key
