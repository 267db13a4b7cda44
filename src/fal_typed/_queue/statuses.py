"""Queue statuses and their parsing (docs/protocol.md section 3.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from fal_typed._core.json_values import as_list, as_object, as_text
from fal_typed.results import LogEntry


@dataclass(frozen=True)
class QueueStatus:
    """Status of a job in the queue. A status unknown to this SDK is a plain `QueueStatus`.

    Attributes:
        request_id: Id of the job.
        status: The platform's name of the status, such as `IN_QUEUE`.
        logs: All log lines so far, if logs were requested.
        new_logs: Log lines since the previous update.
        raw: The status as the platform sent it.
    """

    request_id: str
    status: str
    logs: Sequence[LogEntry] = ()
    new_logs: Sequence[LogEntry] = ()
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)


@dataclass(frozen=True)
class Queued(QueueStatus):
    """The job is waiting in the queue.

    Attributes:
        position: Number of jobs ahead of it, or None if unknown.
    """

    position: int | None = None


@dataclass(frozen=True)
class InProgress(QueueStatus):
    """The job is running."""


@dataclass(frozen=True)
class Completed(QueueStatus):
    """The job has ended, successfully or not.

    Attributes:
        metrics: Measurements, for example `inference_time` in seconds.
        error: Message of a failure in the platform's infrastructure, or None.
        error_type: Machine-readable type of the error, for example `runner_disconnected`.
    """

    metrics: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: str | None = None
    error_type: str | None = None


OnQueueUpdate = Callable[[QueueStatus], Union[Awaitable[object], object]]


def parse_status(content: Mapping[str, Any], request_id: str) -> QueueStatus:
    """Parse a status, tolerating missing and unknown fields."""
    status = str(content.get("status", ""))
    logs = _parse_logs(content.get("logs"))
    common: dict[str, Any] = {
        "request_id": request_id,
        "status": status,
        "logs": logs,
        "new_logs": logs,
        "raw": content,
    }
    if status == "IN_QUEUE":
        position = content.get("queue_position")
        return Queued(**common, position=position if isinstance(position, int) else None)
    if status == "IN_PROGRESS":
        return InProgress(**common)
    if status == "COMPLETED":
        return Completed(
            **common,
            metrics=as_object(content.get("metrics")) or {},
            error=as_text(content.get("error")),
            error_type=as_text(content.get("error_type")),
        )
    return QueueStatus(**common)


def _parse_logs(logs: object) -> tuple[LogEntry, ...]:
    entries = [as_object(entry) for entry in as_list(logs) or []]
    return tuple(_parse_log(entry) for entry in entries if entry is not None)


def _parse_log(entry: Mapping[str, Any]) -> LogEntry:
    return LogEntry(
        message=str(entry.get("message", "")),
        timestamp=as_text(entry.get("timestamp")),
        level=as_text(entry.get("level")),
        source=as_text(entry.get("source")),
        raw=entry,
    )
