"""``fal-typed submit``: submit a job and do not wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from fal_typed import FalClient
from fal_typed.cli.endpoint_calls import InputOption, WordsArgument, prepare_call
from fal_typed.cli.known_endpoints import EndpointArgument, UnlistedOption
from fal_typed.cli.terminal import note, say_json


def command(
    endpoint: EndpointArgument,
    arguments: WordsArgument = None,
    source: InputOption = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="URL that fal sends the result to.")
    ] = None,
    unlisted: UnlistedOption = False,
    flags: Mapping[str, Any] | None = None,
) -> None:
    """Submit a job to the queue and print its request id.

    Example: fal-typed submit fal-ai/flux/dev --prompt "a cat" | jq -r .request_id
    """
    call = prepare_call(endpoint, arguments, flags, source, unlisted=unlisted)
    with FalClient() as client:
        handle = call.submit(client, webhook_url=webhook)
    say_json({"endpoint": endpoint, "request_id": handle.request_id})
    note(f"To get the result, run: fal-typed result {endpoint} {handle.request_id}")
