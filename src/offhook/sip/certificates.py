"""Certificates of those who sign calls (RFC 8226, ATIS-1000080): whom they lead to, and which numbers they are for. Pure.

They name no host, so the rules of TLS do not fit them: the path is built here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID

from offhook.errors import SettingsError
from offhook.sip.parties import Party, canonical_number
from offhook.sip.passport import Failure

MAX_CHAIN = 4
"""Certificates from the signer's to the trusted one, both counted."""
MAX_CHAIN_BYTES = 65_536
MAX_ENTRIES = 256
TN_AUTH_LIST = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.26")
_UNDERSTOOD = frozenset(
    {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE, TN_AUTH_LIST}
    | {ExtensionOID.CERTIFICATE_POLICIES, ExtensionOID.SUBJECT_KEY_IDENTIFIER, ExtensionOID.AUTHORITY_KEY_IDENTIFIER}
    | {ExtensionOID.SUBJECT_ALTERNATIVE_NAME, ExtensionOID.ISSUER_ALTERNATIVE_NAME, ExtensionOID.CRL_DISTRIBUTION_POINTS}
)
"""What a certificate may have as critical. Name constraints are not among it: a certificate that needs them is refused."""
_BROKEN = (
    *(ValueError, TypeError, OverflowError, InvalidSignature, UnsupportedAlgorithm),
    *(x509.DuplicateExtension, x509.UnsupportedGeneralNameType, x509.InvalidVersion),
)
_HASHES = frozenset({"sha256", "sha384", "sha512"})
_SEQUENCE, _IA5, _INTEGER = 0x30, 0x16, 0x02
_SPC, _RANGE, _ONE = 0xA0, 0xA1, 0xA2


@dataclass(frozen=True, slots=True)
class TnAuthList:
    """For whom a certificate may sign (RFC 8226 section 9)."""

    providers: tuple[str, ...] = ()
    """Service provider codes: with one, any number is the provider's to sign for."""
    ranges: tuple[tuple[str, int], ...] = ()
    """First number and how many; a single number is a range of one."""

    @classmethod
    def parse(cls, der: bytes) -> TnAuthList:
        """Read the extension's value; raises ``ValueError``."""
        providers: list[str] = []
        ranges: list[tuple[str, int]] = []
        (tag, content), *more = _elements(der)
        if tag != _SEQUENCE or more:
            raise ValueError("TNAuthList is no sequence")
        for kind, entry in _elements(content):
            if len(providers) + len(ranges) >= MAX_ENTRIES:
                raise ValueError(f"TNAuthList has more than {MAX_ENTRIES} entries")
            if kind == _SPC:
                providers.append(_word(*next(_elements(entry))))
            elif kind == _ONE:
                ranges.append((_number(*next(_elements(entry))), 1))
            elif kind == _RANGE:
                outer, inside = next(_elements(entry))
                first, (count_tag, count) = list(_elements(inside))
                if outer != _SEQUENCE or count_tag != _INTEGER or not 0 < len(count) <= 8 or count[0] & 0x80:
                    raise ValueError("TNAuthList has a malformed range")
                ranges.append((_number(*first), int.from_bytes(count, "big")))
            else:
                raise ValueError("TNAuthList has an entry of unknown kind")
        return cls(tuple(providers), tuple(ranges))

    def covers(self, party: Party) -> bool:
        """Whether a caller is among them."""
        if self.providers:
            return True
        if party.kind != "tn" or not party.value.isdigit():
            return False
        return any(len(first) == len(party.value) and 0 <= int(party.value) - int(first) < count for first, count in self.ranges)


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The tags and contents of consecutive DER elements; raises ``ValueError``."""
    at = 0
    while at < len(der):
        if at + 2 > len(der):
            raise ValueError("DER is cut off")
        tag, length, at = der[at], der[at + 1], at + 2
        if length >= 0x80:
            size = length & 0x7F
            if not 0 < size <= 3:
                raise ValueError("DER has a length that is none")
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        if at + length > len(der):
            raise ValueError("DER is cut off")
        yield tag, der[at : at + length]
        at += length
    if not der:
        raise ValueError("DER is empty")


def _word(tag: int, content: bytes) -> str:
    if tag != _IA5 or not 0 < len(content) <= 64:
        raise ValueError("TNAuthList has no IA5String where one should be")
    return content.decode("ascii")


def _number(tag: int, content: bytes) -> str:
    number = canonical_number(_word(tag, content))
    if number is None or not number.isdigit():
        raise ValueError("TNAuthList has a number that is none")
    return number


@dataclass(frozen=True, slots=True)
class Credential:
    """A signer's key, once its certificate has been found good."""

    key: ec.EllipticCurvePublicKey
    """On P-256."""
    subject: str
    valid_until: datetime
    """The earliest end in the whole path, UTC."""
    numbers: TnAuthList | None
    """``None``: the certificate does not say, as it should (ATIS-1000080)."""


