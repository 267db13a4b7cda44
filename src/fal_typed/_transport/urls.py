"""Checks whether a URL uses TLS or leads to this machine."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_confidential(url: str) -> bool:
    """Whether a key may be sent to this URL: over TLS, or to this machine."""
    return url.lower().startswith(("https:", "wss:")) or is_loopback(url)


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    try:
        return (urlsplit(url).hostname or "") in LOOPBACK
    except ValueError:
        return False


def shown_url(url: str) -> str:
    """A URL as messages and logs show it: without the parts that can contain secrets."""
    plain = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, separator, rest = plain.partition("://")
    address, slash, path = rest.partition("/")
    return f"{scheme}{separator}{address.rpartition('@')[2]}{slash}{path}"


def websocket_url(url: str) -> str:
    """The websocket URL for an HTTP URL."""
    return "ws" + url.removeprefix("http")
