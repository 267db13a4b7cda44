"""``fal-typed run``: call an endpoint from the shell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fal_typed import FalClient, Queued
from fal_typed._calls.checking import PATHS
from fal_typed._core.json_values import as_list, as_object
from fal_typed._documents.catalog import Catalog, UnknownEndpointError
from fal_typed._documents.schemas import alternatives, properties
from fal_typed._downloads.file_names import target_path
from fal_typed.cli.generated_modules import find_generated
from fal_typed.files import File

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fal_typed import QueueStatus, Result
    from fal_typed._documents.document import EndpointDocument, Schema
    from fal_typed.options import SubscribeOptions


def command(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's id.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help="Parameters as name=value; the value can be JSON."),
    ] = None,
    source: Annotated[
        typer.FileText | None,
        typer.Option("--input", help="JSON file with parameters; - for standard input."),
    ] = None,
    logs: Annotated[bool, typer.Option(help="Show the model's log lines.")] = False,
    save: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder to save the result's files in.")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, help="Timeout in seconds, after which the job is cancelled."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print only the result's JSON.")] = False,
) -> None:
    """Call an endpoint and print its result.

    A path given for a file parameter is uploaded. If the endpoint is in the catalog, the parameters
    are checked before anything is sent. The key is read from FAL_KEY.

    Example: fal-typed run fal-ai/flux/dev prompt="a cat" num_images=2 --logs --save out
    """
    given = _read_object(source) if source else {}
    given.update(parse_arguments(_document(endpoint), arguments or []))
    options: SubscribeOptions = {
        "with_logs": logs,
        "timeout": timeout,
        "on_queue_update": None if as_json else _show_update,
    }
    result = _subscribe(endpoint, given, options)
    if as_json:
        typer.echo(json.dumps(result.raw, indent=2, ensure_ascii=False))
    else:
        _print(result)
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        for path in save_files(result.raw, save):
            typer.echo(f"saved {path}", err=as_json)


def parse_arguments(document: EndpointDocument | None, words: list[str]) -> dict[str, Any]:
    """Parse ``name=value`` words as the endpoint's parameters.

    Args:
        document: The endpoint's document; None when it is not in the catalog.
        words: The words. A value is parsed as JSON unless its parameter is a string; a value that
            is not valid JSON is a string.

    Returns:
        The parameters by name.

    Raises:
        typer.BadParameter: A word has no ``=``.
    """
    known = properties(document.input_schema) if document else {}
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise typer.BadParameter(f"{word!r} is not in the form name=value")
        schema = document.resolve(known.get(name, {})) if document else {}
        values[name] = text if _takes_strings_only(schema) else _json_or_text(text)
    return values


def save_files(value: Any, folder: Path) -> Iterator[Path]:
    """Save every file of a result's JSON without overwriting any.

    Args:
        value: The result's JSON.
        folder: Folder to write to.

    Yields:
        The path of each file, once it is written.
    """
    for entry in _file_objects(value):
        file = File.model_validate(entry)
        yield file.save(_free_path(folder, file))


def _document(endpoint: str) -> EndpointDocument | None:
    try:
        return Catalog().document(endpoint)
    except UnknownEndpointError:
        return None


def _takes_strings_only(schema: Schema) -> bool:
    kinds = {part.get("type") for part in alternatives(schema) or [schema]}
    return kinds - {"null"} == {"string"}


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read_object(source: typer.FileText) -> dict[str, Any]:
    try:
        value = json.load(source)
    except ValueError as error:
        raise typer.BadParameter(f"--input is not valid JSON: {error}") from None
    parameters = as_object(value)
    if parameters is None:
        raise typer.BadParameter("--input must be a JSON object")
    return parameters


def _subscribe(endpoint: str, arguments: dict[str, Any], options: SubscribeOptions) -> Result[Any]:
    generated = find_generated(endpoint)
    with FalClient() as client:
        if generated is None:
            return client.subscribe(endpoint, arguments=arguments, **options)
        # Its user owns the files here, so a string may be a path.
        request = generated.load().Input.model_validate(arguments, context=PATHS)
        return client.subscribe(request, **options)


def _show_update(status: QueueStatus) -> None:
    """Print an update to standard error; standard output is for the result."""
    for log in status.new_logs:
        typer.echo(f"  {log.message}", err=True)
    if isinstance(status, Queued) and status.position is not None:
        typer.echo(f"queued, {status.position} ahead", err=True)
    elif not status.new_logs:
        typer.echo(status.status.lower().replace("_", " "), err=True)


def _print(result: Result[Any]) -> None:
    from rich.console import Console

    console = Console()
    console.print_json(json.dumps(result.raw))
    console.print(f"request id {result.request_id}", style="dim", highlight=False)


def _file_objects(value: Any) -> Iterator[dict[str, Any]]:
    """Objects in a JSON value that have a URL, outer ones first."""
    items, mapping = as_list(value) or [], as_object(value) or {}
    if isinstance(mapping.get("url"), str):
        yield mapping
    for inner in (*items, *mapping.values()):
        yield from _file_objects(inner)


def _free_path(folder: Path, file: File) -> Path:
    first = path = target_path(folder, file.file_name, file.url)
    number = 2
    while path.exists():
        path = first.with_name(f"{first.stem}-{number}{first.suffix}")
        number += 1
    return path
