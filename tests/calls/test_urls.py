"""The URLs of a document (reference xml.md section 1.5, RFC 3986 section 5.4)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.calls.urls import resolve, without_credentials
from offhook.errors import InvalidUrl

BASE = "http://a.example/b/c/d?q#tt=5000"


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("g", "http://a.example/b/c/g"),
        ("./g", "http://a.example/b/c/g"),
        ("g/", "http://a.example/b/c/g/"),
        ("/g", "http://a.example/g"),
        ("//g.example", "http://g.example"),
        ("?y", "http://a.example/b/c/d?y"),
        ("g?y", "http://a.example/b/c/g?y"),
        ("#rt=1", "http://a.example/b/c/d?q#rt=1"),
        ("g#rt=1", "http://a.example/b/c/g#rt=1"),
        ("", "http://a.example/b/c/d?q"),
        ("../../../g", "http://a.example/g"),
        ("https://x.example/y?z=1#ct=2", "https://x.example/y?z=1#ct=2"),
        ("HTTPS://x.example/", "HTTPS://x.example/"),
        ("http://user:word@x.example/", "http://user:word@x.example/"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
    ],
)
def test_relative_urls_resolve_as_the_rfc_says(url: str, resolved: str) -> None:
    assert resolve(BASE, url) == resolved


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/",
        "tel:123",
        "mailto:a@b",
        "javascript:alert(1)",
        "http:",
        "http://",
        "https:///x",
        "http:g",
        "http://[",
        "http://[::1",
    ],
)
def test_what_is_no_http_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidUrl) as raised:
        resolve(BASE, url)
    assert repr(url) in str(raised.value)


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_it_gets_it_resolves_or_refuses(base: str, url: str) -> None:
    with contextlib.suppress(InvalidUrl):
        assert resolve(base, url)


@given(st.text(max_size=60))
def test_credentials_are_hidden_once_and_for_all(text: str) -> None:
    hidden = without_credentials(text)
    assert without_credentials(hidden) == hidden
