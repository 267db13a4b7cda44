"""Streaming runs: server-sent events that grow to the final answer (docs/protocol.md section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fal_typed.testing.messages import StreamResponse, dump
from fal_typed.testing.models import failed
from fal_typed.testing.scripts import UNSCRIPTED, Failure, handled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fal_typed.testing.clock import Clock
    from fal_typed.testing.messages import Answer, Request
    from fal_typed.testing.models import Model

_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]


async def stream(
    model: Model, request: Request, files: str, clock: Clock, request_id: str
) -> Answer:
    """Answer a streaming run.

    What goes wrong before the first event is an HTTP status; what goes wrong later just ends
    the stream, as it does on the platform.

    Args:
        model: The endpoint.
        request: The request.
        files: Base URL of files in the answer.
        clock: The emulator's time.
        request_id: Id of the run, sent as a header.

    Returns:
        The stream, or an error.
    """
    arguments, refusal = model.read(request.body)
    if refusal is not None:
        return refusal.response(request_id)
    await clock.wait(model.script.queue_time)
    events = _events(model, arguments, files, clock)
    try:
        first = await anext(events)
    except StopAsyncIteration:
        first = None
    except Failure as failure:
        return failed(failure).response(request_id)
    header = (b"x-fal-request-id", request_id.encode())
    return StreamResponse([*_HEADERS, header], _frames(first, events))


async def _frames(first: Any, events: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    if first is None:
        return
    yield _frame(first)
    async for event in events:
        yield _frame(event)


def _frame(event: Any) -> bytes:
    # A handler may yield bytes to send something that is no event, or no JSON.
    return event if isinstance(event, bytes) else b"data: " + dump(event) + b"\n\n"


async def _events(
    model: Model, arguments: dict[str, Any], files: str, clock: Clock
) -> AsyncIterator[Any]:
    scripted = model.script.next_answer()
    if isinstance(scripted, Failure):
        raise scripted
    if scripted is UNSCRIPTED and model.script.handler is not None:
        async for event in handled(model.script.handler(arguments)):
            yield event
        return
    if scripted is UNSCRIPTED:
        planned = model.script.events or model.partial_answers(arguments, files)
    else:
        planned = [scripted]
    for event in planned:
        await clock.wait(model.script.run_time / len(planned))
        yield event
