"""Parses the values of flags and of ``name=value`` words as an endpoint's parameters."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from fal_typed._core.json_values import as_list, as_object
from fal_typed._display.safe_text import one_line
from fal_typed._documents.document import component_name
from fal_typed._documents.regular_files import read_regular_file
from fal_typed._documents.schemas import alternatives, properties

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fal_typed._documents.document import EndpointDocument, Schema

_URL = re.compile(r"data:|https?://", re.IGNORECASE)
_MAX_DEPTH = 20


def parse_arguments(
    document: EndpointDocument | None,
    words: Iterable[str],
    flags: Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Parse the parameters of a command line.

    A value is text where the parameter is a string, else JSON; a value that is not valid JSON is
    text. ``@FILE`` is the content of a text file, ``@@`` a literal ``@``. The path of a file
    parameter becomes a `Path`, which is uploaded.

    Args:
        document: The endpoint's document; None when it is not in the catalog.
        words: Words in the form ``name=value``; the name can be a path, such as ``loras.0.path``.
        flags: Values of flags by path. Lists are flags that were given several times.
        base: Parameters that words and flags override.

    Returns:
        The parameters by name.

    Raises:
        typer.BadParameter: A word has no ``=``, a path has a gap, or a file cannot be read.
    """
    arguments: dict[str, Any] = json.loads(json.dumps(dict(base or {})))
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise typer.BadParameter(f"{one_line(word)!r} is not in the form name=value")
        _assign(arguments, document, name, _parse(document, name, text))
    for path, value in sorted((flags or {}).items(), key=lambda item: _order(item[0])):
        _assign(arguments, document, path, _parse_flag(document, path, value))
    if document is None:
        return arguments
    return {
        name: _with_paths(document, properties(document.input_schema).get(name, {}), value, name, 0)
        for name, value in arguments.items()
    }


def schema_at(document: EndpointDocument, path: str) -> Schema:
    """The schema of a value inside the parameters; an empty one if it is unknown."""
    schema = document.input_schema
    for part in path.split("."):
        schema = _below(document, schema, part)
    return document.resolve(schema)


def kind_of(document: EndpointDocument, schema: Schema, path: str) -> str:
    """What a value is: ``file``, a JSON type, or an empty string if it can be of several types."""
    if _is_file(document, schema, _name(path)):
        return "file"
    kinds = {kind for member in _members(document, schema) for kind in _types(member)}
    kinds -= {"null"}
    return kinds.pop() if len(kinds) == 1 else ""


def choices_of(document: EndpointDocument, schema: Schema) -> list[str]:
    """The values that a schema lists, as they are written on the command line."""
    item = items_of(document, schema)
    values: list[Any] = []
    for member in _members(document, schema if item is None else item):
        values += as_list(member.get("enum")) or []
        values += [member["const"]] if "const" in member else []
    texts = (value if isinstance(value, str) else json.dumps(value) for value in values)
    return [one_line(text) for text in dict.fromkeys(texts)]


def items_of(document: EndpointDocument, schema: Schema) -> Schema | None:
    """The schema of the items of a value that can only be a list; None for other values."""
    members = [member for member in _members(document, schema) if _types(member) != {"null"}]
    if len(members) != 1 or _types(members[0]) != {"array"}:
        return None
    return document.resolve(as_object(members[0].get("items")) or {})


def _parse_flag(document: EndpointDocument | None, path: str, value: Any) -> Any:
    if isinstance(value, bool):
        return value
    given = as_list(value)
    if given is None:
        return _parse(document, path, str(value))
    if document is None:
        parsed = [_parse(None, path, text) for text in given]
        return parsed[0] if len(parsed) == 1 else parsed
    item = items_of(document, schema_at(document, path)) or {}
    values: list[Any] = []
    for text in given:
        values += _parse_items(document, item, path, text)
    return values


def _parse_items(document: EndpointDocument, item: Schema, path: str, text: str) -> list[Any]:
    """One value of a list's flag: an item, or a JSON list of items."""
    if text.startswith("["):
        whole = as_list(_json_or_text(text))
        if whole is not None and items_of(document, item) is None:
            return whole
    return [_parse_text(document, item, path, text)]


def _parse(document: EndpointDocument | None, path: str, text: str) -> Any:
    schema = {} if document is None else schema_at(document, path)
    return _parse_text(document, schema, path, text)


