"""Clients over every transport, called the same way."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import httpx

from fal_typed import AsyncFalClient, FalClient, RetryPolicy
from fal_typed._transport import selection

KEY = "key-id:KEYSECRET1234"
SIGNATURE = "SIGNATURE5678"
SECRETS = (KEY, "KEYSECRET1234", SIGNATURE)
KINDS = ("pool", "httpx", "aiohttp", "async pool", "async httpx")
OWN_KINDS = ("pool", "aiohttp", "async pool")
"""Those whose transport this SDK creates, so that the environment configures it."""


class Caller:
    """A client over one transport; its methods return results in sync and async code."""

    def __init__(self, kind: str, monkeypatch: Any) -> None:
        self.kind = kind
        self.is_async = kind not in ("pool", "httpx")
        self._loop = asyncio.new_event_loop()
        self._http: Any = None
        if kind in ("httpx", "async httpx"):
            self._http = (httpx.AsyncClient if self.is_async else httpx.Client)(trust_env=False)
        if kind == "async pool":
            monkeypatch.setattr(selection, "has_aiohttp", lambda: False)
        self._opened: list[Any] = []

    def client(self, key: Any = KEY, **options: Any) -> Any:
        """A client that never retries."""
        options = {"retry": RetryPolicy(attempts=1), "http_client": self._http, **options}
        made = (AsyncFalClient if self.is_async else FalClient)(key, **options)
        self._opened.append(made)
        return made

    def wait(self, value: Any) -> Any:
        """The result of a call: awaited, collected or connected."""
        if hasattr(value, "__enter__") or hasattr(value, "__aenter__"):
            return self._loop.run_until_complete(self._entered(value))
        if hasattr(value, "__aiter__"):
            return self._loop.run_until_complete(self._collected(value))
        if inspect.isawaitable(value):
            return self._loop.run_until_complete(value)
        return list(value) if inspect.isgenerator(value) else value

    async def _entered(self, manager: Any) -> Any:
        if self.is_async:
            async with manager as entered:
                return [item async for item in entered] if hasattr(entered, "__aiter__") else None
        with manager as entered:
            return list(entered) if hasattr(entered, "__iter__") else None

    async def _collected(self, values: Any) -> Any:
        return [value async for value in values]

    def run(self, call: Any, *args: Any) -> Any:
        """Call a function in sync code, or inside the event loop."""
        if not self.is_async:
            return self.wait(call(*args))

        async def inside() -> Any:
            value = call(*args)
            if hasattr(value, "__aenter__"):
                return await self._entered(value)
            if hasattr(value, "__aiter__"):
                return await self._collected(value)
            return await value if inspect.isawaitable(value) else value

        return self._loop.run_until_complete(inside())

    def close(self) -> None:
        """Close everything that was opened."""
        for client in self._opened:
            if self.is_async:
                self._loop.run_until_complete(client._runner.connections.close_async())
            client._runner.connections.close()
        if self._http is not None:
            self.wait(self._http.aclose() if self.is_async else self._http.close())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
