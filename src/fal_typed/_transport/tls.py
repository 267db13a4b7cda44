"""TLS certificates that connections are verified with."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path

from fal_typed.errors import FalInputError


def ssl_context() -> ssl.SSLContext:
    """A context with the certificates of `SSL_CERT_FILE` or `SSL_CERT_DIR`, else certifi's.

    Raises:
        FalInputError: The certificates cannot be read, or `SSLKEYLOGFILE` cannot be written.
    """
    read = os.environ.get
    return _context(read("SSL_CERT_FILE"), read("SSL_CERT_DIR"), read("SSLKEYLOGFILE"))


def check_key_log(error: OSError) -> None:
    """Raise the error for a `SSLKEYLOGFILE` that cannot be written, if that is the cause.

    Python opens the file for each context.

    Raises:
        FalInputError: It is.
    """
    path = os.environ.get("SSLKEYLOGFILE")
    if path and error.filename == path:
        raise FalInputError(
            f"SSLKEYLOGFILE is {path!r}, which cannot be written: {error.strerror}. Nothing was "
            "sent. Set it to a file that can be written, or unset it."
        ) from None


@lru_cache(maxsize=4)
def _context(file: str | None, folder: str | None, _key_log: str | None) -> ssl.SSLContext:
    # Loading certificates takes tens of milliseconds, and connections can share a context.
    if not (file or folder):
        return _of_certifi()
    folders = [each for each in (folder or "").split(os.pathsep) if each]
    for each in folders:
        if not Path(each).is_dir():  # OpenSSL would ignore it
            raise _invalid("SSL_CERT_DIR", each, "it is not a folder")
    try:
        context = ssl.create_default_context(cafile=file, capath=folders[0] if folders else None)
    except OSError as error:  # ssl.SSLError, too
        check_key_log(error)
        raise _invalid("SSL_CERT_FILE", file or "", error.strerror or "invalid") from None
    for each in folders[1:]:
        context.load_verify_locations(capath=each)
    return context


def _of_certifi() -> ssl.SSLContext:
    import certifi

    path = certifi.where()
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        check_key_log(error)
        raise FalInputError(
            f"The certificates of certifi, {path!r}, cannot be read: {error.strerror}. "
            "Install certifi again, or set SSL_CERT_FILE."
        ) from None


def _invalid(variable: str, path: str, reason: str) -> FalInputError:
    return FalInputError(
        f"{variable} is {path!r}, but its certificates cannot be read: {reason}. Nothing was sent. "
        "Set it to PEM certificates, or unset it to use those of certifi."
    )
