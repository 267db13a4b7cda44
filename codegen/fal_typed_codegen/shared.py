"""Finds identical classes of several endpoints, which are generated once."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from fal_typed_codegen.closure import closure
from fal_typed_codegen.interface.naming import SHARED_PACKAGE, shared_module_name
from fal_typed_codegen.interface.specs import MISSING, model_references

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fal_typed_codegen.interface.specs import FieldSpec, Interface, ModelSpec

_DIGEST_LENGTH = 8


def class_digests(interface: Interface) -> dict[str, str | None]:
    """Fingerprint the classes of an endpoint that could be shared.

    Args:
        interface: The endpoint.

    Returns:
        By class name, in the order of the interface and without the input and output classes: a
        hash of the class and its references, without prose; None for a class that cannot have
        its own module.
    """
    references = {name: model_references(model) for name, model in interface.models.items()}
    # Classes of inputs belong to their endpoint.
    bound = {interface.input, interface.output, *interface.forms}
    digests: dict[str, str | None] = {}
    for name in interface.models:
        if name in bound:
            continue
        reachable = closure(name, references)
        # Classes that refer to each other stay in one module: circular imports do not load.
        stays = any(
            other in bound
            or (other != name and name in closure(other, references))
            or _is_tangled(other, references)
            for other in reachable
        )
        digests[name] = None if stays else _digest(name, reachable, interface.models)
    return digests


def shared_modules(digests: Iterable[Mapping[str, str | None]]) -> dict[tuple[str, str], str]:
    """Choose the classes to share.

    Args:
        digests: What `class_digests` returned, for every endpoint of the catalog.

    Returns:
        Module path in the package, by class name and fingerprint.
    """
    counts = Counter(
        (name, digest) for one in digests for name, digest in one.items() if digest is not None
    )
    shared = [item for item, count in counts.items() if count > 1]
    modules: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    # Where two classes would have the same module, the one that most endpoints use keeps its name.
    for name, digest in sorted(shared, key=lambda item: (-counts[item], item)):
        module = shared_module_name(name)
        if module in taken:
            module = f"{module}_{digest[:_DIGEST_LENGTH]}"
        taken.add(module)
        modules[name, digest] = f"{SHARED_PACKAGE}.{module}"
    return modules


def _is_tangled(name: str, references: Mapping[str, set[str]]) -> bool:
    """Whether a class and another one refer to each other."""
    others = closure(name, references)[1:]
    return any(name in closure(other, references) for other in others)


def _digest(name: str, reachable: Iterable[str], models: Mapping[str, ModelSpec]) -> str:
    parts = [name, *(_shape(models[other]) for other in sorted(reachable))]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _shape(model: ModelSpec) -> list[Any]:
    fields = [_field_shape(field) for field in model.fields]
    rule = [model.rule] if model.rule else []
    return [
        model.name, model.direction, model.base, model.is_open, model.python_regex, model.root,
        fields, *rule,
    ]  # fmt: skip


def _field_shape(field: FieldSpec) -> list[Any]:
    default = [] if field.default is MISSING else [field.default]
    rule = [] if field.rule is None else [field.rule, field.is_partial]
    return [
        field.name, field.wire, field.schema, field.nullable, field.required, default,
        field.facts, field.deprecated, *rule,
    ]  # fmt: skip
