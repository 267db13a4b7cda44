"""States in schemas what the discriminators of a document imply.

A discriminator names the property whose value chooses the schema of an object. Documents of OpenAPI
state the values outside of the schemas: as keys of a mapping, or as the names of components. They
also describe a base with subtypes that refer to it, and mean any of the subtypes by the base. Here
both become plain JSON Schema, so everything that reads a document only sees unions whose members
list their values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from fal_typed._core.json_values import as_list, as_object, as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Schema: TypeAlias = "dict[str, Any]"

_PREFIX = "#/components/schemas/"
_UNIONS = ("oneOf", "anyOf")
_MOST_REFERENCES = 32


def discriminator_of(schema: Schema) -> str | None:
    """Name of the property that a schema's discriminator reads; None if it has no discriminator."""
    return as_text((as_object(schema.get("discriminator")) or {}).get("propertyName"))


def spelled_out(
    components: Mapping[str, Schema],
    places: Iterable[Schema],
    component_name: Callable[[Schema], str | None],
) -> dict[str, Schema]:
    """State in components which values of a discriminator they have.

    Args:
        components: Schemas by component name; they are not modified.
        places: Other schemas of the document that can contain discriminators.
        component_name: Returns the name of the component that a schema refers to.

    Returns:
        The components. A base with subtypes is a union of them.
    """
    objects = {name: schema for name, schema in components.items() if as_object(schema) is not None}
    unions = _unions([*objects.values(), *places])
    if not unions:
        return dict(components)
    document = _Components(objects, component_name)
    for name in [name for name in objects if discriminator_of(objects[name]) is not None]:
        document.expand_base(name)
    for union in _unions([*document.schemas.values(), *places]):
        document.tag_members(union)
    return {**components, **document.schemas}


def _unions(start: Iterable[object]) -> list[Schema]:
    """Every schema with a discriminator."""
    unions: list[Schema] = []
    waiting: list[object] = list(start)
    while waiting:
        value = waiting.pop()
        mapping = as_object(value)
        if mapping is None:
            waiting += as_list(value) or []
            continue
        waiting += mapping.values()
        if "discriminator" in mapping and discriminator_of(mapping) is not None:
            unions.append(mapping)
    return unions


