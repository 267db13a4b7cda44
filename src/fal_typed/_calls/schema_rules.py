"""Checks the keywords of JSON Schema that types do not express.

Generated inputs contain the rules that their types cannot state, such as `contains` or
`propertyNames`; the emulator checks the same keywords of its documents. Both dialects are
supported: JSON Schema 2020-12, and the keywords of OpenAPI 3.0 and draft 4 that differ from it.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Hashable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias, TypeGuard

from fal_typed._core.json_values import as_list, as_object, as_text

Path: TypeAlias = "tuple[str | int, ...]"
Resolve: TypeAlias = "Callable[[str], Any]"

_DEEPEST = 100
_SIZES = {
    "Length": ("String", "character"),
    "Items": ("List", "item"),
    "Properties": ("Object", "entry"),
}
_OTHER_PROPERTIES = ("additionalProperties", "unevaluatedProperties")
_JSON = (bool, int, float, str, list, dict)


class Violation(NamedTuple):
    """A keyword that a value violates, and the location in the value."""

    path: Path
    message: str


def violations(schema: Any, value: Any, resolve: Resolve | None = None) -> list[Violation]:
    """Check a value against a schema.

    Args:
        schema: The schema. References to `#/$defs/…` are resolved in it.
        value: JSON. Other values, such as files before they are uploaded, fit every schema.
        resolve: Returns the schema of any other reference.

    Returns:
        Every violation; keywords that are unknown or malformed are ignored.

    >>> violations({"contains": {"const": 1}}, [2, 3])[0].message
    'List should contain at least 1 matching item'
    >>> violations({"contains": {"const": 1}}, [1])
    []
    """
    return list(_Validation(schema, resolve).schema(schema, value, ()))


def frozen(value: Any) -> object:
    """A hashable value that is equal for equal JSON: 1 equals 1.0, but not true."""
    if isinstance(value, bool):
        return bool, value
    items, fields = as_list(value), as_object(value)
    if items is not None:
        return tuple(map(frozen, items))
    if fields is not None:
        return frozenset((key, frozen(item)) for key, item in fields.items())
    return value if isinstance(value, Hashable) else id(value)


class _Validation:
    """Checks values against the schemas of one document."""

    def __init__(self, root: Any, resolve: Resolve | None) -> None:
        self._definitions = as_object((as_object(root) or {}).get("$defs")) or {}
        self._resolve = resolve
        self._depth = 0

    def schema(self, schema: Any, value: Any, at: Path) -> Iterator[Violation]:
        """Violations of one schema, which can be a boolean."""
        if schema is False:
            yield Violation(at, "No value is allowed here")
        keywords = as_object(schema)
        if keywords is None or self._depth >= _DEEPEST:
            return
        if value is None and keywords.get("nullable") is True:
            return
        if value is not None and not isinstance(value, _JSON):
            return
        self._depth += 1
        try:
            yield from self._keywords(keywords, value, at)
        finally:
            self._depth -= 1

    def fits(self, schema: Any, value: Any) -> bool:
        return next(self.schema(schema, value, ()), None) is None

    def _keywords(self, schema: dict[str, Any], value: Any, at: Path) -> Iterator[Violation]:
        ref = as_text(schema.get("$ref"))
        if ref is not None:
            yield from self.schema(self._referenced(ref), value, at)
        for message in (*_type_problems(schema, value), *_value_problems(schema, value)):
            yield Violation(at, message)
        yield from self._combined(schema, value, at)
        items, fields = as_list(value), as_object(value)
        if items is not None:
            yield from self._list(schema, items, at)
        if fields is not None:
            yield from self._object(schema, fields, at)

    def _referenced(self, ref: str) -> Any:
        name = ref.removeprefix("#/$defs/")
        if name in self._definitions:
            return self._definitions[name]
        return {} if self._resolve is None else self._resolve(ref)

    def _applied(self, schema: dict[str, Any], value: Any) -> Iterator[Any]:
        """Schemas that a schema applies to the same value, and that the value fits."""
        ref = as_text(schema.get("$ref"))
        parts = [] if ref is None else [self._referenced(ref)]
        for keyword in ("allOf", "anyOf", "oneOf"):
            parts += as_list(schema.get(keyword)) or []
        if "if" in schema:
            parts += [
                schema["if"],
                schema.get("then" if self.fits(schema["if"], value) else "else"),
            ]
        needs = (as_object(schema.get("dependentSchemas")) or {}).items()
        parts += [part for name, part in needs if isinstance(value, dict) and name in value]
        for part in map(as_object, parts):
            if part is not None and self.fits(part, value):
                yield part

    def _evaluated(self, schema: dict[str, Any], value: Any, depth: int = 0) -> set[str | int]:
        """Names of properties and indexes of items that a schema describes."""
        found = set[str | int]()
        if depth < _DEEPEST:
            for part in self._applied(schema, value):
                found |= self._evaluated(part, value, depth + 1)
        items, fields = as_list(value), as_object(value)
        if items is not None:
            found |= self._described_items(schema, items)
        if fields is not None:
            is_open = not schema.keys().isdisjoint(_OTHER_PROPERTIES)
            found |= {name for name in fields if is_open or self._own_kinds(schema, name)}
        return found

    def _described_items(self, schema: dict[str, Any], items: list[Any]) -> set[str | int]:
        listed = as_list(schema.get("items"))
        rest = "items" if listed is None else "additionalItems"
        first = as_list(schema.get("prefixItems")) or listed or []
        is_open = not schema.keys().isdisjoint((rest, "unevaluatedItems"))
        count = len(items) if is_open else len(first)
        found = set[str | int](range(count))
        if "contains" in schema:
            found |= {i for i, item in enumerate(items) if self.fits(schema["contains"], item)}
        return found

    def _combined(self, schema: dict[str, Any], value: Any, at: Path) -> Iterator[Violation]:
        for part in as_list(schema.get("allOf")) or ():
            yield from self.schema(part, value, at)
        members = as_list(schema.get("anyOf"))
        if members and not any(self.fits(member, value) for member in members):
            yield Violation(at, "Input should match one of the schemas of `anyOf`")
        members = as_list(schema.get("oneOf"))
        if members:
            number = sum(self.fits(member, value) for member in members)
            if number != 1:
                message = f"Input should match exactly one schema of `oneOf`, not {number}"
                yield Violation(at, message)
        if "not" in schema and self.fits(schema["not"], value):
            yield Violation(at, "Input should not match the schema of `not`")
        if "if" in schema:
            branch = "then" if self.fits(schema["if"], value) else "else"
            yield from self.schema(schema.get(branch, True), value, at)

    def _list(self, schema: dict[str, Any], items: list[Any], at: Path) -> Iterator[Violation]:
        listed = as_list(schema.get("items"))
        prefix = as_list(schema.get("prefixItems")) or listed or []
        rest = schema.get("items", True) if listed is None else schema.get("additionalItems", True)
        for index, item in enumerate(items):
            kind = prefix[index] if index < len(prefix) else rest
            yield from self.schema(kind, item, (*at, index))
        for message in _size_problems(schema, "Items", len(items)):
            yield Violation(at, message)
        if schema.get("uniqueItems") is True and len(set(map(frozen, items))) < len(items):
            yield Violation(at, "The list contains the same item twice")
        if "contains" in schema:
            number = sum(self.fits(schema["contains"], item) for item in items)
            least, most = schema.get("minContains", 1), schema.get("maxContains", math.inf)
            if _is_number(least) and number < least:
                message = f"List should contain at least {_count(least, 'matching item')}"
                yield Violation(at, message)
            if _is_number(most) and number > most:
                yield Violation(at, f"List should contain at most {_count(most, 'matching item')}")

        if "unevaluatedItems" in schema:
            described = {key: it for key, it in schema.items() if key != "unevaluatedItems"}
            known = self._evaluated(described, items)
            for index in range(len(items)):
                if index not in known:
                    yield from self.schema(schema["unevaluatedItems"], items[index], (*at, index))

    def _object(
        self, schema: dict[str, Any], fields: dict[str, Any], at: Path
    ) -> Iterator[Violation]:
        for message in _size_problems(schema, "Properties", len(fields)):
            yield Violation(at, message)
        for name in as_list(schema.get("required")) or ():
            if isinstance(name, str) and name not in fields:
                yield Violation((*at, name), "This parameter is required")
        for name, item in fields.items():
            for kind in self._kinds(schema, name):
                yield from self.schema(kind, item, (*at, name))
            if not self.fits(schema.get("propertyNames", True), name):
                yield Violation(
                    (*at, name), "The name does not match the schema of `propertyNames`"
                )
        yield from self._dependent(schema, fields, at)
        if "unevaluatedProperties" in schema:
            described = {key: it for key, it in schema.items() if key != "unevaluatedProperties"}
            known = self._evaluated(described, fields)
            for name, item in fields.items():
                if name not in known:
                    yield from self.schema(schema["unevaluatedProperties"], item, (*at, name))

    def _kinds(self, schema: dict[str, Any], name: str) -> list[Any]:
        """Schemas of a property."""
        return self._own_kinds(schema, name) or [schema.get("additionalProperties", True)]

    @staticmethod
    def _own_kinds(schema: dict[str, Any], name: str) -> list[Any]:
        """Schemas of a property that its name selects."""
        own = as_object(schema.get("properties")) or {}
        patterns = as_object(schema.get("patternProperties")) or {}
        found = [own[name]] if name in own else []
        return found + [kind for pattern, kind in patterns.items() if _matches(pattern, name)]

    def _dependent(
        self, schema: dict[str, Any], fields: dict[str, Any], at: Path
    ) -> Iterator[Violation]:
        for keyword in ("dependentRequired", "dependentSchemas", "dependencies"):
            for name, needs in (as_object(schema.get(keyword)) or {}).items():
                names = as_list(needs)
                if name not in fields:
                    continue
                if names is None:
                    yield from self.schema(needs, fields, at)
                for other in names or ():
                    if isinstance(other, str) and other not in fields:
                        yield Violation((*at, other), f"This parameter is required with {name!r}")


def _is_type(kind: object, value: Any) -> bool:
    if kind == "integer":
        return _is_number(value) and (isinstance(value, int) or value.is_integer())
    if kind == "number":
        return _is_number(value)
    types: dict[object, type | tuple[type, ...]] = {
        "string": str, "boolean": bool, "null": type(None), "array": list, "object": dict,
    }  # fmt: skip
    return isinstance(value, types[kind]) if kind in types else True


def _type_problems(schema: dict[str, Any], value: Any) -> Iterator[str]:
    stated = schema.get("type")
    kinds = [stated] if isinstance(stated, str) else as_list(stated)
    if kinds and not any(_is_type(kind, value) for kind in kinds if isinstance(kind, str)):
        yield f"Input should be of type {' or '.join(map(str, kinds))}"


def _value_problems(schema: dict[str, Any], value: Any) -> Iterator[str]:
    allowed = [schema["const"]] if "const" in schema else None
    for values in (allowed, as_list(schema.get("enum"))):
        if values and frozen(value) not in set(map(frozen, values)):
            names = list(map(repr, values))
            yield f"Input should be {' or '.join(filter(None, (', '.join(names[:-1]), names[-1])))}"
    if _is_number(value):
        yield from _number_problems(schema, value)
    if isinstance(value, str):
        yield from _size_problems(schema, "Length", len(value))
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and not _matches(pattern, value):
            yield f"String should match pattern '{pattern}'"


_BOUNDS: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
    ("minimum", "greater than or equal to", lambda a, b: a >= b),
    ("exclusiveMinimum", "greater than", lambda a, b: a > b),
    ("maximum", "less than or equal to", lambda a, b: a <= b),
    ("exclusiveMaximum", "less than", lambda a, b: a < b),
    ("multipleOf", "a multiple of", lambda a, b: _divides(b, a)),
)


def _number_problems(schema: dict[str, Any], value: float) -> Iterator[str]:
    for plain, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if schema.get(exclusive) is True and _is_number(schema.get(plain)):
            schema = {**schema, exclusive: schema[plain]}  # OpenAPI 3.0 marks it by a flag
    for keyword, words, is_within in _BOUNDS:
        limit = schema.get(keyword)
        if _is_number(limit) and not is_within(value, limit):
            yield f"Input should be {words} {limit}"


def _divides(step: float, value: float) -> bool:
    """Whether a number is a multiple in decimal arithmetic: 0.15 is a multiple of 0.05."""
    if step <= 0 or not (math.isfinite(step) and math.isfinite(value)):
        return True
    return (Fraction(str(value)) / Fraction(str(step))).denominator == 1


def _size_problems(schema: dict[str, Any], what: str, size: int) -> Iterator[str]:
    noun, unit = _SIZES[what]
    least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
    if _is_number(least) and size < least:
        yield f"{noun} should have at least {_count(least, unit)}"
    if _is_number(most) and size > most:
        yield f"{noun} should have at most {_count(most, unit)}"


def _count(number: float, noun: str) -> str:
    plural = "entries" if noun == "entry" else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _matches(pattern: str, text: str) -> bool:
    """Whether a pattern occurs in a text; a pattern that no engine supports occurs everywhere."""
    return _engine(pattern)(text)


@functools.lru_cache(maxsize=1024)
def _engine(pattern: str) -> Callable[[str], bool]:
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    try:
        # Its time is linear in the length of the text, unlike that of Python's engine.
        return SchemaValidator(core_schema.str_schema(pattern=pattern)).isinstance_python
    except SchemaError:
        pass
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return lambda _: True
    return lambda text: compiled.search(text) is not None
