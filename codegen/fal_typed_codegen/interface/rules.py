"""Schemas that inputs are checked against at run time, because no type expresses them.

A rule is a JSON schema without prose. It is attached to the parameter, or to the class, whose type
accepts more than the document allows.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from fal_typed._core.json_values import as_list, as_object
from fal_typed._documents.document import component_name
from fal_typed._documents.schemas import SCHEMA_MAPS, SUBSCHEMAS
from fal_typed_codegen.interface import constraints

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from fal_typed._documents.document import EndpointDocument, Schema

NOT_CHECKED = frozenset({"$dynamicRef", "$recursiveRef"})
"""Keywords that neither types nor rules check."""

UNEVALUATED = ("unevaluatedItems", "unevaluatedProperties")
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_STRINGS = frozenset({"minLength", "maxLength", "pattern"})
_ARRAYS = frozenset(
    {
        "items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems",
        "contains", "minContains", "maxContains", "unevaluatedItems",
    }
)  # fmt: skip
OF_CLASSES = frozenset(
    {
        "patternProperties", "additionalProperties", "propertyNames", "minProperties",
        "maxProperties", "dependentRequired", "dependentSchemas", "dependencies",
        "unevaluatedProperties",
    }
)  # fmt: skip
"""Keywords of objects that a class does not express."""
_OTHER_NAMES = ("patternProperties", "additionalProperties", "unevaluatedProperties")
_WITH_PROPERTIES = (
    "patternProperties", "allOf", "anyOf", "oneOf", "then", "else", "dependentSchemas",
)  # fmt: skip
_OBJECTS = OF_CLASSES | {"properties", "required"}
_ALWAYS = frozenset({"$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else"})
_ONLY_BESIDE = {"type", "nullable", "minContains", "maxContains", "then", "else"}
"""Keywords that do nothing alone, or that types express."""
_VALUES = frozenset({"type", "enum", "const", "nullable"})
_BY_TYPE = {
    "string": _STRINGS,
    "integer": _NUMBERS,
    "number": _NUMBERS,
    "array": _ARRAYS,
    "object": _OBJECTS,
    "boolean": frozenset[str](),
    "null": frozenset[str](),
}
_CHECKED = _NUMBERS | _STRINGS | _ARRAYS | _OBJECTS | _ALWAYS | _VALUES
_OF_INNER_VALUES = frozenset(
    {"properties", "patternProperties", "additionalProperties", "items", "prefixItems"}
)
"""Keywords with the schemas of values inside a value."""
_DESCRIBING = ("items", "additionalItems", "additionalProperties", *UNEVALUATED)
"""Keywords that matter to `unevaluatedItems` and `unevaluatedProperties` also if they allow all."""
_HARMLESS: tuple[Any, ...] = ({}, [], None)
_DEEPEST = 24
_LARGEST = 20_000


def leftover(schema: Schema, expressed: Collection[str], kind: str | None = None) -> bool:
    """Whether a schema has keywords that its type does not express.

    Args:
        schema: The schema.
        expressed: Keywords that the type expresses.
        kind: The JSON type of its values; None for any type.

    >>> leftover({"type": "string", "minLength": 1, "contains": {}}, {"minLength"}, "string")
    False
    >>> leftover({"type": "string", "not": {"const": "a"}}, {"minLength"}, "string")
    True
    """
    known = _CHECKED if kind is None else _ALWAYS | _BY_TYPE.get(kind, _CHECKED)
    keys = (known - _ONLY_BESIDE - set(expressed)) & schema.keys()
    return any(not _is_harmless(key, schema[key]) for key in keys)


def is_checked(keyword: str) -> bool:
    """Whether a keyword decides which values are valid."""
    return keyword in _CHECKED


def rule_of(document: EndpointDocument, schema: Any, *, closed: bool = False) -> Schema | None:
    """The rule for a parameter.

    Args:
        document: The document of the schema.
        schema: The parameter's schema.
        closed: Whether objects reject the names that the document does not mention.

    Returns:
        The schema with everything that it refers to; None if it is too large to be checked.
    """
    rule = _RuleCopy(document, closed=closed).whole(schema)
    is_small = len(json.dumps(rule)) <= _LARGEST and not _is_deep(rule)
    return rule if is_small else None


def class_rule(document: EndpointDocument, schema: Schema, tags: Collection[str]) -> Schema | None:
    """The rule for a class: what its fields and their types do not express.

    Args:
        document: The document of the schema.
        schema: The schema of the object.
        tags: Wire names of constants that are always sent.

    Returns:
        The rule; an empty one if the class expresses everything, None if it is too large.
    """
    own = (OF_CLASSES | _ALWAYS - {"$ref"}) & schema.keys()
    kept: Schema = {key: schema[key] for key in sorted(own) if not _is_harmless(key, schema[key])}
    if kept.keys().isdisjoint(_WITH_PROPERTIES):
        for key in ("additionalProperties", "unevaluatedProperties"):
            if kept.get(key) is False:
                del kept[key]  # the class is closed
    if not kept.keys().isdisjoint(_OTHER_NAMES):
        known: Schema = {"properties": dict.fromkeys(_names(schema), True)}
        # Unknown parameters are misspelled ones, unless the document allows them.
        is_open = schema.get("additionalProperties") is True
        if not is_open and "unevaluatedProperties" not in kept:
            known["additionalProperties"] = False
        kept = {**known, **kept}
    if tags:
        kept["required"] = sorted(tags)
    return rule_of(document, kept) if kept else {}


def _names(schema: Schema) -> list[str]:
    required = [name for name in as_list(schema.get("required")) or [] if isinstance(name, str)]
    return [*dict.fromkeys([*(as_object(schema.get("properties")) or {}), *required])]


class _RuleCopy:
    """A copy of a schema without prose; components that it refers to become its definitions."""

    def __init__(self, document: EndpointDocument, *, closed: bool = False) -> None:
        self._document = document
        self._is_closed = closed
        self._names: dict[str, str] = {}
        self._definitions: Schema = {}

    def whole(self, schema: Any) -> Schema:
        copied = self._value(schema)
        whole: Schema = {"not": {}} if copied is False else as_object(copied) or {}
        return {**whole, "$defs": self._definitions} if self._definitions else whole

    def _value(self, schema: Any) -> Any:
        """Copy the schema of a value, which can be closed; not one that applies with others."""
        copied, mapping = self.schema(schema), as_object(schema) or {}
        is_open = not mapping.keys().isdisjoint(_OTHER_NAMES)
        if self._is_closed and not is_open and _mentions_names(self._document, mapping):
            copied["unevaluatedProperties"] = False
        return copied

    def schema(self, value: Any) -> Any:
        """Copy a schema."""
        mapping = as_object(value)
        if mapping is None:
            return value is not False
        copied = {
            key: self._keyword(key, item)
            for key, item in constraints.spelled_out(mapping).items()
            if key in _CHECKED
            and (key in _DESCRIBING or not _is_harmless(key, item))
            and _is_json(item)
        }
        pattern = copied.get("pattern")
        if "pattern" in copied and not _is_pattern(pattern):
            del copied["pattern"]
        if "$ref" in copied:
            self._reference(copied, mapping)
        return copied

    def _keyword(self, key: str, item: Any) -> Any:
        items, mapping = as_list(item), as_object(item)
        if key in SCHEMA_MAPS or key == "dependencies":
            return {
                name: self._inside(key)(inner) if as_list(inner) is None else inner
                for name, inner in (mapping or {}).items()
                if key != "patternProperties" or _is_pattern(name)
            }
        if key in SUBSCHEMAS:
            copy = self._inside(key)
            return copy(item) if items is None else [copy(one) for one in items]
        return item

    def _inside(self, key: str) -> Callable[[Any], Any]:
        return self._value if key in _OF_INNER_VALUES else self.schema

    def _reference(self, copied: Schema, schema: Schema) -> None:
        name = component_name(schema)
        if name is None or name not in self._document.components:
            del copied["$ref"]
            return
        if name not in self._names:
            self._names[name] = f"d{len(self._names)}"
            # The entry comes first, for a component that refers to itself.
            self._definitions[self._names[name]] = True
            self._definitions[self._names[name]] = self.schema(self._document.components[name])
        copied["$ref"] = f"#/$defs/{self._names[name]}"


def _mentions_names(document: EndpointDocument, schema: Schema, depth: int = 0) -> bool:
    """Whether a schema, or one that applies to the same value, describes properties."""
    schema = document.resolve(schema)
    if schema.get("properties"):
        return True
    parts = (part for key in ("allOf", "anyOf", "oneOf") for part in as_list(schema.get(key)) or [])
    return depth < _DEEPEST and any(
        _mentions_names(document, as_object(part) or {}, depth + 1) for part in parts
    )


def _is_harmless(key: str, value: Any) -> bool:
    """Whether a keyword with this value allows everything."""
    if key in ("const", "enum"):
        return key == "enum" and not as_list(value)
    if key in ("not", "if", "contains"):
        return False
    if value is True and key not in (
        "uniqueItems",
        "nullable",
        "exclusiveMinimum",
        "exclusiveMaximum",
    ):
        return True
    if value is False and key in ("uniqueItems", "nullable"):
        return True
    if key == "minContains":
        return False
    return value in _HARMLESS or (
        value == 0 and value is not False and key.startswith("min") and key[3].isupper()
    )


def _is_pattern(value: Any) -> bool:
    return isinstance(value, str) and constraints.pattern_engine(value) is not None


def _is_json(value: Any, depth: int = 0) -> bool:
    """Whether a value can be written as a literal: NaN and infinity cannot."""
    if isinstance(value, float):
        return math.isfinite(value)
    inner = as_list(value) or list((as_object(value) or {}).values())
    return depth <= _DEEPEST * 4 and all(_is_json(item, depth + 1) for item in inner)


def _is_deep(value: Any, depth: int = 0) -> bool:
    inner = as_list(value) or list((as_object(value) or {}).values())
    return depth > _DEEPEST or any(_is_deep(item, depth + 1) for item in inner)
