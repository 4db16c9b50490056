"""The verification service and its certificates, with an authority of our own (RFC 8224, RFC 8226, ATIS-1000074)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiohttp
import jwt
import pytest
import trustme
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.clock import Clock
from offhook.errors import SettingsError
from offhook.ids import Ids
from offhook.sip import Request
from offhook.sip.certificates import Credential
from offhook.sip.identity import (
    CACHED_S,
    MAX_CACHED,
    MAX_FETCHES,
    REFUSED_S,
    VERIFIED_WITHIN_S,
    CertificateCache,
    Signer,
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
        assert (await verifier.verify(request(token()))).status == "Not Verified"
        assert (await verifier.verify(request(token(renewed)))).status == "Verified"
        assert len(shelf.asked) == 3

    verifying(scenario)


def test_a_slow_server_costs_a_call_two_seconds_and_no_more() -> None:
    async def scenario(verifier: Verifier, shelf: Shelf) -> None:
        loop = asyncio.get_running_loop()
        shelf.takes_s = 60.0
        urls = [f"https://certs.example/{number}" for number in range(3)]
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
        found = await asyncio.gather(*(verifier.verify(each) for each in made))
        assert {each.status for each in found} == {"Not Verified"}
        assert len(shelf.asked) == MAX_FETCHES
        # What was turned away was not remembered as bad.
        shelf.lies["https://certs.example/99"] = CHAIN
        assert (await verifier.verify(request(token(x5u="https://certs.example/99")))).status == "Verified"

    verifying(scenario)


def test_a_flood_of_bad_urls_neither_grows_the_cache_nor_drives_out_good_ones() -> None:
    good = Credential(SIGNER.key.public_key(), "CN=Signer", START, START + YEAR, None)  # type: ignore[arg-type]
    asked: list[str] = []

    async def get(url: str) -> Credential | Failure:
        asked.append(url)
        return good if url.startswith("good") else Failure.bad_info("bad")

    async def main() -> None:
        cache = CertificateCache(get, virtual_clock())
        assert await cache.get("good") is good
        for number in range(MAX_CACHED + 100):
            assert isinstance(await cache.get(f"bad {number}"), Failure)
        assert len(cache) == MAX_CACHED + 1
        assert await cache.get("good") is good
        assert asked.count("good") == 1
        for number in range(MAX_CACHED + 100):
            await cache.get(f"good {number}")
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


# Signing


def signer(clock: Clock, **more: object) -> Signer:
    return Signer(**{"key": SIGNER.key_pem, "x5u": X5U, "attest": "A", "clock": clock, "ids": Ids(), **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("caller", [f"+{ALICE}", ALICE, "+1 (215) 555-1212", f"sip:+{ALICE}@a.example", f"tel:+{ALICE}"])
@pytest.mark.parametrize("called", [BOB, ["12155559999", f"sip:+{BOB}@b.example;user=phone"]])
def test_what_we_sign_is_verified(caller: str, called: str | list[str]) -> None:
    async def scenario(verifier: Verifier, _shelf: Shelf) -> None:
        fields = signer(virtual_clock()).fields(caller, called, attest="B")
        assert [name for name, _ in fields] == ["Date", "Identity"]
        found = await verifier.verify(request(more=tuple(fields)))
        assert (found.status, found.attestation, found.number) == ("Verified", "B", ALICE)

    verifying(scenario)


def test_a_caller_without_a_number_is_signed_by_its_uri() -> None:
    own = MIDDLE.issue("Signer")

    async def scenario(verifier: Verifier, _shelf: Shelf) -> None:
        fields = signer(virtual_clock(), key=own.key_pem).fields("sip:alice@A.example:5070;transport=tcp", "sip:bob@b.example")
        made = Request(
            "INVITE", "sip:bob@192.0.2.1", [("From", "<sip:alice@a.example>;tag=1"), ("To", "<sip:bob@b.example>"), *fields]
        )
        found = await verifier.verify(made)
        assert (found.status, found.number) == ("Verified", "sip:alice@a.example")

    verifying(scenario, Shelf({X5U: own.pem + MIDDLE.pem}))


def test_each_call_has_an_origid_of_its_own_unless_one_is_configured() -> None:
    def origid(value: str | None) -> str:
        assert value is not None
        return str(jwt.decode(value.partition(";")[0], options={"verify_signature": False})["origid"])

    async def main() -> None:
        each = signer(virtual_clock())
        assert origid(each.sign(ALICE, BOB)) != origid(each.sign(ALICE, BOB))
        fixed = signer(virtual_clock(), origid="123E4567-e89b-12d3-a456-426655440000")
        assert origid(fixed.sign(ALICE, BOB)) == "123E4567-e89b-12d3-a456-426655440000"

    run(main())


def test_nobody_is_not_signed() -> None:
    async def main() -> None:
        each = signer(virtual_clock())
        for caller, called in [
            ("anonymous", BOB),
            ("sip:anonymous@anonymous.invalid", BOB),
            ("", BOB),
            ("sip:a.example", BOB),
            (ALICE, []),
            (ALICE, ["bob"]),
            (ALICE, [BOB] * 65),
        ]:
            assert each.sign(caller, called) is None, (caller, called)
            assert each.fields(caller, called) == []

    run(main())


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "nothing"},
        {"key": SIGNER.pem},
        {"key": ROOT.issue("R", key=rsa.generate_private_key(65537, 2048)).key_pem},
        {"key": ROOT.issue("R", key=ec.generate_private_key(ec.SECP384R1())).key_pem},
        {
            "key": ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
            )
        },
        {"x5u": "http://certs.example/a.pem"},
        {"x5u": "https://certs.example/a.pem> <b"},
        {"x5u": "certs.example"},
        {"x5u": "https://[::1/"},
        {"attest": "D"},
        {"origid": "trunk 1"},
    ],
)
def test_what_cannot_sign_is_said_at_once(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="STIR"):
        signer(Clock(), **wrong)


# A real server


async def live(scheme: str) -> None:
    authority = trustme.CA()
    clock = Clock()
    now = clock.wall()
    root = Holder.root("Live root", begins=now - YEAR, ends=now + YEAR)
    own = root.issue("Live signer", begins=now - YEAR, ends=now + YEAR)
    served: list[str] = []

    async def serve(asked: web.Request) -> web.Response:
        served.append(asked.path)
        return web.Response(body=own.pem, content_type="application/pem-certificate-chain")

    application = web.Application()
    application.router.add_get("/signer.pem", serve)
    context: ssl.SSLContext | None = None
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}/signer.pem"
    async with aiohttp.ClientSession() as session:

        async def fetch(wanted: str) -> bytes:
            async with session.get(wanted, ssl=trusting) as response:
                response.raise_for_status()
                return await response.read()

        verifier = Verifier(fetch, [root.pem.decode()], clock, allow_http=scheme == "http")
        each = signer(clock, key=own.key_pem, x5u=url, allow_http=scheme == "http")
        for _ in range(3):
            found = await verifier.verify(request(more=tuple(each.fields(ALICE, BOB))))
            assert (found.status, found.attestation) == ("Verified", "A"), found
        assert served == ["/signer.pem"]
        missing = signer(clock, key=own.key_pem, x5u=url + ".old", allow_http=scheme == "http")
        found = await verifier.verify(request(more=tuple(missing.fields(ALICE, BOB))))
        assert found.failure is not None
        assert found.failure.status == 436
        assert "404" in found.why
        await verifier.aclose()
    await runner.cleanup()


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_certificates_come_from_a_real_server(scheme: str) -> None:
    asyncio.run(live(scheme))


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