class _Components:
    """The components of a document while they are translated."""

    def __init__(
        self, schemas: Mapping[str, Schema], component_name: Callable[[Schema], str | None]
    ) -> None:
        self.schemas = dict(schemas)
        self._component_name = component_name
        self._heirs: dict[str, list[str]] = {}
        self._copies: list[str] = []
        for name, schema in schemas.items():
            for part in as_list(schema.get("allOf")) or []:
                self._heirs.setdefault(self._target(part) or "", []).append(name)

    def expand_base(self, name: str) -> None:
        """Replace a base by the union of its subtypes."""
        base = self.schemas[name]
        if any(as_list(base.get(key)) for key in _UNIONS):
            return
        mapping = self._mapping(base)
        lineage = self._lineage(name)
        is_circle = any(name in self._heirs.get(subtype, []) for subtype in lineage)
        subtypes = dict.fromkeys([*lineage, *mapping.values()])
        for other in (name, *self._copies):
            subtypes.pop(other, None)
        if not subtypes or is_circle:
            return
        own = self._split(name)
        members = [*subtypes, own] if name in mapping.values() else subtypes
        moved = {tag: own if target == name else target for tag, target in mapping.items()}
        self.schemas[name] = {
            **{key: base[key] for key in ("title", "description", "nullable") if key in base},
            "oneOf": [_reference(member) for member in members],
            "discriminator": {
                "propertyName": discriminator_of(base),
                "mapping": {tag: _reference(target)["$ref"] for tag, target in moved.items()},
            },
        }

    def tag_members(self, union: Schema) -> None:
        """State the value of the discriminator in each member of a union that lists none."""
        name = discriminator_of(union) or ""
        members = [member for key in _UNIONS for member in as_list(union.get(key)) or []]
        mapping = self._mapping(union)
        for target in filter(None, map(self._target, members)):
            tags = [tag for tag, mapped in mapping.items() if mapped == target] or [target]
            if target in self.schemas and not self._has_values(target, name, tags):
                if self._heirs.get(target):
                    self._split(target)
                self.schemas[target] = self._tagged(self.schemas[target], name, tags)

    def _lineage(self, name: str) -> list[str]:
        """A component and everything that extends it, directly or through others."""
        found = dict.fromkeys([name])
        waiting = [name]
        for known in waiting:
            new = [heir for heir in self._heirs.get(known, []) if heir not in found]
            waiting += new
            found.update(dict.fromkeys(new))
        return list(found)

    def _split(self, name: str) -> str:
        """Let what extends a component refer to a copy without a discriminator.

        Returns:
            The name of the copy.
        """
        own = self._free(f"{name}Base")
        schema, heirs = self.schemas[name], self._heirs.pop(name, [])
        for heir in heirs:
            parts = as_list(self.schemas[heir].get("allOf")) or []
            moved = [_reference(own) if self._target(part) == name else part for part in parts]
            self.schemas[heir] = {**self.schemas[heir], "allOf": moved}
        self._copies.append(own)
        for others in self._heirs.values():
            if name in others:
                others.append(own)
        self._heirs[own] = heirs
        self.schemas[own] = {key: value for key, value in schema.items() if key != "discriminator"}
        return own

    def _has_values(self, target: str, name: str, tags: list[str]) -> bool:
        """Whether a member lists its own values, which no other member has."""
        seen = {target}
        waiting = [self.schemas[target]]
        for schema in waiting:
            values = _values(self._resolved((as_object(schema.get("properties")) or {}).get(name)))
            if values is not None and (len(values) == 1 or all(value in tags for value in values)):
                return True
            for part in as_list(schema.get("allOf")) or []:
                part_name = self._target(part)
                if part_name is None:
                    waiting.append(as_object(part) or {})
                elif part_name in self.schemas and part_name not in seen:
                    seen.add(part_name)
                    waiting.append(self.schemas[part_name])
        return False

    def _tagged(self, schema: Schema, name: str, tags: list[str]) -> Schema:
        properties = as_object(schema.get("properties")) or {}
        parts = as_list(schema.get("allOf"))
        if name not in properties and parts is not None:
            part = {"properties": {name: {"type": "string", "enum": tags}}}
            return {**schema, "allOf": [*parts, part]}
        stated = self._resolved(properties.get(name))
        own: Schema = {
            key: stated[key] for key in ("title", "description", "default") if key in stated
        }
        if own.get("default") not in tags:
            own.pop("default", None)
        tagged = {**own, "type": "string", "enum": tags}
        return {**schema, "properties": {**properties, name: tagged}}

    def _resolved(self, value: object) -> Schema:
        schema: Schema = as_object(value) or {}
        for _ in range(_MOST_REFERENCES):
            target = self._target(schema)
            if target is None:
                break
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = dict(self.schemas.get(target, {})) | beside
        return schema

    def _mapping(self, schema: Schema) -> dict[str, str]:
        """Names of components by value of a discriminator."""
        stated = as_object(schema.get("discriminator")) or {}
        found: dict[str, str] = {}
        for tag, target in (as_object(stated.get("mapping")) or {}).items():
            text = as_text(target) or ""
            name = text if text in self.schemas else self._target({"$ref": text})
            if name is not None and name in self.schemas:
                found[tag] = name
        return found

    def _target(self, value: object) -> str | None:
        """Name of the component that a schema refers to."""
        schema = as_object(value)
        return None if schema is None else self._component_name(schema)

    def _free(self, name: str) -> str:
        while name in self.schemas:
            name = f"{name}_"
        return name


def _reference(name: str) -> Schema:
    escaped = name.replace("~", "~0").replace("/", "~1").replace("%", "%25")
    return {"$ref": _PREFIX + escaped}


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else as_list(schema.get("enum"))
