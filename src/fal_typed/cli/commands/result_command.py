"""``fal-typed result``: wait for a job that was submitted earlier."""

from __future__ import annotations

from typing import Annotated

import typer

from fal_typed import FalClient
from fal_typed._queue.job_progress import JobProgress
from fal_typed.cli.command_list import INTERRUPTED
from fal_typed.cli.known_endpoints import (
    EndpointArgument,
    RequestIdArgument,
    UnlistedOption,
    find_document,
)
from fal_typed.cli.result_output import deliver
from fal_typed.cli.saving import SaveOption, check_folder
from fal_typed.cli.terminal import note


def command(
    endpoint: EndpointArgument,
    request_id: RequestIdArgument,
    logs: Annotated[bool, typer.Option(help="Show the model's log lines.")] = False,
    save: SaveOption = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Timeout in seconds; the job keeps running.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Show no progress, only the result.")
    ] = False,
    unlisted: UnlistedOption = False,
) -> None:
    """Wait for a job and print its result.

    Ctrl-C stops waiting; the job keeps running.

    Example: fal-typed result fal-ai/flux/dev 764cabcf-b745-4b3e-ae38-1200304cf45b --save out
    """
    find_document(endpoint, unlisted=unlisted)
    if save is not None:
        check_folder(save)
    with FalClient() as client, JobProgress(endpoint, quiet=as_json) as progress:
        try:
            handle = client.handle(endpoint, request_id)
            result = handle.get(with_logs=logs, timeout=timeout, on_queue_update=progress.update)
        except KeyboardInterrupt:
            progress.stop()
            note(f"error: stopped waiting; the job {request_id} keeps running")
            raise typer.Exit(INTERRUPTED) from None
        progress.stop()
        deliver(result, endpoint=endpoint, elapsed=progress.elapsed, save=save, quiet=as_json)
