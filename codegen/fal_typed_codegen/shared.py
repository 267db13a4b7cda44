"""Finds the classes that several endpoints have alike, to be written once."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from fal_typed_codegen.interface import MISSING, model_references
from fal_typed_codegen.naming import SHARED_PACKAGE, snake

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fal_typed_codegen.interface import Field, Interface, Model

_DIGEST_LENGTH = 8


def class_digests(interface: Interface) -> dict[str, str | None]:
    """Fingerprint the classes of an endpoint that others may have as well.

    Args:
        interface: The endpoint.

    Returns:
        By class name, in the order of the interface and without input and output themselves:
        a hash of the class and of all it is made of, prose left out; None for a class
        that cannot stand in a module of its own.
    """
    references = {name: model_references(model) for name, model in interface.models.items()}
    digests: dict[str, str | None] = {}
    for name in interface.models:
        if name in (interface.input, interface.output):
            continue
        reachable = _reachable(name, references)
        # Modules that import each other do not load, so classes made of each other stay together.
        stays = any(
            other in (interface.input, interface.output)
            or (other != name and name in _reachable(other, references))
            or _is_tangled(other, references)
            for other in reachable
        )
        digests[name] = None if stays else _digest(name, reachable, interface.models)
    return digests


def shared_modules(digests: Iterable[Mapping[str, str | None]]) -> dict[tuple[str, str], str]:
    """Choose the classes to be shared.

    Args:
        digests: What `class_digests` returned, for every endpoint of the catalogue.

    Returns:
        Module path below the package, by class name and fingerprint.
    """
    counts = Counter(
        (name, digest) for one in digests for name, digest in one.items() if digest is not None
    )
    return {
        (name, digest): f"{SHARED_PACKAGE}.{snake(name)}_{digest[:_DIGEST_LENGTH]}"
        for (name, digest), count in counts.items()
        if count > 1
    }


def _reachable(name: str, references: Mapping[str, set[str]]) -> set[str]:
    """Every class that a class is made of, itself among them."""
    found = {name}
    waiting = [name]
    while waiting:
        new = references[waiting.pop()] - found
        found |= new
        waiting.extend(new)
    return found


def _is_tangled(name: str, references: Mapping[str, set[str]]) -> bool:
    """Whether a class and another one are made of each other."""
    others = _reachable(name, references) - {name}
    return any(name in _reachable(other, references) for other in others)


def _digest(name: str, reachable: set[str], models: Mapping[str, Model]) -> str:
    parts = [name, *(_shape(models[other]) for other in sorted(reachable))]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _shape(model: Model) -> list[Any]:
    fields = [_field_shape(field) for field in model.fields]
    return [model.name, model.direction, model.base, model.is_open, model.python_regex, fields]


def _field_shape(field: Field) -> list[Any]:
    default = [] if field.default is MISSING else [field.default]
    return [
        field.name, field.wire, field.schema, field.nullable, field.required, default,
        field.facts, field.deprecated,
    ]  # fmt: skip
