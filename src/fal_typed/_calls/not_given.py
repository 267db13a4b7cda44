"""The default of options that were not given, which None would not tell from "no limit"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class NotGiven:
    """The type of `NOT_GIVEN`."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Any = NotGiven()
"""The option keeps the value of the call, the endpoint or the client."""


def only_given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without those that were not given."""
    return {name: value for name, value in options.items() if value is not NOT_GIVEN}
