"""Runs flows with a client's configuration, connections and default options.

Clients, endpoints, handles and files all make their calls through a `Runner`, so none of them
depends on a client class.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from typing_extensions import Self

from fal_typed._core.connections import Connections
from fal_typed._core.credentials import Credentials, Key
from fal_typed._core.flow import Flow
from fal_typed._core.hooks import EventHooks, Observer
from fal_typed._core.hosts import Hosts
from fal_typed._core.login_renewal import with_fresh_login
from fal_typed._core.retry import RetryPolicy
from fal_typed._core.settings import Settings
from fal_typed._core.token_cache import TokenCache
from fal_typed._transport.base import MAX_RESPONSE_BYTES

if TYPE_CHECKING:
    from fal_typed._transport.base import HttpClient

T = TypeVar("T")


class Runner:
    """Runs flows; takes the arguments of `FalClient`."""

    def __init__(
        self,
        key: Key | None = None,
        *,
        options: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        retry: RetryPolicy | None = None,
        run_host: str | None = None,
        queue_host: str | None = None,
        proxy_url: str | None = None,
        http_client: HttpClient | None = None,
        event_hooks: EventHooks | None = None,
        private_addresses: bool = True,
        max_response_bytes: int | None = MAX_RESPONSE_BYTES,
        max_file_bytes: int | None = None,
    ) -> None:
        self.default_options: Mapping[str, Any] = dict(options or {})
        self.credentials = Credentials(key)
        self.connections = Connections(http_client, Observer(event_hooks))
        self._headers = dict(headers or {})
        self._retry = retry or RetryPolicy()
        self._run_host = run_host
        self._queue_host = queue_host
        self._proxy_url = proxy_url
        self._private_addresses = private_addresses
        self._max_response_bytes = max_response_bytes
        self._max_file_bytes = max_file_bytes
        self._cdn_tokens: TokenCache[Any] = TokenCache()
        self._realtime_tokens: TokenCache[str] = TokenCache()
        self._settings: Settings | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A pickle never contains a key, not even in a header.
        headers = {k: v for k, v in self._headers.items() if k.lower() != "authorization"}
        lost = len(headers) < len(self._headers)
        credentials = Credentials(is_lost=True) if lost else self.credentials
        return {
            **self.__dict__, "_headers": headers, "credentials": credentials, "_settings": None
        }  # fmt: skip

    def __copy__(self) -> Self:
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __deepcopy__(self, memo: object) -> Self:
        return copy.copy(self)  # a copy in this process keeps the key, hooks and connections

    def with_options(self, options: Mapping[str, Any]) -> Self:
        """A copy of this runner with more default options; everything else is shared."""
        return self._changed(default_options={**self.default_options, **options})

    def with_key(self, key: Key) -> Self:
        """A copy of this runner with another key."""
        return self._changed(credentials=Credentials(key))

    def _changed(self, **attributes: Any) -> Self:
        other = copy.copy(self)
        other.__dict__.update(attributes, _settings=None)
        return other

    def settings(self) -> Settings:
        """The current configuration; reads the environment at each call."""
        hosts = Hosts.configured(run_host=self._run_host, queue_host=self._queue_host)
        if self._settings is None or self._settings.hosts is not hosts:
            self._settings = Settings(
                hosts=hosts,
                credentials=self.credentials,
                headers=self._headers,
                retry=self._retry,
                proxy_url=self._proxy_url,
                timeout=self.default_options.get("timeout"),
                needs_key=not hosts.is_emulated,
                private_addresses=self._private_addresses,
                max_response_bytes=self._max_response_bytes,
                max_file_bytes=self._max_file_bytes,
                cdn_tokens=self._cdn_tokens,
                realtime_tokens=self._realtime_tokens,
            )
        return self._settings

    def perform(self, flow: Callable[[Settings], Flow[T]]) -> T:
        """Run a flow in the calling thread."""
        return self.connections.driver().run(self._start(flow))

    async def perform_async(self, flow: Callable[[Settings], Flow[T]]) -> T:
        """Run a flow in the running event loop."""
        return await self.connections.async_driver().run(self._start(flow))

    def resume(self, flow: Flow[T]) -> T:
        """Run a flow on an open connection, with the settings it was opened with."""
        return self.connections.driver().run(flow)

    async def resume_async(self, flow: Flow[T]) -> T:
        """Run a flow on an open connection; `resume` for async code."""
        return await self.connections.async_driver().run(flow)

    def iterate(self, flow: Callable[[Settings], Flow[object]]) -> Generator[Any, None, None]:
        """Run a flow in the calling thread, yielding what it emits."""
        return self.connections.driver().iterate(self._start(flow))

    def iterate_async(self, flow: Callable[[Settings], Flow[object]]) -> AsyncGenerator[Any, None]:
        """Run a flow in the running event loop, yielding what it emits."""
        return self.connections.async_driver().iterate(self._start(flow))

    def _start(self, flow: Callable[[Settings], Flow[T]]) -> Flow[T]:
        settings = self.settings()
        if settings.needs_key and settings.proxy_url is None and settings.credentials.key() is None:
            return with_fresh_login(settings, flow)
        return flow(settings)


class ClientLike(Protocol):
    """A `FalClient` or an `AsyncFalClient`."""

    @property
    def __fal_runner__(self) -> Runner:
        """The client's runner."""
        ...


@lru_cache(maxsize=1)
def default_runner() -> Runner:
    """The runner of the module-level functions and of endpoints without a client."""
    return Runner()


def runner_of(client: ClientLike | None) -> Runner:
    """The runner of a client, or the default runner."""
    return default_runner() if client is None else client.__fal_runner__
