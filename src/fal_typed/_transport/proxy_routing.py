"""httpx transports that choose a network proxy for each request."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import httpx
from typing_extensions import override

from fal_typed._transport.keepalive import SOCKET_OPTIONS
from fal_typed._transport.proxies import NetworkProxy, proxy_for
from fal_typed._transport.tls import ssl_context

T = TypeVar("T", httpx.HTTPTransport, httpx.AsyncHTTPTransport)
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=100)


class ProxyRouter(httpx.BaseTransport):
    """Sends each request through its proxy, or directly."""

    def __init__(self) -> None:
        self._routes = _Routes(httpx.HTTPTransport)

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        proxy = proxy_for(str(request.url))
        try:
            return self._routes.through(request, proxy).handle_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise _with_source(error, proxy) from None

    @override
    def close(self) -> None:
        for transport in self._routes.opened():
            transport.close()


class AsyncProxyRouter(httpx.AsyncBaseTransport):
    """See `ProxyRouter`."""

    def __init__(self) -> None:
        self._routes = _Routes(httpx.AsyncHTTPTransport)

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        proxy = proxy_for(str(request.url))
        try:
            return await self._routes.through(request, proxy).handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise _with_source(error, proxy) from None

    @override
    async def aclose(self) -> None:
        for transport in self._routes.opened():
            await transport.aclose()


class _Routes(Generic[T]):
    """The transports in use, one for each proxy, with and without TLS."""

    def __init__(self, kind: type[T]) -> None:
        self._kind: Any = kind
        self._opened: dict[tuple[str, NetworkProxy | None], T] = {}

    def through(self, request: httpx.Request, proxy: NetworkProxy | None) -> T:
        """The transport for a request.

        Raises:
            FalInputError: The proxy cannot be used.
        """
        key = (request.url.scheme, proxy)
        if key not in self._opened:
            self._opened[key] = self._open(request.url.scheme, proxy)
        return self._opened[key]

    def opened(self) -> list[T]:
        """Every transport that was opened."""
        return list(self._opened.values())

    def _open(self, scheme: str, proxy: NetworkProxy | None) -> T:
        needs_tls = scheme == "https" or (proxy is not None and proxy.url.startswith("https:"))
        try:
            transport: T = self._kind(
                verify=ssl_context() if needs_tls else False,
                proxy=None if proxy is None else proxy.url,
                limits=_LIMITS,
                trust_env=False,
                socket_options=SOCKET_OPTIONS,
            )
        except ImportError:
            assert proxy is not None  # noqa: S101 - only a proxy needs another package
            raise proxy.invalid("SOCKS needs `pip install 'httpx[socks]'`") from None
        return transport


def _with_source(error: httpx.TransportError, proxy: NetworkProxy | None) -> httpx.TransportError:
    if proxy is None:
        return error
    return type(error)(f"{error} (through the proxy that {proxy.source} sets)")
