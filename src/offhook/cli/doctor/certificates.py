"""Certificates in files: readable, a pair with their key, and for how long still good."""

from __future__ import annotations

import os
import ssl
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from offhook.cli.doctor.finding import Finding, joined, ok, problem, warning
from offhook.cli.doctor.threads import in_thread
from offhook.clock import Clock

if TYPE_CHECKING:
    from cryptography import x509

NAME = "certificate"
FEW_DAYS = 14
DAY_S = 86_400
_PEM = "give it a PEM file: certificate first, intermediates behind it, the key without a password"


async def certificate(path_cert: Path, path_key: Path | None = None) -> Finding:
    """Look at a certificate and its key.

    Args:
        path_cert: PEM, intermediates behind it.
        path_key: PEM; ``None``: the key stands in the same file.
    """
    return await in_thread(lambda: _certificate(path_cert, path_key or path_cert))


def _certificate(path_cert: Path, path_key: Path) -> Finding:
    for path in (path_cert, path_key):
        try:
            path.read_bytes()
        except OSError as error:
            remedy = f"correct the path, or let user {os.getuid()} read it"
            return problem(NAME, f"{path} cannot be read: {error.strerror}", remedy)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path_cert, path_key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return problem(
                NAME, f"{path_key} is not the key of {path_cert}", "take the key that the certificate was asked for with"
            )
        return problem(NAME, f"{path_cert} with {path_key} is no certificate with its key ({error.reason or error})", _PEM)
    return joined([_dates(path_cert), *_secrecy(path_key)])


def _secrecy(path_key: Path) -> list[Finding]:
    if stat.S_IMODE(path_key.stat().st_mode) & 0o007:
        return [warning(NAME, f"every user of this machine can touch the key {path_key}", f"chmod 600 {path_key}")]
    return []


def _dates(path_cert: Path) -> Finding:
    try:
        from cryptography import x509  # noqa: PLC0415 - not everybody has it, and it takes a while to load
    except ImportError:
        return ok(NAME, f"{path_cert} fits its key; how long it is good is not known without the package cryptography")
    found = x509.load_pem_x509_certificates(path_cert.read_bytes())
    own, now = found[0], Clock().wall()
    text = f"{path_cert} for {_names(own)}"
    begins, ends = own.not_valid_before_utc, min(each.not_valid_after_utc for each in found)
    days = int((ends - now).total_seconds() // DAY_S)
    if ends < now:
        return problem(NAME, f"{text} expired on {ends:%Y-%m-%d}", "renew it: peers that check certificates refuse this one")
    if begins > now:
        return problem(NAME, f"{text} is not valid before {begins:%Y-%m-%d %H:%M} UTC", "wait, or set this machine's clock")
    if days < FEW_DAYS:
        return warning(NAME, f"{text} expires in {days} days, on {ends:%Y-%m-%d}", "renew it; a new file is taken up by itself")
    if len(found) == 1 and own.issuer == own.subject:
        remedy = "give peers a copy to believe, or get one of a known authority"
        return warning(NAME, f"{text} is self-signed, good for {days} days: peers that check certificates refuse it", remedy)
    return ok(NAME, f"{text} fits its key and is good for {days} days, until {ends:%Y-%m-%d}")


def _names(own: x509.Certificate) -> str:
    from cryptography import x509  # noqa: PLC0415

    try:
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return own.subject.rfc4514_string()
    return ", ".join(str(each.value) for each in names)
