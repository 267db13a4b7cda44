"""Imports of optional packages, with an error that says how to install a missing one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs(extra: str, package: str) -> Iterator[None]:
    """Import what an extra brings.

    Args:
        extra: Name of the extra.
        package: Name of the package as imported.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise ModuleNotFoundError(
            f"This needs {package}, which is not installed: pip install 'fal-typed[{extra}]'",
            name=package,
        ) from None
