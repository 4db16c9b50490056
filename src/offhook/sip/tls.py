"""TLS for SIP (RFC 3261 section 26.3, RFC 5922): our certificate, whom we believe, and how both are renewed without a restart."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from offhook.errors import SettingsError

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"
"""Forward secrecy and AEAD; TLS 1.3 has nothing else anyway."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where things lie, PEM."""

    certificate: Path | None = None
    """Ours, with its intermediates behind it."""
    key: Path | None = None
    """Its private key; ``None``: it stands in the same file."""
    authorities: Path | None = None
    """Whom we believe; ``None``: those of the system."""
    verify: bool = True
    """Whether the certificates of servers that we connect to are checked, their names included."""


class Tls:
    """The two contexts of a node. Connections that stand keep what they began with.

    Args:
        files: read at once.

    Raises:
        SettingsError: a file is missing, or is not what it should be.
    """

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        self._seen = self._versions()
        self._contexts = self._read()

    @property
    def server(self) -> ssl.SSLContext | None:
        """For connections that come in; ``None`` without a certificate."""
        return self._contexts[0]

    @property
    def client(self) -> ssl.SSLContext:
        """For connections that we open. Where we have a certificate it is shown to servers that ask for one."""
        return self._contexts[1]

    def renewed(self) -> bool:
        """Read the files again if one has changed since. Returns whether there is something new.

        Raises:
            SettingsError: what is there now cannot be used; what was in use stays in use.
        """
        versions = self._versions()
        if versions == self._seen:
            return False
        self._seen = versions
        server, client = self._read()
        before = self._contexts[0]
        if before is not None and server is not None and self.files.certificate is not None:
            # Listening sockets hold the old context: it is given the new certificate.
            before.load_cert_chain(self.files.certificate, self.files.key)
            server = before
        self._contexts = server, client
        return True

    def _versions(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(_version(path) for path in (self.files.certificate, self.files.key, self.files.authorities))

    def _read(self) -> tuple[ssl.SSLContext | None, ssl.SSLContext]:
        files, server = self.files, None
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.minimum_version = ssl.TLSVersion.TLSv1_2
        if files.certificate is not None:
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.minimum_version = ssl.TLSVersion.TLSv1_2
            server.set_ciphers(_CIPHERS)
            for context in (server, client):
                _load(context, files.certificate, files.key)
        if not files.verify:
            client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        elif files.authorities is None:
            client.load_default_certs()
        else:
            try:
                client.load_verify_locations(files.authorities)
            except (OSError, ssl.SSLError) as error:
                raise SettingsError(f"tls_authorities: {files.authorities} is not PEM certificates ({error})") from None
        return server, client


def _load(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        why = "the key does not belong to the certificate" if error.reason == "KEY_VALUES_MISMATCH" else str(error)
        raise SettingsError(
            f"tls_certificate: {certificate} with {key or 'the key in it'} cannot be used ({why}); "
            "both must be PEM, the key without a password"
        ) from None
    except OSError as error:
        raise SettingsError(f"tls_certificate: {certificate} or {key or 'its key'} cannot be read ({error.strerror})") from None


def _no_password() -> str:
    return ""  # else OpenSSL would ask at the terminal


def _version(path: Path | None) -> tuple[int, int] | None:
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return None if found is None else (found.st_mtime_ns, found.st_ino)
