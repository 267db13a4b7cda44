"""Calling an endpoint directly, without the queue (docs/protocol.md section 2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from typing_extensions import TypeVar

from fal_typed._calls.call import Call
from fal_typed._calls.endpoint_id import join_path
from fal_typed._calls.option_headers import call_headers
from fal_typed._core.call_record import as_call
from fal_typed._core.flow import Deadline, Flow
from fal_typed._core.retry import RetrySafety, send_with_retries
from fal_typed._core.settings import Settings
from fal_typed._uploads.request_body import request_body
from fal_typed.errors import FalInputError
from fal_typed.results import Result

Out = TypeVar("Out")


@as_call("run")
def run(settings: Settings, call: Call[Out]) -> Flow[Result[Out]]:
    """Call an endpoint directly, without the queue (docs/protocol.md section 2)."""
    options = call.options
    deadline = yield from Deadline.after(options.deadline)
    url = join_path(f"{settings.hosts.run}/{call.endpoint.full}", options.path)
    body, query = b"", None
    if options.method == "GET":
        query = _query(call.arguments)
    else:
        body = yield from request_body(settings, call, deadline)
    request = settings.request(
        options.method, url, headers=call_headers(options), body=body, query=query, timeout=None
    )
    response = yield from send_with_retries(
        request,
        safety=RetrySafety.RESULT if options.method == "GET" else RetrySafety.BILLED,
        policy=options.retry or settings.retry,
        deadline=deadline,
    )
    return call.result(response)


def _query(arguments: object) -> dict[str, str | int]:
    if not isinstance(arguments, Mapping):
        raise FalInputError("With method='GET', pass the arguments as a mapping.")
    values = cast("Mapping[str, object]", arguments)
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }
