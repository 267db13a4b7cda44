"""What a URL says about the connection: encrypted, or to this machine."""

from __future__ import annotations

from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_confidential(url: str) -> bool:
    """Whether a key may travel to this URL: over TLS, or without ever leaving the machine."""
    return urlsplit(url).scheme in ("https", "wss") or is_loopback(url)


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK


def websocket_url(url: str) -> str:
    """The same place, spoken to by websocket."""
    return "ws" + url.removeprefix("http")
