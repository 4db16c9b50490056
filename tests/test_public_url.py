"""Under which URL a node's recordings are had."""

from __future__ import annotations

import pytest

from offhook.node.recordings import PublicUrl
from offhook.settings import load


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"http": "127.0.0.1:8080"}, "http://127.0.0.1:4711"),
        ({"http": "192.0.2.5:8080", "public_address": "203.0.113.5"}, "http://192.0.2.5:4711"),
        ({"http": ":8080", "public_address": "203.0.113.5, 10.0.0.0/8=10.1.2.3"}, "http://203.0.113.5:4711"),
        ({"http": ":8080"}, "http://127.0.0.1:4711"),
        ({"http": "[2001:db8::1]:8080", "http_tls": "true"}, "https://[2001:db8::1]:4711"),
        ({"http": ":8080", "public_url": "https://voice.example.com/"}, "https://voice.example.com"),
    ],
)
def test_it_is_as_set_or_as_far_as_the_node_can_know(flags: dict[str, str | None], expected: str) -> None:
    url = PublicUrl(load(environment={}, flags=flags))
    url.port = 4711
    assert url() == expected
