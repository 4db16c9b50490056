"""Signatures against the reference's vectors and against the vendor's own validator."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plivo.utils import validate_signature, validate_v3_signature

from offhook.hooks import Tokens, signature_headers, websocket_headers

TOKEN = "0123456789abcdef0123456789abcdef01234567"
NONCE = "12345678901234567890"
BOTH = Tokens((TOKEN,), (TOKEN,))
P = {
    "CallUUID": "5b1f4f0e-0d6e-4f0f-9a35-2f6f5a3c9d11",
    "From": "14155550100",
    "To": "14155550199",
    "CallStatus": "ringing",
    "Direction": "inbound",
    "Event": "StartApp",
}
P_QUERY = "&".join(f"{key}={value}" for key, value in sorted(P.items()))


def _headers(method: str, url: str, parameters: dict[str, str], *, v1: bool = False) -> dict[str, str]:
    return dict(signature_headers(method, url, parameters, BOTH, NONCE, v1=v1))


@pytest.mark.parametrize(
    ("method", "url", "parameters", "expected"),
    [
        ("POST", "https://app.example.com/answer/", P, "wmU7oXs15O7OXhLt9AavMu+W++rqstyhgWat2bsABTE="),
        ("POST", "https://app.example.com/answer/?b=2&a=x%20y", P, "aIRI37YmjbUe7kO9dXLONk2/ibvMlEmE80QGi0eJOtA="),
        ("POST", "https://app.example.com:8443/hook", {}, "IWzqPmxE5OfdTqYvSl9CQOoGpZL9b8bGkw0CZsQyvYM="),
        ("GET", f"https://app.example.com/answer/?{P_QUERY}&b=2", {}, "itsfSEn5kXR5hg6m3aP+XNOmKRRbvblnoMtLz4sLd+E="),
        (
            "POST",
            "https://app.example.com/answer/",
            {"Digits": "", "Speech": "café + 1"},
            "HPjBvMgWY1t8gxgCte9i9/+CocnhfUNJAfszMeLXHB0=",
        ),
    ],
)
def test_version_3_matches_the_reference(method, url, parameters, expected):
    assert _headers(method, url, parameters)["X-Plivo-Signature-V3"] == expected


@pytest.mark.parametrize("query", ["", "?b=2&a=x%20y"])
def test_version_2_matches_the_reference_whatever_the_query(query):
    found = _headers("POST", f"https://app.example.com/answer/{query}", P)
    assert found["X-Plivo-Signature-V2"] == found["X-Plivo-Signature-Ma-V2"] == "Zs15M4HJ1HUX2siTNXEbXe49a6pvrvtIkA6653mfR6c="


def test_version_1_is_sent_only_when_asked_for():
    url = "https://app.example.com/answer/"
    assert _headers("POST", url, P, v1=True)["X-Plivo-Signature"] == "xiZ2PA7hlaeLs/yL4SwEZVhj7uE="
    assert "X-Plivo-Signature" not in _headers("POST", url, P)


def test_a_websocket_upgrade_is_signed_as_a_get_over_http():
    for url in ("wss://app.example.com/ws/audio?tenant=7", "ws://app.example.com/ws/audio?tenant=7#x"):
        assert dict(websocket_headers(url, BOTH, NONCE)) == {
            "X-Plivo-Signature-V3": "K+AcqGnUiiK1SMyFSDFrAXVSkb/H8Cf6/1ud9GW8BU8=",
            "X-Plivo-Signature-Ma-V3": "K+AcqGnUiiK1SMyFSDFrAXVSkb/H8Cf6/1ud9GW8BU8=",
            "X-Plivo-Signature-V3-Nonce": NONCE,
        }


def test_while_tokens_are_rotated_either_one_validates():
    url = "https://app.example.com/answer/"
    found = dict(signature_headers("POST", url, P, Tokens(("old", "new"), ("main",)), NONCE))
    assert " " not in found["X-Plivo-Signature-V3"]
    for token in ("old", "new"):
        assert validate_v3_signature("POST", url, NONCE, token, found["X-Plivo-Signature-V3"], dict(P))
    assert validate_v3_signature("POST", url, NONCE, "main", found["X-Plivo-Signature-Ma-V3"], dict(P))
    assert not validate_v3_signature("POST", url, NONCE, "main", found["X-Plivo-Signature-V3"], dict(P))


_ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)
_WORDS = st.dictionaries(st.text(min_size=1, max_size=12), st.text(max_size=20), max_size=6)
_QUERY = st.lists(st.tuples(st.sampled_from(["a", "b", "B", "a b", "z", "Digits"]), _ASCII), max_size=5)


@settings(max_examples=300, deadline=None)
@given(parameters=_WORDS.filter(lambda words: all(text.isprintable() for pair in words.items() for text in pair)), query=_QUERY)
def test_the_vendors_validator_accepts_any_form_and_query(parameters, query):
    from urllib.parse import urlencode

    url = "https://app.example.com:8443/a/b%20c" + ("?" + urlencode(query) if query else "")
    found = _headers("POST", url, parameters)
    assert validate_v3_signature("POST", url, NONCE, TOKEN, found["X-Plivo-Signature-V3"], dict(parameters))
    got = _headers("GET", url, {})
    assert validate_v3_signature("GET", url, NONCE, TOKEN, got["X-Plivo-Signature-V3"], {})
    assert validate_signature(url, NONCE, found["X-Plivo-Signature-V2"], TOKEN)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    ["/answer", "/answer?b=2&a=x%20y&a=1&empty=", "/a b/[x]|?q=a|b c", "", "/a;v=1/b;w=2?x", "/%zz?100%"],
)
def test_what_arrives_at_a_real_server_validates_with_the_vendors_sdk(world, names, method, path):
    parameters = {"CallUUID": "c-1", "From": "sip:a@b", "Digits": "1#*", "Empty": "", "Plus": "a+b &=c"}
    if method == "POST":
        parameters["Speech"] = "café ☎ 100%"

    async def work():
        async with world(send_v1=True) as w:
            await w.fetch(w.customer.url(path), method, **parameters)
            return w.customer.requests[0]

    seen = asyncio.run(work())
    nonce = seen.headers["X-Plivo-Signature-V3-Nonce"]
    assert len(nonce) == 20 and nonce.isdigit()
    for header in ("X-Plivo-Signature-V3", "X-Plivo-Signature-Ma-V3"):
        assert validate_v3_signature(method, seen.url, nonce, names.token, seen.headers[header], dict(seen.form))
    assert validate_signature(
        seen.url, seen.headers["X-Plivo-Signature-V2-Nonce"], seen.headers["X-Plivo-Signature-V2"], names.token
    )
    assert seen.headers["X-Plivo-Signature"]
    received = seen.form if method == "POST" else dict(seen.query)
    assert {key: received[key] for key in parameters} == parameters
