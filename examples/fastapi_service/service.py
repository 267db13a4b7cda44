"""A web service in front of a model: typed bodies, typed responses, progress and a webhook.

Run it with `uvicorn service:app`; its documentation is at /docs. With `fal-typed emulator` running
and FAL_EMULATOR_HOST set, calls are free and need no key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

import fal_typed
from fal_typed import FalError, FalHTTPError, FalWebhookError, verify_webhook_async
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, FluxDevOutput, flux_dev

app = FastAPI(title="Postcards")
finished: dict[str, FluxDevOutput] = {}


class Accepted(BaseModel):
    """A job that is in the queue."""

    request_id: str


@app.exception_handler(FalHTTPError)
async def rejected(_: Request, error: FalHTTPError) -> JSONResponse:
    """The model or the platform rejected the request or failed."""
    return JSONResponse({"detail": str(error), "request_id": error.request_id}, 502)


@app.exception_handler(FalError)
async def failed(_: Request, error: FalError) -> JSONResponse:
    """The platform could not be reached, for example."""
    return JSONResponse({"detail": str(error)}, 503)


@app.post("/images")
async def generate(body: FluxDevInput) -> FluxDevOutput:
    """Generate images and wait for them."""
    return (await fal_typed.subscribe_async(body)).data


@app.post("/jobs", status_code=202)
async def submit(body: FluxDevInput, request: Request) -> Accepted:
    """Start a job; its result is posted to the webhook."""
    hook = str(request.url_for("deliver"))
    handle = await fal_typed.submit_async(body, webhook_url=hook)
    return Accepted(request_id=handle.request_id)


@app.get("/jobs/{request_id}/progress")
async def progress(request_id: str) -> StreamingResponse:
    """Follow a job by server-sent events."""
    handle = flux_dev.handle_async(request_id)

    async def events() -> AsyncIterator[str]:
        async for status in handle.iter_events(with_logs=True):
            yield f"event: {status.status}\ndata: {len(status.new_logs)} new log lines\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


@app.post("/webhook")
async def deliver(request: Request) -> Response:
    """Store the result of a job. Anyone can send a request, so the signature is verified."""
    try:
        event = await verify_webhook_async(request.headers, await request.body(), endpoint=flux_dev)
    except FalWebhookError:
        return Response(status_code=400)
    if event.data is not None:
        finished[event.request_id] = event.data
    return Response()
