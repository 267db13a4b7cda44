"""One call: which endpoint, with what arguments and options, and what it sends."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, cast

from typing_extensions import TypeVar

from fal_typed._calls.app_context import forwarded_headers, keep_token
from fal_typed._calls.endpoint_id import EndpointId, join_path
from fal_typed._core import responses
from fal_typed._core.flow import Deadline, Flow, HttpRequest, HttpResponse
from fal_typed._core.settings import Settings, encode_json
from fal_typed._uploads.inputs import upload_inputs
from fal_typed.errors import FalInputError
from fal_typed.results import RawResponse, Result

if TYPE_CHECKING:
    from fal_typed.options import CallOptions

Out = TypeVar("Out")
_TAG_KEY = re.compile(r"[a-z0-9._-]{1,64}")
_MAX_TAGS = 10
_MAX_TAG_VALUE = 256
_MAX_TAG_BYTES = 1024


@dataclass(frozen=True)
class Call(Generic[Out]):
    """What a caller asked for, after its input was checked.

    Attributes:
        endpoint: The endpoint's id.
        arguments: The model input as it will travel, but for files not uploaded yet.
        output: Class of the typed output, or None to leave results as plain JSON.
    """

    endpoint: EndpointId
    arguments: object
    output: type[Out] | None
    options: CallOptions

    def body(self, settings: Settings, deadline: Deadline | None = None) -> Flow[bytes]:
        """The request's body, after all files in the arguments were uploaded."""
        inputs = yield from upload_inputs(
            settings, self.arguments, inline=self.options.inline_files, deadline=deadline
        )
        return encode_json(inputs)

    def result(
        self,
        response: HttpResponse,
        *,
        request_id: str | None = None,
        **facts: Any,
    ) -> Result[Out]:
        """The typed result an answer holds; it is never lost, whatever it looks like.

        Raises:
            FalHTTPError: The answer is the platform's or the model's error.
        """
        known = responses.request_id_of(response) or request_id
        if responses.is_error(response):
            raise responses.http_error(response, endpoint=self.endpoint.full, request_id=known)
        keep_token(response.headers)
        raw_response = RawResponse(response.status, response.headers, response.body)
        raw = raw_response.json()
        return Result(
            data=cast("Out", raw if self.output is None else _typed(self.output, raw)),
            request_id=known,
            raw=raw,
            raw_response=raw_response,
            **facts,
        )


def _typed(output: type[Out], raw: object) -> Out:
    from fal_typed._calls.validation import read_output

    return read_output(output, raw)


def run(settings: Settings, call: Call[Out]) -> Flow[Result[Out]]:
    """Call an endpoint directly, without the queue (docs/protocol.md section 2)."""
    from fal_typed._core.retry import Repeat, send_retrying

    options = call.options
    deadline = yield from Deadline.after(options.deadline)
    url = join_path(f"{settings.hosts.run}/{call.endpoint.full}", options.path)
    body, query = b"", None
    if options.method == "GET":
        query = _query(call.arguments)
    else:
        body = yield from call.body(settings, deadline)
    request = settings.request(
        options.method, url, headers=call_headers(options), body=body, query=query, timeout=None
    )
    response = yield from send_retrying(
        request,
        repeat=Repeat.ANSWER_IS_THE_MODELS if options.method == "GET" else Repeat.COSTS,
        policy=options.retry or settings.retry,
        deadline=deadline,
    )
    return call.result(response)


def submit_request(settings: Settings, call: Call[Any], body: bytes) -> HttpRequest:
    """The request that puts a call into the queue (docs/protocol.md section 3.1)."""
    options = call.options
    query: dict[str, str | int] = {}
    if options.webhook_url is not None:
        query["fal_webhook"] = _checked_webhook(options.webhook_url)
    if options.max_queue_length is not None:
        query["fal_max_queue_length"] = options.max_queue_length
    return settings.request(
        "POST",
        join_path(f"{settings.hosts.queue}/{call.endpoint.full}", options.path),
        headers=call_headers(options),
        body=body,
        query=query,
    )


def call_headers(options: CallOptions) -> dict[str, str]:
    """The platform's headers for a call's options (docs/protocol.md section 2.1).

    Raises:
        FalInputError: An option has a value the platform would refuse.
    """
    headers = {**forwarded_headers(), **options.headers}
    if options.start_timeout is not None:
        if options.start_timeout <= 1:
            raise FalInputError("start_timeout must be more than 1 second.")
        headers["x-fal-request-timeout"] = f"{options.start_timeout:g}"
    if options.hint is not None:
        headers["x-fal-runner-hint"] = options.hint
    if options.priority is not None:
        if options.priority not in ("normal", "low"):
            raise FalInputError("priority must be 'normal' or 'low'.")
        headers["x-fal-queue-priority"] = options.priority
    if options.output_lifecycle is not None:
        lifecycle = options.output_lifecycle.to_json()
        headers["x-fal-object-lifecycle-preference"] = json.dumps(lifecycle)
    if options.store_io is False:
        headers["x-fal-store-io"] = "0"
    if not options.server_retry:
        headers["x-fal-no-retry"] = "1"
    if options.tags:
        headers["x-fal-tags"] = _tags(options.tags)
    return headers


def _tags(tags: Mapping[str, str]) -> str:
    text = ",".join(f"{key}={value}" for key, value in tags.items())
    for key, value in tags.items():
        fits = _TAG_KEY.fullmatch(key) and not key.startswith("fal.")
        if not fits or len(value) > _MAX_TAG_VALUE or "," in value or not value.isprintable():
            raise FalInputError(
                f"The tag {key!r} does not fit: keys are 1 to 64 of a-z 0-9 . _ - and do not start "
                "with 'fal.', values up to 256 characters without commas."
            )
    if len(tags) > _MAX_TAGS or len(text.encode()) > _MAX_TAG_BYTES:
        raise FalInputError("At most 10 tags and 1,024 bytes of tags can be sent.")
    return text


def _query(arguments: object) -> dict[str, str | int]:
    if not isinstance(arguments, Mapping):
        raise FalInputError("A GET call takes its arguments as a mapping.")
    values = cast("Mapping[str, object]", arguments)
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }


def _checked_webhook(url: str) -> str:
    if not url.startswith(("https://", "http://")) or not url.isprintable():
        raise FalInputError("webhook_url must be a public http(s) URL.")
    return url
