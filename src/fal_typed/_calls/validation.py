"""Inputs are strict before they leave, outputs are never lost.

An input that does not fit its schema becomes one `FalInputError` that lists every problem. An
output that does not fit is built as far as it goes, and a `SchemaDriftWarning` names the paths.
"""

from __future__ import annotations

import difflib
import functools
import types
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError

from fal_typed._core.json_values import as_object
from fal_typed.errors import FalInputError, Problem, SchemaDriftWarning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails
    from typing_extensions import TypeVar

    Out = TypeVar("Out")

_MAX_NAMED_PATHS = 20


def input_error(error: ValidationError, data: object, model: type[BaseModel]) -> FalInputError:
    """One error that lists every problem of an input, each once and with its path.

    A value that fits no member of a union fails once per member; those are told as one problem.
    """
    found: dict[tuple[str | int, ...], list[Problem]] = {}
    for details in error.errors(include_url=False, include_input=False):
        loc = _real_path(details["loc"], data, missing=details["type"] == "missing")
        found.setdefault(loc, []).append(_problem(loc, details, model))
    problems = [_merged(alternatives) for alternatives in found.values()]
    lines = "\n".join(f"  {problem}" for problem in problems)
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return FalInputError(
        f"{model.__name__} has {count}; nothing was sent.\n{lines}", errors=problems
    )


def dump_input(model: BaseModel) -> dict[str, Any]:
    """What the caller set, under the names of the wire, file objects left as they are."""
    return model.model_dump(exclude_unset=True, by_alias=True)


def dump_unchecked(model: type[BaseModel], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments under the names of the wire, without any check (`validate=False`)."""
    aliases = {name: info.alias or name for name, info in model.model_fields.items()}
    return {aliases.get(name, name): _plain(value) for name, value in arguments.items()}


def read_output(output: type[Out], raw: object, *, quiet: bool = False) -> Out:
    """Build the typed view of a result; `quiet` for a partial one, which need not fit.

    Warns:
        SchemaDriftWarning: The result does not fit the schema; the view holds what does fit,
            other values as they came, and None for what is missing.
    """
    try:
        return cast("Out", _adapter(cast("Any", output)).validate_python(raw))
    except ValidationError as error:
        if not quiet:
            _warn_drift(output, error, raw)
    return cast("Out", _lenient(output, raw))


@functools.cache
def _adapter(output: type[Any]) -> TypeAdapter[Any]:
    # Output models build themselves only when they are used, and each new adapter anew.
    return TypeAdapter(output)


def _plain(value: object) -> object:
    from fal_typed.files import File

    if isinstance(value, File):
        return value  # to be replaced by its URL
    if isinstance(value, BaseModel):
        return dump_input(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("Iterable[object]", value)]
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in cast("Mapping[str, object]", value).items()}
    return value


def _real_path(loc: tuple[int | str, ...], data: object, *, missing: bool) -> tuple[str | int, ...]:
    # pydantic puts the names of union members between the keys; only parts that lead through
    # the data are part of the path (or name what is missing from it).
    path: list[str | int] = []
    for position, part in enumerate(loc):
        is_last = position == len(loc) - 1
        inside, value = _step(data, part)
        if inside:
            path.append(part)
            data = value
        elif is_last and missing:
            path.append(part)
    return tuple(path)


def _step(data: object, part: str | int) -> tuple[bool, object]:
    if isinstance(data, Mapping):
        mapping = cast("Mapping[object, object]", data)
        return part in mapping, mapping.get(part)
    if isinstance(data, (list, tuple)) and isinstance(part, int):
        items = cast("list[object]", data)
        return part < len(items), items[part] if part < len(items) else None
    if isinstance(data, BaseModel) and isinstance(part, str):
        return hasattr(data, part), getattr(data, part, None)
    return False, None


def _problem(loc: tuple[str | int, ...], details: ErrorDetails, model: type[BaseModel]) -> Problem:
    kind = details["type"]
    message = details["msg"]
    if kind == "extra_forbidden":
        message = _unknown(loc, model)
    elif kind == "missing":
        message = "This parameter is required"
    elif kind == "model_type":
        message = message.replace("valid dictionary or instance", "mapping or instance")
    context = {k: v for k, v in details.get("ctx", {}).items() if k != "error"}
    return Problem(loc, message, kind, context)


def _unknown(loc: tuple[str | int, ...], model: type[BaseModel]) -> str:
    name = str(loc[-1]) if loc else ""
    known = list(model.model_fields) if len(loc) == 1 else []
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "extra_arguments={…} passes it through."
    return f"There is no such parameter; {hint}"


def _merged(alternatives: list[Problem]) -> Problem:
    if len(alternatives) == 1:
        return alternatives[0]
    messages = list(dict.fromkeys(problem.msg for problem in alternatives))
    # A literal's message lists the allowed values, which helps most.
    best = next((p for p in alternatives if p.type == "literal_error"), alternatives[0])
    return Problem(best.loc, " — or: ".join(messages), best.type, best.ctx)


def _warn_drift(output: type[Any], error: ValidationError, raw: object) -> None:
    problems = [
        Problem(
            _real_path(details["loc"], raw, missing=details["type"] == "missing"),
            details["msg"],
            details["type"],
        )
        for details in error.errors(include_url=False, include_input=False)
    ]
    named = list(dict.fromkeys(problem.path or "(the result itself)" for problem in problems))
    more = f" and {len(named) - _MAX_NAMED_PATHS} more" if len(named) > _MAX_NAMED_PATHS else ""
    warnings.warn(
        f"The result does not fit {output.__name__} at: {', '.join(named[:_MAX_NAMED_PATHS])}"
        f"{more}. result.raw holds it all; pull and regenerate to follow the schema.",
        SchemaDriftWarning,
        stacklevel=2,
    )


def _lenient(annotation: Any, value: object) -> object:
    """The value as near to the annotation as it goes, else the value itself."""
    if annotation is Any:
        return value
    fitted = _fitted(annotation, value)
    if fitted is not _NO_FIT:
        return fitted
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return _lenient_union(annotation, value)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _lenient_model(annotation, value)
    if origin is list and isinstance(value, list):
        (item,) = get_args(annotation)
        return [_lenient(item, element) for element in cast("list[object]", value)]
    if origin is dict and isinstance(value, dict):
        _, item = get_args(annotation)
        return {k: _lenient(item, v) for k, v in cast("dict[str, object]", value).items()}
    return value


_NO_FIT = object()


def _fitted(annotation: Any, value: object) -> object:
    adapter = TypeAdapter[Any](annotation)
    for strict in (True, False):
        try:
            return adapter.validate_python(value, strict=strict)
        except ValidationError:
            continue
    return _NO_FIT


def _lenient_union(annotation: Any, value: object) -> object:
    for member in get_args(annotation):
        built = _lenient(member, value)
        if built is not value:
            return built
    return value


def _lenient_model(model: type[BaseModel], value: object) -> object:
    if issubclass(model, RootModel):
        return cast("Any", model).model_construct(root=value)
    given = as_object(value)
    if given is None:
        return value if value is not None else model.model_construct()
    remaining = dict(given)
    values: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        key = info.alias if info.alias in remaining else name
        if key in remaining:
            values[name] = _lenient(info.annotation, remaining.pop(key))
        else:
            values[name] = _default(info)
    built = model.model_construct(_fields_set=set(given) & set(values), **values)
    if built.__pydantic_extra__ is not None:
        built.__pydantic_extra__.update(remaining)
    return built


def _default(info: FieldInfo) -> object:
    return None if info.is_required() else info.get_default(call_default_factory=True)
