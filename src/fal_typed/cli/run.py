"""``fal-typed run``: call an endpoint from the shell."""

from __future__ import annotations

import json
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlsplit

import typer

from fal_typed import FalClient, Queued
from fal_typed._documents.catalog import Catalog, UnknownEndpointError
from fal_typed.cli.generated import find_generated
from fal_typed.files import File

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fal_typed import QueueStatus, Result
    from fal_typed._documents.document import EndpointDocument, Schema
    from fal_typed.options import SubscribeOptions


def command(
    endpoint: Annotated[str, typer.Argument(help="The endpoint's id.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help="Parameters as name=value; a value that is JSON is read as JSON."),
    ] = None,
    source: Annotated[
        typer.FileText | None,
        typer.Option("--input", help="A JSON file with parameters; - is standard input."),
    ] = None,
    logs: Annotated[bool, typer.Option(help="Show the model's log lines.")] = False,
    save: Annotated[
        Path | None, typer.Option(file_okay=False, help="Save the result's files in this folder.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds after which the job is cancelled.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result's JSON and nothing else.")
    ] = False,
) -> None:
    """Call an endpoint and show its result.

    A path given for a file parameter is uploaded. The parameters are checked before anything is
    sent, if the endpoint is in the catalogue. The key is read from FAL_KEY.

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
    """Read ``name=value`` words as the endpoint's parameters.

    Args:
        document: The endpoint's document; None when it is not in the catalogue.
        words: The words. A value is read as JSON where its parameter is no text, and kept as
            text when it isn't JSON.

    Returns:
        The parameters by name.

    Raises:
        typer.BadParameter: A word has no ``=``.
    """
    properties: dict[str, Schema] = (
        document.input_schema.get("properties") or {} if document else {}
    )
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise typer.BadParameter(f"{word!r} is not of the form name=value")
        schema = document.resolve(properties.get(name, {})) if document else {}
        values[name] = text if _takes_text_only(schema) else _json_or_text(text)
    return values


def save_files(value: Any, folder: Path) -> Iterator[Path]:
    """Save every file that a result's JSON names, none in the place of another.

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


def _takes_text_only(schema: Schema) -> bool:
    kinds = {part.get("type") for part in schema.get("anyOf") or [schema]}
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
        raise typer.BadParameter(f"--input is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise typer.BadParameter("--input must hold a JSON object")
    return cast("dict[str, Any]", value)


def _subscribe(endpoint: str, arguments: dict[str, Any], options: SubscribeOptions) -> Result[Any]:
    generated = find_generated(endpoint)
    with FalClient() as client:
        if generated is None:
            return client.subscribe(endpoint, arguments=arguments, **options)
        return client.subscribe(generated.load().Input(**arguments), **options)


def _show_update(status: QueueStatus) -> None:
    """Print an update beside the result, which alone goes to standard output."""
    for log in status.new_logs:
        typer.echo(f"  {log.message}", err=True)
    if isinstance(status, Queued) and status.position is not None:
        typer.echo(f"queued, {status.position} before it", err=True)
    elif not status.new_logs:
        typer.echo(status.status.lower().replace("_", " "), err=True)


def _print(result: Result[Any]) -> None:
    from rich.console import Console

    console = Console()
    console.print_json(json.dumps(result.raw))
    console.print(f"request id {result.request_id}", style="dim", highlight=False)


def _file_objects(value: Any) -> Iterator[dict[str, Any]]:
    """Find the objects of a JSON value that have a URL, outer ones first."""
    inner: list[Any] = []
    if isinstance(value, list):
        inner.extend(cast("Iterable[Any]", value))
    elif isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        inner.extend(entries.values())
        if isinstance(entries.get("url"), str):
            yield entries
    for entry in inner:
        yield from _file_objects(entry)


def _free_path(folder: Path, file: File) -> Path:
    name = _own_name(file)
    path = folder / name
    number = 2
    while path.exists():
        path = folder / f"{Path(name).stem}-{number}{Path(name).suffix}"
        number += 1
    return path


def _own_name(file: File) -> str:
    if file.file_name:
        return Path(file.file_name).name
    if file.url.startswith("data:"):
        media_type = file.url.removeprefix("data:").split(",")[0].split(";")[0]
        return "file" + (mimetypes.guess_extension(media_type) or "")
    return Path(urlsplit(file.url).path).name or "file"
