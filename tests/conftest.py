"""Fixtures for all tests: sync and async mode, and a clean environment."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fal_typed import AsyncFalClient, AsyncHandle, FalClient, Handle, default

_VARIABLES = (
    "FAL_KEY",
    "FAL_KEY_ID",
    "FAL_KEY_SECRET",
    "FAL_EMULATOR_HOST",
    "FAL_RUN_HOST",
    "FAL_QUEUE_RUN_HOST",
    "FAL_FORCE_AUTH_BY_USER",
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FAL_HOME_DIR", os.devnull)  # no stored login


class Mode:
    """Runs calls in sync or async code, so that one test covers both."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_async = name == "async"
        self._loop = asyncio.new_event_loop()
        self._clients: list[Any] = []

    def __call__(self, target: Any) -> Any:
        """Wrap an endpoint, file or module whose async methods end in `_async`."""
        return _Adapted(target, self)

    def client(self, *args: Any, **options: Any) -> Any:
        """A new client, wrapped by `adapt`."""
        return self.adapt(self.bare_client(*args, **options))

    def bare_client(self, *args: Any, **options: Any) -> Any:
        """A new client, not wrapped."""
        client = (AsyncFalClient if self.is_async else FalClient)(*args, **options)
        self._clients.append(client)
        return client

    def adapt(self, target: Any) -> Any:
        """Wrap a client or handle, so that its methods return results in both modes."""
        return _Adapted(target, self, suffix="")

    def wait(self, value: Any) -> Any:
        """Return the value; await it first in async mode."""
        return self._loop.run_until_complete(value) if inspect.isawaitable(value) else value

    def items(self, values: Any) -> list[Any]:
        """Collect a sync or async iterator."""
        if not self.is_async:
            return list(values)

        async def collect() -> list[Any]:
            return [value async for value in values]

        return self.wait(collect())

    @contextmanager
    def inside(self, manager: Any) -> Iterator[Any]:
        """Enter a sync or async context manager."""
        if not self.is_async:
            with manager as entered:
                yield self.adapt(entered)
            return
        entered = self.wait(manager.__aenter__())
        try:
            yield self.adapt(entered)
        except BaseException as error:
            self.wait(manager.__aexit__(type(error), error, error.__traceback__))
            raise
        self.wait(manager.__aexit__(None, None, None))

    def close(self) -> None:
        if self.is_async:
            for client in (*self._clients, default.client, default.async_client):
                self.wait(client._runner.connections.close_async())
        for client in self._clients:
            client._runner.connections.close()
        default.client._runner.connections.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


class _Adapted:
    def __init__(self, target: Any, mode: Mode, suffix: str = "_async") -> None:
        self._target = target
        self._mode = mode
        self._suffix = suffix if mode.is_async else ""

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name + self._suffix, None) or getattr(self._target, name)
        return self._adapt(value) if callable(value) else value

    def _adapt(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            async def in_loop() -> Any:
                value = function(*args, **kwargs)
                return await value if inspect.isawaitable(value) else value

            if not self._mode.is_async:
                value = function(*args, **kwargs)
            else:
                value = self._mode.wait(in_loop())
            is_handle = isinstance(value, (Handle, AsyncHandle))
            return _Adapted(value, self._mode, suffix="") if is_handle else value

        return call


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> Iterator[Mode]:
    mode = Mode(request.param)
    yield mode
    mode.close()
