"""The queue service: submit, status, status stream, result, cancel (docs/protocol.md section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from fal_typed.testing.engine.addresses import QUEUE
from fal_typed.testing.engine.emulated_endpoints import app_of
from fal_typed.testing.engine.messages import (
    AnyResponse,
    IncomingRequest,
    Response,
    error_response,
    event_stream,
    json_response,
    server_sent_event,
)
from fal_typed.testing.engine.uploaded_files import UploadError
from fal_typed.testing.services.routing import (
    MatchedRoute,
    RouteHandler,
    RouteTable,
    Service,
    refuse_method,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fal_typed.testing.engine.emulation import Emulation
    from fal_typed.testing.engine.job_queue import EmulatedJob

_PING = b": ping\n\n"
_PING_SECONDS = 5.0


class QueueService(Service):
    """Routes of ``queue.fal.run``.

    Args:
        emulation: The emulator's state.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._job_routes = RouteTable(
            {
                ("GET", "status"): ("status", self._status),
                ("GET", "status/stream"): ("status_stream", self._status_stream),
                ("GET", ""): ("result", self._result),
                ("GET", "response"): ("result", self._result),
                ("PUT", "cancel"): ("cancel", self._cancel),
            }
        )

    @override
    def route(self, request: IncomingRequest) -> MatchedRoute:
        path = request.path
        if "/requests/" in path:
            app, _, rest = path.partition("/requests/")
            _, _, action = rest.rstrip("/").partition("/")
            return self._job_route(request.method, app.strip("/"), action)
        found = self._emulation.endpoints.find(path)
        endpoint_id = found[0].id if found else None
        if request.method != "POST":
            return MatchedRoute("submit", endpoint_id, refuse_method(["POST"]))
        return MatchedRoute("submit", endpoint_id, self._submit)

    def _job_route(self, method: str, app: str, action: str) -> MatchedRoute:
        if (found := self._job_routes.find(method, action)) is not None:
            return MatchedRoute(found[0], app, self._with_key(found[1]))
        return MatchedRoute("job", app, self._job_routes.fallback(action, _not_found))

    def _with_key(self, handler: RouteHandler) -> RouteHandler:
        if not self._emulation.keys.required:
            return handler

        async def guarded(request: IncomingRequest) -> AnyResponse:
            return self._emulation.keys.refusal(request) or await handler(request)

        return guarded

    async def _submit(self, request: IncomingRequest) -> AnyResponse:
        emulation = self._emulation
        found = emulation.endpoints.find(request.path)
        if found is None:
            return unknown_application(request.path)
        endpoint, subpath = found
        refusal = (
            emulation.keys.refusal(request)
            or self._queue_is_full(request, endpoint.id)
            or endpoint.script.limits.refusal(emulation.clock.now())
        )
        if refusal is not None:
            return refusal
        try:
            files = emulation.files_url(request)
        except UploadError as error:
            return error_response(400, str(error), "bad_request")
        job = emulation.jobs.submit(
            endpoint,
            endpoint.outcome(request, files),
            body=request.body,
            headers=request.text_headers,
            start_timeout=_seconds(request.header(b"x-fal-request-timeout")),
            webhook_url=request.parameter("fal_webhook"),
            subpath=subpath,
        )
        if job.webhook_url is not None:
            emulation.webhooks.watch(job, job.webhook_url, emulation.keys.user(request))
        status = self._describe(job, request)
        status["status"] = "IN_QUEUE"
        status["queue_position"] = job.position(job.submitted_at)
        return json_response(status, headers=[(b"x-fal-request-id", job.id.encode())])

    def _queue_is_full(self, request: IncomingRequest, endpoint_id: str) -> Response | None:
        limit = request.parameter("fal_max_queue_length")
        if limit is None or not limit.isdigit():
            return None
        if self._emulation.jobs.waiting(endpoint_id) <= int(limit):
            return None
        return error_response(429, f"The queue is longer than {limit} requests")

    def _job(self, request: IncomingRequest) -> EmulatedJob | None:
        app, _, rest = request.path.partition("/requests/")
        job = self._emulation.jobs.get(rest.partition("/")[0])
        # Both the app's and the endpoint's own path lead to a job; another app's does not.
        return job if job is not None and app_of(app.strip("/")) == job.app else None

    async def _status(self, request: IncomingRequest) -> AnyResponse:
        job = self._job(request)
        if job is None:
            return _unknown_job()
        now = self._emulation.clock.now()
        status = self._status_of(job, request, now)
        if request.flag("logs") and status["status"] != "IN_QUEUE":
            status["logs"] = job.logs(now)
        return json_response(status, 200 if status["status"] == "COMPLETED" else 202)

    async def _status_stream(self, request: IncomingRequest) -> AnyResponse:
        job = self._job(request)
        return _unknown_job() if job is None else event_stream(self._events(job, request))

    async def _events(self, job: EmulatedJob, request: IncomingRequest) -> AsyncIterator[bytes]:
        with_logs, written = request.flag("logs"), 0
        last: dict[str, Any] | None = None
        yield _PING
        while True:
            now = self._emulation.clock.now()
            status = self._status_of(job, request, now)
            if with_logs and status["status"] != "IN_QUEUE":
                # A stream sends each log line once; a poll returns all of them every time.
                logs = job.logs(now)
                status["logs"], written = logs[written:], len(logs)
            if status != last and (last is None or status.get("logs") or _moved(last, status)):
                yield server_sent_event(status)
            else:
                yield _PING
            last = status
            if status["status"] == "COMPLETED":
                return
            await self._emulation.jobs.changed(job, now, _PING_SECONDS)

    async def _result(self, request: IncomingRequest) -> AnyResponse:
        job = self._job(request)
        if job is None:
            return _unknown_job()
        if job.outcome is None or job.stage(self._emulation.clock.now()) != "COMPLETED":
            return error_response(400, "Request is still in progress")
        return job.outcome.response(job.id)

    async def _cancel(self, request: IncomingRequest) -> AnyResponse:
        job = self._job(request)
        if job is None:
            return _unknown_job()
        if self._emulation.jobs.cancel(job):
            return json_response({"status": "CANCELLATION_REQUESTED"}, 202)
        return json_response({"status": "ALREADY_COMPLETED"}, 400)

    def _describe(self, job: EmulatedJob, request: IncomingRequest) -> dict[str, Any]:
        url = request.address.url(QUEUE, f"/{job.app}/requests/{job.id}")
        return {
            "status": "",
            "request_id": job.id,
            "response_url": url,
            "status_url": url + "/status",
            "cancel_url": url + "/cancel",
        }

    def _status_of(self, job: EmulatedJob, request: IncomingRequest, now: float) -> dict[str, Any]:
        status = self._describe(job, request)
        stage = job.stage(now)
        status["status"] = stage
        if stage == "IN_QUEUE":
            status["queue_position"] = job.position(now)
            return status
        status["logs"] = None
        if stage == "COMPLETED":
            status["metrics"] = {"inference_time": round(job.ends_at - job.starts_at, 6)}
            if job.outcome is not None and job.outcome.error_type is not None:
                status["error"] = job.outcome.error
                status["error_type"] = job.outcome.error_type
        return status


def _moved(before: dict[str, Any], after: dict[str, Any]) -> bool:
    keys = ("status", "queue_position")
    return any(before.get(key) != after.get(key) for key in keys)


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def unknown_application(path: str) -> Response:
    """Make the response to a request for an unknown endpoint.

    Args:
        path: The requested path.

    Returns:
        A 404.
    """
    return error_response(404, f'Application "{path.strip("/")[:200]}" not found')


def _unknown_job() -> Response:
    return json_response({"status": "NOT_FOUND"}, 404)


async def _not_found(_request: IncomingRequest) -> AnyResponse:
    return _unknown_job()
