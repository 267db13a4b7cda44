"""Websockets over the `websockets` library. No other module imports it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from websockets.asyncio import client as aio
from websockets.exceptions import (
    ConcurrencyError,
    ConnectionClosed,
    InvalidStatus,
    WebSocketException,
)
from websockets.frames import CloseCode
from websockets.sync import client as sync

from fal_typed._transport.base import (
    HttpRequest,
    HttpResponse,
    OpenedSocket,
    SocketClosed,
    TransportError,
)
from fal_typed._transport.headers import header_map
from fal_typed._transport.keepalive import keep_alive
from fal_typed._transport.proxies import proxy_for
from fal_typed._transport.tls import ssl_context
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from websockets.http11 import Response

_CLOSE_LIMIT = 2.0
_TWO_READERS = "Only one thread or task at a time can receive on a websocket."

# The library logs whole handshakes, including tokens and keys, at debug level. This logger is not
# in logging's registry, so no configuration can enable that.
_logger = logging.Logger("fal_typed._transport.websocket", logging.INFO)  # noqa: LOG001 - see above
_logger.parent = logging.getLogger("fal_typed")


class _HandshakeRejected(Exception):  # noqa: N818 - turned into a response
    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class _SyncConnection(sync.ClientConnection):
    # Raising another class than InvalidStatus keeps the library from following redirects, which
    # would send the token to any host that the response names.
    def handshake(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().handshake(*args, **kwargs)
        except InvalidStatus as error:
            raise _HandshakeRejected(error.response) from None


class _AsyncConnection(aio.ClientConnection):
    async def handshake(self, *args: Any, **kwargs: Any) -> None:
        try:
            await super().handshake(*args, **kwargs)
        except InvalidStatus as error:
            raise _HandshakeRejected(error.response) from None


class SyncSocket:
    """An open websocket for sync code; one thread may send while another receives."""

    def __init__(self, connection: sync.ClientConnection) -> None:
        self._connection = connection

    def send(self, data: bytes | str) -> None:
        """Send a message: text as a text frame, bytes as a binary one."""
        try:
            self._connection.send(data)
        except ConnectionClosed as error:
            raise _closed(error) from None

    def receive(self, timeout: float | None) -> bytes | str:
        """Wait for the next message."""
        try:
            return self._connection.recv(timeout)
        except ConnectionClosed as error:
            raise _closed(error) from None
        except TimeoutError:
            raise _receive_timeout(timeout) from None
        except ConcurrencyError:
            raise FalInputError(_TWO_READERS) from None

    def close(self) -> None:
        """Close the connection, waiting briefly for the other side to confirm."""
        with suppress(WebSocketException, OSError):
            self._connection.close()


class AsyncSocket:
    """An open websocket for async code; see `SyncSocket`."""

    def __init__(self, connection: aio.ClientConnection) -> None:
        self._connection = connection

    async def send(self, data: bytes | str) -> None:
        """Send a message: text as a text frame, bytes as a binary one."""
        try:
            await self._connection.send(data)
        except ConnectionClosed as error:
            raise _closed(error) from None

    async def receive(self, timeout: float | None) -> bytes | str:
        """Wait for the next message."""
        try:
            if timeout is None:
                return await self._connection.recv()
            return await asyncio.wait_for(self._connection.recv(), timeout)
        except ConnectionClosed as error:
            raise _closed(error) from None
        except asyncio.TimeoutError:
            raise _receive_timeout(timeout) from None
        except ConcurrencyError:
            raise FalInputError(_TWO_READERS) from None

    async def close(self) -> None:
        """Close the connection, waiting briefly for the other side to confirm."""
        with suppress(WebSocketException, OSError):
            await self._connection.close()


def open_socket(request: HttpRequest) -> OpenedSocket:
    """Open a websocket, blocking; see `flow.OpenSocket`."""
    try:
        options = _settings(request)
        connection = cast(
            "sync.ClientConnection",
            sync.connect(request.url, create_connection=_SyncConnection, **options),
        )
        # Newer releases warn if the connection is not entered as a context manager.
        connection.__enter__()
    except _HandshakeRejected as rejected:
        return _rejected(request, rejected.response)
    except FalInputError:
        raise
    except (OSError, WebSocketException, ValueError, ImportError) as error:
        raise _connect_error(request, error) from None
    keep_alive(connection.socket)
    return OpenedSocket(_accepted(request, connection.response), SyncSocket(connection))


async def open_socket_async(request: HttpRequest) -> OpenedSocket:
    """Open a websocket, awaiting; see `flow.OpenSocket`."""
    try:
        connection = await aio.connect(
            request.url, create_connection=_AsyncConnection, **_settings(request)
        )
    except _HandshakeRejected as rejected:
        return _rejected(request, rejected.response)
    except FalInputError:
        raise
    except (OSError, asyncio.TimeoutError, WebSocketException, ValueError, ImportError) as error:
        raise _connect_error(request, error) from None
    if opened := connection.transport.get_extra_info("socket"):
        keep_alive(opened)
    return OpenedSocket(_accepted(request, connection.response), AsyncSocket(connection))


def _settings(request: HttpRequest) -> dict[str, Any]:
    headers = dict(request.headers)
    settings: dict[str, Any] = {
        "user_agent_header": headers.pop("user-agent", None),
        "additional_headers": headers,
        "open_timeout": request.timeout,
        "close_timeout": _CLOSE_LIMIT,
        "max_size": request.max_bytes,
        # Images and audio are compressed already; compressing them again only adds delay.
        "compression": None,
        "logger": _logger,
    }
    if request.url.startswith("wss:"):
        settings["ssl"] = ssl_context()
    proxy = proxy_for(request.url)
    settings["proxy"] = proxy and proxy.url
    return settings


def _accepted(request: HttpRequest, response: Response | None) -> HttpResponse:
    assert response is not None  # noqa: S101 - the handshake is done
    return HttpResponse(101, _headers(response), b"", _place(request))


def _rejected(request: HttpRequest, response: Response) -> OpenedSocket:
    body = bytes(response.body or b"")
    place = _place(request)
    return OpenedSocket(HttpResponse(response.status_code, _headers(response), body, place))


def _headers(response: Response) -> dict[str, str]:
    return header_map(response.headers.raw_items())


def _place(request: HttpRequest) -> str:
    # The query contains the token.
    return urlsplit(request.url)._replace(query="").geturl()


def _connect_error(request: HttpRequest, error: Exception) -> TransportError | FalInputError:
    if isinstance(error, ImportError) and (proxy := proxy_for(request.url)):
        return proxy.invalid("SOCKS needs `pip install python-socks[asyncio]`")
    timed_out = isinstance(error, (TimeoutError, asyncio.TimeoutError))
    # Only the text of an OSError is shown: messages of the library may quote the URL and its token.
    text = error.strerror if isinstance(error, OSError) else None
    reason = "no response in time" if timed_out else text or type(error).__name__
    return TransportError(f"{request}: {reason}", sent=False, timed_out=timed_out)


def _closed(error: ConnectionClosed) -> SocketClosed:
    if error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG:
        return SocketClosed(error.sent.code, "a message is larger than max_response_bytes")
    if error.rcvd is None:
        return SocketClosed(None, "the connection broke")
    return SocketClosed(error.rcvd.code, error.rcvd.reason)


def _receive_timeout(timeout: float | None) -> TransportError:
    return TransportError(f"no message within {timeout} s", sent=True, timed_out=True)
