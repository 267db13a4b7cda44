"""TLS certificates that connections are verified with."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache


def ssl_context() -> ssl.SSLContext:
    """A context with the certificates of `SSL_CERT_FILE` or `SSL_CERT_DIR`, else certifi's."""
    return _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _context(file: str | None, folder: str | None) -> ssl.SSLContext:
    # Loading certificates takes tens of milliseconds, and connections can share a context.
    if file or folder:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    import certifi

    return ssl.create_default_context(cafile=certifi.where())
