"""Signed statements about callers: read, compared with the request, written (RFC 8224, RFC 8225, RFC 8588)."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offhook.sip import Request, Uri
from offhook.sip.parties import Party, caller_parties, canonical, canonical_number, parties, read_date, show_date
from offhook.sip.passport import FRESH_S, Failure, Identity, Passport, check, fits, sign

# RFC 8225 appendix A.1 and A.2.
RFC_PRIVATE = b"""-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIFeZ1R208QCvcu5GuYyMfG4W7sH4m99/7eHSDLpdYllFoAoGCCqGSM49
AwEHoUQDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH78YTU8qLS8I5HLHSSmlATLcs
lQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g==
-----END EC PRIVATE KEY-----
"""
RFC_PUBLIC = b"""-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH
78YTU8qLS8I5HLHSSmlATLcslQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g==
-----END PUBLIC KEY-----
"""
RFC_HEADER = "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9"
RFC_PAYLOAD = (
    "eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn19"
)
# The same example in the drafts, whose iat was a string still: a signature by that key that somebody else has made.
DRAFT_PAYLOAD = (
    "eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0"
)
DRAFT_SIGNATURE = "rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w"

KEY = ec.derive_private_key(0x5712_5A4E, ec.SECP256R1())
X5U = "https://cert.example.org/passport.cer"
IAT = 1_471_375_418
ORIGID = "123e4567-e89b-12d3-a456-426655440000"
HEADER = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": X5U}
CLAIMS = {
    "attest": "A",
    "dest": {"tn": ["12155551213"]},
    "iat": IAT,
    "orig": {"tn": "12155551212"},
    "origid": ORIGID,
}
ALICE, BOB = Party("tn", "12155551212"), Party("tn", "12155551213")


def encode(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def value(
    header: object = HEADER, claims: object = CLAIMS, signature: str = encode(b"s" * 64), parameters: str | None = None
) -> str:
    if parameters is None:
        parameters = f";info=<{X5U}>;alg=ES256;ppt=shaken"
    return f"{encode(header)}.{encode(claims)}.{signature}{parameters}"


def read(text: str) -> Passport | Failure:
    identity = Identity.parse(text)
    return identity if isinstance(identity, Failure) else Passport.read(identity)


def request(*more: tuple[str, str], caller: str = "sip:+12155551212@a.example", to: str = "sip:+12155551213@b.example",
            uri: str = "sip:12155551213@192.0.2.1") -> Request:  # fmt: skip
    return Request("INVITE", uri, [("From", f"<{caller}>;tag=1"), ("To", f"<{to}>"), *more])


def signed(**more: object) -> Passport:
    found = read(sign(KEY, X5U, ALICE, [BOB], IAT, **{"attest": "A", "origid": ORIGID, **more}))  # type: ignore[arg-type]
    assert isinstance(found, Passport), found
    return found


# The signature


def test_what_is_signed_is_byte_for_byte_the_example_of_rfc_8225() -> None:
    key = load_pem_private_key(RFC_PRIVATE, None)
    text = sign(key, X5U, ALICE, [Party("uri", "sip:alice@example.com")], IAT)
    header, payload, signature = text.partition(";")[0].split(".")
    assert (header, payload) == (RFC_HEADER, RFC_PAYLOAD)
    assert fits(f"{RFC_HEADER}.{RFC_PAYLOAD}".encode(), decode(signature), load_pem_public_key(RFC_PUBLIC))
    assert text.endswith(f";info=<{X5U}>;alg=ES256")


def test_a_signature_that_others_made_fits_and_fits_nothing_else() -> None:
    key, signature = load_pem_public_key(RFC_PUBLIC), decode(DRAFT_SIGNATURE)
    assert fits(f"{RFC_HEADER}.{DRAFT_PAYLOAD}".encode(), signature, key)
    assert not fits(f"{RFC_HEADER}.{RFC_PAYLOAD}".encode(), signature, key)
    assert not fits(f"{RFC_HEADER}.{DRAFT_PAYLOAD}".encode(), signature, KEY.public_key())
    for wrong in (b"", signature[:-1], signature + b"\0", b"\0" * 64, b"\xff" * 64, signature[32:] + signature[:32]):
        assert not fits(f"{RFC_HEADER}.{DRAFT_PAYLOAD}".encode(), wrong, key)


def test_pyjwt_believes_what_we_sign() -> None:
    text = sign(KEY, X5U, ALICE, [BOB, Party("uri", "sip:bob@b.example")], IAT, attest="B", origid=ORIGID)
    token, _, parameters = text.partition(";")
    assert parameters == f"info=<{X5U}>;alg=ES256;ppt=shaken"
    assert jwt.get_unverified_header(token) == HEADER
    claims = jwt.decode(token, KEY.public_key(), algorithms=["ES256"])
    assert claims == {**CLAIMS, "attest": "B", "dest": {"tn": ["12155551213"], "uri": ["sip:bob@b.example"]}}
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, load_pem_public_key(RFC_PUBLIC), algorithms=["ES256"])


def test_we_believe_what_pyjwt_signs() -> None:
    token = jwt.encode(CLAIMS, KEY, algorithm="ES256", headers=HEADER)
    found = read(f'{token};info=<{X5U}>;ppt="shaken"')
    assert isinstance(found, Passport), found
    assert fits(found.signed, found.signature, KEY.public_key())
    assert (found.orig, found.dest, found.iat, found.attest, found.origid) == (ALICE, (BOB,), IAT, "A", ORIGID)
    assert check(found, [ALICE], request(), IAT) is None


# What is malformed


def test_a_good_value_is_read_however_its_parameters_are_written() -> None:
    for parameters in (
        f";info=<{X5U}>;alg=ES256;ppt=shaken",
        f'; ppt="shaken" ; INFO=<{X5U}>',
        f";alg=ES256;info=<{X5U}>",
        f';info=<{X5U}>;ppt=SHAKEN;more="a;b"',
    ):
        assert isinstance(read(value(parameters=parameters)), Passport), parameters


def without(mapping: dict, name: str, **more: object) -> dict:
    return {**{key: each for key, each in mapping.items() if key != name}, **more}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        # the field
        ("", 438),
        ("a.b", 438),
        ("a.b.c.d;info=<https://a.example/>", 438),
        (f".{encode(CLAIMS)}.{'A' * 86};info=<{X5U}>", 438),
        (value(parameters=f";info=<{X5U}>;info=<{X5U}>"), 438),
        (value(parameters=f";info=<{X5U}>;ppt=shaken;alg=ES256;more={'x' * 9000}"), 438),
        (value(parameters=";ppt=shaken"), 436),
        (value(parameters=f";info={X5U};ppt=shaken"), 436),
        (value(parameters=";info=<>;ppt=shaken"), 436),
        (value(parameters=";info=<https://a.example/ b>;ppt=shaken"), 436),
        (value(parameters=f";info=<{X5U}>;ppt=shaken;alg=RS256"), 437),
        # the header
        (value({**HEADER, "alg": "none"}), 437),
        (value({**HEADER, "alg": "HS256"}), 437),
        (value({**HEADER, "alg": ["ES256"]}), 437),
        (value({**HEADER, "typ": "JWT"}), 438),
        (value({**HEADER, "typ": None}), 438),
        (value({**HEADER, "crit": ["x"]}), 438),
        (value({**HEADER, "x5u": "https://elsewhere.example/"}), 438),
        (value(without(HEADER, "x5u")), 438),
        (value({**HEADER, "ppt": "div"}), 438),
        (value({**HEADER, "ppt": ["shaken"]}), 438),
        (value(without(HEADER, "ppt")), 438),
        (value({**HEADER, "x": "y" * 3000}), 438),
        (value([HEADER]), 438),
        (value(b"{}{}"), 438),
        (value(b'{"alg":"ES256","alg":"ES256","ppt":"shaken","typ":"passport","x5u":"' + X5U.encode() + b'"}'), 438),
        # the claims
        (value(claims=b"\xff"), 438),
        (value(claims=b"[" * 4000), 438),
        (value(claims=b'{"iat":' + b"1" * 4000 + b"}"), 438),
        (value(claims=without(CLAIMS, "iat")), 438),
        (value(claims={**CLAIMS, "iat": str(IAT)}), 438),
        (value(claims={**CLAIMS, "iat": True}), 438),
        (value(claims={**CLAIMS, "iat": -1}), 438),
        (value(claims={**CLAIMS, "iat": 2**60}), 438),
        (value(claims=json.dumps({**CLAIMS, "iat": 0}).replace('"iat": 0', '"iat": 1e999').encode()), 438),
        (value(claims=json.dumps({**CLAIMS, "iat": 0}).replace('"iat": 0', '"iat": NaN').encode()), 438),
        (value(claims=without(CLAIMS, "orig")), 438),
        (value(claims={**CLAIMS, "orig": "12155551212"}), 438),
        (value(claims={**CLAIMS, "orig": {"tn": ["12155551212"]}}), 438),
        (value(claims={**CLAIMS, "orig": {"tn": "12155551212", "uri": "sip:a@a.example"}}), 438),
        (value(claims={**CLAIMS, "orig": {"tn": "anonymous"}}), 438),
        (value(claims={**CLAIMS, "dest": {"tn": "12155551213"}}), 438),
        (value(claims={**CLAIMS, "dest": {"tn": []}}), 438),
        (value(claims={**CLAIMS, "dest": {"tn": ["12155551213"] * 65}}), 438),
        (value(claims={**CLAIMS, "dest": {"tn": ["12155551213", None]}}), 438),
        (value(claims={**CLAIMS, "attest": "D"}), 438),
        (value(claims={**CLAIMS, "attest": ["A"]}), 438),
        (value(claims=without(CLAIMS, "attest")), 438),
        (value(claims={**CLAIMS, "origid": "yes"}), 438),
        (value(claims=without(CLAIMS, "origid")), 438),
        # the signature, and base64url that is not its own encoding
        (value(signature=encode(b"s" * 63)), 438),
        (value(signature=encode(b"s" * 65)), 438),
        (value(signature=encode(b"s" * 64)[:-1] + "x"), 438),
        (value(signature=encode(b"s" * 64) + "=="), 438),
        (value(signature=""), 438),
    ],
)  # fmt: skip
def test_a_malformed_identity_has_the_answer_of_rfc_8224(text: str, status: int) -> None:
    found = read(text)
    assert isinstance(found, Failure), found
    assert found.status == status, found
    assert found.why in str(found)


# Numbers and names


@pytest.mark.parametrize(
    ("text", "region", "canonical"),
    [
        ("+1 (215) 555-1212", None, "12155551212"),
        ("12155551212", None, "12155551212"),
        ("+12155551212", "GB", "12155551212"),
        ("2155551212", "US", "12155551212"),
        ("12155551212", "US", "12155551212"),
        ("2155551212", None, "2155551212"),
        ("020 7946 0018", "GB", "442079460018"),
        ("0012155551212", "GB", "12155551212"),
        ("911", "US", "911"),
        ("5551212", "US", "5551212"),
        ("*67", "US", "*67"),
        ("#31#", None, "#31#"),
        ("", "US", None),
        ("+", None, None),
        ("anonymous", "US", None),
        ("1a2", None, None),
        ("1" * 33, None, None),
        ("٣٤٥٦", None, None),
        ("²²²", None, None),
    ],
)
def test_a_number_has_one_form(text: str, region: str | None, canonical: str | None) -> None:
    assert canonical_number(text, region) == canonical


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("tel:+1-215-555-1212", [("tn", "12155551212")]),
        ("tel:5551212;phone-context=+1215", [("tn", "12155551212")]),
        ("sip:+12155551212;npdi@A.Example;user=phone", [("tn", "12155551212"), ("uri", "sip:+12155551212;npdi@a.example")]),
        ("sip:7@a.example", [("uri", "sip:7@a.example")]),
        ("sip:7@a.example;user=phone", [("tn", "7"), ("uri", "sip:7@a.example")]),
        ("sips:%61lice@a.example:5061;transport=tcp", [("uri", "sips:alice@a.example")]),
        ("sip:alice@[2001:db8:0::1]", [("uri", "sip:alice@[2001:db8::1]")]),
        ("sip:a.example", []),
        ("mailto:alice@a.example", []),
    ],
)
def test_a_uri_has_one_form(uri: str, expected: list[tuple[str, str]]) -> None:
    assert list(parties(Uri.parse(uri))) == expected


def test_the_caller_is_whom_the_network_asserts_and_from_only_where_nobody_is_trusted() -> None:
    asserted = ("P-Asserted-Identity", "<sip:+13125550100@net.example>, <tel:+13125550100>")
    assert Party("tn", "13125550100") in caller_parties(request(asserted))
    assert ALICE not in caller_parties(request(asserted))
    assert caller_parties(request(asserted), trusted=False) == caller_parties(request())
    assert ALICE in caller_parties(request())
    # Whoever wants privacy is shown by From: there the signature must fit From, unless that names nobody.
    assert ALICE in caller_parties(request(asserted, ("Privacy", "id")))
    hidden = request(asserted, ("Privacy", "id;critical"), caller="sip:anonymous@anonymous.invalid")
    assert Party("tn", "13125550100") in caller_parties(hidden)
    assert caller_parties(request(("P-Asserted-Identity", "<<>")))[0] == ALICE


# The request


@pytest.mark.parametrize(("offset", "fresh"), [(0, True), (FRESH_S, True), (-FRESH_S, True), (61, False), (-61, False)])
def test_a_statement_is_good_for_a_minute_either_way(offset: int, fresh: bool) -> None:
    failure = check(signed(), [ALICE], request(), IAT + offset)
    assert (failure is None) == fresh
    if failure is not None:
        assert (failure.status, failure.phrase) == (403, "Stale Date")


@pytest.mark.parametrize(
    ("date", "fresh"),
    [
        ("Tue, 16 Aug 2016 19:23:38 GMT", True),
        ("Tue, 16 Aug 2016 19:24:38 GMT", True),
        ("Tue, 16 Aug 2016 19:24:39 GMT", False),
        ("Tue, 16 Aug 2016 19:23:38 EST", False),
        ("Tue, 31 Feb 2016 19:23:38 GMT", False),
        ("yesterday", False),
        ("", False),
    ],
)
def test_where_there_is_a_date_it_is_the_signatures(date: str, fresh: bool) -> None:
    failure = check(signed(), [ALICE], request(("Date", date)), IAT)
    assert (failure is None) == fresh
    assert failure is None or failure.status == 403


def test_a_date_is_written_as_it_is_read() -> None:
    assert show_date(IAT) == "Tue, 16 Aug 2016 19:23:38 GMT"
    for at in (0, IAT, 951_782_400, 2**31):
        assert read_date(request(("Date", show_date(at)))) == at


def test_a_statement_about_another_call_is_worth_nothing() -> None:
    assert check(signed(), [ALICE], request(), IAT) is None
    assert check(signed(), [ALICE], request(to="sip:hotline@b.example"), IAT) is None  # the request URI has the number
    elsewhere = check(signed(), [ALICE], request(to="sip:+12155551299@b.example", uri="sip:12155551299@192.0.2.1"), IAT)
    other = check(signed(), [Party("tn", "12155551299")], request(), IAT)
    nobody = check(signed(), [], request(), IAT)
    for failure in (elsewhere, other, nobody):
        assert failure is not None
        assert (failure.status, failure.phrase) == (438, "Invalid Identity Header")


def test_the_compact_form_is_completed_from_the_request() -> None:
    full = sign(KEY, X5U, ALICE, [BOB], IAT)
    compact = f"..{full.split('.', 2)[2]}"
    identity = Identity.parse(compact)
    assert isinstance(identity, Identity)
    assert identity.compact
    completed = identity.completed(request(("Date", show_date(IAT))))
    assert completed == Identity.parse(full)
    other = identity.completed(request(("Date", show_date(IAT)), caller="sip:+12155551299@a.example"))
    assert isinstance(other, Identity)
    claims = Passport.read(other)
    assert isinstance(claims, Passport)
    assert not fits(claims.signed, claims.signature, KEY.public_key())


@pytest.mark.parametrize(
    ("parameters", "made", "status"),
    [
        (f";info=<{X5U}>", request(), 403),
        (f";info=<{X5U}>", request(("Date", show_date(IAT)), caller="mailto:a@b.example"), 438),
        (f";info=<{X5U}>;ppt=shaken", request(("Date", show_date(IAT))), 438),
    ],
)
def test_the_compact_form_needs_a_date_readable_parties_and_plain_claims(parameters: str, made: Request, status: int) -> None:
    identity = Identity.parse(f"..{'A' * 86}{parameters}")
    assert isinstance(identity, Identity)
    found = identity.completed(made)
    assert isinstance(found, Failure)
    assert found.status == status


# Anything at all


def signed_and_signature(text: str) -> tuple[bytes, bytes]:
    header, payload, signature = text.partition(";")[0].split(".")
    return f"{header}.{payload}".encode(), decode(signature)


GOOD = sign(KEY, X5U, ALICE, [BOB], IAT, attest="A", origid=ORIGID)
SIGNED, SIGNATURE = signed_and_signature(GOOD)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["A", ORIGID, "12155551212"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["tn", "uri", "a"]), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def hurt(draw: st.DrawFn) -> str:
    """A good value, damaged in a few places."""
    text = list(GOOD)
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(text) - 1))
        text[at : at + draw(st.integers(0, 4))] = draw(st.text('.;<>="\\ABab-_\udc80é', max_size=3))
    return "".join(text)


@given(hurt() | st.text(max_size=120))
@example("")
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_statement_or_a_failure(text: str) -> None:
    found = read(text)
    if isinstance(found, Passport):
        assert fits(found.signed, found.signature, KEY.public_key()) == (found.signed == SIGNED and found.signature == SIGNATURE)
    else:
        assert found.status in {403, 436, 437, 438}


@given(
    st.dictionaries(st.sampled_from(sorted(HEADER)), JSON, max_size=4),
    st.dictionaries(st.sampled_from(sorted(CLAIMS)), JSON, max_size=5),
)
@settings(max_examples=400, deadline=None)
def test_any_json_is_a_statement_or_a_failure(header: dict, claims: dict) -> None:
    found = read(value({**HEADER, **header}, {**CLAIMS, **claims}))
    if isinstance(found, Passport):
        assert found.dest
        assert found.attest in {"A", "B", "C", None}
        check(found, caller_parties(request()), request(), IAT)
    else:
        assert found.status in {437, 438}


@given(
    st.text("+1290#*() .-;=sip:tel@a%[]", max_size=40) | st.text(max_size=30), st.sampled_from([None, "US", "GB", "DE", "XX", ""])
)
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_number_or_none_and_once_canonical_it_stays_so(text: str, region: str | None) -> None:
    number = canonical_number(text, region)
    if number is not None:
        assert canonical_number(number) == number
        assert canonical_number(f"+{number}", region) == number
        assert canonical("tn", number) == Party("tn", number)


@given(
    st.lists(
        st.tuples(st.sampled_from(["P-Asserted-Identity", "Privacy", "Date", "From", "To"]), st.text(max_size=40)), max_size=5
    )
)
@settings(max_examples=300, deadline=None)
def test_any_request_has_parties_or_none(fields: list[tuple[str, str]]) -> None:
    made = Request("INVITE", fields[0][1] if fields else "", fields)
    for trusted in (True, False):
        check(signed(), caller_parties(made, "US", trusted=trusted), made, IAT, "US")
    identity = Identity.parse(f"..{'A' * 86};info=<{X5U}>")
    assert isinstance(identity, Identity)
    assert isinstance(identity.completed(made, "US"), Identity | Failure)
