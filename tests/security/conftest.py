"""Clients over each transport, called alike in sync and async code."""

from __future__ import annotations

import asyncio
import inspect

import httpx
import pytest

from fal_typed import AsyncFalClient, FalClient, RetryPolicy
from fal_typed._transport import selection

TRANSPORTS = ("pool", "httpx", "async pool", "async httpx", "aiohttp")
KEY = "0123-id:very-secret-half"
QUICK = RetryPolicy(attempts=3, base_delay=0.001)


class Caller:
    """Makes clients over one transport, and calls what is given in their way."""

    def __init__(self, transport: str) -> None:
        self.transport = transport
        self.is_async = transport not in ("pool", "httpx")
        self._loop = asyncio.new_event_loop()
        self._closing = []

    def client(self, host=None, key=KEY, **options):
        """A client of a server on loopback."""
        options = {"retry": QUICK, **options}
        if host is not None:
            options |= {"run_host": host, "queue_host": host}
        if "httpx" in self.transport:
            kind = httpx.AsyncClient if self.is_async else httpx.Client
            http = options["http_client"] = kind(trust_env=False)
            self._closing.append(http.aclose if self.is_async else http.close)
        client = (AsyncFalClient if self.is_async else FalClient)(key, **options)
        self._closing.append(client.close)
        return client

    def __call__(self, function, *args, **options):
        """Call a function of a client or of a file, and await what it returns."""
        suffixed = getattr(function, "__name__", "") + "_async"
        owner = getattr(function, "__self__", None)
        if self.is_async and hasattr(owner, suffixed):
            function = getattr(owner, suffixed)

        async def inside():
            value = function(*args, **options)
            return await value if inspect.isawaitable(value) else value

        return (
            self._loop.run_until_complete(inside()) if self.is_async else function(*args, **options)
        )

    def items(self, stream):
        """All of a stream."""
        if not self.is_async:
            return list(stream)

        async def collect():
            return [item async for item in stream]

        return self._loop.run_until_complete(collect())

    def close(self):
        for close in reversed(self._closing):
            value = close()
            if inspect.isawaitable(value):
                self._loop.run_until_complete(value)
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


@pytest.fixture(params=TRANSPORTS)
def caller(request, monkeypatch):
    if request.param == "async pool":
        monkeypatch.setattr(selection, "has_aiohttp", lambda: False)
    caller = Caller(request.param)
    yield caller
    caller.close()
