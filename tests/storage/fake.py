"""A storage in memory that tests can make fail or misbehave, and a driver without I/O."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fal_typed._core.flow import (
    Blocking,
    Draw,
    Gather,
    Invoke,
    Now,
    ReportEvent,
    Send,
    Sleep,
)
from fal_typed._transport.base import HttpRequest, HttpResponse, TransportError
from tests.scripted import Reply, Seen

Fault = Callable[[Seen], "Reply | None"]


@dataclass
class Storage:
    """Responds to the requests of a `ScriptedServer`; `fault` may respond instead."""

    host: str = ""
    fault: Fault = lambda seen: None
    files: dict[str, bytes] = field(default_factory=dict)
    parts: dict[int, bytes] = field(default_factory=dict)
    completed: list[dict[str, Any]] = field(default_factory=list)
    token: dict[str, Any] = field(default_factory=dict)
    begun: dict[str, Any] = field(default_factory=dict)
    initiated: dict[str, Any] = field(default_factory=dict)

    @property
    def cdn(self) -> str:
        return f"http://{self.host}/v3.fal.media"

    def __call__(self, seen: Seen) -> Reply:
        reply = self.fault(seen)
        return self.respond(seen) if reply is None else reply

    def respond(self, seen: Seen) -> Reply:
        path = seen.path.split("?")[0]
        if path.endswith("/storage/auth/token"):
            return Reply(
                body={"token": "t0", "token_type": "Bearer", "base_url": self.cdn}
                | {"expires_at": "2999-01-01T00:00:00Z"}
                | self.token
            )
        if path.endswith("/storage/upload/initiate"):
            urls = {"upload_url": f"{self.cdn}/signed?sig=1", "file_url": f"{self.cdn}/files/f"}
            return Reply(body=urls | self.initiated)
        if path.endswith("/signed"):
            self.files["f"] = seen.body
            return Reply()
        if path.endswith("/files/upload"):
            self.files["whole"] = seen.body
            return Reply(body={"access_url": f"{self.cdn}/files/whole", "uploaded": True})
        if path.endswith("/files/upload/multipart"):
            url = {"access_url": f"{self.cdn}/files/many", "uploadId": "up/1"}
            return Reply(body=url | self.begun)
        if path.endswith("/complete"):
            self.completed = json.loads(seen.body)["parts"]
            numbers = [part["partNumber"] for part in self.completed]
            self.files["many"] = b"".join(self.parts[number] for number in numbers)
            return Reply(body={})
        if seen.method == "PUT" and "/multipart/" in path:
            number = int(path.rpartition("/")[2])
            self.parts[number] = seen.body
            return Reply(body={}, headers={"ETag": f'"e{number}"'})
        return Reply(404, {"detail": path})


class ManualDriver:
    """A driver that performs effects without clock, threads or sockets."""

    def __init__(self, respond: Callable[[HttpRequest], HttpResponse]) -> None:
        self.respond = respond
        self.time = 1000.0
        self.sent: list[HttpRequest] = []
        self.reports: list[object] = []
        self.gather_limits: list[int] = []

    def run(self, flow: Any) -> Any:
        value: object = None
        error: BaseException | None = None
        while True:
            try:
                effect = flow.send(value) if error is None else flow.throw(error)
            except StopIteration as stop:
                return stop.value
            value, error = None, None
            try:
                value = self.perform(effect)
            except TransportError as raised:
                error = raised

    def perform(self, effect: object) -> object:
        match effect:
            case Send(request):
                self.sent.append(request)
                return self.respond(request)
            case Sleep(seconds):
                self.time += seconds
            case Now():
                return self.time
            case Draw():
                return 0.5
            case Blocking(function):
                return function()
            case Invoke(function, arguments):
                return function(*arguments)
            case ReportEvent(event):
                self.reports.append(event)
            case Gather(flows, limit):
                self.gather_limits.append(limit)
                return [self.run(flow) for flow in flows]
            case _:
                raise AssertionError(effect)
        return None


def reply(body: object, status: int = 200, **headers: str) -> HttpResponse:
    return HttpResponse(status, headers, json.dumps(body).encode())
