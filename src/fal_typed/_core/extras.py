"""Imports of optional packages, with an error that says how to install a missing one."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any


@contextmanager
def needs(extra: str, package: str) -> Generator[None]:
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


def imported(extra: str, module: str) -> Any:
    """Import a module without types of its own that an extra brings.

    Args:
        extra: Name of the extra.
        module: Name of the module.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    with needs(extra, module.partition(".")[0]):
        return import_module(module)
