"""The connection of a request, in its ASGI scope, so that a fault can cut it."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from fal_typed.testing.engine.messages import AsgiScope

_KEY = "fal.transport"


def put_transport(scope: Mapping[str, Any], transport: asyncio.Transport | None) -> None:
    """Add the connection to a request's scope.

    Args:
        scope: The ASGI scope.
        transport: The connection.
    """
    cast("dict[str, Any]", scope)[_KEY] = transport


def transport_of(scope: AsgiScope) -> asyncio.Transport:
    """Return the connection of a request.

    Args:
        scope: Its ASGI scope.

    Returns:
        The transport.
    """
    transport: asyncio.Transport = scope[_KEY]
    return transport


def reset(transport: asyncio.Transport) -> None:
    """Cut a connection so that the client sees a reset and not a proper end.

    Args:
        transport: The connection.
    """
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None:
        # A linger time of zero makes the kernel send RST.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
