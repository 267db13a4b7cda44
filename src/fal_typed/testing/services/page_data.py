"""The data of the emulator's page: the list of calls, one call in detail, and the endpoints."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fal_typed._core.json_values import as_object
from fal_typed._documents.catalog import UnknownEndpointError
from fal_typed._documents.document import InvalidDocumentError
from fal_typed.testing.engine.addresses import QUEUE
from fal_typed.testing.engine.generation_input import TEXT_NAMES
from fal_typed.testing.engine.json_bodies import parse
from fal_typed.testing.engine.messages import (
    AnyResponse,
    IncomingRequest,
    error_response,
    json_response,
)
from fal_typed.testing.media.spec import IMAGES, SOUNDS, VIDEOS
from fal_typed.testing.services.page_forms import form_fields
from fal_typed.testing.tape.exchanges import describe_body
from fal_typed.testing.tape.scrubbing import Scrubber, secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fal_typed.testing.engine.emulation import Emulation
    from fal_typed.testing.engine.job_queue import EmulatedJob
    from fal_typed.testing.services.routing import RouteHandler
    from fal_typed.testing.tape.request_log import RecordedRequest, RequestLog

_MAX_ENTRIES = 200
_MAX_TEXT = 200
_SEARCHED_BYTES = 65_536
_FAILED_FROM = 400
_DIRECT = frozenset({"run", "stream", "realtime", "websocket"})
_EXTENSIONS = "|".join(sorted({"jpg", "opus", *IMAGES, *VIDEOS, *SOUNDS}))
_FILE = re.compile(rf'"(https?://[^"\s\\]+\.(?:{_EXTENSIONS}))"'.encode())


def page_data_routes(
    emulation: Emulation, requests: RequestLog
) -> dict[tuple[str, str], RouteHandler]:
    """Return the routes that the page reads.

    Args:
        emulation: The emulator's state.
        requests: Every recorded request.

    Returns:
        Handlers by method and path.
    """
    data = _PageData(emulation, requests)
    return {
        ("GET", "/_emulator/state"): data.state,
        ("GET", "/_emulator/call"): data.call,
        ("GET", "/_emulator/endpoints"): data.endpoints,
        ("GET", "/_emulator/form"): data.form,
    }


@dataclass(frozen=True)
class _ListedCall:
    """A job of the queue or a direct call."""

    id: str
    kind: str
    endpoint_id: str
    status: str
    """A status of the queue, or ``FAILED``, or ``CANCELLED``."""
    at: float
    seconds: float
    """How long it ran, or has been running."""
    position: int | None
    code: int | None
    """HTTP status of the response; None without a response."""
    headers: Mapping[str, str]
    input: bytes
    output: bytes

    @property
    def scrubber(self) -> Scrubber:
        """Hides the credentials of the call, which the page has no use for."""
        return Scrubber(secrets_of(self.headers.items()))

    def contains(self, text: str) -> bool:
        """Whether a text occurs in its id, input or output, escaped as in JSON or not."""
        escaped = json.dumps(text)[1:-1]
        for content in (self.input, self.output):
            known = content[:_SEARCHED_BYTES].decode("utf-8", "replace").casefold()
            if text in known or escaped in known:
                return True
        return text in self.id.casefold() or text in self.endpoint_id.casefold()

    def summary(self) -> dict[str, Any]:
        """The call's entry in the list."""
        file = _FILE.search(self.output[:_SEARCHED_BYTES])
        return {
            "id": self.id,
            "kind": self.kind,
            "endpoint": self.endpoint_id,
            "status": self.status,
            "code": self.code,
            "position": self.position,
            "at": self.at,
            "seconds": round(self.seconds, 3),
            "text": self.scrubber.text(_text_of(self.input)),
            "file": file[1].decode("latin-1") if file else None,
        }


