"""Plays faults on the wire: resets, truncated, slow and missing responses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fal_typed.testing.engine.messages import (
    EVENT_PREFIX,
    AnyResponse,
    Response,
    StreamResponse,
)
from fal_typed.testing.server.scope_transport import reset, transport_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fal_typed.testing.engine.faults import Fault
    from fal_typed.testing.engine.messages import AsgiReceive, AsgiScope, AsgiSend

_SLOW_CHUNKS = 20


async def send_faulty(
    fault: Fault, response: AnyResponse, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend
) -> AnyResponse | None:
    """Play a fault on a response.

    Args:
        fault: The fault.
        response: The response that would have been sent.
        scope: The request's ASGI scope.
        receive: Reads from the client.
        send: Writes to the client.

    Returns:
        What is still to be sent; None for nothing.
    """
    if fault.kind == "hang":
        await until_disconnected(receive)
        return None
    if fault.kind == "reset_after":
        await send_reset(scope, receive)
        return None
    if isinstance(response, StreamResponse):
        return _faulty_stream(fault, response, scope)
    if fault.kind == "truncate":
        await _send_truncated(response, scope, send)
        await until_disconnected(receive)
        return None
    return _slow(response, fault.seconds) if fault.kind == "slow" else response


async def send_reset(scope: AsgiScope, receive: AsgiReceive) -> None:
    """Reset the connection of a request.

    Args:
        scope: The request's ASGI scope.
        receive: Reads from the client.
    """
    reset(transport_of(scope))
    await until_disconnected(receive)


async def until_disconnected(receive: AsgiReceive) -> None:
    """Wait until the connection is closed by either side.

    Args:
        receive: Reads from the client.
    """
    while (await receive())["type"] != "http.disconnect":
        pass


def _with_length(response: Response) -> list[tuple[bytes, bytes]]:
    return [*response.headers, (b"content-length", str(len(response.body)).encode())]


async def _send_truncated(response: Response, scope: AsgiScope, send: AsgiSend) -> None:
    headers = _with_length(response)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    half = response.body[: len(response.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    transport_of(scope).close()


def _slow(response: Response, seconds: float) -> StreamResponse:
    size = max(1, -(-len(response.body) // _SLOW_CHUNKS))

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(response.body), size):
            await asyncio.sleep(seconds / _SLOW_CHUNKS)
            yield response.body[start : start + size]

    return StreamResponse(_with_length(response), chunks(), response.status)


def _faulty_stream(fault: Fault, response: StreamResponse, scope: AsgiScope) -> StreamResponse:
    chunks = response.chunks

    async def cut() -> AsyncIterator[bytes]:
        left = fault.after
        async for chunk in chunks:
            if left:
                yield chunk
            if chunk.startswith(EVENT_PREFIX) or fault.kind == "truncate":
                left -= 1
            if left <= 0:
                # Closed, not reset: a reset may discard events that the client has not read yet.
                transport_of(scope).close()
                return

    async def delayed() -> AsyncIterator[bytes]:
        async for chunk in chunks:
            await asyncio.sleep(fault.seconds)
            yield chunk

    response.chunks = delayed() if fault.kind == "slow" else cut()
    return response
