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
    from collections.abc import Iterable, Mapping

Schema: TypeAlias = "dict[str, Any]"

_PREFIX = "#/components/schemas/"
_UNIONS = ("oneOf", "anyOf")
_MOST_REFERENCES = 32


def discriminator_of(schema: Schema) -> str | None:
    """Name of the property that a schema's discriminator reads; None if it has no discriminator."""
    return as_text((as_object(schema.get("discriminator")) or {}).get("propertyName"))


def spelled_out(components: Mapping[str, Schema], places: Iterable[Schema]) -> dict[str, Schema]:
    """State in components which values of a discriminator they have.

    Args:
        components: Schemas by component name; they are not modified.
        places: Other schemas of the document that can contain discriminators.

    Returns:
        The components. A base with subtypes is a union of them.

    >>> pets = spelled_out(
    ...     {
    ...         "Pet": {"type": "object", "discriminator": {"propertyName": "kind"}},
    ...         "Cat": {"allOf": [{"$ref": "#/components/schemas/Pet"}]},
    ...     },
    ...     [],
    ... )
    >>> pets["Pet"]["oneOf"], pets["Cat"]["allOf"][1]["properties"]["kind"]["enum"]
    ([{'$ref': '#/components/schemas/Cat'}], ['Cat'])
    """
    found = {name: as_object(schema) or {} for name, schema in components.items()}
    bases = [name for name, schema in found.items() if discriminator_of(schema) is not None]
    heirs = _heirs(found) if bases else {}
    for name in bases:
        _expand_base(found, name, heirs)
    for union in _unions([*found.values(), *places]):
        _tag_members(found, union)
    return found


def _unions(start: Iterable[object]) -> list[Schema]:
    """Every union with a discriminator."""
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


def _heirs(components: Mapping[str, Schema]) -> dict[str, list[str]]:
    """Names of the components whose `allOf` refers to a component, by its name."""
    found: dict[str, list[str]] = {}
    for name, schema in components.items():
        for part in as_list(schema.get("allOf")) or []:
            found.setdefault(_target(part) or "", []).append(name)
    return found


def _expand_base(components: dict[str, Schema], name: str, heirs: Mapping[str, list[str]]) -> None:
    """Replace a base by the union of its subtypes."""
    base = components[name]
    if any(as_list(base.get(key)) for key in _UNIONS):
        return
    mapping = {tag: target for tag, target in _mapping(base).items() if target in components}
    lineage = dict.fromkeys([name])
    waiting = [name]
    for known in waiting:
        waiting += [heir for heir in heirs.get(known, []) if heir not in lineage]
        lineage.update(dict.fromkeys(heirs.get(known, [])))
    subtypes = [*dict.fromkeys([*lineage, *mapping.values()])]
    subtypes.remove(name)
    if not subtypes:
        return
    own = _free(f"{name}Base", components)
    components[own] = {key: value for key, value in base.items() if key != "discriminator"}
    for subtype in subtypes:
        components[subtype] = _moved(components[subtype], name, own)
    members = [*subtypes, own] if name in mapping.values() else subtypes
    moved = {tag: own if target == name else target for tag, target in mapping.items()}
    components[name] = {
        **{key: base[key] for key in ("title", "description", "nullable") if key in base},
        "oneOf": [{"$ref": _PREFIX + member} for member in members],
        "discriminator": {
            "propertyName": discriminator_of(base),
            "mapping": {tag: _PREFIX + target for tag, target in moved.items()},
        },
    }


def _moved(schema: Schema, old: str, new: str) -> Schema:
    """The schema of a subtype, with a reference to the base's own properties."""
    parts = as_list(schema.get("allOf"))
    if parts is None:
        return schema
    return {
        **schema,
        "allOf": [{"$ref": _PREFIX + new} if _target(part) == old else part for part in parts],
    }


def _tag_members(components: dict[str, Schema], union: Schema) -> None:
    """State the value of the discriminator in each member of a union that lists none."""
    name = discriminator_of(union) or ""
    members = next(filter(None, (as_list(union.get(key)) for key in _UNIONS)), [])
    mapping = _mapping(union)
    for target in filter(None, map(_target, members)):
        tags = [tag for tag, mapped in mapping.items() if mapped == target] or [target]
        if target in components and not _has_values(components, target, name, tags):
            components[target] = _tagged(components, components[target], name, tags)


def _has_values(components: Mapping[str, Schema], target: str, name: str, tags: list[str]) -> bool:
    """Whether a member lists its own values, which no other member has."""
    seen = {target}
    waiting = [components[target]]
    for schema in waiting:
        found = (as_object(schema.get("properties")) or {}).get(name)
        values = _values(_resolved(components, found))
        if values is not None and (len(values) == 1 or all(value in tags for value in values)):
            return True
        for part in as_list(schema.get("allOf")) or []:
            part_name = _target(part)
            if part_name is None:
                waiting.append(as_object(part) or {})
            elif part_name in components and part_name not in seen:
                seen.add(part_name)
                waiting.append(components[part_name])
    return False


def _tagged(components: Mapping[str, Schema], schema: Schema, name: str, tags: list[str]) -> Schema:
    properties = as_object(schema.get("properties")) or {}
    if name not in properties and "allOf" in schema:
        part = {"properties": {name: {"type": "string", "enum": tags}}}
        return {**schema, "allOf": [*(as_list(schema["allOf"]) or []), part]}
    stated = _resolved(components, properties.get(name))
    own = {
        key: value for key, value in stated.items() if key in ("title", "description", "default")
    }
    if own.get("default") not in tags:
        own.pop("default", None)
    tagged = {**own, "type": "string", "enum": tags}
    return {**schema, "properties": {**properties, name: tagged}}


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else as_list(schema.get("enum"))


def _resolved(components: Mapping[str, Schema], value: object) -> Schema:
    schema = as_object(value) or {}
    for _ in range(_MOST_REFERENCES):
        target = _target(schema)
        if target is None:
            break
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**components.get(target, {}), **beside}
    return schema


def _mapping(schema: Schema) -> dict[str, str]:
    """Names of components by value of a discriminator."""
    stated = as_object(schema.get("discriminator")) or {}
    mapping = as_object(stated.get("mapping")) or {}
    return {
        tag: target.removeprefix(_PREFIX)
        for tag, target in mapping.items()
        if isinstance(target, str)
    }


def _target(value: object) -> str | None:
    """Name of the component that a schema refers to."""
    ref = as_text((as_object(value) or {}).get("$ref"))
    return None if ref is None or not ref.startswith(_PREFIX) else ref.removeprefix(_PREFIX)


def _free(name: str, taken: Mapping[str, Schema]) -> str:
    while name in taken:
        name = f"{name}_"
    return name
