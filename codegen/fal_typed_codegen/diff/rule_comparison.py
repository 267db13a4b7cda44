"""Compares schemas that inputs are checked against at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fal_typed._calls.schema_rules import frozen
from fal_typed._core.json_values import as_list, as_object
from fal_typed._documents.schemas import SCHEMA_MAPS
from fal_typed_codegen.diff.change_kinds import Difference

if TYPE_CHECKING:
    from fal_typed._documents.document import Schema

_MAX_WORDS = 80
_DEEPEST = 24
_LOWER = frozenset(
    {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"}
)
_UPPER = frozenset(
    {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"}
)
_SUBSETS = ("required", "dependentRequired")
_OF_VALUES = frozenset(
    {
        "items",
        "additionalItems",
        "additionalProperties",
        "propertyNames",
        "contains",
        "then",
        "else",
    }
)
_DEPENDENT = frozenset({"if", "prefixItems", "properties", "patternProperties", "minContains"})
"""Keywords whose removal can make others stricter."""


def compare_rules(place: str, old: Schema | None, new: Schema | None) -> list[Difference]:
    """Compare the rules of a parameter or a class.

    Args:
        place: Its location.
        old: The old rule; None if it has none.
        new: The new rule.

    Returns:
        At most one change.
    """
    before, after = old or {}, new or {}
    if before == after:
        return []
    kind = "input-rule-loosened" if is_looser(before, after) else "input-rule-tightened"
    return [Difference(kind, place, _say(before, after), _say(after, before))]


def is_looser(old: Any, new: Any, depth: int = 0) -> bool:
    """Whether a schema certainly allows every value that another one allows.

    >>> is_looser({"enum": [0.5, 1]}, {"enum": [0.5, 1, 2]})
    True
    >>> is_looser({"not": {"const": 1}}, {"not": {"const": 2}})
    False
    """
    if old == new or new is True or new == {} or old is False:
        return True
    before, after = as_object(old), as_object(new)
    if before is None or after is None or depth > _DEEPEST:
        return False
    gone = before.keys() - after.keys()
    if not gone.isdisjoint(_DEPENDENT) and after.keys() - {"type"}:
        return False
    return all(
        key in before and _is_looser_keyword(key, before[key], after[key], depth + 1)
        for key in after
    )


def _is_looser_keyword(key: str, old: Any, new: Any, depth: int) -> bool:
    if old == new:
        return True
    if key in _LOWER or key in _UPPER:
        return new < old if key in _LOWER else new > old
    if key in ("enum", "type"):
        allowed = set(map(frozen, as_list(new) or [new]))
        return set(map(frozen, as_list(old) or [old])) <= allowed
    if key == "uniqueItems":
        return new is not True
    if key in _SUBSETS:
        return _is_subset(new, old)
    if key in ("anyOf", "prefixItems"):
        return _are_looser(key, as_list(old) or [], as_list(new) or [], depth)
    if key in SCHEMA_MAPS:
        olds, news = as_object(old) or {}, as_object(new) or {}
        return olds.keys() == news.keys() and all(
            is_looser(olds[name], news[name], depth) for name in olds
        )
    return key in _OF_VALUES and is_looser(old, new, depth)


def _is_subset(new: Any, old: Any) -> bool:
    """Whether names are required by one side only if the other requires them as well."""
    news, olds = as_object(new), as_object(old)
    if news is None or olds is None:
        return set(as_list(new) or ()) <= set(as_list(old) or ())
    return all(set(names) <= set(olds.get(name, ())) for name, names in news.items())


def _are_looser(key: str, olds: list[Any], news: list[Any], depth: int) -> bool:
    if key == "prefixItems":
        pairs = zip(olds, news, strict=False)
        return len(olds) == len(news) and all(is_looser(one, it, depth) for one, it in pairs)
    return all(any(is_looser(one, it, depth) for it in news) for one in olds)


def _say(rule: Schema, other: Schema) -> str:
    """The keywords of a rule that another one does not have."""
    words = [
        f"{key} {value!r}"
        for key, value in rule.items()
        if key != "$defs" and (key not in other or other[key] != value)
    ]
    text = ", ".join(words)
    return text if len(text) <= _MAX_WORDS else f"{text[: _MAX_WORDS - 1]}…"
