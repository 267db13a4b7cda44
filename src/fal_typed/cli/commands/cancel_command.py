"""``fal-typed cancel``: cancel a job."""

from __future__ import annotations

from fal_typed import FalClient
from fal_typed.cli.known_endpoints import (
    EndpointArgument,
    RequestIdArgument,
    UnlistedOption,
    find_document,
)
from fal_typed.cli.terminal import note


def command(
    endpoint: EndpointArgument, request_id: RequestIdArgument, unlisted: UnlistedOption = False
) -> None:
    """Cancel a job.

    A job that is already complete cannot be canceled; the exit code is then 1.

    Example: fal-typed cancel fal-ai/flux/dev 764cabcf-b745-4b3e-ae38-1200304cf45b
    """
    find_document(endpoint, unlisted=unlisted)
    with FalClient() as client:
        client.cancel(endpoint, request_id)
    note(f"canceled {request_id}")
