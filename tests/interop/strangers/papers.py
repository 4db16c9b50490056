"""An authority of certificates, for one test or for all: whoever has its file believes those whom it has certified."""

from __future__ import annotations

from pathlib import Path

import trustme

LOCAL = ("127.0.0.1", "localhost")


class Papers:
    """An authority and what it has issued, PEM files of a folder.

    Args:
        name: how its files are called.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._name, self._issued = folder, name, 0
        self._authority = trustme.CA()
        self.authority = folder / f"{name}.pem"
        """Its own certificate."""
        self._authority.cert_pem.write_to_path(str(self.authority))
        self.local = self.certificate(*LOCAL)
        """Of programs on this machine: the key and the certificate, in one file."""

    def certificate(self, *names: str) -> Path:
        """The key and the certificate, in one file, of whoever has these names and addresses."""
        self._issued += 1
        path = self._folder / f"{self._name}-{self._issued}.pem"
        self._authority.issue_cert(*names).private_key_and_cert_chain_pem.write_to_path(str(path))
        return path
