"""Packages that hand out the names of a module inside them without loading it first (PEP 562)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def lazy_module(
    module: str, package: dict[str, Any]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make a package's ``__getattr__`` and ``__dir__``.

    Args:
        module: Full name of the module that defines what the package's ``__all__`` names.
        package: The package's globals; a name stays there once it was asked for.

    Returns:
        The two functions, for the package to take under these names.
    """

    def get(name: str) -> Any:
        if name not in package["__all__"]:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        package[name] = getattr(import_module(module), name)
        return package[name]

    def names() -> list[str]:
        return sorted({*package, *package["__all__"]})

    return get, names
