"""fal_client's status classes, read from a status of the queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fal_typed._queue import statuses
from fal_typed._queue.statuses import QueueStatus


@dataclass
class Status:
    """Status of a request; one of the classes below."""


@dataclass
class Queued(Status):
    """The request waits in the queue.

    Attributes:
        position: Number of requests before it.
    """

    position: int


@dataclass
class InProgress(Status):
    """The request is being processed.

    Attributes:
        logs: All log entries so far, or None when logs were not requested.
    """

    logs: list[dict[str, Any]] | None


@dataclass
class Completed(Status):
    """The request has ended; fetching its result raises the error if it failed.

    Attributes:
        logs: All log entries, or None when logs were not requested.
        metrics: Measurements, for example `inference_time` in seconds.
        error: What failed, for failures of the platform.
        error_type: Machine-readable kind of the failure.
    """

    logs: list[dict[str, Any]] | None
    metrics: dict[str, Any]
    error: str | None = None
    error_type: str | None = None


def state_of(status: QueueStatus) -> Status:
    """The status in fal_client's classes; a plain `Status` when it is unknown."""
    if isinstance(status, statuses.Queued):
        return Queued(position=0 if status.position is None else status.position)
    if isinstance(status, statuses.InProgress):
        return InProgress(logs=status.raw.get("logs"))
    if isinstance(status, statuses.Completed):
        return Completed(
            logs=status.raw.get("logs"),
            metrics=dict(status.metrics),
            error=status.error,
            error_type=status.error_type,
        )
    return Status()
