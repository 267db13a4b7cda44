"""Input checks: one error that lists every problem, and the JSON of a checked input."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ValidationError

from fal_typed._calls.call_options import OPTIONS_OF
from fal_typed.errors import FalInputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import ErrorDetails

PATHS = object()
"""Validation context in which a string is the path of a file: for the command line only."""

_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?")


def input_error(error: ValidationError, data: object, model: type[BaseModel]) -> FalInputError:
    """Build one error that lists each problem of an input with its path.

    A value that matches no member of a union fails once per member; these become one problem.
    """
    found: dict[tuple[str | int, ...], list[Problem]] = {}
    for details in error.errors(include_url=False):
        loc = real_path(details["loc"], data, missing=details["type"] == "missing")
        found.setdefault(loc, []).append(_problem(loc, details, model))
    problems = [_merged(alternatives) for alternatives in found.values()]
    lines = "\n".join(f"  {problem}" for problem in problems)
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return FalInputError(
        f"{model.__name__} has {count}; nothing was sent.\n{lines}", errors=problems
    )


def dump_input(model: BaseModel) -> Any:
    """The parameters that the caller set, under their wire names; file objects are kept.

    A dict, unless the body of the request is no plain object.
    """
    return model.model_dump(exclude_unset=True, by_alias=True)


def sent_constants(model: type[BaseModel]) -> dict[str, Any]:
    """Constants that an input sends although they are not set, under their wire names."""
    rules = cast("dict[str, Any]", model.model_config.get("json_schema_extra") or {})
    constants = {
        info.alias or name: info.default
        for name, info in model.model_fields.items()
        if not info.is_required()
    }
    return {name: constants[name] for name in rules.get("required", ()) if name in constants}


def check_again(model: BaseModel) -> BaseModel:
    """Check an input that may have changed since it was created, with everything in it.

    Raises:
        FalInputError: The input is invalid now; the error lists all problems.
    """
    return type(model).model_validate(given_values(model))


def given_values(value: object) -> Any:
    """A value with the mappings of the parameters that were set in place of its inputs."""
    if getattr(type(value), "__fal_forms__", None) is not None:
        return given_values(cast("Any", value).root)
    if getattr(type(value), "__fal_input__", False):
        model = cast("BaseModel", value)
        values = {**model.__dict__, **(model.__pydantic_extra__ or {})}
        return {name: given_values(values[name]) for name in model.model_fields_set}
    if type(value) is list:
        return [given_values(item) for item in cast("list[object]", value)]
    if type(value) is tuple:
        return tuple(given_values(item) for item in cast("tuple[object, ...]", value))
    if type(value) is dict:
        items = cast("dict[object, object]", value).items()
        return {key: given_values(item) for key, item in items}
    return value


def dump_unchecked(model: type[BaseModel], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments under their wire names, unchecked (`validate=False`)."""
    aliases = {name: info.alias or name for name, info in model.model_fields.items()}
    return {aliases.get(name, name): plain(value) for name, value in arguments.items()}


def plain(value: object) -> object:
    """A value as JSON, with file objects kept."""
    if getattr(type(value), "__fal_file__", False):
        return value  # a `File`, replaced by its URL later
    if isinstance(value, BaseModel):
        value = dump_input(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in cast("Iterable[object]", value)]
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in cast("Mapping[str, object]", value).items()}
    return value


def real_path(loc: tuple[int | str, ...], data: object, *, missing: bool) -> tuple[str | int, ...]:
    # pydantic puts the names of union members between the keys; the path has only the parts that
    # exist in the data, and the name of a missing key at its end.
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
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return _tag_problem(loc, details)
    if kind == "extra_forbidden":
        message = _unknown(loc, model)
    elif kind == "missing":
        message = "This parameter is required"
    elif kind == "model_attributes_type":
        message = "Input should be a mapping or an instance of a class of the union"
    elif kind == "model_type":
        message = message.replace("valid dictionary or instance", "mapping or instance")
    elif kind in ("literal_error", "string_type", "int_type", "float_type"):
        message += _conversion_hint(kind, details)
    context = {k: v for k, v in details.get("ctx", {}).items() if k != "error"}
    return Problem(loc, message, kind, context)


def _tag_problem(loc: tuple[str | int, ...], details: ErrorDetails) -> Problem:
    """A problem of the property that chooses the member of a union."""
    context = details.get("ctx", {})
    name = context["discriminator"].rpartition(" | ")[2].strip("'")
    if details["type"] == "union_tag_not_found":
        return Problem((*loc, name), "This parameter is required", "missing", {})
    expected = context["expected_tags"]
    return Problem(
        (*loc, name), f"Input should be one of {expected}", "literal_error", {"expected": expected}
    )


def _unknown(loc: tuple[str | int, ...], model: type[BaseModel]) -> str:
    name = str(loc[-1]) if loc else ""
    forms = getattr(model, "__fal_forms__", lambda: [model])()
    known = [name for form in forms for name in form.model_fields] if len(loc) == 1 else []
    near = [] if name in known else difflib.get_close_matches(name, known, n=1)
    if len(loc) == 1 and name in OPTIONS_OF["with_options"]:
        hint = f"it is a call option: pass it with .with_options({name}=…)"
    elif near:
        hint = f"did you mean {near[0]!r}?"
    else:
        hint = "use extra_arguments={…} to send it anyway"
    return f"Unknown parameter; {hint}"


def _conversion_hint(kind: str, details: ErrorDetails) -> str:
    """A hint for a number that must be a string, or a string that must be a number."""
    given = details["input"]
    allowed = details.get("ctx", {}).get("expected", "")
    if type(given) in (int, float) and (kind == "string_type" or f"'{given}'" in allowed):
        return f"; pass {str(given)!r}, as a string"
    if isinstance(given, str) and _NUMBER.fullmatch(given):
        is_allowed = kind != "literal_error" or re.search(rf"(?<![\w'.]){given}(?![\w'.])", allowed)
        return f"; pass {given}, as a number" if is_allowed else ""
    return ""


def _merged(alternatives: list[Problem]) -> Problem:
    if len(alternatives) == 1:
        return alternatives[0]
    messages = list(dict.fromkeys(problem.msg for problem in alternatives))
    # The message of a literal lists the allowed values, which helps most.
    best = next((p for p in alternatives if p.type == "literal_error"), alternatives[0])
    return Problem(best.loc, "; or: ".join(messages), best.type, best.ctx)
