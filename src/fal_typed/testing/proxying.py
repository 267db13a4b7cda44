"""A server-side proxy as the official packages make them, at ``/api/fal/proxy``.

Rests on docs/protocol.md section 1.7.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fal_typed.testing import services
from fal_typed.testing.messages import Headers, Request, unquoted
from fal_typed.testing.services import Address, locate

if TYPE_CHECKING:
    from fal_typed.testing.keys import Keys

PATH: Final = "/api/fal/proxy"

_STORAGE = r"rest\.fal\.ai/storage/upload/(initiate|complete-multipart)"
_ALLOWED = re.compile(rf"(queue\.)?fal\.run/.*|{_STORAGE}\?storage_type=fal-cdn-v3", re.DOTALL)
_NO_KEY_NEEDED = "emulator:proxy"


def is_proxied(request: Request) -> bool:
    """Whether a request goes through the proxy.

    Args:
        request: A request.

    Returns:
        Whether it does.
    """
    return request.address.service == services.LOCAL and request.path == PATH


def behind_proxy(request: Request, keys: Keys) -> Request | None:
    """Make the request that the proxy sends to the platform.

    URLs in its answer lead to the emulator, whatever host the target names.

    Args:
        request: A request to the proxy.
        keys: The keys there are; the proxy holds the first of them.

    Returns:
        The request; None when the target is missing or not one that proxies let through.
    """
    target = _target(request.header(b"x-fal-target-url") or "")
    if target is None:
        return None
    address, query = target
    address.base = request.address.base
    authorization = request.header(b"authorization") or f"Key {keys.first or _NO_KEY_NEEDED}"
    headers: Headers = [
        *(header for header in request.headers if header[0].startswith(b"x-fal-")),
        (b"accept", b"application/json"),
        (b"content-type", b"application/json"),
        (b"user-agent", (request.header(b"user-agent") or "").encode("latin-1")),
        (b"x-fal-client-proxy", b"fal-typed/emulator"),
        (b"authorization", authorization.encode("latin-1")),
    ]
    return Request(request.method, address, query.encode("latin-1", "replace"), headers)


def _target(url: str) -> tuple[Address, str] | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"}:
        return None
    address = locate(unquoted(parts.path) or "/", parts.netloc, parts.scheme)
    name = f"{address.service}{address.path}" + (f"?{parts.query}" if parts.query else "")
    return (address, parts.query) if _ALLOWED.fullmatch(name) else None
