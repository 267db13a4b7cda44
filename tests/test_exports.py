"""The exports of `fal_typed`, and the equality of sync and async signatures."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from typing_extensions import get_overloads

import fal_typed
from fal_typed import (
    AsyncFalClient,
    AsyncHandle,
    AsyncPendingRun,
    AsyncPipeline,
    AsyncPlatform,
    AsyncRealtimeConnection,
    AsyncStream,
    AsyncWebSocket,
    Endpoint,
    FalClient,
    FalError,
    File,
    Handle,
    Image,
    PendingRun,
    Pipeline,
    Platform,
    RealtimeConnection,
    Stream,
    WebSocket,
    default,
    errors,
    verify_webhook,
    verify_webhook_async,
)

ROOT = Path(__file__).parent.parent
SOURCE = Path(fal_typed.__file__).read_text(encoding="utf-8")
TWINS = [
    (FalClient, AsyncFalClient),
    (Handle, AsyncHandle),
    (PendingRun, AsyncPendingRun),
    (Pipeline, AsyncPipeline),
    (Platform, AsyncPlatform),
    (RealtimeConnection, AsyncRealtimeConnection),
    (Stream, AsyncStream),
    (WebSocket, AsyncWebSocket),
]
CLIENT = [
    "cancel", "close", "handle", "pipeline", "platform", "realtime", "result", "run", "status",
    "stream", "submit", "subscribe", "upload", "upload_file", "upload_image", "with_key",
    "with_options", "ws_connect",
]  # fmt: skip
"""All names that completion shows on a client."""


def imported_for_checkers() -> dict[str, str]:
    block = next(node for node in ast.parse(SOURCE).body if isinstance(node, ast.If))
    return {
        alias.name: (node.module or "").removeprefix("fal_typed.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_generated_modules_are_up_to_date():
    command = [sys.executable, str(ROOT / "scripts" / "surface.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_checkers_and_the_interpreter_see_the_same_names():
    assert imported_for_checkers() == {**fal_typed._MODULE_OF, "endpoints": "fal_typed"}
    assert fal_typed.endpoints.__name__ == "fal_typed.endpoints"


@pytest.mark.parametrize("name", sorted(fal_typed._MODULE_OF))
def test_every_exported_name_exists(name):
    value = getattr(fal_typed, name)
    assert value is not None
    assert name in dir(fal_typed)


def test_no_module_hides_an_exported_name_once_it_is_imported():
    modules = {path.stem for path in Path(fal_typed.__file__).parent.iterdir()}
    assert not modules & fal_typed._MODULE_OF.keys()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nope"):
        _ = fal_typed.nope


def test_every_error_is_exported_and_has_one_base():
    classes = [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, Exception)
    ]
    for error in classes:
        assert getattr(fal_typed, error.__name__) is error
        assert issubclass(error, (FalError, Warning))


@pytest.mark.parametrize("client", [FalClient, AsyncFalClient])
def test_a_client_offers_public_names_only(client):
    assert [name for name in dir(client()) if not name.startswith("_")] == CLIENT


def public(owner: type) -> dict[str, object]:
    return {name: value for name, value in inspect.getmembers(owner) if not name.startswith("_")}


def parameters(function: object) -> list[tuple[str, object, object]]:
    assert callable(function)
    signature = inspect.signature(function)
    return [(p.name, p.kind, p.default) for p in signature.parameters.values() if p.name != "self"]


def assert_twins(sync: object, asynchronous: object, name: str) -> None:
    assert parameters(sync) == parameters(asynchronous), name
    assert inspect.getdoc(sync), name
    assert inspect.getdoc(asynchronous), name
    if sys.version_info >= (3, 11):
        theirs = [parameters(overload) for overload in get_overloads(asynchronous)]
        assert [parameters(overload) for overload in get_overloads(sync)] == theirs, name


@pytest.mark.parametrize(("sync", "asynchronous"), TWINS, ids=lambda owner: owner.__name__)
def test_every_method_of_a_class_has_an_async_twin(sync, asynchronous):
    assert public(sync).keys() == public(asynchronous).keys()
    for name, value in public(sync).items():
        if callable(value):
            assert_twins(value, getattr(asynchronous, name), name)


@pytest.mark.parametrize("owner", [Endpoint, File, Image], ids=lambda owner: owner.__name__)
def test_every_method_that_waits_has_an_async_twin_beside_it(owner):
    methods = {name: value for name, value in vars(owner).items() if not name.startswith("_")}
    twins = [name for name in methods if name.endswith("_async")]
    assert twins
    for twin in twins:
        name = twin.removesuffix("_async")
        assert_twins(getattr(owner, name), getattr(owner, twin), name)


def test_every_module_level_function_has_an_async_twin():
    names = [name for name, module in fal_typed._MODULE_OF.items() if module == "default"]
    assert {f"{name}{end}" for name in CLIENT for end in ("", "_async")} - set(names) == {
        f"{name}{end}"
        for name in ("close", "platform", "with_key", "with_options")
        for end in ("", "_async")
    }
    for name in names:
        if not name.endswith("_async"):
            twin = getattr(default, f"{name}_async")
            assert_twins(getattr(default, name), twin, name)
            assert_twins(getattr(FalClient, name), getattr(default, name), name)


def test_the_webhook_functions_are_twins():
    assert_twins(verify_webhook, verify_webhook_async, "verify_webhook")
