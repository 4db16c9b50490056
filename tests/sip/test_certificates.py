"""Certificates of those who sign calls: which of them lead to somebody whom we trust, and for which numbers (RFC 8226)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.errors import SettingsError
from offhook.sip.certificates import Credential, TnAuthList, read_anchors, read_chain, validate
from offhook.sip.parties import Party
from offhook.sip.passport import Failure
from offhook.testing.signers import SPC, START, Holder, number, numbers, provider, tn_auth_list

ALICE = "12155551212"
ROOT = Holder.root()
MIDDLE = ROOT.issue("Middle", ca=True, path_length=0)
SIGNER = MIDDLE.issue("Signer")


def check_chain(*chain: Holder, trust: tuple[Holder, ...] = (ROOT,), now: datetime = START) -> Credential | Failure:
    read = read_chain(b"".join(each.pem for each in chain))
    return read if isinstance(read, Failure) else validate(read, read_anchors([each.pem for each in trust]), now)


def test_a_chain_leads_to_a_trusted_authority_in_any_order_and_with_or_without_the_root() -> None:
    other = Holder.root("Other")
    for chain in ((SIGNER, MIDDLE), (SIGNER, MIDDLE, ROOT), (SIGNER, ROOT, MIDDLE), (SIGNER, other, MIDDLE)):
        found = check_chain(*chain, trust=(other, ROOT))
        assert isinstance(found, Credential), found
        assert found.subject == "CN=Signer"
        assert found.numbers == TnAuthList(("1234",))
    assert isinstance(check_chain(SIGNER, trust=(MIDDLE,)), Credential)
    der = SIGNER.certificate.public_bytes(serialization.Encoding.DER)
    read = read_chain(der)
    assert read == [SIGNER.certificate]


def test_a_path_has_four_certificates_at_most() -> None:
    second = ROOT.issue("2", ca=True)
    third = second.issue("3", ca=True)
    fourth = third.issue("4", ca=True)
    assert isinstance(check_chain(third.issue("Signer"), third, second), Credential)
    assert isinstance(check_chain(fourth.issue("Signer"), fourth, third, second), Failure)
    too_many = check_chain(SIGNER, MIDDLE, second, third, fourth)
    assert isinstance(too_many, Failure)
    assert too_many.status == 437


def test_the_credential_is_valid_as_long_as_all_of_its_path() -> None:
    brief = ROOT.issue("Brief", ca=True, ends=START + timedelta(days=3))
    found = check_chain(brief.issue("Signer"), brief)
    assert isinstance(found, Credential)
    assert found.valid_until == START + timedelta(days=3)


def impostor() -> tuple[Holder, ...]:
    """An authority of the same name, with another key."""
    return (Holder.root("Root").issue("Signer"),)


def forged_middle() -> tuple[Holder, ...]:
    """A signer who issues certificates."""
    other = SIGNER.issue("Forged")
    return (other, SIGNER, MIDDLE)


WRONG: dict[str, Callable[[], tuple[Holder, ...]]] = {
    "expired": lambda: (ROOT.issue("Signer", ends=START - timedelta(seconds=1)),),
    "not yet valid": lambda: (ROOT.issue("Signer", begins=START + timedelta(seconds=1)),),
    "expired intermediate": lambda: (
        (middle := ROOT.issue("M", ca=True, ends=START - timedelta(days=1))).issue("Signer"),
        middle,
    ),
    "another root of that name": impostor,
    "self-signed": lambda: (Holder.root("Signer"),),
    "issued by a signer": forged_middle,
    "an authority as signer": lambda: (ROOT.issue("Signer", ca=True),),
    "a key for something else": lambda: (ROOT.issue("Signer", usage="key_agreement"),),
    "an issuer that may not issue": lambda: (
        (middle := ROOT.issue("M", ca=True, usage="crl_sign")).issue("Signer"),
        middle,
    ),
    "an issuer that does not say it is one": lambda: (
        (middle := ROOT.issue("M", ca=None, usage="key_cert_sign")).issue("S"),
        middle,
    ),
    "too long a path": lambda: ((below := MIDDLE.issue("Below", ca=True)).issue("Signer"), below, MIDDLE),
    "RSA": lambda: (ROOT.issue("Signer", key=rsa.generate_private_key(65537, 2048)),),
    "P-384": lambda: (ROOT.issue("Signer", key=ec.generate_private_key(ec.SECP384R1())),),
    "unknown critical extension": lambda: (ROOT.issue("Signer", critical="1.2.3.4"),),
    "unknown critical extension above": lambda: (
        (middle := ROOT.issue("M", ca=True, critical="1.2.3.4")).issue("Signer"),
        middle,
    ),
    "SHA-224": lambda: (ROOT.issue("Signer", digest=hashes.SHA224()),),
    "malformed TNAuthList": lambda: (ROOT.issue("Signer", tn=b"\x30\x05\xa0"),),
}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_wrong_certificate_is_an_unsupported_credential(name: str) -> None:
    found = check_chain(*WRONG[name]())
    assert isinstance(found, Failure), name
    assert (found.status, found.phrase) == (437, "Unsupported Credential"), found


def test_the_trusted_authority_has_to_be_valid_too() -> None:
    old = Holder.root("Old", ends=START - timedelta(days=1))
    assert isinstance(check_chain(old.issue("Signer"), trust=(old,)), Failure)


@pytest.mark.parametrize("pem", [b"", b"nothing", SIGNER.pem, ROOT.pem + SIGNER.pem, ROOT.pem.replace(b"M", b"!")])
def test_a_trusted_certificate_that_is_no_authoritys_is_said_at_once(pem: bytes) -> None:
    with pytest.raises(SettingsError, match="trusted STIR certificate"):
        read_anchors([pem])


@pytest.mark.parametrize(
    ("der", "covered", "not_covered"),
    [
        (SPC, ["12155551212", "442079460018"], []),
        (tn_auth_list(number(b"12155551212")), ["12155551212"], ["12155551213", "2155551212", "*67"]),
        (tn_auth_list(number(b"+1-215-555-1212")), ["12155551212"], ["12155551213"]),
        (
            tn_auth_list(numbers(b"12155551200", 100)),
            ["12155551200", "12155551299"],
            ["12155551199", "12155551300", "1215555120"],
        ),
        (tn_auth_list(number(b"13125550100"), numbers(b"12155551212", 1)), ["13125550100", "12155551212"], ["12155551213"]),
        (tn_auth_list(number(b"13125550100"), provider(b"99")), ["12155551212"], []),
    ],
)
def test_a_certificate_for_numbers_covers_those_numbers(der: bytes, covered: list[str], not_covered: list[str]) -> None:
    found = TnAuthList.parse(der)
    assert all(found.covers(Party("tn", each)) for each in covered)
    assert not any(found.covers(Party("tn", each)) for each in not_covered)
    if not_covered:
        assert not found.covers(Party("uri", "sip:alice@a.example"))


LISTS = st.lists(st.sampled_from([provider(b"1"), number(b"1"), numbers(b"1", 1), b"\x30", b"\xa1\x00", b"\x80"]))


@given(st.binary(max_size=80) | LISTS.map(lambda parts: tn_auth_list(*parts)))
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_a_tn_auth_list_or_a_value_error(der: bytes) -> None:
    try:
        found = TnAuthList.parse(der)
    except ValueError:
        return
    found.covers(Party("tn", ALICE))


DER = SIGNER.certificate.public_bytes(serialization.Encoding.DER)


@given(st.lists(st.tuples(st.integers(0, len(DER) - 1), st.integers(0, 255)), min_size=1, max_size=4), st.binary(max_size=4))
@settings(max_examples=400, deadline=None)
def test_a_damaged_certificate_is_refused(changes: list[tuple[int, int]], more: bytes) -> None:
    data = bytearray(DER)
    for at, byte in changes:
        data[at] = byte
    read = read_chain(bytes(data) + more)
    if isinstance(read, list):
        found = validate([*read, MIDDLE.certificate], [ROOT.certificate], START)
        assert isinstance(found, Failure) or bytes(data) == DER
