"""Checks whether a URL uses TLS or leads to this machine."""

from __future__ import annotations

from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_confidential(url: str) -> bool:
    """Whether a key may be sent to this URL: over TLS, or to this machine."""
    return urlsplit(url).scheme in ("https", "wss") or is_loopback(url)


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK


def websocket_url(url: str) -> str:
    """The websocket URL for an HTTP URL."""
    return "ws" + url.removeprefix("http")
