"""Digest authentication as the server: what a client of another make answers is right, everything else is not."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.auth import HTTPDigestAuth

from offhook.sip import Guard, Request, Secret
from offhook.sip.guard import NONCE_S, Verdict

SECRET = Secret.of("alice", "offhook", "open sesame")
URI = "sip:example.com"
BARE = Request("REGISTER", URI, [("Via", "SIP/2.0/UDP 192.0.2.9")])


class Desk:
    """A guard with a clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.tokens = iter(range(10**9))
        self.guard = Guard("offhook", b"k" * 32, lambda: self.now, lambda length: f"{next(self.tokens):0{length}x}")

    def challenge(self, algorithm: str = "SHA-256") -> dict[str, str]:
        values = [value for _, value in self.guard.challenges(BARE)]
        value = next(each for each in values if f"algorithm={algorithm}," in each)
        return dict(part.split("=", 1) for part in value.removeprefix("Digest ").replace('"', "").split(", "))

    def check(self, authorization: str, method: str = "REGISTER", secret: Secret | None = SECRET) -> Verdict:
        answer = self.guard.read(Request(method, URI, [("Authorization", authorization)]))
        return Verdict.ABSENT if answer is None else self.guard.check(answer, method, secret)


def answered(challenge: dict[str, str], password: str = "open sesame", method: str = "REGISTER", count: int = 1) -> str:
    """What a well-known HTTP client answers: digest is the same there."""
    client = HTTPDigestAuth("alice", password)
    client.init_per_thread_state()
    client._thread_local.chal = challenge
    client._thread_local.last_nonce = challenge["nonce"]
    client._thread_local.nonce_count = count - 1
    # It takes a path: of a SIP URI without one there is none, and "/" is what it puts there.
    header = client.build_digest_header(method, f"http://h/{URI}")
    assert header is not None
    return header


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_what_another_client_answers_is_right(algorithm: str) -> None:
    desk = Desk()
    assert desk.check(answered(desk.challenge(algorithm))) is Verdict.RIGHT


def test_the_algorithms_are_offered_in_order_and_others_are_not_accepted() -> None:
    desk = Desk()
    assert [value.partition("algorithm=")[2][:3] for _, value in desk.guard.challenges(BARE)] == ["MD5", "SHA"]
    weak = answered(desk.challenge("MD5"))
    strict = Guard("offhook", b"k" * 32, lambda: desk.now, lambda length: "0" * length, ("SHA-256",))
    assert [name for name, _ in strict.challenges(BARE, proxy=True)] == ["Proxy-Authenticate"]
    assert strict.read(Request("REGISTER", URI, [("Authorization", weak)])) is None


@pytest.mark.parametrize(
    ("hops", "algorithms", "offered"),
    [
        (["WS"], ("MD5", "SHA-256"), ["MD5"]),
        (["UDP", "WSS"], ("SHA-256", "MD5"), ["MD5"]),  # a proxy is between
        (["WSS"], ("SHA-256",), ["SHA-256"]),
        (["WS", "TCP"], ("MD5", "SHA-256"), ["MD5", "SHA-256"]),
    ],
)
def test_a_browser_is_challenged_once_with_what_it_knows(
    hops: list[str], algorithms: tuple[str, ...], offered: list[str]
) -> None:
    guard = Guard("offhook", b"k" * 32, lambda: 1.0, lambda length: "0" * length, algorithms)
    request = Request("REGISTER", URI, [("Via", f"SIP/2.0/{each} client.invalid;branch=z9hG4bK1") for each in hops])
    found = [value.partition("algorithm=")[2].partition(",")[0] for _, value in guard.challenges(request)]
    assert found == offered


def test_a_wrong_password_a_wrong_method_and_an_unknown_user_are_wrong() -> None:
    desk = Desk()
    assert desk.check(answered(desk.challenge(), "another")) is Verdict.WRONG
    assert desk.check(answered(desk.challenge(), method="INVITE")) is Verdict.WRONG
    assert desk.check(answered(desk.challenge()), secret=None) is Verdict.WRONG


def test_an_answer_is_good_once_and_its_nonce_as_long_as_its_counter_grows() -> None:
    desk = Desk()
    challenge = desk.challenge()
    first = answered(challenge)
    assert desk.check(first) is Verdict.RIGHT
    assert desk.check(first) is Verdict.STALE
    assert desk.check(answered(challenge, count=3)) is Verdict.RIGHT
    assert desk.check(answered(challenge, count=2)) is Verdict.STALE


def test_an_old_nonce_is_stale_and_one_of_another_run_is_none() -> None:
    desk = Desk()
    challenge = desk.challenge()
    desk.now += NONCE_S + 1
    assert desk.check(answered(challenge)) is Verdict.STALE
    assert (
        Guard("offhook", b"x" * 32, lambda: 1000.0, lambda n: "0" * n).read(
            Request("REGISTER", URI, [("Authorization", answered(challenge))])
        )
        is None
    )


def test_a_client_of_rfc_2069_is_right_once() -> None:
    desk = Desk()
    nonce = desk.challenge("MD5")["nonce"]

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    response = md5(f"{md5('alice:offhook:open sesame')}:{nonce}:{md5(f'REGISTER:{URI}')}")
    value = f'Digest username="alice", realm="offhook", nonce="{nonce}", uri="{URI}", response="{response}"'
    assert desk.check(value) is Verdict.RIGHT
    assert desk.check(value) is Verdict.STALE


@given(st.text(max_size=300))
def test_whatever_stands_there_is_absent_or_wrong(text: str) -> None:
    desk = Desk()
    assert desk.check(text) is Verdict.ABSENT
    nonce = desk.challenge()["nonce"]
    value = f'Digest username="alice", realm="offhook", nonce="{nonce}", uri="{URI}", response="{text}"'
    assert desk.check(value) in {Verdict.ABSENT, Verdict.WRONG}
