"""Gives the commands that call an endpoint one flag for each of the endpoint's parameters.

typer reads options from a function's signature, so `with_flags` adds the endpoint's parameters to
the signature of the command. Flags and `name=value` words are then parsed by `flag_values`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from fal_typed._display.safe_text import one_line
from fal_typed._documents.catalog import Catalog, UnknownEndpointError
from fal_typed._documents.document import InvalidDocumentError
from fal_typed._documents.schemas import properties
from fal_typed.cli.flag_values import choices_of, items_of, kind_of, schema_at
from fal_typed.cli.parameters import Parameter, parameters

if TYPE_CHECKING:
    from fal_typed._documents.document import EndpointDocument, Schema

FLAGS = "flags"
"""Name of the parameter in which a command receives the given flags: values by path."""

_ID = re.compile(r"[\w.-]+(/[\w.-]+)+")
# Names of parameters come from documents; the others can be given as name=value.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_METAVARS = {"integer": "INTEGER", "number": "NUMBER", "string": "TEXT", "file": "FILE"}
_MAX_METAVAR = 40


class _Flag(NamedTuple):
    """A flag of an endpoint.

    Attributes:
        path: The parameter's name, or the path of a value in it, such as ``loras.0.path``.
        annotation: Its type for typer.
    """

    path: str
    annotation: Any


def chosen_document(words: Sequence[str]) -> EndpointDocument | None:
    """Find the endpoint that a command line calls, before its options are known."""
    catalog = Catalog()
    for word in words:
        if _ID.fullmatch(word):
            try:
                return catalog.document(word)
            except (UnknownEndpointError, InvalidDocumentError):
                continue
    return None


def with_dashes(words: Sequence[str]) -> list[str]:
    """Write all flags with dashes, so that ``--num_images`` is accepted as well."""
    return [
        word if not word.startswith("--") else "=".join([name.replace("_", "-"), *value])
        for word in words
        for name, *value in [word.split("=", 1)]
    ]


def with_flags(command: Callable[..., None], words: Sequence[str]) -> Callable[..., None]:
    """Add the flags of an endpoint to a command.

    Args:
        command: Has a parameter `flags`, which receives the values that were given, by path.
        words: The command line: it names the endpoint, and the values inside its parameters.

    Returns:
        A function for typer with the options of the command and of the endpoint.
    """
    # Python 3.10's `get_type_hints` hides the options of parameters that are None by default.
    hints = inspect.get_annotations(command, eval_str=True)
    own = [one for one in inspect.signature(command).parameters.values() if one.name != FLAGS]
    document = chosen_document(words)
    taken = _own_options(own, hints)
    flags = (
        _flags_of_words(words, taken)
        if document is None
        else _flags_of_document(document, words, taken)
    )
    variables = {f"flag_{number}": flag for number, flag in enumerate(flags)}

    def call(**given: Any) -> None:
        values = {flag.path: given.pop(variable) for variable, flag in variables.items()}
        command(
            **given,
            **{
                FLAGS: {
                    path: value
                    for path, value in values.items()
                    if value != [] and value is not None
                }
            },
        )

    added = [
        inspect.Parameter(
            variable, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=flag.annotation
        )
        for variable, flag in variables.items()
    ]
    resolved = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[one.name]) for one in own
    ]
    signature = inspect.Signature([*added, *resolved])
    described: Any = call
    described.__signature__ = signature
    described.__annotations__ = {name: one.annotation for name, one in signature.parameters.items()}
    described.__doc__ = _help(command, document)
    return call


def _help(command: Callable[..., None], document: EndpointDocument | None) -> str:
    text = inspect.getdoc(command) or ""
    if document is None:
        return f"{text}\n\nAdd --help after an endpoint's id to list its parameters."
    return (
        f"{text}\n\nThe parameters of {document.id} are listed below as options. Values of lists "
        "can be given several times; objects as JSON, or field by field, as in --name.field."
    )


def _own_options(own: Sequence[inspect.Parameter], hints: Mapping[str, Any]) -> set[str]:
    """The option names that a command has itself; parameters of these names get no flag."""
    taken = {"--help", "-h"}
    for one in own:
        taken |= {f"--{one.name.replace('_', '-')}", f"--no-{one.name.replace('_', '-')}"}
        for mark in getattr(hints[one.name], "__metadata__", ()):
            taken.update(getattr(mark, "param_decls", None) or ())
    return taken


def _flags_of_document(
    document: EndpointDocument, words: Sequence[str], taken: set[str]
) -> list[_Flag]:
    fields = parameters(document, document.input_schema)
    flags = [flag for field in fields for flag in _flags_of_field(document, field)]
    known = {flag.path for flag in flags}
    names = properties(document.input_schema)
    flags += [
        _nested_flag(document, path)
        for path in _paths_in(words)
        if path not in known and path.partition(".")[0] in names and "." in path
    ]
    return [flag for flag in flags if _NAME.fullmatch(flag.path) and _form(flag.path) not in taken]


def _flags_of_field(document: EndpointDocument, field: Parameter) -> list[_Flag]:
    """The flag of a parameter, and those of the fields of an object in it."""
    schema = document.resolve(field.schema)
    flags = [_Flag(field.name, _annotation(document, field.name, schema, _text(document, field)))]
    item = items_of(document, schema)
    inner, prefix = (schema, field.name) if item is None else (item, f"{field.name}.0")
    flags += [
        _Flag(path, _annotation(document, path, document.resolve(one.schema), _text(document, one)))
        for one in parameters(document, _object_in(document, inner))
        for path in [f"{prefix}.{one.name}"]
    ]
    return flags


def _object_in(document: EndpointDocument, schema: Schema) -> Schema:
    """The schema of the object that a value can be; an empty one if it cannot be one."""
    from fal_typed._documents.schemas import alternatives

    for member in [schema, *alternatives(schema)]:
        target = document.resolve(member)
        if "properties" in target:
            return target
    return {}


def _nested_flag(document: EndpointDocument, path: str) -> _Flag:
    schema = schema_at(document, path)
    return _Flag(path, _annotation(document, path, schema, "", hidden=True))


def _annotation(
    document: EndpointDocument, path: str, schema: Schema, text: str, *, hidden: bool = False
) -> Any:
    kind = kind_of(document, schema, path)
    choices = choices_of(document, schema)
    name = _form(path)
    if kind == "boolean":
        names = f"{name}/--no-{name[2:]}"
        return Annotated[bool | None, typer.Option(names, help=text, hidden=hidden)]
    shown = "|".join(choices)
    metavar = _METAVARS.get(kind, "TEXT|JSON" if choices else "JSON")
    if kind and 0 < len(shown) <= _MAX_METAVAR:
        metavar = shown

    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    item = items_of(document, schema)
    if item is not None:
        item_kind = kind_of(document, item, path)
        metavar = _METAVARS.get(item_kind, "JSON")
    option = typer.Option(name, help=text, metavar=metavar, hidden=hidden, autocompletion=complete)
    return (
        Annotated[list[str] | None, option] if item is not None else Annotated[str | None, option]
    )


def _text(document: EndpointDocument, field: Parameter) -> str:
    """The help of a flag: the description, bounds, choices and default of its parameter."""
    choices = choices_of(document, document.resolve(field.schema))
    parts = [
        one_line(field.description),
        f"Bounds: {field.bounds}." if field.bounds else "",
        f"One of: {', '.join(choices)}." if choices else "",
        "" if field.default is None or field.default == "" else f"Default: {field.default}.",
        "Required." if field.required else "",
    ]
    return one_line(" ".join(filter(None, parts)))


def _flags_of_words(words: Sequence[str], taken: set[str]) -> list[_Flag]:
    """Flags of an endpoint without a document: those that the command line has."""
    flags: list[_Flag] = []
    for path in _paths_in(words):
        if _form(path) not in taken:
            annotation = Annotated[list[str] | None, typer.Option(_form(path), hidden=True)]
            flags.append(_Flag(path, annotation))
    return flags


def _paths_in(words: Sequence[str]) -> list[str]:
    """Paths of the flags in a command line, in order, each once."""
    named = [word[2:].partition("=")[0] for word in words if word.startswith("--")]
    paths = [name.replace("-", "_") for name in named if _NAME.fullmatch(name)]
    return list(dict.fromkeys(paths))


def _form(path: str) -> str:
    """The flag of a parameter: ``--num-images``."""
    return f"--{path.replace('_', '-')}"