def read_anchors(pems: Sequence[bytes | str]) -> list[x509.Certificate]:
    """The certificates of those whom we trust.

    Args:
        pems: texts with one or more certificates each.

    Raises:
        SettingsError: one cannot be read, or is not one of an authority.
    """
    found: list[x509.Certificate] = []
    for pem in pems:
        try:
            found += x509.load_pem_x509_certificates(pem.encode() if isinstance(pem, str) else pem)
            wrong = next((each for each in found if not _may_issue(each, 0)), None)
        except _BROKEN as error:
            raise SettingsError(f"a trusted STIR certificate cannot be read as PEM: {error}") from error
        if wrong is not None:
            name = wrong.subject.rfc4514_string()
            raise SettingsError(f"the trusted STIR certificate {name!r} is not one of an authority (CA:TRUE); name its issuer's")
    return found


def read_chain(data: bytes) -> list[x509.Certificate] | Failure:
    """What lay at x5u: PEM (RFC 8226 section 8), the signer's certificate first, or that one alone as DER. Nothing is raised."""
    if len(data) > MAX_CHAIN_BYTES:
        return Failure.bad_info(f"the certificate is longer than {MAX_CHAIN_BYTES} bytes")
    try:
        pem = b"-----BEGIN" in data
        chain = x509.load_pem_x509_certificates(data) if pem else [x509.load_der_x509_certificate(data)]
    except _BROKEN:
        return Failure.bad_info("what lies there is no certificate")
    if not 0 < len(chain) <= MAX_CHAIN:
        return Failure.unsupported(f"there are {len(chain)} certificates, 1 to {MAX_CHAIN} are read")
    return chain


def validate(chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], now: datetime) -> Credential | Failure:
    """Lead the first certificate back to one that is trusted (RFC 5280 section 6, without revocation). Nothing is raised.

    Args:
        now: UTC, aware.
    """
    try:
        return _validate(chain[0], chain[1:], anchors, now)
    except _BROKEN as error:
        return Failure.unsupported(f"the certificate cannot be read: {str(error)[:100] or type(error).__name__}")


def _validate(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], now: datetime
) -> Credential | Failure:
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        return Failure.unsupported("the certificate's key is not on P-256")
    if not _current(leaf, now):
        return Failure.unsupported(f"the certificate is valid from {leaf.not_valid_before_utc} until {leaf.not_valid_after_utc}")
    constraints, usage = _constraints(leaf), _usage(leaf)
    if (constraints is not None and constraints.ca) or (usage is not None and not usage.digital_signature):
        return Failure.unsupported("the certificate is not one to sign calls with")
    if not _clear(leaf):
        return Failure.unsupported("the certificate has a critical extension that is not known here")
    numbers = _numbers(leaf)
    above = _path(leaf, others, anchors, now, 0)
    if above is None:
        return Failure.unsupported("the certificate does not lead to an authority that is trusted")
    path = [leaf, *above]
    return Credential(
        key,
        leaf.subject.rfc4514_string()[:200],
        min(each.not_valid_after_utc for each in path),
        numbers,
    )


def _path(
    lower: x509.Certificate, spare: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], now: datetime, between: int
) -> list[x509.Certificate] | None:
    """The issuers of a certificate up to a trusted one; ``None`` when there is no such path.

    Args:
        spare: presented certificates that are not in the path yet.
        between: how many stand between the signer's certificate and the issuer looked for.
    """
    for anchor in anchors:
        if _issued(lower, anchor, now, between):
            return [anchor]
    if between + 3 > MAX_CHAIN:
        return None
    for issuer in spare:
        if _issued(lower, issuer, now, between):
            above = _path(issuer, [each for each in spare if each is not issuer], anchors, now, between + 1)
            if above is not None:
                return [issuer, *above]
    return None


def _issued(lower: x509.Certificate, issuer: x509.Certificate, now: datetime, between: int) -> bool:
    if lower.issuer != issuer.subject or not _current(issuer, now) or not _may_issue(issuer, between) or not _clear(issuer):
        return False
    algorithm = lower.signature_hash_algorithm
    if algorithm is not None and algorithm.name not in _HASHES:
        return False
    try:
        lower.verify_directly_issued_by(issuer)
    except _BROKEN:
        return False
    return True


def _current(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _may_issue(certificate: x509.Certificate, between: int) -> bool:
    """Whether it is an authority's, also with so many other authorities below it."""
    constraints, usage = _constraints(certificate), _usage(certificate)
    if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
        return False
    return constraints.path_length is None or constraints.path_length >= between


def _clear(certificate: x509.Certificate) -> bool:
    """Whether nothing critical stands in it that is not understood (RFC 5280 section 4.2)."""
    return all(not each.critical or each.oid in _UNDERSTOOD for each in certificate.extensions)


def _constraints(certificate: x509.Certificate) -> x509.BasicConstraints | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return None


def _usage(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _numbers(certificate: x509.Certificate) -> TnAuthList | None:
    try:
        value = certificate.extensions.get_extension_for_oid(TN_AUTH_LIST).value
    except x509.ExtensionNotFound:
        return None
    return TnAuthList.parse(value.value) if isinstance(value, x509.UnrecognizedExtension) else None
