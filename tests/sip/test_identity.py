"""The verification service and its certificates, with an authority of our own (RFC 8224, RFC 8226, ATIS-1000074)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.sip import Request
from offhook.sip.certificates import Credential
from offhook.sip.identity import (
    CACHED_S,
    MAX_CACHED,
    MAX_FETCHES,
    REFUSED_S,
    VERIFIED_WITHIN_S,
    CertificateCache,
    Verification,
    Verifier,
    verstat,
)
from offhook.sip.parties import Party
from offhook.sip.passport import Failure, sign
from offhook.testing.signers import START, YEAR, Holder, number, tn_auth_list
from offhook.testing.virtual_time import EPOCH, run, virtual_clock

X5U = "https://certs.example/alice.pem"
ALICE, BOB = "12155551212", "12155551213"


ROOT = Holder.root()
MIDDLE = ROOT.issue("Middle", ca=True, path_length=0)
SIGNER = MIDDLE.issue("Signer")
CHAIN = SIGNER.pem + MIDDLE.pem


@dataclass
class Shelf:
    """What lies at which URL; counts who comes for it."""

    lies: dict[str, bytes | Exception] = field(default_factory=lambda: {X5U: CHAIN})
    takes_s: float = 0.0
    asked: list[str] = field(default_factory=list)

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        await asyncio.sleep(self.takes_s)
        found = self.lies.get(url, OSError("nothing lies there"))
        if isinstance(found, Exception):
            raise found
        return found


def token(holder: Holder = SIGNER, *, caller: str = ALICE, called: str = BOB, x5u: str = X5U, attest: str | None = "A",
          age_s: float = 0.0) -> str:  # fmt: skip
    """An Identity, signed now."""
    iat = int(EPOCH + asyncio.get_running_loop().time() - age_s)
    assert isinstance(holder.key, ec.EllipticCurvePrivateKey)
    origid = "123e4567-e89b-12d3-a456-426655440000" if attest else None
    return sign(holder.key, x5u, Party("tn", caller), [Party("tn", called)], iat, attest=attest, origid=origid)  # type: ignore[arg-type]


def request(*identities: str, more: tuple[tuple[str, str], ...] = (), caller: str = f"<sip:+{ALICE}@a.example>;tag=1") -> Request:
    fields = [("From", caller), ("To", f"<sip:+{BOB}@b.example>"), *(("Identity", each) for each in identities), *more]
    return Request("INVITE", f"sip:{BOB}@192.0.2.1", fields)


def verifying(scenario: Callable[[Verifier, Shelf], Awaitable[None]], shelf: Shelf | None = None, **more: object) -> None:
    """Run a scenario in virtual time."""
    shelf = shelf or Shelf()

    async def main() -> None:
        verifier = Verifier(shelf.fetch, [ROOT.pem], virtual_clock(), **more)  # type: ignore[arg-type]
        try:
            await scenario(verifier, shelf)
        finally:
            await verifier.aclose()

    run(main())


def judged(
    make: Callable[[], Request], shelf: Shelf | None = None, trust: tuple[bytes, ...] = (ROOT.pem,), **more: object
) -> Verification:
    """What comes out for one request."""
    shelf = shelf or Shelf()

    async def main() -> Verification:
        verifier = Verifier(shelf.fetch, trust, virtual_clock())
        try:
            return await verifier.verify(make(), **more)  # type: ignore[arg-type]
        finally:
            await verifier.aclose()

    return run(main())


# The verdict


@pytest.mark.parametrize("attest", ["A", "B", "C", None])
def test_a_signed_caller_is_verified_with_the_signers_attestation(attest: str | None) -> None:
    found = judged(lambda: request(token(attest=attest)))
    assert (found.status, found.attestation, found.number) == ("Verified", attest or "Not Applicable", ALICE)
    assert "CN=Signer" in found.why
    assert found.failure is None


def test_what_fails_is_not_verified_and_says_what_would_be_answered() -> None:
    wrong_key = MIDDLE.issue("Another")
    stranger = Holder.root("Stranger").issue("Signer")
    cases: list[tuple[str, Callable[[], Request], Shelf | None, int]] = [
        ("stale", lambda: request(token(age_s=61)), None, 403),
        ("future", lambda: request(token(age_s=-61)), None, 403),
        ("another caller", lambda: request(token(caller="12155559999")), None, 438),
        ("another callee", lambda: request(token(called="12155559999")), None, 438),
        ("another key", lambda: request(token(wrong_key)), None, 438),
        ("garbage", lambda: request("garbage"), None, 438),
        ("plain http", lambda: request(token(x5u="http://certs.example/a.pem")), None, 436),
        ("user in the URL", lambda: request(token(x5u="https://a:b@certs.example/a.pem")), None, 436),
        ("nothing there", lambda: request(token(x5u="https://certs.example/none.pem")), None, 436),
        ("no certificate there", lambda: request(token()), Shelf({X5U: b"<html>"}), 436),
        ("too much there", lambda: request(token()), Shelf({X5U: CHAIN + b"\n" * 70_000}), 436),
        ("a stranger's", lambda: request(token(stranger)), Shelf({X5U: stranger.pem}), 437),
        ("no intermediate", lambda: request(token()), Shelf({X5U: SIGNER.pem}), 437),
    ]
    for name, make, shelf, status in cases:
        found = judged(make, shelf)
        assert (found.status, found.attestation, found.number) == ("Not Verified", "Not Applicable", ""), name
        assert found.failure is not None, name
        assert found.failure.status == status, (name, found.why)
        assert found.why == str(found.failure), name


def test_nothing_is_fetched_for_a_statement_that_would_not_count_anyway() -> None:
    async def scenario(verifier: Verifier, shelf: Shelf) -> None:
        for identity in (token(age_s=100), token(caller="12155559999"), token(x5u="ftp://certs.example/a"), "x"):
            assert (await verifier.verify(request(identity))).status == "Not Verified"
        assert shelf.asked == []

    verifying(scenario)


def test_plain_http_is_allowed_where_the_operator_allows_it() -> None:
    url = "http://certs.internal/a.pem"

    async def scenario(verifier: Verifier, shelf: Shelf) -> None:
        assert (await verifier.verify(request(token(x5u=url)))).status == "Verified"
        assert shelf.asked == [url]

    verifying(scenario, Shelf({url: CHAIN}), allow_http=True)


def test_one_good_statement_among_others_is_enough() -> None:
    found = judged(lambda: request(token(age_s=100), token(attest=None, age_s=200), token(attest="B")))
    assert (found.status, found.attestation) == ("Verified", "B")
    # A proxy may have put them into one line.
    assert judged(lambda: request(f"{token(age_s=100)}, {token()}")).status == "Verified"


def test_statements_of_other_extensions_count_as_absent() -> None:
    def diverted() -> Request:
        return request(
            token().replace("ppt=shaken", "ppt=div"), more=(("P-Asserted-Identity", f"<tel:+{ALICE};verstat=No-TN-Validation>"),)
        )

    assert judged(lambda: request(token().replace("ppt=shaken", "ppt=div"))).status == "Not Applicable"
    assert judged(diverted).status == "Not Verified"
    assert judged(lambda: request(token().replace("ppt=shaken", "ppt=div"), token())).status == "Verified"


def test_the_compact_form_is_verified_with_what_the_request_says() -> None:
    def compact() -> Request:
        text = token(attest=None)
        date = datetime.fromtimestamp(EPOCH, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        return request(".." + text.split(".", 2)[2], more=(("Date", date),))

    assert judged(compact).status == "Verified"


def test_national_numbers_are_read_in_their_country() -> None:
    made = "<sip:2155551212@a.example>"
    assert judged(lambda: request(token(), caller=made)).status == "Not Verified"
    assert judged(lambda: request(token(), caller=made), region="US").status == "Verified"


def test_what_an_untrusted_peer_asserts_is_no_caller() -> None:
    def forged() -> Request:
        asserted = ("P-Asserted-Identity", f"<sip:+{ALICE}@net.example>")
        return request(token(), caller="<sip:+13125550100@a.example>", more=(asserted,))

    assert judged(forged).status == "Verified"
    assert judged(forged, trusted=False).status == "Not Verified"


@pytest.mark.parametrize(
    ("fields", "status", "attestation"),
    [
        ([], "Not Applicable", "Not Applicable"),
        ([("P-Asserted-Identity", "<tel:+1215;verstat=TN-Validation-Passed>")], "Verified", "Not Applicable"),
        ([("P-Asserted-Identity", "tel:+1215;verstat=TN-Validation-Passed")], "Verified", "Not Applicable"),
        (
            [("P-Asserted-Identity", "<sip:+1215;verstat=tn-validation-passed@a.example;user=phone>")],
            "Verified",
            "Not Applicable",
        ),
        ([("P-Asserted-Identity", "<sip:+1215@a.example;verstat=TN-Validation-Passed-B>")], "Verified", "B"),
        ([("From", "<sip:+1215@a.example>;verstat=TN-Validation-Failed;tag=1")], "Not Verified", "Not Applicable"),
        ([("From", "<sip:+1215;verstat=No-TN-Validation@a.example>;tag=1")], "Not Verified", "Not Applicable"),
        ([("From", "<sip:+1215;verstat=Whatever@a.example>;tag=1")], "Not Applicable", "Not Applicable"),
        ([("From", '"verstat=TN-Validation-Passed" <sip:+1215@a.example>')], "Not Applicable", "Not Applicable"),
        ([("From", "<sip:<;verstat=TN-Validation-Passed")], "Not Applicable", "Not Applicable"),
        (
            [
                ("From", "<tel:+1215;verstat=TN-Validation-Passed>"),
                ("P-Asserted-Identity", "<tel:+1215;verstat=TN-Validation-Failed>"),
            ],
            *("Not Verified", "Not Applicable"),
        ),
        (
            [("P-Asserted-Identity", "<tel:+1215;verstat=TN-Validation-Passed>"), ("P-Attestation-Indicator", "a")],
            *("Verified", "A"),
        ),
    ],
)
def test_without_an_identity_the_networks_verdict_counts(fields: list[tuple[str, str]], status: str, attestation: str) -> None:
    made = Request("INVITE", "sip:b@192.0.2.1", fields)
    found = verstat(made)
    assert (found.status, found.attestation) == (status, attestation)
    assert judged(lambda: made) == found
    assert judged(lambda: made, trusted=False).status == "Not Applicable"


def test_an_identity_wins_over_verstat_only_where_somebody_is_trusted() -> None:
    said = (("P-Asserted-Identity", f"<tel:+{ALICE};verstat=TN-Validation-Failed>"),)
    assert judged(lambda: request(token(), more=said)).status == "Verified"
    shelf = Shelf()
    assert judged(lambda: request(token(), more=said), shelf, trust=()).status == "Not Verified"
    assert shelf.asked == []


def test_a_certificate_for_one_number_does_not_vouch_for_another() -> None:
    own = MIDDLE.issue("Customer", tn=tn_auth_list(number(ALICE.encode())))
    shelf = Shelf({X5U: own.pem + MIDDLE.pem})
    assert judged(lambda: request(token(own)), shelf).status == "Verified"
    found = judged(lambda: request(token(own, caller="12155551999"), caller="<tel:+12155551999>"), shelf)
    assert found.failure is not None
    assert found.failure.status == 437


def test_a_certificate_that_does_not_say_for_whom_is_noted() -> None:
    silent = MIDDLE.issue("Silent", tn=None)
    found = judged(lambda: request(token(silent)), Shelf({X5U: silent.pem + MIDDLE.pem}))
    assert found.status == "Verified"
    assert "no TNAuthList" in found.why


# Certificates and their cache


def test_a_certificate_is_fetched_once_however_many_calls_wait_for_it() -> None:
    async def scenario(verifier: Verifier, shelf: Shelf) -> None:
        shelf.takes_s = 0.5
        found = await asyncio.gather(*(verifier.verify(request(token())) for _ in range(50)))
        assert {each.status for each in found} == {"Verified"}
        await asyncio.sleep(CACHED_S - 10)
        assert (await verifier.verify(request(token()))).status == "Verified"
        assert len(shelf.asked) == 1
        await asyncio.sleep(20)
        assert (await verifier.verify(request(token()))).status == "Verified"
        assert len(shelf.asked) == 2

    verifying(scenario)


def test_a_certificate_that_expires_is_not_believed_from_the_cache() -> None:
    brief = MIDDLE.issue("Brief", ends=START + timedelta(hours=1))

    async def scenario(verifier: Verifier, shelf: Shelf) -> None:
        assert (await verifier.verify(request(token(brief)))).status == "Verified"
        await asyncio.sleep(3601)
        found = await verifier.verify(request(token(brief)))
        assert found.failure is not None
        assert found.failure.status == 437
        assert len(shelf.asked) == 2

    verifying(scenario, Shelf({X5U: brief.pem + MIDDLE.pem}))


def test_what_cannot_be_had_is_asked_for_again_after_a_minute() -> None:
    async def scenario(verifier: Verifier, shelf: Shelf) -> None:
        for _ in range(5):
            assert (await verifier.verify(request(token()))).status == "Not Verified"
        assert len(shelf.asked) == 1
        await asyncio.sleep(REFUSED_S)
        shelf.lies[X5U] = CHAIN
        assert (await verifier.verify(request(token()))).status == "Verified"

    verifying(scenario, Shelf({X5U: OSError("refused")}))


def test_a_certificate_renewed_in_place_is_noticed_and_a_bad_signature_does_not_make_us_fetch_all_the_time() -> None:
    renewed = MIDDLE.issue("Renewed")

    async def scenario(verifier: Verifier, shelf: Shelf) -> None:
        assert (await verifier.verify(request(token()))).status == "Verified"
        shelf.lies[X5U] = renewed.pem + MIDDLE.pem
        assert (await verifier.verify(request(token(renewed)))).status == "Not Verified"  # fetched less than a minute ago
        await asyncio.sleep(REFUSED_S)
        assert (await verifier.verify(request(token(renewed)))).status == "Verified"
        assert len(shelf.asked) == 2
        for _ in range(20):
            assert (await verifier.verify(request(token()))).status == "Not Verified"
        assert len(shelf.asked) == 2
        # While there is nothing newer to be had, what is known still counts.
        await asyncio.sleep(REFUSED_S)
        shelf.lies[X5U] = OSError("down")
        found = await verifier.verify(request(token()))
        assert found.failure is not None
        assert found.failure.status == 438
        assert (await verifier.verify(request(token(renewed)))).status == "Verified"
        assert len(shelf.asked) == 3

    verifying(scenario)


def test_a_slow_server_costs_a_call_two_seconds_and_no_more() -> None:
    async def scenario(verifier: Verifier, shelf: Shelf) -> None:
        loop = asyncio.get_running_loop()
        shelf.takes_s = 60.0
        urls = [f"https://certs.example/{each}" for each in range(3)]
        began = loop.time()
        found = await verifier.verify(request(*(token(x5u=url) for url in urls)))
        assert loop.time() - began == pytest.approx(VERIFIED_WITHIN_S, abs=0.1)
        assert found.failure is not None
        assert found.failure.status == 436

    verifying(scenario)


def test_who_gives_up_waiting_does_not_stop_the_fetch_for_others() -> None:
    async def scenario(verifier: Verifier, shelf: Shelf) -> None:
        shelf.takes_s = 1.0
        impatient = asyncio.create_task(verifier.verify(request(token())))
        patient = asyncio.create_task(verifier.verify(request(token())))
        await asyncio.sleep(0.5)
        impatient.cancel()
        assert (await patient).status == "Verified"
        assert impatient.cancelled()
        assert len(shelf.asked) == 1

    verifying(scenario)


def test_callers_cannot_make_us_fetch_without_bound() -> None:
    async def scenario(verifier: Verifier, shelf: Shelf) -> None:
        shelf.takes_s = 1.0
        made = [request(token(x5u=f"https://certs.example/{number}")) for number in range(100)]
        found = await asyncio.gather(*map(verifier.verify, made))
        assert {each.status for each in found} == {"Not Verified"}
        assert len(shelf.asked) == MAX_FETCHES
        # What was turned away was not remembered as bad.
        shelf.lies["https://certs.example/99"] = CHAIN
        assert (await verifier.verify(request(token(x5u="https://certs.example/99")))).status == "Verified"

    verifying(scenario)


def test_a_flood_of_bad_urls_neither_grows_the_cache_nor_drives_out_good_ones() -> None:
    good = Credential(SIGNER.key.public_key(), "CN=Signer", START + YEAR, None)  # type: ignore[arg-type]
    asked: list[str] = []

    async def get(url: str) -> Credential | Failure:
        asked.append(url)
        return good if url.startswith("good") else Failure.bad_info("bad")

    async def main() -> None:
        cache = CertificateCache(get, virtual_clock())
        assert await cache.get("good") is good
        for each in range(MAX_CACHED + 100):
            assert isinstance(await cache.get(f"bad {each}"), Failure)
        assert len(cache) == MAX_CACHED + 1
        assert await cache.get("good") is good
        assert asked.count("good") == 1
        for each in range(MAX_CACHED + 100):
            await cache.get(f"good {each}")
        assert len(cache) == 2 * MAX_CACHED

    run(main())


def test_closing_ends_what_waits() -> None:
    async def scenario(verifier: Verifier, shelf: Shelf) -> None:
        shelf.takes_s = 1.5
        waiting = asyncio.create_task(verifier.verify(request(token())))
        await asyncio.sleep(0.1)
        await verifier.aclose()
        assert (await waiting).status == "Not Verified"

    verifying(scenario)


# Anything at all


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Identity", "From", "To", "Date", "P-Asserted-Identity", "Privacy"]),
            st.text(max_size=30) | st.sampled_from(["good", "hurt", f"<sip:+{ALICE}@a.example>", f"<tel:+{BOB}>"]),
        ),
        max_size=8,
    ),
    st.sampled_from([None, "US", "XX"]),
    st.binary(max_size=20),
)
@settings(max_examples=300, deadline=None)
def test_no_request_makes_the_verifier_raise(fields: list[tuple[str, str]], region: str | None, lies: bytes) -> None:
    async def scenario(verifier: Verifier, _shelf: Shelf) -> None:
        tokens = {"good": token(), "hurt": token()[:-40]}
        made = Request("INVITE", f"sip:{BOB}@192.0.2.1", [(name, tokens.get(text, text)) for name, text in fields])
        for trusted in (True, False):
            found = await verifier.verify(made, region=region, trusted=trusted)
            assert found.why
            assert found.number == (
                ALICE if found.status == "Verified" and found.failure is None and "signed" in found.why else ""
            )

    verifying(scenario, Shelf({X5U: lies or CHAIN}))
