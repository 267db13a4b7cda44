"""What a finished call returns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

from typing_extensions import TypeVar

Out = TypeVar("Out", covariant=True)  # noqa: PLC0105 - the name users see in hovers


@dataclass(frozen=True)
class LogEntry:
    """One line a model logged.

    Attributes:
        message: The text.
        timestamp: When, in ISO 8601.
        level: For example `INFO` or `STDERR`, or None.
        source: Who logged it, for example `USER`.
        raw: The entry as it came.
    """

    message: str
    timestamp: str | None = None
    level: str | None = None
    source: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)

    def __getitem__(self, key: str) -> Any:
        """The entry's field as it came, as untyped clients give it."""
        return self.raw[key]


@dataclass(frozen=True)
class RawResponse:
    """An HTTP answer as it came.

    Attributes:
        status_code: HTTP status.
        headers: Headers, names in lower case.
        body: The body, unparsed.
    """

    status_code: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON, or as text when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return self.body.decode("utf-8", "replace")


@dataclass(frozen=True)
class Result(Generic[Out]):
    """The result of a finished request.

    Attributes:
        data: The typed output.
        request_id: Id of the request on the platform.
        raw: The output as it came, complete even where it does not fit its schema.
        raw_response: Status, headers and body of the answer that held it.
        logs: The model's logs, when they were asked for.
        metrics: The platform's measurements, for example `inference_time` in seconds.
    """

    data: Out
    request_id: str | None
    raw: Any = field(repr=False)
    raw_response: RawResponse = field(repr=False)
    logs: Sequence[LogEntry] = field(default=(), repr=False)
    metrics: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)

    @property
    def billable_units(self) -> float | None:
        """Units the request is billed with, or None when the platform did not say."""
        try:
            return float(self.raw_response.headers["x-fal-billable-units"])
        except (KeyError, ValueError):
            return None
