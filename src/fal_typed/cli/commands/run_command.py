"""``fal-typed run``: call an endpoint from the shell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fal_typed import FalClient, FalTimeoutError
from fal_typed._queue.job_progress import JobProgress
from fal_typed.cli.command_list import INTERRUPTED
from fal_typed.cli.endpoint_calls import (
    InputOption,
    WordsArgument,
    cancel_and_describe,
    prepare_call,
)
from fal_typed.cli.known_endpoints import EndpointArgument, UnlistedOption
from fal_typed.cli.result_output import deliver
from fal_typed.cli.saving import SaveOption, check_folder
from fal_typed.cli.terminal import note

if TYPE_CHECKING:
    from fal_typed import Result
    from fal_typed.cli.endpoint_calls import EndpointCall

_UNKNOWN_STATE = (
    "interrupted before fal confirmed the job. If it was accepted, it runs: see "
    "https://fal.ai/dashboard/requests"
)


def command(
    endpoint: EndpointArgument,
    arguments: WordsArgument = None,
    source: InputOption = None,
    logs: Annotated[bool, typer.Option(help="Show the model's log lines.")] = False,
    save: SaveOption = None,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, help="Timeout in seconds, after which the job is canceled."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Show no progress, only the result.")
    ] = False,
    unlisted: UnlistedOption = False,
    flags: Mapping[str, Any] | None = None,
) -> None:
    """Call an endpoint and print its result.

    The result is printed as JSON to standard output, everything else to standard error. A path
    given for a file parameter is uploaded; @FILE is the text in a file. The parameters are checked
    before anything is sent. Ctrl-C cancels the job. The key is read from FAL_KEY.

    Example: fal-typed run fal-ai/flux/dev --prompt "a cat" --num-images 2 --save out
    """
    call = prepare_call(endpoint, arguments, flags, source, unlisted=unlisted)
    if save is not None:
        check_folder(save)
    with FalClient() as client, JobProgress(endpoint, quiet=as_json) as progress:
        result = _subscribe(client, call, progress, logs=logs, timeout=timeout)
        progress.stop()
        deliver(result, endpoint=endpoint, elapsed=progress.elapsed, save=save, quiet=as_json)


def _subscribe(
    client: FalClient,
    call: EndpointCall,
    progress: JobProgress,
    *,
    logs: bool,
    timeout: float | None,
) -> Result[Any]:
    """Submit and wait; when the wait ends early, cancel the job and say whether that worked."""
    handle = None
    try:
        handle = call.submit(client)
        return handle.get(with_logs=logs, timeout=timeout, on_queue_update=progress.update)
    except KeyboardInterrupt:
        progress.stop()
        note(f"error: {_UNKNOWN_STATE if handle is None else cancel_and_describe(handle)}")
        raise typer.Exit(INTERRUPTED) from None
    except FalTimeoutError as error:
        if handle is None or timeout is None:
            raise
        outcome = cancel_and_describe(handle)
        message = f"the job was not complete after {timeout:g} s; {outcome}"
        raise FalTimeoutError(message, timeout=timeout) from error
