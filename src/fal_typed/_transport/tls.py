"""The certificates that connections are checked against."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache


def ssl_context() -> ssl.SSLContext:
    """A context with the authorities of `SSL_CERT_FILE` or `SSL_CERT_DIR`, else certifi's."""
    return _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _context(file: str | None, folder: str | None) -> ssl.SSLContext:
    # Reading the authorities takes tens of milliseconds, and connections can share them.
    if file or folder:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    import certifi

    return ssl.create_default_context(cafile=certifi.where())
