"""`Recorder`: forwards requests to the platform and stores its responses."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

from fal_typed._transport.tls import ssl_context
from fal_typed.testing.engine.messages import Response, error_response
from fal_typed.testing.tape.exchanges import (
    PLATFORM,
    describe_body,
    describe_request,
    rewrite_urls,
)
from fal_typed.testing.tape.scrubbing import Scrubber, secrets_of

if TYPE_CHECKING:
    from fal_typed.testing.engine.messages import IncomingRequest

_NOT_FORWARDED = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "upgrade"}
)
_NOT_RETURNED = _NOT_FORWARDED | {"date", "server", "set-cookie", "keep-alive"}
_TIMEOUT_SECONDS = 600.0


class _PlatformResponse(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Recorder:
    """Responds by forwarding requests to the platform, and stores every exchange.

    Args:
        folder: Where the exchanges are stored; it is created when it is missing.
        upstream: What the platform's URLs begin with, before the host. To record another emulator,
            its URL and a slash.
    """

    def __init__(self, folder: Path | str, upstream: str = PLATFORM) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._upstream = upstream
        self._count = len(list(self._folder.glob("*.json")))

    async def respond(self, request: IncomingRequest) -> Response:
        """Forward a request.

        Args:
            request: A request to a service of the platform.

        Returns:
            The platform's response; 502 when the platform cannot be reached.
        """
        base = request.address.base
        headers = {
            name: value
            for name, value in request.text_headers.items()
            if name not in _NOT_FORWARDED
        }
        if "authorization" not in headers and os.environ.get("FAL_KEY"):
            headers["authorization"] = f"Key {os.environ['FAL_KEY']}"
        body = rewrite_urls(request.body, base, self._upstream)
        try:
            received = await asyncio.to_thread(self._forward, request, headers, body)
        except (OSError, http.client.HTTPException) as error:
            return error_response(502, f"The platform cannot be reached: {error}")
        self._store(request, headers, received)
        returned = [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in received.headers
            if name.lower() not in _NOT_RETURNED
        ]
        content = rewrite_urls(received.body, self._upstream, base)
        return Response(received.status, returned, content)

    def _forward(
        self, request: IncomingRequest, headers: dict[str, str], body: bytes
    ) -> _PlatformResponse:
        parts = urlsplit(f"{self._upstream}{request.address.service}{quote(request.path)}")
        target = parts.path + (f"?{request.query_string.decode()}" if request.query_string else "")
        connection = _connection(parts.scheme, parts.netloc)
        try:
            connection.request(request.method, target, body or None, headers)
            response = connection.getresponse()
            return _PlatformResponse(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def _store(
        self, request: IncomingRequest, headers: dict[str, str], received: _PlatformResponse
    ) -> None:
        scrubber = Scrubber(secrets_of(headers.get("authorization")))
        content = rewrite_urls(received.body, self._upstream, PLATFORM)
        exchange = {
            "request": {
                **describe_request(request, scrubber),
                "headers": scrubber.headers(headers.items()),
            },
            "response": {
                "status": received.status,
                "headers": scrubber.headers(received.headers),
                **describe_body(content, request.path, scrubber),
            },
        }
        self._count += 1
        file = self._folder / f"{self._count:05d}.json"
        file.write_text(json.dumps(exchange, indent=1) + "\n", encoding="utf-8")


def _connection(scheme: str, address: str) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(address, timeout=_TIMEOUT_SECONDS)
    return http.client.HTTPSConnection(address, timeout=_TIMEOUT_SECONDS, context=ssl_context())
