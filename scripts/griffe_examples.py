"""Renders the `Example:` sections of docstrings as code on the reference page.

griffe, which reads the docstrings for mkdocstrings, only knows the plural, `Examples:`.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_HEADING = re.compile(r"^Example:$", re.MULTILINE)


class Examples(griffe.Extension):
    """Gives the sections the heading that griffe knows."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the heading in an object's docstring."""
        if obj.docstring is not None:
            obj.docstring.value = _HEADING.sub("Examples:", obj.docstring.value)
