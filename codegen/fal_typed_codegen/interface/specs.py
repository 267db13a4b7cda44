"""Specification of an endpoint's generated code: its models and their fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fal_typed._core.json_values import as_list, as_object, as_text

if TYPE_CHECKING:
    from fal_typed._documents.document import Route, Schema
    from fal_typed._documents.tasks import EndpointTask
    from fal_typed._documents.values import Values

Direction: TypeAlias = Literal["input", "output"]

ALIAS = "TypeAlias"
"""Base of an alias for a list of allowed values, which is no class."""

BODY = "BodyModel"
"""Base of an input that is no plain object, such as a union or a list."""

CLASS_PREFIX = "#/$defs/"
"""Prefix of a reference to a class in a normalized schema, before the class name."""


class Missing:
    """The type of `MISSING`."""


MISSING = Missing()
"""Default of a property that has no default; None is a valid default."""


@dataclass(frozen=True)
class FieldSpec:
    """One property of a model.

    Attributes:
        name: Its Python name.
        wire: Its name in JSON.
        schema: Its type in the normal form of `normalize`, without null.
        nullable: Whether null is allowed.
        required: Whether it is required.
        default: The document's default, or `MISSING`.
        description: Its description in the document, unchanged.
        facts: Sentence about what the type cannot express: bounds, lengths, allowed values.
        json_type: Its JSON type; None if it has several.
        values: The values that it accepts.
        deprecated: Whether it is deprecated.
        rule: Schema to check at run time, because the type accepts more; None for most.
        is_partial: Whether the rule also allows values that the type rejects.
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
    values: Values
    deprecated: bool
    rule: Schema | None = None
    is_partial: bool = False


@dataclass(frozen=True)
class ModelSpec:
    """One class to generate.

    Attributes:
        name: The class's name.
        direction: Whether it is part of the input or the output.
        base: Name of its base class.
        component: The component it comes from; None for an unnamed object.
        description: The component's description, unchanged.
        fields: Its fields, required ones first.
        is_open: Whether additional properties are allowed.
        python_regex: Whether a pattern needs Python's regular expressions.
        root: Type of an alias, or of an input or output that is no plain object; None for all
            other models.
        rule: Schema to check at run time, because the fields accept more; empty for most.
        is_partial: Whether the rule of a body also allows values that its type rejects.
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
    rule: Schema = field(default_factory=dict[str, Any])
    is_partial: bool = False


@dataclass(frozen=True)
class Interface:
    """One endpoint, ready to be rendered.

    Attributes:
        id: The endpoint's id.
        task: What the endpoint does; None for a route of a private app.
        description: The document's description; empty if it has none.
        input: Name of the input's class.
        output: Name of the output's class.
        models: Classes by name; a class comes after those it refers to.
        route: Route of the app, if the document is from an app.
        deprecated: Whether it is deprecated.
        warnings: Parts of the document that could not be translated exactly.
    """

    id: str
    task: EndpointTask | None
    description: str
    input: str
    output: str
    models: dict[str, ModelSpec]
    route: Route | None = None
    deprecated: bool = False
    warnings: list[str] = field(default_factory=list[str])

    @property
    def forms(self) -> list[str]:
        """Names of the classes whose parameters the endpoint takes: several for a union."""
        root = self.models[self.input].root
        if root is None:
            return [self.input]
        members = as_list(root.get("anyOf")) or [root]
        return [name for member in members if (name := class_of(member)) in self.models]


def class_of(schema: Schema) -> str | None:
    """Name of the class that a normalized schema is a reference to."""
    ref = as_text(schema.get("$ref"))
    return None if ref is None else ref.removeprefix(CLASS_PREFIX)


def dict_name(name: str) -> str:
    """Name of the type of a dict that a nested input accepts, e.g. ``ImageSizeDict``."""
    return f"{name}Dict"


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
