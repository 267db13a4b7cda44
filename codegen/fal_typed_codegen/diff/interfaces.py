"""Compares two interfaces: their classes, fields and defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fal_typed_codegen.diff.change_kinds import Difference
from fal_typed_codegen.diff.rule_comparison import compare_rules
from fal_typed_codegen.diff.type_comparison import TypeComparison, in_words
from fal_typed_codegen.interface import defaults
from fal_typed_codegen.interface.defaults import MisfitError
from fal_typed_codegen.interface.file_types import FILE_FIELDS
from fal_typed_codegen.interface.specs import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fal_typed._documents.document import Route
    from fal_typed_codegen.interface.specs import Direction, FieldSpec, Interface, ModelSpec

_NOT_FILES = frozenset({"InputModel", "OutputModel", "RootModel", "RuledModel"})


def compare_interfaces(old: Interface, new: Interface) -> list[Difference]:
    """Compare two states of an endpoint.

    Args:
        old: The old interface.
        new: The new interface, with the same names of input and output.

    Returns:
        The changes that callers of the typed code see.
    """
    inputs = _Comparison(old, new, "input")
    inputs.pair("input", old.input, new.input)
    outputs = _Comparison(old, new, "output")
    outputs.pair("output", old.output, new.output)
    classes = _classes(old, new, inputs.met | outputs.met)
    return [*_routes(old.route, new.route), *inputs.found, *outputs.found, *classes]


def _routes(old: Route | None, new: Route | None) -> Iterator[Difference]:
    """Changes of how a route of an app is called."""
    if old is None or new is None or old == new:
        return
    if old.kind != new.kind:
        yield Difference("route-kind-changed", "", old.kind, new.kind)
    elif old.mode != new.mode:
        yield Difference("route-mode-changed", "", old.mode or "", new.mode or "")
    else:
        yield Difference("route-settings-changed", "")


def _classes(old: Interface, new: Interface, met: set[tuple[str, str]]) -> list[Difference]:
    """Classes that were added or removed without a replacement."""
    gone = old.models.keys() - new.models.keys() - {pair[0] for pair in met}
    came = new.models.keys() - old.models.keys() - {pair[1] for pair in met}
    return [
        *(Difference("class-removed", "", name) for name in sorted(gone)),
        *(Difference("class-added", "", "", name) for name in sorted(came)),
    ]


class _Comparison:
    """One direction of an endpoint; each pair of classes is compared where it is first found."""

    def __init__(self, old: Interface, new: Interface, direction: Direction) -> None:
        self.met: set[tuple[str, str]] = set()
        self._direction = direction
        self._old = old.models
        self._new = new.models
        self._types = TypeComparison(direction, old.models, new.models, self.pair)
        self.found = self._types.found

    def pair(self, place: str, old_name: str, new_name: str) -> None:
        """Compare a class with its replacement."""
        if (old_name, new_name) in self.met:
            return
        self.met.add((old_name, new_name))
        if old_name != new_name:
            self.found.append(Difference("class-renamed", place, old_name, new_name))
        old, new = self._old[old_name], self._new[new_name]
        self._bases(place, old, new)
        if old.root is not None and new.root is not None:
            self._types.compare(place, old.root, new.root)
        elif old.root is not None or new.root is not None:
            self._note("type-changed", place, _kind(old), _kind(new))
        else:
            self._fields(place, old, new)

    def _bases(self, place: str, old: ModelSpec, new: ModelSpec) -> None:
        if old.is_open != new.is_open:
            self._note("opened" if new.is_open else "closed", place)
        if old.base == new.base or "RootModel" in (old.base, new.base):
            return
        if self._direction == "input":
            self.found += compare_rules(place, old.rule, new.rule)
        if self._direction == "input":  # the base of an input shows only whether it has rules
            return
        is_narrower = old.base in ("File", "OutputModel") and new.base not in _NOT_FILES
        kind = "file-kind-narrowed" if is_narrower else "file-kind-changed"
        self._note(kind, place, _say_base(old), _say_base(new))

    def _fields(self, place: str, old: ModelSpec, new: ModelSpec) -> None:
        olds = {field.wire: field for field in old.fields}
        news = {field.wire: field for field in new.fields}
        for wire in olds.keys() - news.keys() - _inherited(new):
            self._note("field-removed", f"{place}.{wire}")
        for wire in news.keys() - olds.keys() - _inherited(old):
            self._added(f"{place}.{wire}", news[wire])
        for wire, field in olds.items():
            if wire in news:
                self._field(f"{place}.{wire}", field, news[wire])
        if [wire for wire in olds if wire in news] != [wire for wire in news if wire in olds]:
            self._order(place, olds, news)

    def _order(
        self, place: str, olds: Mapping[str, FieldSpec], news: Mapping[str, FieldSpec]
    ) -> None:
        # Required fields come first, so a change of `required` moves a field; that is reported.
        common = [
            wire for wire in olds if wire in news and olds[wire].required == news[wire].required
        ]
        if common != [wire for wire in news if wire in common]:
            self.found.append(Difference("field-order-changed", place))

    def _added(self, place: str, field: FieldSpec) -> None:
        is_demanded = field.required and self._direction == "input"
        kind = "field-added-required" if is_demanded else "field-added"
        self._note(kind, place, "", in_words(field.schema))

    def _field(self, place: str, old: FieldSpec, new: FieldSpec) -> None:
        if old.name != new.name:
            self._note("field-renamed", place, old.name, new.name)
        if old.deprecated != new.deprecated:
            self._note("field-deprecated" if new.deprecated else "field-undeprecated", place)
        if self._direction == "input":
            self._given(place, old, new)
        else:
            self._read(place, old, new)
        self._types.compare(place, old.schema, new.schema)
        self.found += compare_rules(place, old.rule, new.rule)

    def _given(self, place: str, old: FieldSpec, new: FieldSpec) -> None:
        if old.required != new.required:
            self._note("field-required" if new.required else "field-optional", place)
        if old.nullable != new.nullable:
            self._note("nullable" if new.nullable else "not-nullable", place)
        if old.required or new.required:
            return
        before, after = shown_default(old, self._old), shown_default(new, self._new)
        if before != after:
            word = "added" if not before else "changed" if after else "removed"
            self._note(f"default-{word}", place, before, after)

    def _read(self, place: str, old: FieldSpec, new: FieldSpec) -> None:
        before, after = shown_default(old, self._old), shown_default(new, self._new)
        old_none = old.nullable or not (old.required or before)
        new_none = new.nullable or not (new.required or after)
        if old_none != new_none:
            self._note("may-be-none" if new_none else "never-none", place)
        elif old.required != new.required:
            self._note("presence-changed", place)
        elif before != after:
            self._note("default-changed", place, before or "none", after or "none")

    def _note(self, kind: str, place: str, old: str = "", new: str = "") -> None:
        self.found.append(Difference(f"{self._direction}-{kind}", place, old, new))


def shown_default(field: FieldSpec, models: Mapping[str, ModelSpec]) -> str:
    """The default in the generated code, as Python; empty if there is none.

    Args:
        field: The field.
        models: The classes of its endpoint.

    Returns:
        An expression; empty for a required field and for null.
    """
    if field.required or field.default is MISSING or field.default is None:
        return ""
    try:
        return defaults.expression(defaults.fit(field.default, field.schema, models))
    except MisfitError:
        return ""


def _inherited(model: ModelSpec) -> frozenset[str]:
    """Fields that the class inherits from a file class."""
    for kind, fields in FILE_FIELDS.items():
        if kind == model.base:
            return fields | FILE_FIELDS["File"]
    return frozenset()


def _say_base(model: ModelSpec) -> str:
    return "an object" if model.base in _NOT_FILES else model.base


def _kind(model: ModelSpec) -> str:
    return "an object" if model.root is None else in_words(model.root)
