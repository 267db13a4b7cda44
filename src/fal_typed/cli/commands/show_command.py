"""``fal-typed show``: show an endpoint's parameters, result and example calls."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fal_typed._display.safe_text import clean, one_line
from fal_typed._documents.schemas import alternatives
from fal_typed._documents.tasks import task_of
from fal_typed.cli.generated_modules import find_generated
from fal_typed.cli.known_endpoints import EndpointArgument, open_catalog, read_document
from fal_typed.cli.parameters import Parameter, parameters, sections
from fal_typed.cli.terminal import console, say_json

if TYPE_CHECKING:
    from rich.console import Console

    from fal_typed._documents.document import EndpointDocument, Route, Schema

_EXAMPLE_TEXT = {"prompt": "a cat", "text": "Good morning."}


def command(
    endpoint: EndpointArgument,
    schemas: Annotated[
        Path | None,
        typer.Option(help="Folder of endpoint documents; the included catalog by default."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show an endpoint's parameters, result and example calls.

    Types have the same names as in editors. The examples can be pasted and run.

    Example: fal-typed show fal-ai/flux/dev
    """
    document = read_document(open_catalog(schemas), endpoint)
    if as_json:
        say_json(describe(document))
    else:
        _print(document)


def describe(document: EndpointDocument) -> dict[str, Any]:
    """Everything that is shown, as JSON."""
    return {
        "id": document.id,
        "category": category(document),
        "description": document.description,
        "summary": summary(document),
        **{section.title.lower(): _rows(section.fields) for section in sections(document)[:2]},
        "objects": {section.title: _rows(section.fields) for section in sections(document)[2:]},
        "python": python_call(document),
        "command": shell_call(document),
        "curl": curl_call(document),
    }


def summary(document: EndpointDocument) -> str:
    """What the endpoint does, in a sentence."""
    task = task_of(document)
    return document.description or (task.summary if task else "")


def category(document: EndpointDocument) -> str | None:
    """The kind of result, such as ``image``; None for a route of a private app without one."""
    task = task_of(document)
    return task.category if task else document.category


def python_call(document: EndpointDocument) -> str:
    """The shortest call of the endpoint in Python; typed if its module was generated."""
    arguments = _example_arguments(document)
    if document.route is not None and document.route.kind != "http":
        return _route_call(document.id, document.route, arguments)
    generated = find_generated(document.id)
    if generated is None:
        return (
            "import fal_typed\n\n"
            f"result = fal_typed.subscribe({document.id!r}, arguments={arguments!r})\n"
            "print(result.data)"
        )
    written = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return (
        f"from {generated.module} import {generated.endpoint}\n\n"
        f"result = {generated.endpoint}.subscribe({written})\nprint(result.data)"
    )


def _route_call(endpoint_id: str, route: Route, arguments: dict[str, Any]) -> str:
    """A call of an app's streaming or realtime route."""
    if route.kind == "stream":
        return (
            "import fal_typed\n\n"
            f'for event in fal_typed.stream({endpoint_id!r}, {arguments!r}, path=""):\n'
            "    print(event)"
        )
    codec = ', codec="json"' if route.codec == "json" else ""
    return (
        "from fal_typed import FalClient\n\n"
        f'with FalClient().realtime({endpoint_id!r}, path=""{codec}) as session:\n'
        f"    session.send({arguments!r})\n"
        "    print(session.recv())"
    )


def shell_call(document: EndpointDocument) -> str:
    """The shortest call with `fal-typed run`; empty for streaming and realtime routes."""
    if document.route is not None and document.route.kind != "http":
        return ""
    words = [f"{name}={_word(value)}" for name, value in _example_arguments(document).items()]
    return shlex.join(["fal-typed", "run", document.id, *words])


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"@{text}" if text.startswith("@") else text


def curl_call(document: EndpointDocument) -> str:
    """The same call with curl, which submits a job; empty for streaming and realtime routes."""
    if document.route is not None and document.route.kind != "http":
        return ""
    body = json.dumps(_example_arguments(document), ensure_ascii=False)
    return (
        f"curl {shlex.quote(f'https://queue.fal.run/{document.id}')} \\\n"
        '  -H "Authorization: Key $FAL_KEY" -H "Content-Type: application/json" \\\n'
        f"  -d {shlex.quote(body)}"
    )


def _rows(fields: list[Parameter]) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in asdict(field).items() if key != "schema"} for field in fields
    ]


def _example_arguments(document: EndpointDocument) -> dict[str, Any]:
    fields = parameters(document, document.input_schema)
    return {field.name: _example(document, field) for field in fields if field.required}


def _example(document: EndpointDocument, parameter: Parameter) -> Any:
    if parameter.default is not None:
        return parameter.default
    if parameter.type == "bytes":
        return b"\x00"
    if parameter.name in _EXAMPLE_TEXT and parameter.type == "str":
        return _EXAMPLE_TEXT[parameter.name]
    return _example_value(document, parameter.schema, parameter.name)


def _example_value(document: EndpointDocument, schema: Schema, name: str) -> Any:
    schema = document.resolve(schema)
    members = alternatives(schema)
    if members:
        return _example_value(document, members[0], name)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    kind = schema.get("type")
    if kind == "array":
        return [_example_value(document, schema.get("items") or {}, name)]
    if kind == "object":
        fields = parameters(document, schema)
        return {field.name: _example(document, field) for field in fields if field.required}
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    return True if kind == "boolean" else _example_text(name)


def _example_text(name: str) -> str:
    if "url" in name or "image" in name or "video" in name:
        return "https://example.com/" + name.removesuffix("s").removesuffix("_url")
    return "…"


def _print(document: EndpointDocument) -> None:
    from rich.syntax import Syntax
    from rich.text import Text

    screen = console()
    kind = one_line(category(document) or "")
    screen.print(Text.assemble((one_line(document.id), "bold"), f"  {kind}"))
    if summary(document):
        screen.print(Text(clean(summary(document))))
    for section in sections(document):
        if section.fields:
            screen.print(Text(f"\n{one_line(section.title)}", style="bold"))
        for field in section.fields:
            _print_field(screen, field)
    for title, language, code in _examples(document):
        screen.print(Text(f"\n{title}", style="bold"))
        screen.print(Syntax(clean(code), language, background_color="default"), soft_wrap=True)


def _examples(document: EndpointDocument) -> list[tuple[str, str, str]]:
    examples = [("Python", "python", python_call(document))]
    if shell_call(document):
        examples.append(("Command line", "bash", shell_call(document)))
        examples.append(("curl", "bash", curl_call(document)))
    return examples


def _print_field(screen: Console, field: Parameter) -> None:
    from rich.padding import Padding
    from rich.text import Text

    # Text, not markup: a schema's words may look like markup.
    line = Text(one_line(field.name), style="cyan")
    line.append(f": {one_line(field.type)}", style="default")
    if field.default is not None:
        line.append(f" = {one_line(repr(field.default))}")
    if field.required:
        line.append("  required", style="magenta")
    if field.bounds:
        line.append(f"  {one_line(field.bounds)}", style="yellow")
    screen.print(Padding(line, (0, 0, 0, 2)))
    if field.description:
        screen.print(Padding(Text(clean(field.description), style="dim"), (0, 0, 0, 6)))