def _parse_text(document: EndpointDocument | None, schema: Schema, path: str, text: str) -> Any:
    kind = "" if document is None else kind_of(document, schema, path)
    if kind == "file":
        return text.removeprefix("@")
    if text.startswith("@@"):
        text = text[1:]
    elif text.startswith("@"):
        text = _read_text(text[1:], path)
    return text if kind == "string" else _json_or_text(text)


def _read_text(name: str, path: str) -> str:
    try:
        return read_regular_file(name).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise typer.BadParameter(
            f"{path}: cannot read the file {one_line(name)!r}: {reason}. Write @@ for a text that "
            "begins with @."
        ) from error


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _assign(
    arguments: dict[str, Any], document: EndpointDocument | None, path: str, value: Any
) -> None:
    """Set a value at a path, creating the objects and lists on the way."""
    known = {} if document is None else properties(document.input_schema)
    if path in known or "." not in path:
        arguments[path] = value
        return
    parts = path.split(".")
    place: Any = arguments
    for part, following in zip(parts, [*parts[1:], ""], strict=True):
        inner: Any = value if following == "" else [] if following.isdecimal() else {}
        place = _step(place, part, inner, path, is_last=following == "")


def _step(place: Any, part: str, value: Any, path: str, *, is_last: bool) -> Any:
    """Set a part of a path unless a value to go into exists; return what is there."""
    items, mapping = as_list(place), as_object(place)
    if mapping is not None:
        if is_last or not isinstance(mapping.get(part), (dict, list)):
            mapping[part] = value
        return mapping[part]
    if items is None or not part.isdecimal() or int(part) > len(items):
        raise typer.BadParameter(
            f"{path}: {part!r} does not continue the value before it. Number list items from 0, "
            "without gaps."
        )
    index = int(part)
    if index == len(items):
        items.append(value)
    elif is_last:
        items[index] = value
    return items[index]


def _order(path: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts paths so that item 10 comes after item 9."""
    return tuple(
        (1, int(part), "") if part.isdecimal() else (0, 0, part) for part in path.split(".")
    )


def _with_paths(
    document: EndpointDocument, schema: Schema, value: Any, name: str, depth: int
) -> Any:
    """Replace the text of every file parameter by a path, unless it is a URL."""
    if depth > _MAX_DEPTH:
        return value
    schema = document.resolve(schema)
    items, mapping = as_list(value), as_object(value)
    if items is not None:
        return [
            _with_paths(document, _below(document, schema, "0"), item, name, depth + 1)
            for item in items
        ]
    if mapping is not None:
        return {
            key: _with_paths(document, _below(document, schema, key), item, key, depth + 1)
            for key, item in mapping.items()
        }
    if isinstance(value, str) and value and not _URL.match(value):
        return _existing(value, name) if _is_file(document, schema, name) else value
    return value


def _existing(text: str, name: str) -> Path:
    try:
        found = Path(text).is_file()
    except (OSError, ValueError):
        found = False
    if not found:
        raise typer.BadParameter(
            f"{name}: no file {one_line(text)[:200]!r}. Give the path of a file, or a URL that "
            "starts with https://."
        )
    return Path(text)


def _below(document: EndpointDocument, schema: Schema, part: str) -> Schema:
    """The schema of a property or of the items of a schema."""
    for member in _members(document, schema):
        if part.isdecimal() and "items" in member:
            return as_object(member["items"]) or {}
        found = properties(member).get(part)
        if found is not None:
            return found
    return {}


def _members(document: EndpointDocument, schema: Schema) -> list[Schema]:
    """A schema, or the alternatives that it consists of, without references."""
    resolved = document.resolve(schema)
    members = alternatives(resolved)
    return [document.resolve(member) for member in members] if members else [resolved]


def _types(schema: Schema) -> set[str]:
    kind = schema.get("type")
    kinds = as_list(kind) or [kind]
    if "properties" in schema:
        kinds = ["object"]
    return {kind for kind in kinds if isinstance(kind, str)}


def _is_file(document: EndpointDocument, schema: Schema, name: str) -> bool:
    from fal_typed_codegen.interface.file_types import is_file_component, is_file_parameter

    for member in [schema, *_members(document, schema)]:
        target = document.resolve(member)
        if component_name(member) and is_file_component(target):
            return True
        if target.get("type") == "string" and "enum" not in target:
            return is_file_parameter(name, {**schema, **target})
    return False


def _name(path: str) -> str:
    """The parameter's name at the end of a path; numbers are items of it."""
    return next(part for part in reversed(path.split(".")) if not part.isdecimal())
