"""Bounds, lengths and patterns: read in every spelling that documents use, and put into words.

What pydantic does not accept is corrected or left out, so that every generated model can be built.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic_core import SchemaError, SchemaValidator, core_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from fal_typed._documents.document import Schema

Number: TypeAlias = "int | float"

_SPELLINGS = {
    "min": "minimum",
    "ge": "minimum",
    "max": "maximum",
    "le": "maximum",
    "gt": "exclusiveMinimum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_items": "minItems",
    "max_items": "maxItems",
}
_LENGTHS = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}
_UNITS = {"string": "character", "array": "item", "object": "entry"}
_MAX_PATTERN = 2000
_LARGEST = 1e300
_LONGEST = 2**53
# Python's engine backtracks, and holds the interpreter's lock meanwhile. With repeated groups that
# can take exponential time, with several repetitions polynomial time. So the few patterns that need
# it may contain a few simple alternatives, or one repetition behind an anchor: these are linear.
_ANCHORED = re.compile(r"(?:\^|\\A)[^|]*")
_REPETITION = re.compile(r"[*+]|\{\d*,\d*\}")
_REPEATED_GROUP = re.compile(r"(?:\)|\\[1-9])\s*[*+{]")
_CHOICE = re.compile(r"[*+|]|(?<!\()\?|\{\d*,")
_MAX_CHOICES = 3


def spelled_out(schema: Schema) -> Schema:
    """Rename bounds to their standard names, unless the standard name is present as well.

    >>> spelled_out({"type": "integer", "max": 4, "minimum": 0, "exclusiveMinimum": True})
    {'type': 'integer', 'maximum': 4, 'exclusiveMinimum': 0}
    """
    result = {_standard(key, schema): value for key, value in schema.items()}
    for plain, exclusive in (
        ("minimum", "exclusiveMinimum"),
        ("maximum", "exclusiveMaximum"),
    ):
        if result.get(exclusive) is True and plain in result:
            result[exclusive] = result.pop(plain)
    return result


def numeric(schema: Schema, *, integer: bool) -> Schema:
    """Bounds of a number that pydantic accepts.

    Args:
        schema: The number's schema with standard names.
        integer: Whether it is an integer, whose bounds must be integers too.

    Returns:
        Only the bounds.

    >>> numeric({"minimum": "0.5", "maximum": 3.0}, integer=True)
    {'minimum': 1, 'maximum': 3}
    """
    bounds: Schema = {}
    for key in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        number = _number(schema.get(key))
        if number is not None:
            bounds[key] = number
    step = _number(schema.get("multipleOf"))
    if step is not None and step > 0:
        bounds["multipleOf"] = step
    return _whole(bounds) if integer else bounds


def lengths(schema: Schema, kind: str) -> Schema:
    """Minimum and maximum length of a string, an array or an object.

    >>> lengths({"minLength": 1, "maxLength": -1}, "string")
    {'minLength': 1}
    """
    keys = (key for key in _LENGTHS[kind] if _is_length(schema.get(key)))
    return {key: int(schema[key]) for key in keys}


def pattern_engine(pattern: str) -> str | None:
    """The regular expression engine that supports a pattern.

    Args:
        pattern: The document's pattern.

    Returns:
        ``rust`` (pydantic's default), ``python``, or None if neither supports it in bounded time.

    >>> [pattern_engine(pattern) for pattern in ("^a", "^(?=a)", "(", "^(?=a)(a+)+")]
    ['rust', 'python', None, None]
    """
    if len(pattern) > _MAX_PATTERN:
        return None
    try:
        SchemaValidator(core_schema.str_schema(pattern=pattern))
    except SchemaError:
        return _python_engine(pattern)
    return "rust"


def in_words(schema: Schema) -> str:
    """Describe a type's bounds.

    Args:
        schema: A normalized schema.

    Returns:
        A sentence; empty if there are no bounds.

    >>> in_words({"minimum": 1, "maximum": 50})
    'From 1 to 50.'
    >>> in_words({"exclusiveMinimum": 0, "multipleOf": 8})
    'Greater than 0, a multiple of 8.'
    """
    parts = [_range(schema), _steps(schema), *(_size(schema, kind) for kind in _LENGTHS)]
    parts.append("all of them unique" if schema.get("uniqueItems") else "")
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and len(pattern) < 80:  # noqa: PLR2004 - longer ones do not help
        parts.append(f"matching `{pattern}`")
    text = ", ".join(filter(None, parts))
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _standard(key: str, schema: Schema) -> str:
    standard = _SPELLINGS.get(key, key)
    return key if standard in schema else standard


def _number(value: Any) -> Number | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, int):
        return value if abs(value) < _LARGEST else None
    return value if isinstance(value, float) and math.isfinite(value) else None


def _whole(bounds: Schema) -> Schema:
    rounded: dict[str, Callable[[Number], int]] = {
        "minimum": math.ceil,
        "exclusiveMinimum": math.floor,
        "maximum": math.floor,
        "exclusiveMaximum": math.ceil,
    }
    result = {key: rounded[key](value) for key, value in bounds.items() if key in rounded}
    step = bounds.get("multipleOf")
    if step is not None and step == int(step):
        result["multipleOf"] = int(step)
    return result


def _is_length(value: Any) -> bool:
    number = None if isinstance(value, str) else _number(value)
    return number is not None and 0 <= number < _LONGEST and number == int(number)


def _python_engine(pattern: str) -> str | None:
    if _REPEATED_GROUP.search(pattern) or len(_CHOICE.findall(pattern)) > _MAX_CHOICES:
        return None
    repetitions = len(_REPETITION.findall(pattern))
    if repetitions > 1 or (repetitions and not _ANCHORED.fullmatch(pattern)):
        return None
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None
    return "python"


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f"from {_say(low)} to {_say(high)}"
    lower = f"at least {_say(low)}" if low is not None else ""
    if above is not None:
        lower = f"greater than {_say(above)}"
    upper = f"at most {_say(high)}" if high is not None else ""
    if below is not None:
        upper = f"less than {_say(below)}"
    return " and ".join(filter(None, (lower, upper)))


def _steps(schema: Schema) -> str:
    step = schema.get("multipleOf")
    return f"a multiple of {_say(step)}" if step is not None else ""


def _size(schema: Schema, kind: str) -> str:
    low, high = (schema.get(key) for key in _LENGTHS[kind])
    unit = _UNITS[kind]
    if low is not None and low == high:
        return f"exactly {_count(low, unit)}"
    if low and high is not None:
        return f"{low} to {_count(high, unit)}"
    if high is not None:
        return f"at most {_count(high, unit)}"
    return f"at least {_count(low, unit)}" if low else ""


def _count(number: int, unit: str) -> str:
    plural = "entries" if unit == "entry" else f"{unit}s"
    return f"{number} {unit}" if number == 1 else f"{number} {plural}"


def _say(number: Number) -> str:
    return f"{number:g}" if isinstance(number, float) and abs(number) < 1e6 else str(number)  # noqa: PLR2004
