"""Translates an endpoint document into an `Interface`, before types are generated.

The types of an interface are JSON schemas in a small normal form: a class for every object with
properties, no null in a property's type, no wrappers, no prose, standard bounds, and literals that
type checkers support. datamodel-code-generator only sees this form, so its handling of anything
else does not matter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from fal_typed._core.json_values import as_list, as_object, as_text
from fal_typed._documents.discriminators import discriminator_of
from fal_typed._documents.document import InvalidDocumentError, component_name
from fal_typed._documents.schemas import json_type, properties, required_names
from fal_typed._documents.tasks import task_of
from fal_typed._documents.values import values_of
from fal_typed_codegen.interface import combining, constraints, file_types, literals, rules
from fal_typed_codegen.interface.naming import class_name, field_name
from fal_typed_codegen.interface.specs import (
    BODY,
    CLASS_PREFIX,
    MISSING,
    Direction,
    FieldSpec,
    Interface,
    ModelSpec,
    dict_name,
)
from fal_typed_codegen.interface.tags import with_tags

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from fal_typed._documents.document import EndpointDocument, Schema
    from fal_typed_codegen.interface.naming import ModuleNames

MAX_DEPTH = 32
MAX_SCHEMAS = 200_000
MAX_PATTERNS = 50
_ANY: dict[str, Any] = {}
_NULL = {"type": "null"}
_BYTES = {"type": "string", "format": "binary"}
_FILES = "fal_typed.files"
_INHERITED = (
    "type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minLength", "maxLength", "pattern",
)  # fmt: skip
_OF_STRINGS = {"minLength", "maxLength", "pattern"}
_OF_NUMBERS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_OF_LISTS = {"items", "minItems", "maxItems", "uniqueItems", "additionalItems"}
_OF_MAPS = {"additionalProperties", "minProperties", "maxProperties"}


def normalize(document: EndpointDocument, names: ModuleNames) -> Interface:
    """Translate a document into an interface.

    Args:
        document: The endpoint's document.
        names: Python names of the endpoint.

    Returns:
        The interface. Parts that cannot be translated accept any value and cause a warning.
    """
    walk = _Walk(document, names.models)
    input_name = walk.root("input", document.input_ref)
    output_name = walk.root("output", document.output_ref)
    classes = {*walk.models, *map(dict_name, walk.models)}
    clear = {name: _clear_of_classes(model, classes) for name, model in walk.models.items()}
    return Interface(
        id=document.id,
        task=task_of(document),
        description=document.description or "",
        input=input_name,
        output=output_name,
        models=with_tags(clear),
        route=document.route,
        deprecated=document.deprecated,
        warnings=list(dict.fromkeys(walk.warnings)),
    )


class _Walk:
    """One pass over a document's schemas, which collects their classes."""

    def __init__(self, document: EndpointDocument, stem: str) -> None:
        self.models: dict[str, ModelSpec] = {}
        self.warnings: list[str] = []
        self._document = document
        self._direction: Direction = "input"
        self._roots = {"input": f"{stem}Input", "output": f"{stem}Output"}
        self._taken = set(self._roots.values())
        self._by_component: dict[tuple[Direction, str], str] = {}
        self._inlined: list[str] = []
        self._depth = 0
        self._seen = 0
        self._patterns: set[str] = set()
        self._python_regex = False
        self._is_inexact = False
        self._is_partial = False

    def root(self, direction: Direction, ref: Schema) -> str:
        """Add the class of the input or the output."""
        self._direction = direction
        name = self._roots[direction]
        component = component_name(ref)
        schema = self._without_wrapper(self._document.resolve(ref))
        if component is not None:
            self._by_component[direction, component] = name
        if self._is_plain(schema):
            self._make(name, component, schema)
        else:
            self._make_root(name, component, ref)
        return name

    def _is_plain(self, schema: Schema) -> bool:
        """Whether the input or the output is a plain object."""
        if not schema:
            return self._direction == "input" or self._document.route is None
        is_union = bool(_members(schema)) and not _mapping(schema.get("properties"))
        return _is_object(schema) and not is_union and schema.get("nullable") is not True

    def _make_root(self, name: str, component: str | None, ref: Schema) -> None:
        """Add the class of an input or an output that is no plain object."""
        if component is not None:
            del self._by_component[self._direction, component]
        is_input = self._direction == "input"
        root = self._type(ref, name, "body" if is_input else "", is_file=False)
        is_partial = is_input and self._is_partial
        needs_rule = is_partial or (is_input and self._is_inexact)
        rule = self._rule("body", ref, closed=is_partial) if needs_rule else None
        self.models[name] = ModelSpec(
            name=name,
            direction=self._direction,
            base=BODY if is_input else "RootModel",
            component=component,
            description=_text(self._document.resolve(ref).get("description")),
            fields=(),
            python_regex=is_input and self._python_regex,
            root=root,
            rule=rule or {},
            is_partial=is_partial,
        )
        self._python_regex = self._is_inexact = self._is_partial = False

    def _make(self, name: str, component: str | None, schema: Schema) -> None:
        """Add the class of an object schema, after the classes that it refers to."""
        outer_regex, self._python_regex = self._python_regex, False
        rule = self._class_rule(name, schema)
        base = "OutputModel"
        if self._direction == "input":
            base = "RuledModel" if rule else "InputModel"
        skipped: frozenset[str] = frozenset()
        if self._direction == "output" and file_types.is_file_component(schema):
            kind = file_types.file_class(component or name, schema, "")
            base, skipped = kind, file_types.FILE_FIELDS["File"] | file_types.FILE_FIELDS[kind]
        fields = self._fields(name, self._with_members(schema), skipped)
        self.models[name] = ModelSpec(
            name=name,
            direction=self._direction,
            base=base,
            component=component,
            description=_text(schema.get("description")),
            fields=fields,
            is_open=self._direction == "input" and _allows_more(schema),
            python_regex=self._python_regex,
            rule=rule,
        )
        self._python_regex = outer_regex

    def _with_members(self, schema: Schema) -> Schema:
        """An object's schema with the properties of its unions and conditions."""
        if "properties" not in schema:
            return schema
        members = [item for key in ("anyOf", "oneOf") for item in _list(schema.get(key))]
        members += [schema.get("then"), schema.get("else")]
        members += _mapping(schema.get("dependentSchemas")).values()
        parts = [self._without_wrapper(self._part(part)) for part in map(_mapping, members) if part]
        return combining.with_members(schema, map(self._with_members, parts)) if parts else schema

    def _class_rule(self, name: str, schema: Schema) -> Schema:
        if self._direction == "output":
            return {}
        rule = rules.class_rule(self._document, schema, ())
        if rule is None:
            self._warn(f"{name}: the schema is too large, so some keywords are not checked")
        return rule or {}

    def _fields(self, owner: str, schema: Schema, skipped: frozenset[str]) -> tuple[FieldSpec, ...]:
        required = required_names(schema)
        taken: set[str] = set()
        fields: list[FieldSpec] = []
        known = _declared(schema) if self._direction == "input" else properties(schema)
        for wire, raw in known.items():
            if wire in skipped:
                continue
            name = field_name(wire, taken, of_file=bool(skipped))
            taken.add(name)
            fields.append(self._field(owner, name, wire, raw, wire in required))
        return tuple(fields)

    def _field(self, owner: str, name: str, wire: str, raw: Any, required: bool) -> FieldSpec:
        outer = self._is_inexact, self._is_partial
        self._is_inexact = self._is_partial = False
        schema = self._without_wrapper(_mapping(raw))
        is_file = self._direction == "input" and file_types.is_file_parameter(wire, schema)
        made = self._type(schema if raw is not False else raw, owner, wire, is_file=is_file)
        kind, nullable = _split_null(made)
        # The string of a file can be a path, to which no bound applies.
        is_checked = self._direction == "input" and not is_file
        is_partial = self._is_partial and is_checked
        needs_rule = is_checked and (self._is_inexact or is_partial)
        rule = self._rule(wire, raw, closed=is_partial) if needs_rule else None
        self._is_inexact, self._is_partial = outer
        default = schema.get("default", MISSING)
        return FieldSpec(
            name=name,
            wire=wire,
            schema=kind,
            nullable=nullable,
            required=required,
            default=default,
            description=_text(schema.get("description")),
            facts=self._facts(schema, kind),
            json_type=json_type(schema),
            values=values_of(self._document, schema),
            deprecated=schema.get("deprecated") is True,
            rule=rule,
            is_partial=is_partial and rule is not None,
        )

    def _rule(self, field: str, schema: Any, *, closed: bool) -> Schema | None:
        rule = rules.rule_of(self._document, schema, closed=closed)
        if rule is None:
            self._warn(f"{field}: the schema is too large, so some keywords are not checked")
        return rule

    def _facts(self, schema: Schema, kind: Schema) -> str:
        if self._direction == "output":
            return ""
        values = literals.beyond_types(self._document.resolve(schema))
        if values:
            return f"One of {', '.join(map(str, values))}."
        return constraints.in_words(kind)

    def _type(self, schema: Any, owner: str, field: str, *, is_file: bool) -> Schema:
        """Normal form of a schema; its union can still contain null."""
        raw = as_object(schema)
        if raw is None:
            self._is_inexact |= schema is False
            return _ANY
        if self._depth >= MAX_DEPTH:
            self._warn(f"{field}: nested deeper than {MAX_DEPTH} levels")
            return _ANY
        self._count()
        self._depth += 1
        try:
            return self._nested_type(raw, owner, field, is_file=is_file)
        finally:
            self._depth -= 1

    def _nested_type(self, raw: Schema, owner: str, field: str, *, is_file: bool) -> Schema:
        schema = constraints.spelled_out(self._without_wrapper(raw))
        for key in sorted(rules.NOT_CHECKED & schema.keys()):
            self._warn(f"{field}: the keyword {key!r} is not checked")
        if "$ref" in schema:
            self._mark(schema, {"$ref"})
            kind = self._reference(schema, owner, field, is_file=is_file)
        elif literals.has_values(schema):
            kind = self._values(schema)
        elif (members := _members(schema)) and not _is_class(schema):
            kind = self._members(schema, members, owner, field, is_file=is_file)
        elif isinstance(schema.get("type"), list):
            kind = _union(
                self._type({**schema, "type": single}, owner, field, is_file=is_file)
                for single in _list(schema["type"])
            )
        else:
            kind = self._single(schema, owner, field, is_file=is_file)
        return _union([kind, _NULL]) if schema.get("nullable") is True else kind

    def _mark(self, schema: Schema, expressed: set[str], kind: str | None = None) -> None:
        """Note keywords that the type does not express."""
        self._is_inexact |= rules.leftover(schema, expressed, kind)

    def _values(self, schema: Schema) -> Schema:
        kind = literals.literal(schema)
        self._is_inexact |= kind is None or bool(literals.beyond_types(schema))
        if rules.leftover(schema, {"enum", "const", "type"}):
            self._is_inexact |= not literals.all_fit(schema)
        return _ANY if kind is None else kind

    def _members(
        self, schema: Schema, members: list[Any], owner: str, field: str, *, is_file: bool
    ) -> Schema:
        """Normal form of a union, whose members inherit the keywords beside it."""
        key = "anyOf" if _list(schema.get("anyOf")) else "oneOf"
        self._mark(schema, {key, *_INHERITED})
        tag = discriminator_of(schema)
        if tag is None:
            self._is_inexact |= key == "oneOf" and combining.may_overlap(self._document, members)
            self._is_partial |= key == "anyOf" and combining.may_share(self._document, members)
        inherited = {key: schema[key] for key in _INHERITED if key in schema}
        kind = _union(
            self._type(_with_inherited(member, inherited), owner, field, is_file=is_file)
            for member in members
        )
        return {**kind, "discriminator": tag} if tag is not None and "anyOf" in kind else kind

    def _single(self, schema: Schema, owner: str, field: str, *, is_file: bool) -> Schema:
        """Normal form of a schema of one type."""
        kind = schema.get("type") or _guessed_type(schema)
        if kind != "object" or not _mapping(schema.get("properties")):  # a class has its own rule
            self._mark(schema, _EXPRESSED.get(str(kind), set()), as_text(kind))
        if kind == "object":
            return self._object(schema, owner, field)
        if kind == "array":
            return self._array(schema, owner, field, is_file=is_file)
        route = self._document.route
        if kind == "string" and route is not None and route.means_bytes(schema):
            return dict(_BYTES)
        if kind == "string":
            return _custom("FileInput") if is_file else self._string(schema, field)
        if kind in ("integer", "number"):
            bounds = constraints.numeric(schema, integer=kind == "integer")
            self._is_inexact |= "multipleOf" in schema and "multipleOf" not in bounds
            return {"type": kind, **(bounds if self._direction == "input" else {})}
        if kind in ("boolean", "null"):
            return {"type": kind}
        if kind is not None:
            self._warn(f"{field}: unknown type {str(kind)[:40]!r}")
        return _ANY

    def _string(self, schema: Schema, field: str) -> Schema:
        if self._direction == "output":
            return {"type": "string"}
        kind = {"type": "string", **constraints.lengths(schema, "string")}
        pattern = schema.get("pattern")
        if not isinstance(pattern, str):
            return kind
        self._patterns.add(pattern)
        is_known = len(self._patterns) <= MAX_PATTERNS
        engine = constraints.pattern_engine(pattern) if is_known else None
        if engine is None:
            self._warn(f"{field}: unsupported regular expression; the pattern is not checked")
            return kind
        self._python_regex |= engine == "python"
        return {**kind, "pattern": pattern}

    def _array(self, schema: Schema, owner: str, field: str, *, is_file: bool) -> Schema:
        lengths = constraints.lengths(schema, "array")
        limits = lengths if self._direction == "input" else {}
        prefix = _list(schema.get("prefixItems")) or _list(schema.get("items"))
        if not prefix:
            item = self._type(schema.get("items"), owner, field, is_file=is_file)
            if self._direction == "input" and schema.get("uniqueItems") is True:
                limits["uniqueItems"] = True
            return {"type": "array", "items": item, **limits}
        return self._tuple(schema, prefix, lengths, owner, field, is_file=is_file)

    def _tuple(
        self,
        schema: Schema,
        prefix: list[Any],
        lengths: Schema,
        owner: str,
        field: str,
        *,
        is_file: bool,
    ) -> Schema:
        """Normal form of an array that describes its first items one by one."""
        items = [self._type(place, owner, field, is_file=is_file) for place in prefix]
        beyond = "items" if "prefixItems" in schema else "additionalItems"
        rest = schema.get(beyond, True)
        least, most = lengths.get("minItems", 0), lengths.get("maxItems")
        if rest is False:
            most = len(items) if most is None else min(most, len(items))
        if least == most == len(items) and any(item != items[0] for item in items):
            self._is_inexact |= schema.get("uniqueItems") is True
            limits = {"minItems": least, "maxItems": most}
            return {"type": "array", "prefixItems": items, **limits}
        # Python has no tuples of variable length with several types.
        if most is None or most > len(items):
            items.append(self._type(rest, owner, field, is_file=is_file))
        item = _union(items)
        self._is_inexact |= any(one != item for one in items)
        limits = {"minItems": least} if least else {}
        limits |= {} if most is None else {"maxItems": most}
        if schema.get("uniqueItems") is True:
            limits["uniqueItems"] = True
        return {"type": "array", "items": item, **(limits if self._direction == "input" else {})}

    def _object(self, schema: Schema, owner: str, field: str) -> Schema:
        if _mapping(schema.get("properties")):
            return self._anonymous(schema, owner, field)
        item = self._map_values(schema, owner, field)
        limits = constraints.lengths(schema, "object") if self._direction == "input" else {}
        return {"type": "object", "additionalProperties": item, **limits}

    def _map_values(self, schema: Schema, owner: str, field: str) -> Schema:
        """Type of the values of an object without named properties."""
        more = schema.get("additionalProperties")
        patterns = _mapping(schema.get("patternProperties"))
        if not patterns or more is True:
            # True and a missing value both allow any type.
            return self._type(more, owner, field, is_file=False)
        own = as_object(more)
        kinds = [*patterns.values(), *([] if own is None else [own])]
        return _union(self._type(kind, owner, field, is_file=False) for kind in kinds)

    def _anonymous(self, schema: Schema, owner: str, field: str) -> Schema:
        if file_types.is_file_component(schema):
            found = self._file("", schema, field)
            if found is not None:
                return found
        name = self._new_name(f"{owner} {field}")
        self._make(name, None, schema)
        return {"$ref": CLASS_PREFIX + name}

    def _reference(self, schema: Schema, owner: str, field: str, *, is_file: bool) -> Schema:
        component = component_name(schema)
        if component is None or component not in self._document.components:
            self._warn(f"{field}: {str(schema['$ref'])[:80]!r} not found")
            return _ANY
        self._is_inexact |= cast("Any", self._document.components[component]) is False
        target = self._without_wrapper(self._document.resolve({"$ref": schema["$ref"]}))
        kind = self._component(component, target, owner, field, is_file=is_file)
        return _union([kind, _NULL]) if target.get("nullable") is True else kind

    def _component(
        self, component: str, target: Schema, owner: str, field: str, *, is_file: bool
    ) -> Schema:
        known = self._by_component.get((self._direction, component))
        if known is not None:
            return {"$ref": CLASS_PREFIX + known}
        if not _is_class(target):
            return self._inline(component, target, owner, field, is_file=is_file)
        if file_types.is_file_component(target):
            found = self._file(component, target, field)
            if found is not None:
                return found
        name = self._new_name(component)
        self._by_component[self._direction, component] = name
        # A type that refers to itself ends at this class, which is known now.
        outer, self._inlined = self._inlined, []
        self._make(name, component, target)
        self._inlined = outer
        return {"$ref": CLASS_PREFIX + name}

    def _inline(
        self, component: str, target: Schema, owner: str, field: str, *, is_file: bool
    ) -> Schema:
        """Inline a component that does not become a class."""
        if component in self._inlined:
            self._warn(f"{field}: {component[:80]!r} refers to itself")
            return _ANY
        self._inlined.append(component)
        try:
            return self._type(target, owner, field, is_file=is_file)
        finally:
            self._inlined.pop()

    def _file(self, component: str, schema: Schema, field: str) -> Schema | None:
        """The predefined class of a file; None if the file has other fields."""
        kind = file_types.file_class(component, schema, field)
        known = file_types.FILE_FIELDS["File"] | file_types.FILE_FIELDS[kind]
        if not _mapping(schema["properties"]).keys() <= known:
            return None
        return _custom("FileObjectInput" if self._direction == "input" else kind)

    def _without_wrapper(self, schema: Schema) -> Schema:
        """Merge the parts of `allOf`."""
        parts = [_mapping(part) for part in _list(schema.get("allOf"))]
        beside = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        if "$ref" in schema and (parts or combining.narrows(beside)):
            parts = [{"$ref": schema["$ref"]}, *parts]
        if not parts:
            return schema
        self._is_inexact |= False in _list(schema.get("allOf"))
        if len(parts) == 1 and not combining.narrows(beside):
            return self._without_wrapper({**parts[0], **beside})
        resolved = [self._part(part) for part in parts]
        merged, is_exact = combining.merge([*resolved, beside])
        # These keywords see their own part only.
        is_local = any(not part.keys().isdisjoint(rules.UNEVALUATED) for part in resolved)
        self._is_inexact |= is_local or not is_exact
        return merged

    def _part(self, part: Schema) -> Schema:
        self._count()
        component = component_name(part)
        if component is None:
            return part
        if component in self._inlined:
            self._warn(f"{component[:80]!r} refers to itself")
            return {}
        self._inlined.append(component)
        try:
            whole = self._without_wrapper(self._document.resolve(part))
            return self._part(whole) if "$ref" in whole else whole
        finally:
            self._inlined.pop()

    def _new_name(self, text: str) -> str:
        if self._direction == "output" and class_name(text, ()) in self._taken:
            text = f"{text} Output"
        # The type of its dicts has a name as well.
        bare = {name.removesuffix(dict_name("")) for name in self._taken}
        name = class_name(text, self._taken | bare)
        self._taken |= {name, dict_name(name)}
        return name

    def _count(self) -> None:
        # Components that each refer to the next one twice grow exponentially.
        self._seen += 1
        if self._seen > MAX_SCHEMAS:
            raise InvalidDocumentError(
                f"it has more than {MAX_SCHEMAS} schemas when references are expanded"
            )

    def _warn(self, text: str) -> None:
        self.warnings.append(f"{self._direction}: {text}")