class _PageData:
    def __init__(self, emulation: Emulation, requests: RequestLog) -> None:
        self._emulation = emulation
        self._requests = requests
        self._ids: list[str] | None = None

    async def state(self, request: IncomingRequest) -> AnyResponse:
        endpoint_id, status = request.parameter("endpoint"), request.parameter("status")
        text = (request.parameter("text") or "").casefold()
        calls = list(self._calls())
        chosen = [
            call
            for call in calls
            if (not endpoint_id or call.endpoint_id == endpoint_id)
            and (not status or call.status == status)
            and (not text or call.contains(text))
        ]
        chosen.sort(key=lambda call: call.at, reverse=True)
        return json_response(
            {
                "total": len(calls),
                "matching": len(chosen),
                "waiting": sum(call.status == "IN_QUEUE" for call in calls),
                "running": sum(call.status == "IN_PROGRESS" for call in calls),
                "called": sorted({call.endpoint_id for call in calls}),
                "needs_key": self._emulation.keys.required,
                "calls": [call.summary() for call in chosen[:_MAX_ENTRIES]],
            }
        )

    def _calls(self) -> Iterator[_ListedCall]:
        now = self._emulation.clock.now()
        for job in self._emulation.jobs:
            yield _of_job(job, now)
        for record in self._requests:
            if record.route in _DIRECT:
                yield _of_record(record, now)

    async def call(self, request: IncomingRequest) -> AnyResponse:
        wanted = request.parameter("id")
        call = next((call for call in self._calls() if call.id == wanted), None)
        if call is None:
            return error_response(404, "Unknown call")
        job = self._emulation.jobs.get(call.id)
        scrubber = call.scrubber
        return json_response(
            {
                **call.summary(),
                "input": _readable(call.input, scrubber),
                "output": _readable(call.output, scrubber),
                "logs": job.logs(self._emulation.clock.now()) if job else [],
                "requests": self._requests_of(call.id),
                "webhooks": self._webhooks_of(call.id, scrubber),
                "cancel": f"/{QUEUE}/{job.app}/requests/{job.id}/cancel" if job else None,
            }
        )

    def _requests_of(self, job_id: str) -> list[dict[str, Any]]:
        return [
            {
                "route": record.route,
                "method": record.method,
                "path": record.path,
                "status": record.status,
                "seconds": record.seconds,
                "fault": record.fault,
            }
            for record in self._requests
            if f"/requests/{job_id}" in record.path
        ][-_MAX_ENTRIES:]

    def _webhooks_of(self, job_id: str, scrubber: Scrubber) -> list[dict[str, Any]]:
        return [
            {
                "url": scrubber.text(one.url),
                "attempt": one.attempt,
                "status": one.status,
                "error": one.error,
            }
            for one in self._emulation.webhooks
            if one.request_id == job_id
        ]

    async def endpoints(self, _request: IncomingRequest) -> AnyResponse:
        if self._ids is None:
            self._ids = self._emulation.catalog.ids()
        return json_response(self._ids)

    async def form(self, request: IncomingRequest) -> AnyResponse:
        endpoint_id = request.parameter("endpoint") or ""
        try:
            document = self._emulation.catalog.document(endpoint_id)
        except (UnknownEndpointError, InvalidDocumentError):
            return error_response(404, "This endpoint has no document")
        return json_response(
            {
                "endpoint": document.id,
                "category": document.category,
                "description": document.description,
                "fields": form_fields(document),
            }
        )


def _of_job(job: EmulatedJob, now: float) -> _ListedCall:
    stage = job.stage(now)
    done = job.outcome if stage == "COMPLETED" else None
    status: str = stage
    if done is not None and done.error_type == "client_cancelled":
        status = "CANCELLED"
    elif done is not None and done.status >= _FAILED_FROM:
        status = "FAILED"
    return _ListedCall(
        id=job.id,
        kind="queue",
        endpoint_id=job.endpoint_id,
        status=status,
        at=job.submitted_at,
        seconds=max(0.0, min(job.ends_at, now) - job.starts_at),
        position=job.position(now) if stage == "IN_QUEUE" else None,
        code=done.status if done else None,
        headers=job.headers,
        input=job.body,
        output=done.body if done else b"",
    )


def _of_record(record: RecordedRequest, now: float) -> _ListedCall:
    status = "COMPLETED"
    if record.seconds is None:
        status = "IN_PROGRESS"
    elif record.status is None or record.status >= _FAILED_FROM:
        status = "FAILED"
    return _ListedCall(
        id=f"request-{record.number}",
        kind=record.route,
        endpoint_id=record.endpoint_id or record.path.strip("/"),
        status=status,
        at=record.at,
        seconds=max(0.0, now - record.at) if record.seconds is None else record.seconds,
        position=None,
        code=record.status,
        headers=record.headers,
        input=record.body,
        output=record.response,
    )


def _text_of(body: bytes) -> str:
    """What identifies a call in the list: its prompt, or else its raw input."""
    try:
        fields = as_object(parse(body[:_SEARCHED_BYTES]))
    except ValueError:
        fields = None
    if fields is not None:
        for name in TEXT_NAMES:
            if isinstance(text := fields.get(name), str) and text:
                return text[:_MAX_TEXT]
    return body[:_MAX_TEXT].decode("utf-8", "replace")


def _readable(body: bytes, scrubber: Scrubber) -> Any:
    """A body parsed as JSON, or as text if it is not JSON; None for an empty body."""
    described = describe_body(body, "", scrubber)
    if "base64" in described:
        return body[:_SEARCHED_BYTES].decode("utf-8", "replace")
    return next(iter(described.values()), None)
