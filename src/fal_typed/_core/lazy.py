"""Packages that import their names on first use (PEP 562)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any

Lazy = tuple[Callable[[str], Any], Callable[[], list[str]]]


def lazy_names(
    package: dict[str, Any],
    module_of: Mapping[str, str],
    *,
    packages: Collection[str] = (),
    extra: str | None = None,
    fal_client_names: Mapping[str, str] | None = None,
) -> Lazy:
    """Create a package's ``__getattr__`` and ``__dir__``.

    Args:
        package: The package's globals; names are stored there on first use.
        module_of: The module inside the package that defines each name.
        packages: Packages inside it that are imported on first use.
        extra: The extra of fal-typed that installs what these modules need.
        fal_client_names: Names that only fal_client has, with this package's name for the same
            thing, or an empty text; an access to one says so.

    Returns:
        The two functions, to be assigned to these names.
    """

    def get(name: str) -> Any:
        if name in packages:
            return import_module(f"{package['__name__']}.{name}")
        if name not in module_of:
            message = f"module {package['__name__']!r} has no attribute {name!r}"
            if fal_client_names and name in fal_client_names:
                message += _hint(package["__name__"], fal_client_names[name])
            raise AttributeError(message)
        try:
            module = import_module(f"{package['__name__']}.{module_of[name]}")
        except ModuleNotFoundError as error:
            if extra is None or error.name is None or error.name.split(".")[0] == "fal_typed":
                raise
            raise ModuleNotFoundError(
                f"{name} needs {error.name}: pip install 'fal-typed[{extra}]'", name=error.name
            ) from error
        package[name] = getattr(module, name)
        return package[name]

    def names() -> list[str]:
        return sorted({*package, *package["__all__"], *packages})

    return get, names


def _hint(package: str, ours: str) -> str:
    same = f", whose name here is {package}.{ours}" if ours else ""
    return (
        f". It is a name of fal_client{same}. `from {package} import compat as fal_client` runs "
        "code written for fal_client unchanged."
    )


def lazy_module(module: str, package: dict[str, Any]) -> Lazy:
    """Create ``__getattr__`` and ``__dir__`` for a package whose names are all in one module.

    Args:
        module: Full name of the module that defines the names in ``__all__``.
        package: The package's globals.
    """
    inner = module.removeprefix(f"{package['__name__']}.")
    return lazy_names(package, dict.fromkeys(package["__all__"], inner))
