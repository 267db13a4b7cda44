"""TLS for the emulator: an authority of its own, and a certificate for the platform's hosts."""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from fal_typed.testing.services import HOSTS

# Its types lean on pyOpenSSL, which is not installed.
_TRUSTME: Any = import_module("trustme")
_HERE = ("localhost", "127.0.0.1", "::1")


class Certificates:
    """What one emulator shows to its clients; the private keys never outlive it.

    Args:
        host: The address it listens on, beside the usual ones of this machine.

    >>> certificates = Certificates("127.0.0.1")
    >>> certificates.ca_file.read_text().splitlines()[0]
    '-----BEGIN CERTIFICATE-----'
    >>> certificates.close()
    """

    def __init__(self, host: str) -> None:
        authority = _TRUSTME.CA(organization_name="fal-typed emulator")
        names = {*_HERE, *HOSTS, *_own(host)}
        certificate = authority.issue_cert(*sorted(names))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        """What the server listens with."""
        self.context.set_alpn_protocols(["http/1.1"])
        certificate.configure_cert(self.context)
        self._folder = tempfile.TemporaryDirectory(prefix="fal-emulator-")
        self.ca_file = Path(self._folder.name) / "ca.pem"
        """The authority's certificate, for clients to trust."""
        authority.cert_pem.write_to_path(str(self.ca_file))

    def close(self) -> None:
        """Remove the file."""
        self._folder.cleanup()


def _own(host: str) -> list[str]:
    """The address as a certificate can name it; one that stands for all addresses is none."""
    try:
        return [] if ipaddress.ip_address(host).is_unspecified else [host]
    except ValueError:
        return [host] if host else []
