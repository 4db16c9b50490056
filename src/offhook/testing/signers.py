"""Those who sign calls, and their authorities: certificates as STIR has them (RFC 8226), good ones and all kinds of bad ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from offhook.testing.virtual_time import EPOCH

START = datetime.fromtimestamp(EPOCH, UTC)
"""When virtual time begins; certificates are valid for a year before and after unless told otherwise."""
YEAR = timedelta(days=365)
TN_AUTH_LIST = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.26")
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def tlv(tag: int, content: bytes) -> bytes:
    """One DER element."""
    length = bytes([len(content)]) if len(content) < 128 else b"\x82" + len(content).to_bytes(2, "big")
    return bytes([tag]) + length + content


def tn_auth_list(*entries: bytes) -> bytes:
    """The value of a TNAuthList (RFC 8226 section 9), of what the next three make."""
    return tlv(0x30, b"".join(entries))


def provider(code: bytes) -> bytes:
    """All numbers, as this provider."""
    return tlv(0xA0, tlv(0x16, code))


def numbers(first: bytes, count: int) -> bytes:
    """So many numbers (below 2**24) from the first on."""
    return tlv(0xA1, tlv(0x30, tlv(0x16, first) + tlv(0x02, count.to_bytes(3, "big").lstrip(b"\0") or b"\0")))


def number(one: bytes) -> bytes:
    """One number."""
    return tlv(0xA2, tlv(0x16, one))


SPC = tn_auth_list(provider(b"1234"))


@dataclass
class Holder:
    """Somebody with a key and a certificate, who can issue others."""

    name: str
    key: Key
    certificate: x509.Certificate = field(repr=False)

    @classmethod
    def root(cls, name: str = "Root", **more: Any) -> Holder:
        """An authority that vouches for itself; ``more`` as in ``issue``."""
        return cls._make(name, None, ca=True, **more)

    def issue(self, name: str, **more: Any) -> Holder:
        """A certificate for somebody else.

        Args:
            more: ``ca`` (``None``: it doesn't say), ``path_length``, ``begins`` and ``ends``, ``key``, ``usage`` (one of the
                names of ``x509.KeyUsage``), ``tn`` (the TNAuthList's value, ``None`` for none), ``critical`` (the OID of an
                extension that nobody knows), ``digest``.
        """
        return self._make(name, self, **more)

    @classmethod
    def _make(
        cls,
        name: str,
        issuer: Holder | None,
        *,
        ca: bool | None = False,
        path_length: int | None = None,
        begins: datetime = START - YEAR,
        ends: datetime = START + YEAR,
        key: Key | None = None,
        usage: str | None = None,
        tn: bytes | None = SPC,
        critical: str | None = None,
        digest: hashes.SHA224 | hashes.SHA256 | None = None,
    ) -> Holder:
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
        )
        if ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), critical=True)
        uses = usage or ("key_cert_sign" if ca else "digital_signature")
        names = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
        names += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
        builder = builder.add_extension(x509.KeyUsage(**{each: each == uses for each in names}), critical=True)
        if tn is not None and not ca:
            builder = builder.add_extension(x509.UnrecognizedExtension(TN_AUTH_LIST, tn), critical=False)
        if critical is not None:
            builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(critical), b"\5\0"), critical=True)
        made = builder.sign(issuer.key if issuer else key, digest or hashes.SHA256())
        return cls(name, key, made)

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key, not encrypted."""
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
