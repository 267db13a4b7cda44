"""The usage report of the platform API, counted from the emulator's jobs.

See docs/protocol.md section 10.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from fal_typed.testing.engine.job_queue import EmulatedJob

_TIMEFRAMES = ("minute", "hour", "day", "week", "month")
_DAY = timedelta(days=1)
_HOURS_UP_TO = timedelta(days=2)


class InvalidPeriodError(ValueError):
    """The requested period is invalid."""


@dataclass(frozen=True)
class UsagePeriod:
    """The period of a report and the length of its buckets."""

    start: datetime
    end: datetime
    timeframe: str

    @classmethod
    def read(cls, start: str | None, end: str | None, timeframe: str | None, now: float) -> Self:
        """Parse the parameters of a request.

        Args:
            start: ISO 8601; by default 24 hours before the end.
            end: ISO 8601; by default now.
            timeframe: ``minute``, ``hour``, ``day``, ``week`` or ``month``; by default it depends
                on the length of the period.
            now: The time of the emulator's clock.

        Returns:
            The period.

        Raises:
            InvalidPeriodError: A parameter is invalid.
        """
        last = _parse_time(end) if end else datetime.fromtimestamp(now, timezone.utc)
        first = _parse_time(start) if start else last - _DAY
        if first > last:
            raise InvalidPeriodError("start is after end")
        chosen = timeframe or ("hour" if last - first <= _HOURS_UP_TO else "day")
        if chosen not in _TIMEFRAMES:
            raise InvalidPeriodError(f"timeframe must be one of {', '.join(_TIMEFRAMES)}")
        return cls(first, last, chosen)

    def bucket(self, at: float) -> str | None:
        """Find the bucket of a time.

        Args:
            at: Seconds since the epoch.

        Returns:
            The bucket's beginning, ISO 8601; None for a time outside the period.
        """
        moment = datetime.fromtimestamp(at, timezone.utc)
        if not self.start <= moment <= self.end:
            return None
        return _beginning(moment, self.timeframe).isoformat().replace("+00:00", "Z")


def _parse_time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise InvalidPeriodError(f"{text[:40]!r} is not an ISO 8601 time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _beginning(moment: datetime, timeframe: str) -> datetime:
    minute = moment.replace(second=0, microsecond=0)
    if timeframe == "minute":
        return minute
    if timeframe == "hour":
        return minute.replace(minute=0)
    day = minute.replace(minute=0, hour=0)
    if timeframe == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if timeframe == "month" else day


def usage_report(
    jobs: Iterable[EmulatedJob],
    period: UsagePeriod,
    price: Callable[[str], dict[str, Any]],
    expand: Collection[str],
) -> dict[str, Any]:
    """Make a usage report.

    Args:
        jobs: Finished jobs; their billable units are counted.
        period: The period to report.
        price: Looks up unit and unit price of an endpoint.
        expand: What to include: ``time_series``, ``summary``, ``auth_method``.

    Returns:
        The body of the response.
    """
    counted: defaultdict[tuple[str, str], float] = defaultdict(int)
    for job in jobs:
        bucket = period.bucket(job.ends_at)
        if bucket is not None and job.outcome is not None and job.outcome.units:
            counted[bucket, job.endpoint_id] += job.outcome.units

    def result(endpoint_id: str, quantity: float) -> dict[str, Any]:
        rate = price(endpoint_id)
        line = {
            "endpoint_id": endpoint_id,
            "unit": rate["unit"],
            "quantity": quantity,
            "unit_price": rate["unit_price"],
        }
        return {**line, "auth_method": "api_key"} if "auth_method" in expand else line

    report: dict[str, Any] = {"next_cursor": None, "has_more": False}
    if "time_series" in expand:
        report["time_series"] = [
            {
                "bucket": bucket,
                "results": [
                    result(each, counted[when, each])
                    for when, each in sorted(counted)
                    if when == bucket
                ],
            }
            for bucket in sorted({when for when, _ in counted})
        ]
    if "summary" in expand:
        total: defaultdict[str, float] = defaultdict(int)
        for (_, endpoint_id), quantity in counted.items():
            total[endpoint_id] += quantity
        report["summary"] = [result(each, total[each]) for each in sorted(total)]
    return report
