"""The certificates that connections are checked against."""

from __future__ import annotations

import os
import ssl


def ssl_context() -> ssl.SSLContext:
    """A context with the authorities of `SSL_CERT_FILE` or `SSL_CERT_DIR`, else certifi's."""
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folder:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    import certifi

    return ssl.create_default_context(cafile=certifi.where())
