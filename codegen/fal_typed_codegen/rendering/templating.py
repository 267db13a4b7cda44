"""Loads the templates of generated modules."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


@functools.cache
def template(name: str) -> jinja2.Template:
    """Load a template.

    Args:
        name: Its path below `templates/`.

    Returns:
        The template. An undefined variable in it is an error.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fal_typed_codegen"),
        autoescape=False,  # noqa: S701 - Python is written; `prose` and `repr` do the escaping
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name, globals={"quoted": repr})
