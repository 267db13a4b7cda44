"""What the generator knows of one endpoint: its models and their fields, in plain terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fal_typed._core.json_values import as_list, as_object, as_text

if TYPE_CHECKING:
    from fal_typed._documents.document import Route, Schema

Direction: TypeAlias = Literal["input", "output"]

CLASS_PREFIX = "#/$defs/"
"""A normalized schema refers to a class by this prefix and the class's name."""


class Missing:
    """The type of `MISSING`."""


MISSING = Missing()
"""Stands where a property names no default; None is a default of its own."""


@dataclass(frozen=True)
class FieldSpec:
    """One property of a model.

    Attributes:
        name: Its Python name.
        wire: Its name in JSON.
        schema: Its type in the normal form of `normalize`, without null.
        nullable: Whether null is allowed.
        required: Whether it must be given.
        default: The document's default, or `MISSING`.
        description: The document's own description, as it stands there.
        facts: What the type cannot show, as a sentence: bounds, lengths, allowed values.
        json_type: Its JSON type where it has one only.
        deprecated: Whether the document says that it is going away.
    """

    name: str
    wire: str
    schema: Schema
    nullable: bool
    required: bool
    default: Any
    description: str
    facts: str
    json_type: str | None
    deprecated: bool


@dataclass(frozen=True)
class ModelSpec:
    """One class to be generated.

    Attributes:
        name: The class's name.
        direction: Whether it is sent or received.
        base: Name of its base class.
        component: The component it was read from; None for an object without a name.
        description: The component's own description, as it stands there.
        fields: Its fields, the required ones first.
        is_open: Whether the document allows properties that it does not name.
        python_regex: Whether a pattern in it needs Python's regular expressions.
        root: The type of an output that is no object; None for every other model.
    """

    name: str
    direction: Direction
    base: str
    component: str | None
    description: str
    fields: tuple[FieldSpec, ...]
    is_open: bool = False
    python_regex: bool = False
    root: Schema | None = None


@dataclass(frozen=True)
class Interface:
    """One endpoint, ready to be written.

    Attributes:
        id: The endpoint's id.
        category: The platform's category, if the document names one.
        description: The document's own description; empty when it has none.
        input: Name of the input's class.
        output: Name of the output's class.
        models: Every class by name; a class stands after those it is made of.
        route: What an app's own document says of the endpoint; None for any other.
        deprecated: Whether the document says that it is going away.
        warnings: What in the document could not be followed.
    """

    id: str
    category: str | None
    description: str
    input: str
    output: str
    models: dict[str, ModelSpec]
    route: Route | None = None
    deprecated: bool = False
    warnings: list[str] = field(default_factory=list[str])


def references(schema: object) -> set[str]:
    """Names of the classes that a normalized schema refers to."""
    items = as_list(schema)
    if items is not None:
        return set[str]().union(*(references(item) for item in items))
    mapping = as_object(schema) or {}
    ref = as_text(mapping.get("$ref"))
    if ref is not None:
        return {ref.removeprefix(CLASS_PREFIX)}
    return set[str]().union(*(references(item) for item in mapping.values()))


def model_references(model: ModelSpec) -> set[str]:
    """Names of the classes that a model's fields refer to."""
    found = set[str]().union(*(references(item.schema) for item in model.fields))
    return found | references(model.root)