def _clear_of_classes(model: ModelSpec, classes: Container[str]) -> ModelSpec:
    """Rename fields that have the name of a class, which they would shadow."""
    fields = (
        replace(field, name=f"{field.name}_") if field.name in classes else field
        for field in model.fields
    )
    return replace(model, fields=tuple(fields))


def _union(members: Iterable[Schema]) -> Schema:
    """Union of normal forms, flat and without duplicates."""
    flat: list[Schema] = []
    tags: Schema = {}
    for member in members:
        if "discriminator" in member:
            tags["discriminator"] = member["discriminator"]
        for single in _list(member.get("anyOf")) or [member]:
            if single not in flat:
                flat.append(single)
    if _ANY in flat:
        return _ANY
    return flat[0] if len(flat) == 1 else {"anyOf": flat, **tags} if flat else _ANY


def _members(schema: Schema) -> list[Any]:
    return _list(schema.get("anyOf")) or _list(schema.get("oneOf"))


def _declared(schema: Schema) -> dict[str, Any]:
    """Properties, and the required names that have no schema."""
    raw = _mapping(schema.get("properties"))
    known = {name: raw[name] for name in properties(schema)}
    more = schema.get("additionalProperties", True)
    return {**known, **dict.fromkeys(sorted(required_names(schema) - known.keys()), more)}


