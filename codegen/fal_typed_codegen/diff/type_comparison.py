"""Compares two types in the normal form of `normalize`, for callers that pass or read values.

An input can become wider and an output narrower without breaking callers. Lists and dicts are
invariant for type checkers, so their items must not change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from fal_typed._core.json_values import as_list, as_text
from fal_typed_codegen.diff.bounds import compare_bounds
from fal_typed_codegen.diff.change_kinds import Difference
from fal_typed_codegen.interface.file_types import FILE_FIELDS
from fal_typed_codegen.interface.specs import CLASS_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fal_typed._documents.document import Schema
    from fal_typed_codegen.interface.specs import Direction, ModelSpec

Atom: TypeAlias = tuple[Any, ...]
"""One member of a union: its family, and its value where it is a literal."""

_FILE_INPUTS = frozenset({"FileInput", "FileObjectInput"})
_ANY: dict[str, Any] = {}


@dataclass
class TypeComparison:
    """Compares types; `pair` compares the classes that they refer to.

    Attributes:
        direction: Whether values of the types are passed or read.
        old_models: Classes that old types can refer to.
        new_models: Classes that new types can refer to.
        pair: Called with a class and its replacement.
    """

    direction: Direction
    old_models: Mapping[str, ModelSpec]
    new_models: Mapping[str, ModelSpec]
    pair: Callable[[str, str, str], None]
    found: list[Difference] = field(default_factory=list[Difference])

    def compare(self, place: str, old: Schema, new: Schema, *, in_item: bool = False) -> None:
        """Compare two types and the types inside them.

        Args:
            place: Their location.
            old: The old type.
            new: The new type.
            in_item: Whether they are the types of items of a list or a dict.
        """
        if _ANY in (old, new):
            self._with_any(place, old, new)
            return
        olds, news = _members(old), _members(new)
        matched = self._containers(place, olds, news)
        removed, added = self._static(olds, news, matched)
        if in_item:
            if removed or added:
                self._note("item-type-changed", place, old, new)
        elif removed or added:
            self._name(place, old, new, removed, added)
        if self.direction == "input":
            self.found += compare_bounds(place, olds, news)
            self._tags(place, old.get("discriminator"), new.get("discriminator"))

    def _tags(self, place: str, old: Schema | None, new: Schema | None) -> None:
        """Compare whether objects of a union must have its discriminator."""
        if old and new and old["isNeeded"] != new["isNeeded"]:
            word = "required" if new["isNeeded"] else "optional"
            self.found.append(Difference(f"input-tag-{word}", f"{place}.{new['field']}"))

    def _with_any(self, place: str, old: Schema, new: Schema) -> None:
        if old == new:
            return
        if new == _ANY:
            self._note("became-any", place, old, new)
        else:
            narrowed = "any-narrowed" if self.direction == "input" else "any-typed"
            self._note(narrowed, place, old, new)

    def _containers(self, place: str, olds: list[Schema], news: list[Schema]) -> set[Atom]:
        """Compare classes, lists and dicts that replace each other; returns those classes."""
        matched: set[Atom] = set()
        for old, new in _pairs(_classes(olds), _classes(news)):
            self.pair(place, old, new)
            matched |= {("class", old), ("class", new)}
        for kind, inside, mark in (
            ("array", "items", "[]"),
            ("object", "additionalProperties", "{}"),
        ):
            self._items(place, mark, inside, _all_of(kind, olds), _all_of(kind, news))
        self._tuples(place, olds, news)
        return matched

    def _items(
        self, place: str, mark: str, inside: str, olds: list[Schema], news: list[Schema]
    ) -> None:
        """Compare lists, or dicts, by their items: equal ones first, the rest in order."""
        kinds = [one[inside] for one in news]
        left = [one for one in olds if one[inside] not in kinds]
        same = [one for one in olds if one[inside] in kinds]
        right = [one for one in news if one[inside] not in [it[inside] for it in same]]
        for old, new in [*((one, one) for one in same), *zip(left, right, strict=False)]:
            self.compare(place + mark, old[inside], new[inside], in_item=True)
        if olds and news:
            for gone in left[len(right) :]:
                self._note("type-narrowed", place, gone, {"anyOf": news})
            for added in right[len(left) :]:
                self._note("type-widened", place, {"anyOf": olds}, added)

    def _tuples(self, place: str, olds: list[Schema], news: list[Schema]) -> None:
        """Compare tuples of the same length, which are covariant, item by item."""
        for old in _all_of("tuple", olds):
            same = (it for it in _all_of("tuple", news) if len(_places(it)) == len(_places(old)))
            new = next(same, None)
            pairs = zip(_places(old), _places(new), strict=True) if new is not None else ()
            for index, (before, after) in enumerate(pairs):
                self.compare(f"{place}[{index}]", before, after)

    def _static(
        self, olds: list[Schema], news: list[Schema], matched: set[Atom]
    ) -> tuple[list[Atom], list[Atom]]:
        """Members that are removed and added for a type checker."""
        old, new = list(_atoms(olds)), list(_atoms(news))
        olds_set, news_set = set(old), set(new)
        removed = [
            atom
            for atom in old
            if atom not in matched and not _is_covered(atom, news_set, self.old_models)
        ]
        added = [
            atom
            for atom in new
            if atom not in matched and not _is_covered(atom, olds_set, self.new_models)
        ]
        return removed, added

    def _name(
        self, place: str, old: Schema, new: Schema, removed: list[Atom], added: list[Atom]
    ) -> None:
        olds, news = list(_atoms(_members(old))), list(_atoms(_members(new)))
        if all(_is_literal(atom) for atom in removed + added):
            self._literals(place, olds, news, removed, added)
        elif not removed:
            self._note(_widening(olds, news, added), place, old, new)
        elif not added:
            self._note(_narrowing(olds, news, removed), place, old, new)
        elif _has_output_file(removed) and _has_output_file(added):
            self._note("file-kind-changed", place, old, new)
        else:
            self._note("type-changed", place, old, new)

    def _literals(
        self, place: str, olds: list[Atom], news: list[Atom], removed: list[Atom], added: list[Atom]
    ) -> None:
        if len(olds) == len(news) == 1 and removed and added:
            self.found.append(
                Difference(f"{self.direction}-constant-changed", place, _say(olds), _say(news))
            )
            return
        if removed:
            self.found.append(Difference(f"{self.direction}-value-removed", place, _say(removed)))
        if added:
            self.found.append(Difference(f"{self.direction}-value-added", place, "", _say(added)))

    def _note(self, kind: str, place: str, old: Schema, new: Schema) -> None:
        kind = f"{self.direction}-{kind}"
        self.found.append(Difference(kind, place, in_words(old), in_words(new)))


def in_words(schema: Schema) -> str:
    """Short form of a type.

    >>> in_words({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "enum": ["a"]}]})
    "int | 'a'"
    """
    if not schema:
        return "anything"
    return " | ".join(_word(member) for member in _members(schema))


def _word(member: Schema) -> str:
    family = _family(member)
    if family == "tuple":
        return f"tuple[{', '.join(map(in_words, _places(member)))}]"
    if family == "array":
        return f"list[{in_words(member['items'])}]"
    if family == "object":
        return f"dict[str, {in_words(member['additionalProperties'])}]"
    if family == "class":
        return str(member["$ref"]).removeprefix(CLASS_PREFIX)
    if family == "file":
        return str(member["customTypePath"]).rpartition(".")[2]
    if "enum" in member:
        return " | ".join(map(repr, member["enum"]))
    words = {
        "string": "str",
        "integer": "int",
        "number": "float",
        "boolean": "bool",
        "bytes": "bytes",
    }
    return words.get(family, "None")


def _is_covered(atom: Atom, by: set[Atom], models: Mapping[str, ModelSpec]) -> bool:
    """Whether a type checker accepts a value of this member for one of those."""
    family = atom[0]
    if family == "class":
        base = models[atom[1]].base
        return base in FILE_FIELDS and bool({("file", base), ("file", "File")} & by)
    if atom in by or (_is_literal(atom) and (family,) in by):
        return True
    if family == "integer":
        return ("number",) in by
    if family == "string":
        return any(("file", name) in by for name in _FILE_INPUTS)
    return family == "file" and atom[1] not in _FILE_INPUTS and ("file", "File") in by


def _widening(olds: list[Atom], news: list[Atom], added: list[Atom]) -> str:
    if added == [("number",)] and any(atom[0] == "integer" for atom in olds):
        return "integer-to-number"
    if _is_plain_of_literals(added, olds):
        return "values-lifted"
    if _has_file(added) and ("string",) in olds and ("string",) not in news:
        return "text-became-file"
    if _has_output_file(added) and (_has_output_file(olds) or _has_class(olds)):
        return "file-kind-changed"
    return "type-widened"


def _narrowing(olds: list[Atom], news: list[Atom], removed: list[Atom]) -> str:
    if removed == [("number",)] and any(atom[0] == "integer" for atom in news):
        return "number-to-integer"
    if _is_plain_of_literals(removed, news):
        return "values-imposed"
    if _has_file(removed) and ("string",) in news and ("string",) not in olds:
        return "file-became-text"
    if _has_output_file(removed) and (_has_output_file(news) or _has_class(news)):
        return "file-kind-narrowed"
    return "type-narrowed"


def _is_plain_of_literals(atoms: list[Atom], others: list[Atom]) -> bool:
    """Whether this is a plain type of which the others have only literals."""
    return len(atoms) == 1 and any(o[0] == atoms[0][0] and _is_literal(o) for o in others)


def _is_literal(atom: Atom) -> bool:
    return len(atom) > 1 and atom[0] not in ("class", "file", "tuple")


def _has_class(atoms: list[Atom]) -> bool:
    return any(atom[0] == "class" for atom in atoms)


def _has_file(atoms: list[Atom]) -> bool:
    return any(atom[0] == "file" and atom[1] in _FILE_INPUTS for atom in atoms)


def _has_output_file(atoms: list[Atom]) -> bool:
    return any(atom[0] == "file" and atom[1] not in _FILE_INPUTS for atom in atoms)


def _members(schema: Schema) -> list[Schema]:
    return as_list(schema.get("anyOf")) or [schema]


def _family(member: Schema) -> str:
    if "$ref" in member:
        return "class"
    if "customTypePath" in member:
        return "file"
    if member.get("format") == "binary":
        return "bytes"
    if "prefixItems" in member:
        return "tuple"
    return as_text(member.get("type")) or "anything"


def _all_of(family: str, members: Iterable[Schema]) -> list[Schema]:
    return [member for member in members if _family(member) == family]


def _places(tuple_: Schema) -> list[Schema]:
    """Types of a tuple's items."""
    return as_list(tuple_["prefixItems"]) or []


def _atoms(members: Iterable[Schema]) -> Iterable[Atom]:
    for member in members:
        family = _family(member)
        if family == "class":
            yield (family, str(member["$ref"]).removeprefix(CLASS_PREFIX))
        elif family == "file":
            yield (family, str(member["customTypePath"]).rpartition(".")[2])
        elif family == "tuple":
            yield (family, len(_places(member)))
        elif "enum" in member:
            yield from ((family, value) for value in as_list(member["enum"]) or [])
        else:
            yield (family,)


def _classes(members: Iterable[Schema]) -> list[str]:
    return [atom[1] for atom in _atoms(members) if atom[0] == "class"]


def _pairs(olds: list[str], news: list[str]) -> list[tuple[str, str]]:
    """Classes that replace each other: those of the same name, and the last two that remain."""
    pairs = [(name, name) for name in olds if name in news]
    old_left = [name for name in olds if name not in news]
    new_left = [name for name in news if name not in olds]
    if len(old_left) == len(new_left) == 1:
        pairs.append((old_left[0], new_left[0]))
    return pairs


def _say(atoms: list[Atom]) -> str:
    return ", ".join(repr(atom[1]) for atom in atoms)
