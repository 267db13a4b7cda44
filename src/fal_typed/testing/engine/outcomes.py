"""How a run ends: with an output, with a failure, or with an invalid input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fal_typed.testing.engine.json_bodies import dump
from fal_typed.testing.engine.messages import Response, json_headers

if TYPE_CHECKING:
    from fal_typed.testing.engine.messages import Headers
    from fal_typed.testing.engine.scripts import ScriptedFailure

INVALID = 422
"""Status of the response to an invalid input."""

_FREE = (b"x-fal-billable-units", b"0")


@dataclass(frozen=True)
class Outcome:
    """How a run ended: what the caller receives, and what the queue reports."""

    status: int
    headers: Headers
    body: bytes
    error: str | None = None
    error_type: str | None = None
    units: float = 0
    """What the caller pays for."""

    def response(self, request_id: str) -> Response:
        """Make the response to the caller.

        Args:
            request_id: Id of the request, sent as a header.

        Returns:
            The response.
        """
        header = (b"x-fal-request-id", request_id.encode())
        return Response(self.status, [*self.headers, header], self.body)


def succeeded(output: Any, units: float) -> Outcome:
    """Make the outcome of a run that succeeded.

    Args:
        output: The output, any JSON value.
        units: Billable units that it reports.

    Returns:
        The outcome.
    """
    headers = json_headers((b"x-fal-billable-units", f"{units:g}".encode()))
    return Outcome(200, headers, dump(output), units=units)


def failed(failure: ScriptedFailure) -> Outcome:
    """Make the outcome of a run that failed.

    Args:
        failure: The reason.

    Returns:
        The outcome.
    """
    extra = [(name.lower().encode(), value.encode()) for name, value in failure.headers.items()]
    error = failure.error_type and str(failure.body.get("detail"))
    headers = json_headers(_FREE, *extra)
    return Outcome(failure.status, headers, failure.content(), error, failure.error_type)


def invalid(problems: list[dict[str, Any]]) -> Outcome:
    """Make the outcome of a run whose input is invalid.

    Args:
        problems: What `SchemaChecker.problems` returned.

    Returns:
        A 422.
    """
    return Outcome(INVALID, json_headers(_FREE), dump({"detail": problems}))
