"""TLS for the emulator: a certificate authority and a certificate for the platform's hosts."""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fal_typed.testing.engine.addresses import HOSTS

if TYPE_CHECKING:
    trustme: Any  # its types need pyOpenSSL, which is not installed
else:
    import trustme

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


class Certificates:
    """The certificates of one emulator; their private keys stay in memory.

    Args:
        hosts: The address that it listens on and other names that it is called by, in addition to
            the usual names of this machine.

    >>> certificates = Certificates("127.0.0.1")
    >>> certificates.ca_file.read_text().splitlines()[0]
    '-----BEGIN CERTIFICATE-----'
    >>> certificates.close()
    """

    def __init__(self, *hosts: str) -> None:
        authority = trustme.CA(organization_name="fal-typed emulator")
        names = {*_LOCAL_NAMES, *HOSTS, *(name for host in hosts for name in _names_of(host))}
        certificate = authority.issue_cert(*sorted(names))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        """The TLS context of the server."""
        self.context.set_alpn_protocols(["http/1.1"])
        certificate.configure_cert(self.context)
        self._folder = tempfile.TemporaryDirectory(prefix="fal-emulator-")
        self.ca_file = Path(self._folder.name) / "ca.pem"
        """The authority's certificate, for clients to trust."""
        authority.cert_pem.write_to_path(str(self.ca_file))

    def close(self) -> None:
        """Delete the file."""
        self._folder.cleanup()


def _names_of(host: str) -> list[str]:
    """The address, unless it is ``0.0.0.0`` or ``::``, which a certificate cannot contain."""
    try:
        return [] if ipaddress.ip_address(host).is_unspecified else [host]
    except ValueError:
        return [host] if host else []
