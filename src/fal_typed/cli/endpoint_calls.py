"""What the commands that call an endpoint share: their arguments, and the request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from fal_typed._calls.checking import PATHS
from fal_typed._core.json_values import as_object
from fal_typed.cli.flag_values import parse_arguments
from fal_typed.cli.generated_modules import find_generated
from fal_typed.cli.known_endpoints import find_document
from fal_typed.errors import FalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fal_typed import FalClient, Handle

WordsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME=VALUE", help="Parameters, as an alternative to options."),
]
InputOption = Annotated[
    typer.FileText | None,
    typer.Option("--input", help="JSON file with parameters; - for standard input."),
]


class EndpointCall(NamedTuple):
    """A call that was checked but not sent.

    Attributes:
        endpoint: The endpoint's id.
        request: The typed input, or None if the endpoint has no generated module.
        arguments: The parameters.
    """

    endpoint: str
    request: Any
    arguments: dict[str, Any]

    def submit(self, client: FalClient, **options: Any) -> Handle[Any]:
        """Submit the call."""
        if self.request is None:
            return client.submit(self.endpoint, arguments=self.arguments, **options)
        return client.submit(self.request, **options)


def prepare_call(
    endpoint: str,
    words: list[str] | None,
    flags: Mapping[str, Any] | None,
    source: typer.FileText | None,
    *,
    unlisted: bool,
) -> EndpointCall:
    """Check the endpoint's id and the parameters; nothing is sent.

    Raises:
        typer.BadParameter: The id is unknown, or a value cannot be parsed.
        FalInputError: The parameters do not match the endpoint's schema.
    """
    document = find_document(endpoint, unlisted=unlisted)
    base = _read_object(source) if source else {}
    arguments = parse_arguments(document, words or [], flags, base)
    generated = find_generated(endpoint)
    # The person at the keyboard owns the files here, so a string may be a path.
    request = (
        None
        if generated is None
        else generated.load().Input.model_validate(arguments, context=PATHS)
    )
    return EndpointCall(endpoint, request, arguments)


def cancel_and_describe(handle: Handle[Any]) -> str:
    """Cancel a job and say what happened to it."""
    from fal_typed import FalConflictError

    job = f"job {handle.request_id} of {handle.endpoint_id}"
    again = f"{handle.endpoint_id} {handle.request_id}"
    try:
        handle.cancel()
    except FalConflictError:
        return f"the {job} was already complete. To get its result, run: fal-typed result {again}"
    except (FalError, KeyboardInterrupt) as error:
        reason = str(error) or "interrupted"
        return f"the {job} may still run: {reason}. To cancel it, run: fal-typed cancel {again}"
    return f"the {job} was canceled"


def _read_object(source: typer.FileText) -> dict[str, Any]:
    try:
        value = json.load(source)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"--input is not valid JSON: {error}") from None
    parameters = as_object(value)
    if parameters is None:
        raise typer.BadParameter("--input must be a JSON object")
    return parameters
