"""Fixtures of every test: the two colours of calls, and a clean environment."""

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
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FAL_HOME_DIR", os.devnull)  # no login either


class Colour:
    """Makes calls in sync or in async code, so that one test holds both to the same."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_async = name == "async"
        self._loop = asyncio.new_event_loop()
        self._clients: list[Any] = []

    def __call__(self, target: Any) -> Any:
        """The target, with methods that are called alike in both colours."""
        return _Painted(target, self)

    def client(self, *args: Any, **options: Any) -> Any:
        """A new client of this colour."""
        return self.paint(self.bare_client(*args, **options))

    def bare_client(self, *args: Any, **options: Any) -> Any:
        """A new client of this colour, as it is."""
        client = (AsyncFalClient if self.is_async else FalClient)(*args, **options)
        self._clients.append(client)
        return client

    def paint(self, target: Any) -> Any:
        """A client or handle of this colour, with methods that are called alike in both."""
        return _Painted(target, self, suffix="")

    def wait(self, value: Any) -> Any:
        """The value, awaited in async code."""
        return self._loop.run_until_complete(value) if inspect.isawaitable(value) else value

    def items(self, values: Any) -> list[Any]:
        """All of an iterator, sync or async."""
        if not self.is_async:
            return list(values)

        async def collect() -> list[Any]:
            return [value async for value in values]

        return self.wait(collect())

    @contextmanager
    def inside(self, manager: Any) -> Iterator[Any]:
        """The `with` block of a context manager, sync or async."""
        if not self.is_async:
            with manager as entered:
                yield self.paint(entered)
            return
        entered = self.wait(manager.__aenter__())
        try:
            yield self.paint(entered)
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


class _Painted:
    def __init__(self, target: Any, colour: Colour, suffix: str = "_async") -> None:
        self._target = target
        self._colour = colour
        self._suffix = suffix if colour.is_async else ""

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name + self._suffix, None) or getattr(self._target, name)
        return self._painted(value) if callable(value) else value

    def _painted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            async def inside_the_loop() -> Any:
                value = function(*args, **kwargs)
                return await value if inspect.isawaitable(value) else value

            if not self._colour.is_async:
                value = function(*args, **kwargs)
            else:
                value = self._colour.wait(inside_the_loop())
            is_handle = isinstance(value, (Handle, AsyncHandle))
            return _Painted(value, self._colour, suffix="") if is_handle else value

        return call


@pytest.fixture(params=["sync", "async"])
def colour(request: pytest.FixtureRequest) -> Iterator[Colour]:
    colour = Colour(request.param)
    yield colour
    colour.close()
