"""A server-side proxy like those of the official packages, at ``/api/fal/proxy``.

See docs/protocol.md section 1.7.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fal_typed.testing.engine.addresses import LOCAL, Address, locate
from fal_typed.testing.engine.messages import Headers, IncomingRequest, percent_decoded

if TYPE_CHECKING:
    from fal_typed.testing.engine.keys import Keys

PATH: Final = "/api/fal/proxy"

_STORAGE = r"rest\.fal\.ai/storage/upload/(initiate|complete-multipart)"
_ALLOWED = re.compile(rf"(queue\.)?fal\.run/.*|{_STORAGE}\?storage_type=fal-cdn-v3", re.DOTALL)
_NO_KEY_NEEDED = "emulator:proxy"


def is_proxied(request: IncomingRequest) -> bool:
    """Whether a request is for the proxy.

    Args:
        request: A request.

    Returns:
        True if it is.
    """
    return request.address.service == LOCAL and request.path == PATH


def forwarded_request(request: IncomingRequest, keys: Keys) -> IncomingRequest | None:
    """Make the request that the proxy sends to the platform.

    URLs in its response lead to the emulator, whatever host the target names.

    Args:
        request: A request to the proxy.
        keys: The accepted keys; the proxy uses the first one.

    Returns:
        The request; None when the target is missing, or when proxies do not forward to it.
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
    return IncomingRequest(request.method, address, query.encode("latin-1", "replace"), headers)


def _target(url: str) -> tuple[Address, str] | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"}:
        return None
    address = locate(percent_decoded(parts.path) or "/", parts.netloc, parts.scheme)
    name = f"{address.service}{address.path}" + (f"?{parts.query}" if parts.query else "")
    return (address, parts.query) if _ALLOWED.fullmatch(name) else None
