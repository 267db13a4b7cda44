"""Follows references to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def closure(start: str, references: Mapping[str, Iterable[str]]) -> list[str]:
    """Everything that a name leads to, itself first.

    Args:
        start: The name.
        references: The names that each name refers to directly.

    Returns:
        The names, in the order in which they are found.

    >>> closure("a", {"a": ["b"], "b": ["a"], "c": []})
    ['a', 'b']
    """
    found = dict.fromkeys([start])
    waiting = [start]
    for name in waiting:
        new = [other for other in references[name] if other not in found]
        found.update(dict.fromkeys(new))
        waiting += new
    return list(found)
