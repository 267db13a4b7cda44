"""Streaming runs: server-sent events that lead to the final output (docs/protocol.md section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fal_typed.testing.engine.messages import event_stream, server_sent_event
from fal_typed.testing.engine.outcomes import failed
from fal_typed.testing.engine.scripts import UNSCRIPTED, ScriptedFailure, handler_outputs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fal_typed.testing.engine.clock import Clock
    from fal_typed.testing.engine.emulated_endpoints import EmulatedEndpoint
    from fal_typed.testing.engine.messages import AnyResponse, IncomingRequest


async def stream(
    endpoint: EmulatedEndpoint,
    request: IncomingRequest,
    files: str,
    clock: Clock,
    request_id: str,
) -> AnyResponse:
    """Respond to a streaming run.

    A failure before the first event is an HTTP status; a later one just ends the stream, as on the
    platform.

    Args:
        endpoint: The endpoint.
        request: The request.
        files: Base URL of files in the output.
        clock: The emulator's clock.
        request_id: Id of the run, sent as a header.

    Returns:
        The stream, or an error.
    """
    arguments, refusal = endpoint.read(request.body)
    if refusal is not None:
        return refusal.response(request_id)
    await clock.wait(endpoint.script.queue_time)
    events = _events(endpoint, arguments, files, clock)
    try:
        first = await anext(events)
    except StopAsyncIteration:
        first = None
    except ScriptedFailure as failure:
        return failed(failure).response(request_id)
    header = (b"x-fal-request-id", request_id.encode())
    return event_stream(_written(first, events), [header])


async def _written(first: Any, events: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    if first is None:
        return
    yield _write(first)
    async for event in events:
        yield _write(event)


def _write(event: Any) -> bytes:
    # A handler may yield bytes to send something that is not an event or not JSON.
    return event if isinstance(event, bytes) else server_sent_event(event)


async def _events(
    endpoint: EmulatedEndpoint, arguments: dict[str, Any], files: str, clock: Clock
) -> AsyncIterator[Any]:
    script = endpoint.script
    scripted = script.next_response()
    if isinstance(scripted, ScriptedFailure):
        raise scripted
    if scripted is UNSCRIPTED and script.handler is not None:
        async for event in handler_outputs(script.handler, arguments):
            yield event
        return
    if scripted is UNSCRIPTED:
        planned = script.events or endpoint.partial_outputs(arguments, files)
    else:
        planned = [scripted]
    for event in planned:
        await clock.wait(script.run_time / len(planned))
        yield event
