"""The queue service: submit, status, status stream, result, cancel (docs/protocol.md section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fal_typed.testing import services
from fal_typed.testing.emulation import Call, Emulation, Endpoint, refuse_method
from fal_typed.testing.files import UploadError
from fal_typed.testing.messages import (
    Answer,
    Request,
    Response,
    StreamResponse,
    detail,
    dump,
    json_response,
)
from fal_typed.testing.models import app_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fal_typed.testing.jobs import Job

_PING = b": ping\n\n"
_PING_SECONDS = 5.0
_EVENTS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]


class QueueService:
    """Routes of ``queue.fal.run``.

    Args:
        emulation: What the services share.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._about_job: dict[tuple[str, str], tuple[str, Endpoint]] = {
            ("GET", "status"): ("status", self._status),
            ("GET", "status/stream"): ("status_stream", self._status_stream),
            ("GET", ""): ("result", self._result),
            ("GET", "response"): ("result", self._result),
            ("PUT", "cancel"): ("cancel", self._cancel),
        }

    def route(self, request: Request) -> Call:
        """Find what a request asks for.

        Args:
            request: The request; its body is not read yet.

        Returns:
            What to do.
        """
        path = request.path
        if "/requests/" in path:
            app, _, rest = path.partition("/requests/")
            _, _, action = rest.rstrip("/").partition("/")
            return self._route_to_job(request.method, app.strip("/"), action)
        found = self._emulation.models.find(path)
        endpoint_id = found[0].id if found else None
        if request.method != "POST":
            return Call("submit", endpoint_id, refuse_method(["POST"]))
        return Call("submit", endpoint_id, self._submit)

    def _route_to_job(self, method: str, app: str, action: str) -> Call:
        found = self._about_job.get((method, action))
        if found is not None:
            return Call(found[0], app, self._for_key_holders(found[1]))
        allowed = [verb for verb, name in self._about_job if name == action]
        if allowed:
            return Call("job", app, refuse_method(allowed))
        return Call("job", app, _not_found)

    def _for_key_holders(self, endpoint: Endpoint) -> Endpoint:
        if not self._emulation.keys.required:
            return endpoint

        async def guarded(request: Request) -> Answer:
            return self._emulation.keys.refusal(request) or await endpoint(request)

        return guarded

    async def _submit(self, request: Request) -> Answer:
        emulation = self._emulation
        found = emulation.models.find(request.path)
        if found is None:
            return unknown_application(request.path)
        model, subpath = found
        refusal = (
            emulation.keys.refusal(request)
            or self._too_long(request, model.id)
            or model.script.limits.refusal(emulation.clock.now())
        )
        if refusal is not None:
            return refusal
        try:
            files = emulation.files_url(request)
        except UploadError as error:
            return detail(400, str(error), "bad_request")
        timeout = request.header(b"x-fal-request-timeout")
        job = emulation.jobs.submit(
            model,
            model.outcome(request, files),
            body=request.body,
            headers={
                name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers
            },
            start_timeout=_seconds(timeout),
            webhook_url=request.parameter("fal_webhook"),
            subpath=subpath,
        )
        if job.webhook_url is not None:
            emulation.webhooks.watch(job, job.webhook_url, emulation.keys.user(request))
        status = self._describe(job, request)
        status["status"] = "IN_QUEUE"
        status["queue_position"] = job.position(job.submitted_at)
        return json_response(status, headers=[(b"x-fal-request-id", job.id.encode())])

    def _too_long(self, request: Request, endpoint_id: str) -> Response | None:
        limit = request.parameter("fal_max_queue_length")
        if limit is None or not limit.isdigit():
            return None
        if self._emulation.jobs.waiting(endpoint_id) <= int(limit):
            return None
        return detail(429, f"The queue is longer than {limit} requests")

    def _job(self, request: Request) -> Job | None:
        app, _, rest = request.path.partition("/requests/")
        job = self._emulation.jobs.get(rest.partition("/")[0])
        # Both the app's and the endpoint's own path lead to a job; another app's does not.
        return job if job is not None and app_of(app.strip("/")) == job.app else None

    async def _status(self, request: Request) -> Answer:
        job = self._job(request)
        if job is None:
            return _not_found_answer()
        now = self._emulation.clock.now()
        status = self._status_of(job, request, now)
        if request.switch("logs") and status["status"] != "IN_QUEUE":
            status["logs"] = job.logs(now)
        return json_response(status, 200 if status["status"] == "COMPLETED" else 202)

    async def _status_stream(self, request: Request) -> Answer:
        job = self._job(request)
        if job is None:
            return _not_found_answer()
        return StreamResponse(_EVENTS, self._events(job, request))

    async def _events(self, job: Job, request: Request) -> AsyncIterator[bytes]:
        with_logs, written = request.switch("logs"), 0
        last: dict[str, Any] | None = None
        yield _PING
        while True:
            now = self._emulation.clock.now()
            status = self._status_of(job, request, now)
            if with_logs and status["status"] != "IN_QUEUE":
                # A stream tells each log line once; a poll would tell all of them every time.
                logs = job.logs(now)
                status["logs"], written = logs[written:], len(logs)
            if status != last and (last is None or status.get("logs") or _moved(last, status)):
                yield b"data: " + dump(status) + b"\n\n"
            else:
                yield _PING
            last = status
            if status["status"] == "COMPLETED":
                return
            await self._emulation.jobs.changed(job, now, _PING_SECONDS)

    async def _result(self, request: Request) -> Answer:
        job = self._job(request)
        if job is None:
            return _not_found_answer()
        if job.outcome is None or job.stage(self._emulation.clock.now()) != "COMPLETED":
            return detail(400, "Request is still in progress")
        return job.outcome.response(job.id)

    async def _cancel(self, request: Request) -> Answer:
        job = self._job(request)
        if job is None:
            return _not_found_answer()
        if self._emulation.jobs.cancel(job):
            return json_response({"status": "CANCELLATION_REQUESTED"}, 202)
        return json_response({"status": "ALREADY_COMPLETED"}, 400)

    def _describe(self, job: Job, request: Request) -> dict[str, Any]:
        url = request.address.url(services.QUEUE, f"/{job.app}/requests/{job.id}")
        return {
            "status": "",
            "request_id": job.id,
            "response_url": url,
            "status_url": url + "/status",
            "cancel_url": url + "/cancel",
        }

    def _status_of(self, job: Job, request: Request, now: float) -> dict[str, Any]:
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
    """Answer a request for an endpoint that does not exist.

    Args:
        path: The path asked for.

    Returns:
        A 404.
    """
    return detail(404, f'Application "{path.strip("/")[:200]}" not found')


def _not_found_answer() -> Response:
    return json_response({"status": "NOT_FOUND"}, 404)


async def _not_found(_request: Request) -> Answer:
    return _not_found_answer()
