"""How scenarios say what they expect."""

from __future__ import annotations

import re
from typing import Any


def mismatch(expected: Any, actual: Any, at: str = "") -> str | None:
    """The first place where a value is not as expected; None when all is.

    An object may hold more than is expected of it; a list may not. A text that begins with a
    tilde is a pattern.
    """
    if isinstance(expected, dict):
        if not isinstance(actual, dict):
            return f"{at}: {actual!r} is no object"
        pairs = [(one, actual.get(key), f"{at}.{key}") for key, one in expected.items()]
    elif isinstance(expected, list):
        if not isinstance(actual, list) or len(actual) != len(expected):
            return f"{at}: {actual!r} is no list of {len(expected)}"
        pairs = [(*both, f"{at}[{n}]") for n, both in enumerate(zip(expected, actual, strict=True))]
    elif isinstance(expected, str) and expected.startswith("~"):
        fits = isinstance(actual, str) and re.fullmatch(expected[1:], actual)
        return None if fits else f"{at}: {actual!r} is not like {expected[1:]}"
    else:
        return None if actual == expected else f"{at}: {actual!r} is not {expected!r}"
    return next(filter(None, (mismatch(*pair) for pair in pairs)), None)


def difference(one: Any, other: Any, at: str = "") -> str | None:
    """The first place where two values are of different shape; None when their shapes agree.

    What is null on one side may be anything on the other.
    """
    if one is None or other is None:
        return None
    if type(one) is not type(other):
        return f"{at}: {one!r} and {other!r}"
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return f"{at}: {sorted(one)} and {sorted(other)}"
        pairs = [(one[key], other[key], f"{at}.{key}") for key in one]
    elif isinstance(one, list):
        if len(one) != len(other):
            return f"{at}: {len(one)} and {len(other)} entries"
        pairs = [(*both, f"{at}[{n}]") for n, both in enumerate(zip(one, other, strict=True))]
    else:
        return None
    return next(filter(None, (difference(*pair) for pair in pairs)), None)
