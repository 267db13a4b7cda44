"""What the page shows: the calls that came in, one of them whole, and the endpoints there are."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from fal_typed._documents.catalog import UnknownEndpointError
from fal_typed._documents.document import InvalidDocumentError
from fal_typed.testing import services
from fal_typed.testing.asking import TEXT_NAMES
from fal_typed.testing.forms import form_fields
from fal_typed.testing.messages import Answer, Request, detail, json_response
from fal_typed.testing.models import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed.testing.emulation import Emulation, Endpoint
    from fal_typed.testing.jobs import Job
    from fal_typed.testing.recording import RecordedRequest, RequestLog

_SHOWN = 200
_LONGEST_TEXT = 200
_SEARCHED = 65_536
_FAILED_FROM = 400
_DIRECT = frozenset({"run", "stream", "realtime", "websocket"})
_FILE = re.compile(
    rb'"(https?://[^"\s\\]+\.(?:jpe?g|png|webp|gif|svg|mp4|webm|mov|wav|mp3|ogg|opus|flac|m4a))"'
)


def overview_routes(emulation: Emulation, requests: RequestLog) -> dict[tuple[str, str], Endpoint]:
    """Routes that the page reads.

    Args:
        emulation: What the services share.
        requests: Every request that came in.

    Returns:
        Each by its method and path.
    """
    overview = _Overview(emulation, requests)
    return {
        ("GET", "/_emulator/state"): overview.state,
        ("GET", "/_emulator/call"): overview.call,
        ("GET", "/_emulator/endpoints"): overview.endpoints,
        ("GET", "/_emulator/form"): overview.form,
    }


@dataclass(frozen=True)
class _CallEntry:
    """A job of the queue or a direct call, seen alike."""

    id: str
    kind: str
    endpoint_id: str
    status: str
    """A status of the queue, or ``FAILED``, or ``CANCELLED``."""
    at: float
    seconds: float
    """How long it ran, or runs already."""
    position: int | None
    code: int | None
    """HTTP status of the answer; None while there is none."""
    input: bytes
    output: bytes

    def has(self, text: str) -> bool:
        """Whether a text stands in it anywhere, in JSON's escapes or out of them."""
        escaped = json.dumps(text)[1:-1]
        for content in (self.input, self.output):
            known = content[:_SEARCHED].decode("utf-8", "replace").casefold()
            if text in known or escaped in known:
                return True
        return text in self.id.casefold() or text in self.endpoint_id.casefold()

    def summary(self) -> dict[str, Any]:
        """One line of the list."""
        file = _FILE.search(self.output[:_SEARCHED])
        return {
            "id": self.id,
            "kind": self.kind,
            "endpoint": self.endpoint_id,
            "status": self.status,
            "code": self.code,
            "position": self.position,
            "at": self.at,
            "seconds": round(self.seconds, 3),
            "text": _text_of(self.input),
            "file": file[1].decode("latin-1") if file else None,
        }


class _Overview:
    def __init__(self, emulation: Emulation, requests: RequestLog) -> None:
        self._emulation = emulation
        self._requests = requests
        self._ids: list[str] | None = None

    async def state(self, request: Request) -> Answer:
        endpoint_id, status = request.parameter("endpoint"), request.parameter("status")
        text = (request.parameter("text") or "").casefold()
        calls = list(self._calls())
        chosen = [
            call
            for call in calls
            if (not endpoint_id or call.endpoint_id == endpoint_id)
            and (not status or call.status == status)
            and (not text or call.has(text))
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
                "calls": [call.summary() for call in chosen[:_SHOWN]],
            }
        )

    def _calls(self) -> Iterator[_CallEntry]:
        now = self._emulation.clock.now()
        for job in self._emulation.jobs:
            yield _of_job(job, now)
        for record in self._requests:
            if record.route in _DIRECT:
                yield _of_record(record, now)

    async def call(self, request: Request) -> Answer:
        wanted = request.parameter("id")
        call = next((call for call in self._calls() if call.id == wanted), None)
        if call is None:
            return detail(404, "No such call")
        job = self._emulation.jobs.get(call.id)
        return json_response(
            {
                **call.summary(),
                "input": _shown(call.input),
                "output": _shown(call.output),
                "logs": job.logs(self._emulation.clock.now()) if job else [],
                "requests": self._requests_of(call.id),
                "webhooks": self._webhooks_of(call.id),
                "cancel": f"/{services.QUEUE}/{job.app}/requests/{job.id}/cancel" if job else None,
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
        ][-_SHOWN:]

    def _webhooks_of(self, job_id: str) -> list[dict[str, Any]]:
        return [
            {"url": one.url, "attempt": one.attempt, "status": one.status, "error": one.error}
            for one in self._emulation.webhooks
            if one.request_id == job_id
        ]

    async def endpoints(self, _request: Request) -> Answer:
        if self._ids is None:
            self._ids = self._emulation.catalog.ids()
        return json_response(self._ids)

    async def form(self, request: Request) -> Answer:
        endpoint_id = request.parameter("endpoint") or ""
        try:
            document = self._emulation.catalog.document(endpoint_id)
        except (UnknownEndpointError, InvalidDocumentError):
            return detail(404, "No document of this endpoint")
        return json_response(
            {
                "endpoint": document.id,
                "category": document.category,
                "description": document.description,
                "fields": form_fields(document),
            }
        )


def _of_job(job: Job, now: float) -> _CallEntry:
    stage = job.stage(now)
    done = job.outcome if stage == "COMPLETED" else None
    status: str = stage
    if done is not None and done.error_type == "client_cancelled":
        status = "CANCELLED"
    elif done is not None and done.status >= _FAILED_FROM:
        status = "FAILED"
    return _CallEntry(
        id=job.id,
        kind="queue",
        endpoint_id=job.endpoint_id,
        status=status,
        at=job.submitted_at,
        seconds=max(0.0, min(job.ends_at, now) - job.starts_at),
        position=job.position(now) if stage == "IN_QUEUE" else None,
        code=done.status if done else None,
        input=job.body,
        output=done.body if done else b"",
    )


def _of_record(record: RecordedRequest, now: float) -> _CallEntry:
    status = "COMPLETED"
    if record.seconds is None:
        status = "IN_PROGRESS"
    elif record.status is None or record.status >= _FAILED_FROM:
        status = "FAILED"
    return _CallEntry(
        id=f"request-{record.number}",
        kind=record.route,
        endpoint_id=record.endpoint_id or record.path.strip("/"),
        status=status,
        at=record.at,
        seconds=max(0.0, now - record.at) if record.seconds is None else record.seconds,
        position=None,
        code=record.status,
        input=record.body,
        output=record.answer,
    )


def _text_of(body: bytes) -> str:
    """What tells a call from others: its prompt, or else its input as it came."""
    value = _shown(body[:_SEARCHED])
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        for name in TEXT_NAMES:
            if isinstance(text := fields.get(name), str) and text:
                return text[:_LONGEST_TEXT]
    return body[:_LONGEST_TEXT].decode("utf-8", "replace")


def _shown(body: bytes) -> Any:
    """A body as JSON where it is some, else as text; None when there is none."""
    if not body:
        return None
    try:
        return parse(body)
    except ValueError:
        return body[:_SEARCHED].decode("utf-8", "replace")
