"""Checks an input against its JSON schema and reports problems in fal's error format.

fal's model servers are pydantic models behind FastAPI, so problems have pydantic's form:
``{"loc": ["body", "num_images"], "msg": …, "type": "less_than_equal", …}`` (docs/protocol.md
sections 8.1 and 8.3). A schema is compiled once into closures, because the emulator checks every
request. Types are those of JSON Schema: ``"4"`` is not an integer, ``4.0`` is.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from fal_typed._calls.schema_rules import frozen, violations
from fal_typed._core.json_values import as_list, as_object
from fal_typed._documents.discriminators import discriminator_of
from fal_typed._documents.document import EndpointDocument, Schema, component_name
from fal_typed._documents.schema_walk import (
    allowed_values,
    properties,
    required_names,
    schema_type,
)
from fal_typed._documents.schemas import SCHEMA_MAPS, SUBSCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Location: TypeAlias = "tuple[str | int, ...]"
InputProblem: TypeAlias = "dict[str, Any]"
Check: TypeAlias = "Callable[[Any, Location, list[InputProblem]], None]"


_MOST_PARTS = 8
_BEYOND = frozenset(
    {
        "not", "if", "contains", "oneOf", "patternProperties", "propertyNames", "minProperties",
        "maxProperties", "dependentRequired", "dependentSchemas", "dependencies",
        "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
_OF_TYPES = frozenset(
    {
        "properties", "required", "additionalProperties", "items", "prefixItems", "minItems",
        "maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "minimum", "maximum",
        "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    }
)  # fmt: skip
"""Keywords of values of one type."""


class SchemaChecker:
    """The compiled check of one schema of a document.

    Args:
        document: The document that contains the schema.
        schema: The schema to check against, usually the document's input.

    >>> document = EndpointDocument({"info": {}, "paths": {"/acme/echo": {"post": {}}}})
    >>> checker = SchemaChecker(document, {"type": "integer", "maximum": 4})
    >>> checker.problems(9, ("body", "n"))[0]["type"]
    'less_than_equal'
    """

    def __init__(self, document: EndpointDocument, schema: Schema) -> None:
        self._document = document
        self._named: dict[str, Check] = {}
        self._schema = schema
        self._is_compiled = not goes_beyond(document, schema)
        self._check = self._compile(schema)

    def problems(self, value: Any, location: Location = ("body",)) -> list[InputProblem]:
        """Check a value.

        Args:
            value: Parsed JSON.
            location: The beginning of every ``loc``.

        Returns:
            Every problem, in the order of the schema; empty when the value is valid.
        """
        found: list[InputProblem] = []
        if self._is_compiled:
            self._check(value, location, found)
            return found
        violated = violations(self._schema, value, self._resolve)
        if violated:
            self._check(value, location, found)
        return found or [
            _problem("value_error", f"Value error, {message}", (*location, *path), value)
            for path, message in violated
        ]

    def _resolve(self, ref: str) -> Any:
        return self._document.components.get(component_name({"$ref": ref}) or "", {})

    def _compile(self, schema: Any) -> Check:
        if as_object(schema) is None:  # a boolean, which the violations decide on
            return _all([])
        name = component_name(schema)
        if name is None:
            return self._compile_plain(schema)
        if name not in self._named:
            self._named[name] = self._later(name)  # for a component that refers to itself
            self._named[name] = self._compile_plain(self._document.resolve(schema))
        return self._named[name]

    def _later(self, name: str) -> Check:
        def check(value: Any, at: Location, found: list[InputProblem]) -> None:
            self._named[name](value, at, found)

        return check

    def _compile_plain(self, schema: Schema) -> Check:
        unions = [schema[keyword] for keyword in ("anyOf", "oneOf") if schema.get(keyword)]
        tag = discriminator_of(schema)
        checks = [self._tagged(options, tag) or self._any_of(options) for options in unions]
        checks += [self._compile(part) for part in schema.get("allOf") or ()]
        if "const" in schema:
            checks.append(_literal([schema["const"]]))
        if isinstance(schema.get("enum"), list):
            checks.append(_literal(schema["enum"]))
        elif (typed := self._typed(schema)) is not None:
            checks.append(typed)
        if schema.get("nullable"):
            return _unless_null(checks)
        return checks[0] if len(checks) == 1 else _all(checks)

    def _typed(self, schema: Schema) -> Check | None:
        if (types := as_list(schema.get("type"))) is not None:
            return self._any_of([{**schema, "type": one} for one in types])
        kind = schema_type(schema)
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return self._array(schema)
        plain = _PLAIN.get(str(kind))
        return None if plain is None else plain(schema)

    def _any_of(self, options: Sequence[Any]) -> Check:
        nulls = [option for option in options if _is_null(option)]
        nullable = bool(nulls)
        real = [option for option in options if option not in nulls] or list(options)
        checks = [self._compile(option) for option in real]
        labels = [_label(self._document, option) for option in real]

        def check(value: Any, at: Location, found: list[InputProblem]) -> None:
            if value is None and nullable:
                return
            if len(checks) == 1:  # an optional value: its problems have no branch in their location
                checks[0](value, at, found)
                return
            failed: list[InputProblem] = []
            for branch, label in zip(checks, labels, strict=True):
                before = len(failed)
                branch(value, (*at, label), failed)
                if len(failed) == before:
                    return
            found.extend(failed)

        return check

    def _tagged(self, options: Sequence[Schema], tag: str | None) -> Check | None:
        """The check of a union of objects that a property tells apart; None for other unions."""
        if tag is None:
            return None
        real = [option for option in options if not _is_null(option)]
        checks: dict[Any, tuple[str, Check]] = {}
        for option in real:
            values = allowed_values(self._property(option, tag))
            if not values or any(frozen(value) in checks for value in values):
                return None
            compiled = self._compile(option)
            checks.update({frozen(value): (str(value), compiled) for value in values})
        expected = ", ".join(repr(label) for label, _ in checks.values())

        def check(value: Any, at: Location, found: list[InputProblem]) -> None:
            if value is None and len(real) < len(options):
                return
            fields = as_object(value)
            if fields is None or tag not in fields:
                message = f"Unable to extract tag using discriminator {tag!r}"
                kind = "union_tag_not_found"
                found.append(_problem(kind, message, at, value, discriminator=repr(tag)))
                return
            label, chosen = checks.get(frozen(fields[tag]), ("", None))
            if chosen is not None:
                chosen(value, (*at, label), found)
                return
            message = (
                f"Input tag {str(fields[tag])!r} found using {tag!r} does not match any of the "
                f"expected tags: {expected}"
            )
            found.append(_problem("union_tag_invalid", message, at, value, tag=str(fields[tag])))

        return check

    def _property(self, schema: Schema, name: str, depth: int = 0) -> Schema:
        """Schema of a property that lists its values, wherever in `allOf` it is."""
        whole = self._document.resolve(schema)
        own = self._document.resolve(properties(whole).get(name, {}))
        if allowed_values(own) is not None or depth > _MOST_PARTS:
            return own
        parts = as_list(whole.get("allOf")) or []
        for part in parts:
            found = self._property(part, name, depth + 1)
            if allowed_values(found) is not None:
                return found
        return {}

    def _object(self, schema: Schema) -> Check:
        required = required_names(schema)
        checks = {name: self._compile(sub) for name, sub in properties(schema).items()}
        extra = as_object(schema.get("additionalProperties"))
        extra_check = None if extra is None else self._compile(extra)
        wrong_type = (
            (
                "model_attributes_type",
                "Input should be a valid dictionary or object to extract fields from",
            )
            if checks
            else ("dict_type", "Input should be a valid dictionary")
        )

        def check(value: Any, at: Location, found: list[InputProblem]) -> None:
            fields = as_object(value)
            if fields is None:
                found.append(_problem(*wrong_type, at, value))
                return
            found.extend(
                _problem("missing", "Field required", (*at, name), fields)
                for name in required
                if name not in fields
            )
            for name, item in fields.items():
                # Unknown keys are accepted, as the platform's models accept them.
                known = checks.get(name, extra_check)
                if known is not None:
                    known(item, (*at, name), found)

        return check

    def _array(self, schema: Schema) -> Check:
        items = as_object(schema.get("items"))
        each = None if items is None else self._compile(items)
        prefix = [self._compile(part) for part in as_list(schema.get("prefixItems")) or ()]
        shortest, longest = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        unique = bool(schema.get("uniqueItems"))

        def check(value: Any, at: Location, found: list[InputProblem]) -> None:
            entries = as_list(value)
            if entries is None:
                found.append(_problem("list_type", "Input should be a valid list", at, value))
                return
            if len(entries) < shortest:
                found.append(_wrong_length("too_short", "min", shortest, entries, at))
            if len(entries) > longest:
                found.append(_wrong_length("too_long", "max", longest, entries, at))
            if unique and len({frozen(entry) for entry in entries}) < len(entries):
                message = "Value error, list items must be unique"
                found.append(_problem("value_error", message, at, value))
            for index, entry in enumerate(entries):
                item_check = prefix[index] if index < len(prefix) else each
                if item_check is not None:
                    item_check(entry, (*at, index), found)

        return check


def goes_beyond(document: EndpointDocument, schema: Any) -> bool:
    """Whether a schema has keywords that are not compiled, which `violations` checks.

    Args:
        document: The document that contains the schema.
        schema: Any schema of it.

    Returns:
        True for keywords such as `not` or `contains`, for boolean schemas, and for bounds without
        a type, here or in anything that it refers to.
    """
    seen: set[str] = set()

    def beyond(inner: Any) -> bool:
        keywords = as_object(inner)
        if keywords is None:
            return True
        name = component_name(keywords)
        if name is not None:
            if name in seen:
                return False
            seen.add(name)
            beside = not keywords.keys().isdisjoint(_OF_TYPES)
            return beside or beyond(document.components.get(name, {}))
        beyond_types = _BEYOND - {"oneOf"} if discriminator_of(keywords) else _BEYOND
        if not keywords.keys().isdisjoint(beyond_types) or keywords.get("enum") == []:
            return True
        if "type" not in keywords and not keywords.keys().isdisjoint(_OF_TYPES - {"properties"}):
            return True
        return any(map(beyond, _inner_schemas(keywords)))

    return beyond(schema)


def _inner_schemas(keywords: Schema) -> Iterator[Any]:
    for key, value in keywords.items():
        if key in SCHEMA_MAPS:
            yield from (as_object(value) or {}).values()
        elif key in SUBSCHEMAS and value is not None:
            items = as_list(value)
            if key == "additionalProperties" and value is True:
                continue
            if key == "items" and items is not None:
                yield True  # not compiled
            yield from [value] if items is None else items


def _is_null(schema: Any) -> bool:
    return (as_object(schema) or {}).get("type") == "null"


def _problem(kind: str, message: str, at: Location, value: Any, **context: Any) -> InputProblem:
    problem: InputProblem = {"loc": list(at), "msg": message, "type": kind, "input": value}
    if context:
        problem["ctx"] = context
    return problem


def _all(checks: Sequence[Check]) -> Check:
    def check(value: Any, at: Location, found: list[InputProblem]) -> None:
        for one in checks:
            one(value, at, found)

    return check


def _unless_null(checks: Sequence[Check]) -> Check:
    every = _all(checks)

    def check(value: Any, at: Location, found: list[InputProblem]) -> None:
        if value is not None:
            every(value, at, found)

    return check


def _literal(allowed: Sequence[Any]) -> Check:
    identities = {frozen(value) for value in allowed}
    names = [repr(value) for value in allowed]
    expected = " or ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))

    def check(value: Any, at: Location, found: list[InputProblem]) -> None:
        if frozen(value) not in identities:
            message = f"Input should be {expected}"
            found.append(_problem("literal_error", message, at, value, expected=expected))

    return check


def _of_type(kind: type, error: str, message: str) -> Check:
    def check(value: Any, at: Location, found: list[InputProblem]) -> None:
        if not isinstance(value, kind):
            found.append(_problem(error, message, at, value))

    return check


def _string(schema: Schema) -> Check:
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    pattern = _compiled(schema.get("pattern"))
    is_binary = schema.get("format") == "binary" or "contentMediaType" in schema

    def check(value: Any, at: Location, found: list[InputProblem]) -> None:
        if is_binary and isinstance(value, bytes):  # from a realtime session; JSON has no bytes
            return
        if not isinstance(value, str):
            found.append(_problem("string_type", "Input should be a valid string", at, value))
            return
        if len(value) < shortest:
            message = f"String should have at least {_count(shortest, 'character')}"
            found.append(_problem("string_too_short", message, at, value, min_length=shortest))
        if len(value) > longest:
            message = f"String should have at most {_count(longest, 'character')}"
            found.append(_problem("string_too_long", message, at, value, max_length=longest))
        if pattern is not None and not pattern.search(value):
            message = f"String should match pattern '{pattern.pattern}'"
            kind = "string_pattern_mismatch"
            found.append(_problem(kind, message, at, value, pattern=pattern.pattern))

    return check


def _compiled(pattern: Any) -> re.Pattern[str] | None:
    """A pattern that Python cannot compile is not checked: documents use other dialects too."""
    try:
        return re.compile(pattern) if isinstance(pattern, str) else None
    except re.error:
        return None


_BOUNDS: dict[str, tuple[str, str, str, Callable[[Any, Any], bool]]] = {
    "minimum": ("greater_than_equal", "ge", "greater than or equal to", lambda a, b: a >= b),
    "exclusiveMinimum": ("greater_than", "gt", "greater than", lambda a, b: a > b),
    "maximum": ("less_than_equal", "le", "less than or equal to", lambda a, b: a <= b),
    "exclusiveMaximum": ("less_than", "lt", "less than", lambda a, b: a < b),
    "multipleOf": ("multiple_of", "multiple_of", "a multiple of", lambda a, b: _divides(b, a)),
}


def _number(schema: Schema, *, is_integer: bool) -> Check:
    bounds = [(*_BOUNDS[keyword], limit) for keyword, limit in number_limits(schema).items()]
    kind = "int_type" if is_integer else "float_type"
    message = f"Input should be a valid {'integer' if is_integer else 'number'}"

    def check(value: Any, at: Location, found: list[InputProblem]) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            found.append(_problem(kind, message, at, value))
            return
        if is_integer and not float(value).is_integer():
            fraction = f"{message}, got a number with a fractional part"
            found.append(_problem("int_from_float", fraction, at, value))
            return
        for error, name, words, fits, limit in bounds:
            if not fits(value, limit):
                text = f"Input should be {words} {limit}"
                found.append(_problem(error, text, at, value, **{name: limit}))

    return check


def number_limits(schema: Schema) -> dict[str, int | float]:
    """Read the bounds of a number; OpenAPI 3.0 marks exclusive bounds by a flag.

    Args:
        schema: Schema of a number.

    Returns:
        Those of ``minimum``, ``exclusiveMinimum``, ``maximum``, ``exclusiveMaximum`` and
        ``multipleOf`` that the schema has.
    """
    limits = {
        keyword: schema[keyword]
        for keyword in _BOUNDS
        if isinstance(schema.get(keyword), (int, float)) and not isinstance(schema[keyword], bool)
    }
    for flag, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if schema.get(flag) is True and bound in limits:
            limits[flag] = limits.pop(bound)
    return limits


def _divides(step: float, value: float) -> bool:
    if not step:
        return True
    quotient = value / step
    if math.isinf(quotient):
        return True
    return math.isclose(quotient, round(quotient), rel_tol=1e-9, abs_tol=1e-9)


def _integer(schema: Schema) -> Check:
    return _number(schema, is_integer=True)


def _any_number(schema: Schema) -> Check:
    return _number(schema, is_integer=False)


def _boolean(_schema: Schema) -> Check:
    return _of_type(bool, "bool_type", "Input should be a valid boolean")


def _null(_schema: Schema) -> Check:
    return _of_type(type(None), "none_required", "Input should be None")


_PLAIN: dict[str, Callable[[Schema], Check]] = {
    "string": _string,
    "integer": _integer,
    "number": _any_number,
    "boolean": _boolean,
    "null": _null,
}


def _wrong_length(
    kind: str, side: str, limit: int, entries: list[Any], at: Location
) -> InputProblem:
    edge = "least" if side == "min" else "most"
    message = (
        f"List should have at {edge} {_count(limit, 'item')} after validation, not {len(entries)}"
    )
    context = {"field_type": "List", f"{side}_length": limit, "actual_length": len(entries)}
    return _problem(kind, message, at, entries, **context)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _label(document: EndpointDocument, raw: Any) -> str:
    """What pydantic adds to ``loc`` for one branch of a union."""
    schema = as_object(raw) or {}
    if (name := component_name(schema)) is not None:
        return name
    resolved = document.resolve(schema)
    if values := as_list(resolved.get("enum")):
        return f"literal[{','.join(map(repr, values))}]"
    names = {
        "string": "str",
        "integer": "int",
        "number": "float",
        "boolean": "bool",
        "array": "list",
        "object": "dict",
    }
    return names.get(str(resolved.get("type")), "any")
