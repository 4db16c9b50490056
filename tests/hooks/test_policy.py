"""The fragment of a URL, and the URL itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import InvalidUrl
from offhook.hooks import Policy, Trouble, read_policy, redacted
from offhook.hooks.target import parse_target


def test_without_a_fragment_a_document_gets_15_s_and_a_notification_40():
    document, _ = read_policy("", xml=True)
    notification, _ = read_policy("", xml=False)
    assert (document.read_s, document.attempt_s) == (15.0, 15.0)
    assert (notification.read_s, notification.attempt_s) == (40.0, None)
    for policy in (document, notification):
        assert (policy.connect_s, policy.total_s, policy.retries) == (2.0, 55.0, 1)
        assert policy.retry_on == {Trouble.CONNECT, Trouble.READ}


def test_every_key_of_the_reference_counts():
    policy, remarks = read_policy("ct=500&rt=3000&tt=20000&rc=3&rp=4xx,5xx&er=mumbai", xml=True)
    retry_on = frozenset({Trouble.CLIENT_ERROR, Trouble.SERVER_ERROR})
    assert policy == Policy(connect_s=0.5, read_s=3.0, total_s=20.0, attempt_s=None, retries=3, retry_on=retry_on)
    assert remarks == ()


def test_a_total_alone_lifts_the_15_s_too():
    policy, _ = read_policy("tt=30000", xml=True)
    assert (policy.read_s, policy.attempt_s, policy.total_s) == (40.0, None, 30.0)


@pytest.mark.parametrize(
    "fragment",
    [
        *("ct=99", "ct=10001", "rt=40001", "tt=55001", "rc=6", "rc=-1", "rc=1.5", "rc=٣", "rc=", "rc"),
        *("rp=often", "er=moon", "plivo_timeout=5", "rt=99999999999999"),
    ],
)
def test_a_part_that_is_wrong_is_ignored_with_a_remark(fragment):
    policy, remarks = read_policy("rc=2&" + fragment, xml=False)
    assert policy == Policy(retries=2)
    assert len(remarks) == 1 and "ignored" in remarks[0]


def test_the_good_part_of_a_policy_list_counts_beside_the_wrong_one():
    policy, remarks = read_policy("rp=5xx,6xx", xml=False)
    assert policy.retry_on == {Trouble.SERVER_ERROR} and len(remarks) == 1


def test_all_means_everything():
    assert read_policy("rp=all", xml=False)[0].retry_on == set(Trouble)


def test_an_ordinary_anchor_is_no_settings():
    assert read_policy("top", xml=False) == (Policy(), ())


@given(st.text(max_size=200), st.booleans())
def test_no_fragment_whatever_breaks_a_bound(fragment, xml):
    policy, _ = read_policy(fragment, xml=xml)
    assert (
        0.1 <= policy.connect_s <= 10 and 0.1 <= policy.read_s <= 40 and 0.1 <= policy.total_s <= 55 and 0 <= policy.retries <= 5
    )


@pytest.mark.parametrize(
    ("url", "wire"),
    [
        ("https://App.Example.com/Answer/?b=2&a=x%20y#rc=1", "https://App.Example.com/Answer/?b=2&a=x%20y"),
        ("https://app.example.com:443/", "https://app.example.com:443/"),
        ("HTTP://app.example.com", "http://app.example.com/"),
        ("https://app.example.com?x=1", "https://app.example.com/?x=1"),
        ("https://app.example.com/café menu?q=ü|{x}", "https://app.example.com/caf%C3%A9%20menu?q=%C3%BC%7C%7Bx%7D"),
        ("https://app.example.com/100%?50%zz&%41", "https://app.example.com/100%25?50%25zz&%41"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://bücher.example:8443/", "https://xn--bcher-kva.example:8443/"),
        ("http://[2001:db8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
        ("https://user:pa%3Ass@app.example.com/x", "https://app.example.com/x"),
        ("  https://app.example.com/x\n", "https://app.example.com/x"),
        ("https://app.example.com:/x", "https://app.example.com/x"),
    ],
)
def test_a_url_goes_on_the_wire_as_it_is_written_but_for_what_may_not(url, wire):
    assert parse_target(url).url == wire


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "answer.xml",
            "/answer",
            "//host/x",
            "ftp://host/x",
            "file:///etc/passwd",
            "http://",
            "http:///x",
            "https://host:99999/",
        ),
        *("http://host:0/", "http://host:port/", "http://[::1/", "http://ho st/", "http://ho%73t/", "javascript:alert(1)"),
        *("http://host\\@evil/", "http://" + "a" * 9000, "http://a\x00b/", "http://xn--\udcff/"),
    ],
)
def test_what_cannot_be_asked_is_an_invalid_url(url):
    with pytest.raises(InvalidUrl):
        parse_target(url)


@given(st.text(max_size=80))
def test_no_text_whatever_raises_anything_else(text):
    for url in (text, "http://" + text, "http://host/" + text):
        try:
            target = parse_target(url)
        except InvalidUrl:
            continue
        assert target.url.isascii() and " " not in target.url and "#" not in target.url
        assert parse_target(target.url).url == target.url


def test_user_information_becomes_credentials_and_is_never_shown():
    target = parse_target("https://al%40ice:s%3Acret@app.example.com/x?y#z")
    assert target.authorization == "Basic YWxAaWNlOnM6Y3JldA=="
    assert target.shown == "https://***@app.example.com/x?y"
    assert "cret" not in redacted("https://alice:secret@app.example.com/x")
    assert "cret" not in redacted(" //alice:s@cret@app.example.com/x")


def test_a_redirect_takes_credentials_along_only_within_its_origin():
    target = parse_target("https://alice:secret@app.example.com/a/b")
    assert target.follow("../c").base == "https://alice:secret@app.example.com/c"
    assert target.follow("https://APP.example.com/d").authorization is not None
    assert target.follow("https://other.example.com/d").authorization is None
    assert target.follow("http://app.example.com/d").authorization is None
    assert target.follow("https://bob:x@other.example.com/d").authorization == "Basic Ym9iOng="
