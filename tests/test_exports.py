"""What `fal_typed` offers, and that its two lists of it agree."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import fal_typed
from fal_typed import AsyncFalClient, AsyncHandle, Endpoint, FalClient, FalError, Handle, errors

SOURCE = Path(fal_typed.__file__).read_text(encoding="utf-8")


def imported_for_checkers() -> dict[str, str]:
    block = next(node for node in ast.parse(SOURCE).body if isinstance(node, ast.If))
    return {
        alias.name: (node.module or "").removeprefix("fal_typed.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_checkers_and_the_interpreter_see_the_same_names():
    assert imported_for_checkers() == fal_typed._MODULE_OF


@pytest.mark.parametrize("name", sorted(fal_typed._MODULE_OF))
def test_every_name_is_there(name):
    value = getattr(fal_typed, name)
    assert value is not None
    assert name in dir(fal_typed)


def test_no_module_hides_a_name_once_it_is_imported():
    modules = {path.stem for path in Path(fal_typed.__file__).parent.iterdir()}
    assert not modules & fal_typed._MODULE_OF.keys()


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nope"):
        _ = fal_typed.nope


def test_every_error_is_exported_and_one_tree():
    classes = [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, Exception)
    ]
    for error in classes:
        assert getattr(fal_typed, error.__name__) is error
        assert issubclass(error, (FalError, Warning))


def public(owner: type) -> dict[str, object]:
    return {name: value for name, value in inspect.getmembers(owner) if not name.startswith("_")}


def parameters(function: object) -> list[tuple[str, object, object]]:
    assert callable(function)
    signature = inspect.signature(function)
    return [(p.name, p.kind, p.default) for p in signature.parameters.values()]


@pytest.mark.parametrize(
    ("sync", "asynchronous"), [(FalClient, AsyncFalClient), (Handle, AsyncHandle)]
)
def test_the_two_clients_and_handles_are_twins(sync, asynchronous):
    assert public(sync).keys() == public(asynchronous).keys()
    for name, value in public(sync).items():
        if callable(value):
            assert parameters(value) == parameters(getattr(asynchronous, name)), name


def test_every_method_of_an_endpoint_has_an_async_twin():
    methods = public(Endpoint)
    for name, value in methods.items():
        if not callable(value) or name.endswith("_async") or name == "with_options":
            continue
        assert parameters(value) == parameters(methods[f"{name}_async"]), name


def test_every_module_level_function_has_an_async_twin():
    names = fal_typed._EXPORTS["default"]
    for name in names:
        if not name.endswith("_async"):
            twin = getattr(fal_typed, f"{name}_async")
            assert parameters(getattr(fal_typed, name)) == parameters(twin), name
