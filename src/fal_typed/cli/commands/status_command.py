"""``fal-typed status``: print the status of a job."""

from __future__ import annotations

from typing import Annotated

import typer

from fal_typed import FalClient
from fal_typed.cli.known_endpoints import (
    EndpointArgument,
    RequestIdArgument,
    UnlistedOption,
    find_document,
)
from fal_typed.cli.terminal import say_json


def command(
    endpoint: EndpointArgument,
    request_id: RequestIdArgument,
    logs: Annotated[bool, typer.Option(help="Include the model's log lines.")] = False,
    unlisted: UnlistedOption = False,
) -> None:
    """Print the status of a job.

    Example: fal-typed status fal-ai/flux/dev 764cabcf-b745-4b3e-ae38-1200304cf45b
    """
    find_document(endpoint, unlisted=unlisted)
    with FalClient() as client:
        status = client.status(endpoint, request_id, with_logs=logs)
    say_json(dict(status.raw))