def _split_null(schema: Schema) -> tuple[Schema, bool]:
    members = _list(schema.get("anyOf"))
    if _NULL not in members:
        return schema, False
    kind = _union(member for member in members if member != _NULL)
    has_tag = "discriminator" in schema and "anyOf" in kind
    return {**kind, "discriminator": schema["discriminator"]} if has_tag else kind, True


def _with_inherited(member: Any, inherited: Schema) -> Any:
    own = as_object(member)
    return member if own is None or "$ref" in own else {**inherited, **own}


def _custom(name: str) -> Schema:
    return {"customTypePath": f"{_FILES}.{name}"}


_EXPRESSED = {
    "object": _OF_MAPS,
    "array": _OF_LISTS | {"prefixItems"},
    "string": _OF_STRINGS,
    "integer": _OF_NUMBERS,
    "number": _OF_NUMBERS,
}
"""Keywords that the normal form of a type expresses."""


def _is_class(schema: Schema) -> bool:
    """Whether a schema becomes a class: an object with properties."""
    return _is_object(schema) and bool(_mapping(schema.get("properties")))


def _is_object(schema: Schema) -> bool:
    return (schema.get("type") or _guessed_type(schema)) == "object"


def _guessed_type(schema: Schema) -> str | None:
    if "properties" in schema or isinstance(schema.get("additionalProperties"), dict):
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else None


def _allows_more(schema: Schema) -> bool:
    more = schema.get("additionalProperties")
    more = schema.get("unevaluatedProperties") if more is None else more
    return more is True or isinstance(more, dict) or bool(schema.get("patternProperties"))


def _mapping(value: object) -> Schema:
    return as_object(value) or {}


def _list(value: object) -> list[Any]:
    return as_list(value) or []


def _text(value: object) -> str:
    return as_text(value) or ""
