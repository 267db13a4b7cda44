"""Selects the transport: the caller's httpx client, aiohttp, or the pool over httpcore."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from fal_typed._transport.base import AsyncTransport, SyncTransport
from fal_typed._transport.proxies import has_proxies
from fal_typed._transport.tls import check_key_log

if TYPE_CHECKING:
    from fal_typed._transport.base import HttpClient


def sync_transport(client: HttpClient | None) -> SyncTransport:
    """The transport for sync code.

    Args:
        client: The caller's own httpx client, used if it is a sync one.
    """
    # httpx implements proxies; the pool does not.
    if client is not None or has_proxies():
        from fal_typed._transport.httpx import HttpxTransport

        return HttpxTransport.over(client)
    from fal_typed._transport.pool import PoolTransport

    return PoolTransport()


def async_transport(client: HttpClient | None) -> AsyncTransport:
    """The transport for async code: aiohttp if installed, because it is the fastest.

    Args:
        client: The caller's own httpx client, used if it is an async one.
    """
    if client is not None or has_proxies():
        from fal_typed._transport.httpx import AsyncHttpxTransport

        return AsyncHttpxTransport.over(client)
    if has_aiohttp():
        return _aiohttp_transport()
    from fal_typed._transport.pool import AsyncPoolTransport

    return AsyncPoolTransport()


def _aiohttp_transport() -> AsyncTransport:
    try:
        from fal_typed._transport.aiohttp import AiohttpTransport
    except OSError as error:  # aiohttp prepares TLS when it is imported
        check_key_log(error)
        raise
    return AiohttpTransport()


def has_aiohttp() -> bool:
    """Whether the extra `aiohttp` is installed."""
    return find_spec("aiohttp") is not None
