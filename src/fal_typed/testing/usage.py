"""Usage as the platform API reports it, counted from the emulator's own jobs.

Rests on docs/protocol.md section 10.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from fal_typed.testing.jobs import Job

_TIMEFRAMES = ("minute", "hour", "day", "week", "month")
_DAY = timedelta(days=1)
_HOURS_UP_TO = timedelta(days=2)


class BadPeriodError(ValueError):
    """The period asked for is not one."""


@dataclass(frozen=True)
class Period:
    """The time that is reported, and how it is divided."""

    start: datetime
    end: datetime
    timeframe: str

    @classmethod
    def read(cls, start: str | None, end: str | None, timeframe: str | None, now: float) -> Self:
        """Read the parameters of a request.

        Args:
            start: ISO 8601; by default 24 hours before the end.
            end: ISO 8601; by default now.
            timeframe: ``minute``, ``hour``, ``day``, ``week`` or ``month``; chosen by the length
                of the period by default.
            now: Reading of the emulator's clock.

        Returns:
            The period.

        Raises:
            BadPeriodError: They make no sense.
        """
        last = _moment(end) if end else datetime.fromtimestamp(now, timezone.utc)
        first = _moment(start) if start else last - _DAY
        if first > last:
            raise BadPeriodError("start is after end")
        chosen = timeframe or ("hour" if last - first <= _HOURS_UP_TO else "day")
        if chosen not in _TIMEFRAMES:
            raise BadPeriodError(f"timeframe is one of {', '.join(_TIMEFRAMES)}")
        return cls(first, last, chosen)

    def bucket(self, at: float) -> str | None:
        """The part of the period that a moment falls into.

        Args:
            at: Seconds since the epoch.

        Returns:
            Its beginning, ISO 8601; None for a moment outside the period.
        """
        moment = datetime.fromtimestamp(at, timezone.utc)
        if not self.start <= moment <= self.end:
            return None
        return _beginning(moment, self.timeframe).isoformat().replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise BadPeriodError(f"{text[:40]!r} is not an ISO 8601 time") from error
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


def usage(
    jobs: Iterable[Job],
    period: Period,
    price: Callable[[str], dict[str, Any]],
    expand: Collection[str],
) -> dict[str, Any]:
    """Count what was used.

    Args:
        jobs: Finished jobs; each is one unit, a failed one none.
        period: The time that is reported.
        price: Looks up unit and unit price of an endpoint.
        expand: What to report: ``time_series``, ``summary``, ``auth_method``.

    Returns:
        The body of the answer.
    """
    counted: Counter[tuple[str, str]] = Counter()
    for job in jobs:
        bucket = period.bucket(job.ends_at)
        worked = job.outcome is not None and job.outcome.status < 300  # noqa: PLR2004
        if bucket is not None and worked:
            counted[bucket, job.endpoint_id] += 1

    def result(endpoint_id: str, quantity: int) -> dict[str, Any]:
        told = price(endpoint_id)
        line = {
            "endpoint_id": endpoint_id,
            "unit": told["unit"],
            "quantity": quantity,
            "unit_price": told["unit_price"],
        }
        return {**line, "auth_method": "api_key"} if "auth_method" in expand else line

    answer: dict[str, Any] = {"next_cursor": None, "has_more": False}
    if "time_series" in expand:
        answer["time_series"] = [
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
        total: Counter[str] = Counter()
        for (_, endpoint_id), quantity in counted.items():
            total[endpoint_id] += quantity
        answer["summary"] = [result(each, total[each]) for each in sorted(total)]
    return answer
