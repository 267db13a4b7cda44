"""Checks that a description names no value that its parameter does not accept.

Only descriptions of the glossary are checked: a wrong one is a mistake of ours, and fails before it
reaches generated code. What a document says is left as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fal_typed._documents.values import Values

_LITERAL = re.compile(r"`([^`]+)`|\"([^\"]+)\"|(?<!\w)'([^']+)'(?!\w)")
# Words that are values even without quotes.
_KNOWN = re.compile(
    r"\b(?:webp|png|jpe?g|gif|bmp|tiff?|svg|avif|mp3|wav|flac|ogg|opus|aac|m4a|pcm|mp4|webm|mov|mkv"
    r"|avi|h26[45]|vp[89]|prores|glb|obj|fbx|usdz|stl|ply|auto|none|\d+:\d+|\d+p|\d+k|\d+x\d+)\b",
    re.IGNORECASE,
)


class UntrueTextError(ValueError):
    """A description names a value that its parameter does not accept."""


def check_values(endpoint: str, parameter: str, text: str, values: Values) -> None:
    """Check the values that the description of a parameter names.

    Args:
        endpoint: The endpoint's id, for the error.
        parameter: The parameter's name, for the error.
        text: The description.
        values: The values that the parameter accepts.

    Raises:
        UntrueTextError: The parameter does not accept one of the values.

    >>> from fal_typed._documents.values import Values
    >>> png = Values(("png",), is_closed=True)
    >>> check_values("acme/draw", "output_format", "`png` is lossless.", png)
    >>> check_values("acme/draw", "output_format", "File format, such as webp.", png)
    Traceback (most recent call last):
    ...
    fal_typed_codegen.rendering.truth.UntrueTextError: acme/draw: the description of \
`output_format` names the value `webp`, which it does not accept (allowed: png); correct its line \
in glossary.txt
    """
    for value in named_values(text):
        if values.excludes(value):
            raise UntrueTextError(
                f"{endpoint}: the description of `{parameter}` names the value `{value}`, which it"
                f" does not accept ({_allowed(values)}); correct its line in glossary.txt"
            )


def named_values(text: str) -> list[str]:
    """Values that a description names: what is in quotes, and words that are known values.

    >>> named_values("`fast` is faster; auto and 16:9 are not in quotes.")
    ['fast', 'auto', '16:9']
    """
    quoted = ["".join(found) for found in _LITERAL.findall(text)]
    return [*quoted, *_KNOWN.findall(_LITERAL.sub(" ", text))]


def _allowed(values: Values) -> str:
    if values.choices:
        return f"allowed: {', '.join(values.choices)}"
    low = "" if values.low is None else f"{values.low:g}"
    high = "" if values.high is None else f"{values.high:g}"
    return f"allowed: {low} … {high}"
