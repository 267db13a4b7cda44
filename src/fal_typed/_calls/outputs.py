"""Builds typed outputs, and warns when a result does not match its schema."""

from __future__ import annotations

import functools
import types
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Union,
    cast,
    get_args,
    get_origin,
)

from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError

from fal_typed._calls.checking import real_path
from fal_typed._core.caller_warnings import warn_caller
from fal_typed._core.json_values import as_object
from fal_typed.errors import Problem, SchemaDriftWarning

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from typing_extensions import TypeVar

    Out = TypeVar("Out")

_MAX_NAMED_PATHS = 20


def read_output(output: type[Out], raw: object, *, quiet: bool = False) -> Out:
    """Build the typed output of a result; `quiet` is for partial results, which may not match.

    Warns:
        SchemaDriftWarning: The result does not match the schema. Values that do not match are
            kept unconverted, and missing ones are None.
    """
    try:
        return cast("Out", _adapter(cast("Any", output)).validate_python(raw))
    except ValidationError as error:
        if not quiet:
            _warn_drift(output, error, raw)
    return cast("Out", _lenient(output, raw))


@functools.cache
def _adapter(output: type[Any]) -> TypeAdapter[Any]:
    # Cached, because creating an adapter builds the model.
    return TypeAdapter(output)


def _warn_drift(output: type[Any], error: ValidationError, raw: object) -> None:
    problems = [
        Problem(
            real_path(details["loc"], raw, missing=details["type"] == "missing"),
            details["msg"],
            details["type"],
        )
        for details in error.errors(include_url=False, include_input=False)
    ]
    named = list(dict.fromkeys(problem.path or "(the result itself)" for problem in problems))
    more = f" and {len(named) - _MAX_NAMED_PATHS} more" if len(named) > _MAX_NAMED_PATHS else ""
    warn_caller(
        f"The result does not match {output.__name__} at: {', '.join(named[:_MAX_NAMED_PATHS])}"
        f"{more}. result.raw has the complete response. To update the models, pull the schema and "
        "regenerate them.",
        SchemaDriftWarning,
    )


def _lenient(annotation: Any, value: object) -> object:
    """Convert as much of the value to the annotated type as possible, and keep the rest."""
    if annotation is Any:
        return value
    validated = _validated(annotation, value)
    if validated is not _INVALID:
        return validated
    origin = get_origin(annotation)
    if origin is Annotated:
        return _lenient(get_args(annotation)[0], value)
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


_INVALID = object()


def _validated(annotation: Any, value: object) -> object:
    adapter = TypeAdapter[Any](annotation)
    for strict in (True, False):
        try:
            return adapter.validate_python(value, strict=strict)
        except ValidationError:
            continue
    return _INVALID


def _lenient_union(annotation: Any, value: object) -> object:
    for member in get_args(annotation):
        if not _agrees(member, value):
            continue
        built = _lenient(member, value)
        if built is not value:
            return built
    return value


def _agrees(member: Any, value: object) -> bool:
    """Whether no constant of a class differs from the value: it may not be of another class."""
    given = as_object(value)
    if given is None or not (isinstance(member, type) and issubclass(member, BaseModel)):
        return True
    return all(
        given.get(info.alias or name, constants[0]) in constants
        for name, info in member.model_fields.items()
        if get_origin(info.annotation) is Literal and (constants := get_args(info.annotation))
    )


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
