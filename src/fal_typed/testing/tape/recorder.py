"""`Recorder`: forwards requests to the platform and stores its responses."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO
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
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class _PlatformResponse(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Recorder:
    """Responds by forwarding requests to the platform, and stores every exchange.

    Requests are paid for by the key that the caller sends; the recorder has none of its own. What
    it stores is scrubbed of secrets first, and only its owner can read the files.

    Args:
        folder: Where the exchanges are stored; it is created when it is missing.
        upstream: What the platform's URLs begin with, before the host. To record another emulator,
            its URL and a slash.
    """

    def __init__(self, folder: Path | str, upstream: str = PLATFORM) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._upstream = upstream
        self._count = 0
        self._secrets: set[str] = set()

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
        secrets = secrets_of(request.text_headers.items())
        self._secrets |= secrets
        scrubber = Scrubber(secrets)  # knows what the player will know
        strict = Scrubber(self._secrets)  # a response may repeat what an earlier request sent
        content = rewrite_urls(received.body, self._upstream, PLATFORM)
        exchange = {
            "request": {
                **describe_request(request, scrubber),
                "headers": scrubber.headers(headers.items()),
            },
            "response": {
                "status": received.status,
                "headers": strict.headers(received.headers),
                **describe_body(content, request.path, strict),
            },
        }
        with self._new_file() as file:
            file.write(json.dumps(exchange, indent=1) + "\n")

    def _new_file(self) -> TextIO:
        """The next file of the folder; a link that waits under its name is not followed."""
        while True:
            self._count += 1
            path = self._folder / f"{self._count:05d}.json"
            with contextlib.suppress(FileExistsError):
                return os.fdopen(os.open(path, _NEW, 0o600), "w", encoding="utf-8")


def _connection(scheme: str, address: str) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(address, timeout=_TIMEOUT_SECONDS)
    return http.client.HTTPSConnection(address, timeout=_TIMEOUT_SECONDS, context=ssl_context())
