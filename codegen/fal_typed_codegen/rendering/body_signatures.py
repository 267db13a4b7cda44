"""Writes out the methods of an endpoint whose input is no plain object.

A union has one form with keyword parameters for each of its classes. Every body can be passed as it
is, by position.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fal_typed._core.json_values import as_list
from fal_typed_codegen.interface.specs import class_of
from fal_typed_codegen.rendering.argument_types import argument_type, types_of_nested
from fal_typed_codegen.rendering.rendered import RenderedField, RenderedMethod, TypingClass
from fal_typed_codegen.rendering.signatures import typing_classes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fal_typed_codegen.interface.specs import FieldSpec, Interface, ModelSpec
    from fal_typed_codegen.rendering.rendered import RenderedClass

_ANYTHING = "*args: Any, **kwargs: Any"


def body_classes(
    interface: Interface, name: str, classes: Iterable[RenderedClass]
) -> list[TypingClass]:
    """Write the classes of an endpoint for type checkers.

    Args:
        interface: The endpoint, whose input is no plain object.
        name: Name of its own class, which comes last.
        classes: Its rendered classes.

    Returns:
        See `typing_classes`. A method with several forms has an overload for each.
    """
    rendered = {item.name: item for item in classes}
    forms = _forms(interface, {name: rendered[name].fields for name in interface.forms})
    written = [
        typing_classes(replace(interface, input=form.model.name), name, form.fields)
        for form in forms
    ]
    positional = typing_classes(interface, name, [])
    body = f"body: {_body_type(rendered[interface.input], types_of_nested(interface.models))}, /"
    return [
        replace(item, methods=tuple(_methods(item.methods, [it.methods for it in others], body)))
        for item, *others in zip(positional, *written, strict=True)
    ]


def _methods(
    plain: Sequence[RenderedMethod], forms: list[tuple[RenderedMethod, ...]], body: str
) -> Iterable[RenderedMethod]:
    for method, *keyword_forms in zip(plain, *forms, strict=True):
        if method.parameters:  # it takes options, not the input
            yield method
            continue
        positional = replace(method, parameters=body)
        if not keyword_forms:
            yield positional
            continue
        for form in (*keyword_forms, positional):
            yield replace(form, decorator="overload")
        yield replace(method, parameters=_ANYTHING, returns="Any")


def _body_type(item: RenderedClass, nested: Mapping[str, str]) -> str:
    base = ast.parse(item.bases).body[0]
    part = base.value if isinstance(base, ast.Expr) else None
    first = part.elts[0] if isinstance(part, ast.Tuple) else part
    if not isinstance(first, ast.Subscript):
        return "Any"
    return argument_type(ast.unparse(first.slice), nested)


@dataclass(frozen=True)
class _Form:
    """The keyword parameters of one class of a union."""

    model: ModelSpec
    fields: tuple[RenderedField, ...]

    @property
    def names(self) -> set[str]:
        return {field.name for field in self.fields}

    @property
    def required(self) -> set[str]:
        return {field.name for field in self.fields if not field.default}


def _forms(interface: Interface, fields: Mapping[str, tuple[RenderedField, ...]]) -> list[_Form]:
    """The forms, each of which a type checker can choose."""
    forms = [_Form(interface.models[name], fields[name]) for name in fields]
    told_apart = [_with_needed_tags(form, forms, interface) for form in forms]
    found: list[_Form] = []
    for form in told_apart:
        wider = next((one for one in found if _covers(one, form, interface)), None)
        if wider is None:
            found.append(form)
        else:
            found[found.index(wider)] = _widened(wider, form)
    return found


def _with_needed_tags(form: _Form, forms: Iterable[_Form], interface: Interface) -> _Form:
    """Require the constant of a form whose other parameters also fit another form."""
    needed: set[str] = set()
    for other in forms:
        tags = _tags(form.model, other.model, interface)
        fits_both = form.required - tags <= other.names and other.required - tags <= form.names
        if other is not form and fits_both:
            needed |= tags
    fields = tuple(
        replace(field, default="") if field.name in needed else field for field in form.fields
    )
    return replace(form, fields=fields)


def _tags(one: ModelSpec, other: ModelSpec, interface: Interface) -> set[str]:
    """Names of the parameters whose allowed values differ."""
    others = {field.name: field for field in other.fields}
    return {
        field.name
        for field in one.fields
        if field.name in others
        and _are_disjoint(_values(field, interface), _values(others[field.name], interface))
    }


def _are_disjoint(one: list[Any], other: list[Any]) -> bool:
    return bool(one and other) and not any(value in other for value in one)


def _values(field: FieldSpec, interface: Interface) -> list[Any]:
    alias = interface.models.get(class_of(field.schema) or "")
    schema = field.schema if alias is None or alias.root is None else alias.root
    return as_list(schema.get("enum")) or []


def _covers(wider: _Form, form: _Form, interface: Interface) -> bool:
    """Whether an overload would hide another one, depending on the types."""
    accepts_names = form.names <= wider.names or wider.model.is_open
    is_told_apart = bool(_tags(wider.model, form.model, interface))
    return accepts_names and wider.required <= form.required and not is_told_apart


def _widened(wider: _Form, form: _Form) -> _Form:
    types = {field.name: field.argument for field in form.fields}
    fields = tuple(
        replace(field, argument=f"{field.argument} | {types[field.name]}")
        if types.get(field.name, field.argument) != field.argument
        else field
        for field in wider.fields
    )
    return replace(wider, fields=fields)
