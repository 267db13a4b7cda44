"""Builds calls of endpoints whose input is no plain object: a union, a list, a scalar or null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin

from pydantic import BaseModel

from fal_typed._calls.checking import (
    dump_unchecked,
    given_values,
    plain,
    sent_constants,
)
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fal_typed._calls.endpoint_spec import EndpointSpec


def body_arguments(
    spec: EndpointSpec, args: tuple[object, ...], kwargs: Mapping[str, Any], *, validate: bool
) -> object:
    """The JSON of a body that is passed by position, or by the keywords of one of its forms.

    Args:
        spec: The endpoint.
        args: The body, if it is passed by position.
        kwargs: The parameters of one of its forms.
        validate: Whether to check it.

    Returns:
        The body as JSON, with file objects kept.

    Raises:
        FalInputError: The body is invalid; the error lists all problems.
    """
    if len(args) > 1 or (args and kwargs):
        raise FalInputError(
            f"Pass the input of {spec.id} either as one positional argument or as keyword "
            "arguments; nothing was sent."
        )
    model = cast("Any", spec.input)
    form = None if args else _form(model.__fal_forms__(), kwargs)
    given = args[0] if args else kwargs
    if validate:
        value = given_values(dict(kwargs) if not args else given)
        return plain(model(value) if form is None else form(**value))
    if args or form is None:
        return plain(given)
    return {**sent_constants(form), **dump_unchecked(form, kwargs)}


def _form(forms: Iterable[type[BaseModel]], given: Mapping[str, Any]) -> type[BaseModel] | None:
    """The only class that keyword arguments can be meant for; None if there are several."""
    agreeing = [form for form in forms if _agrees(form, given)]
    fitting = [form for form in agreeing if _fits(form, given)]
    candidates = fitting or agreeing
    return candidates[0] if len(candidates) == 1 else None


def _agrees(form: type[BaseModel], given: Mapping[str, Any]) -> bool:
    """Whether no argument differs from a constant of the class."""
    for name, info in form.model_fields.items():
        key = name if name in given else info.alias or name
        if key not in given or get_origin(info.annotation) is not Literal:
            continue
        if not any(
            type(given[key]) is type(v) and given[key] == v for v in get_args(info.annotation)
        ):
            return False
    return True


def _fits(form: type[BaseModel], given: Mapping[str, Any]) -> bool:
    """Whether the class has all arguments, and requires no other."""
    rest = set(given)
    for name, info in form.model_fields.items():
        keys = {name, info.alias} & given.keys()
        if info.is_required() and not keys:
            return False
        rest -= keys
    return not rest or form.model_config.get("extra") == "allow"
