"""Results of calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

from typing_extensions import TypeVar

from fal_typed._core.json_values import parse_json
from fal_typed._display.notebook import NotebookView
from fal_typed._display.short_repr import shortened

Out = TypeVar("Out", covariant=True)  # noqa: PLC0105 - the name users see in hovers


@dataclass(frozen=True)
class LogEntry:
    """One log line of a model.

    Attributes:
        message: The text.
        timestamp: Time in ISO 8601, or None.
        level: For example `INFO` or `STDERR`, or None.
        source: Origin of the line, for example `USER`, or None.
        raw: The entry as received.
    """

    message: str
    timestamp: str | None = None
    level: str | None = None
    source: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)

    def __getitem__(self, key: str) -> Any:
        """A field of the raw entry, for compatibility with untyped clients."""
        return self.raw[key]


@dataclass(frozen=True)
class RawResponse:
    """An HTTP response as received.

    Attributes:
        status_code: HTTP status.
        headers: Headers by lower-case name.
        body: The body, unparsed.
    """

    status_code: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Parse the body as JSON, or return it as text if it is not JSON."""
        try:
            return parse_json(self.body)
        except ValueError:
            return self.body.decode("utf-8", "replace")


@dataclass(frozen=True, repr=False)
class Result(NotebookView, Generic[Out]):
    """The result of a finished request; notebooks show its files.

    Attributes:
        data: The typed output.
        request_id: Id of the request on the platform.
        raw: The output as received, complete even where it does not match the schema.
        raw_response: Status, headers and body of the response.
        logs: The model's logs, if they were requested.
        metrics: Measurements of the platform, for example `inference_time` in seconds.
    """

    data: Out
    request_id: str | None
    raw: Any
    raw_response: RawResponse
    logs: Sequence[LogEntry] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __repr__(self) -> str:
        return f"Result(data={shortened(self.data)!r}, request_id={self.request_id!r})"

    @property
    def billable_units(self) -> float | None:
        """Billed units of the request, or None if unknown."""
        try:
            return float(self.raw_response.headers["x-fal-billable-units"])
        except (KeyError, ValueError):
            return None
