"""One list of programs, run under fal_client and under `compat`, with equal output."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import inspect
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Any
from unittest import mock

import httpx
import pytest

from fal_typed import compat
from fal_typed._core.runner import Runner, default_runner
from fal_typed.testing import FalEmulator
from tests.compat.programs import PROGRAMS, Program

KEY = "id:secret"
# What a request carries that a program chose, and not its library.
HEADERS = (
    "authorization", "x-fal-request-timeout", "x-fal-runner-hint", "x-fal-queue-priority", "x-team",
    "x-fal-cdn-token", "x-app-fal-can-disable-filter",
)  # fmt: skip
CHANGING = {
    r"http://127\.0\.0\.1:\d+/(?=[a-z0-9]+[.])": "https://",
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}": "<id>",
    r"(?<=/files/u/)[\w-]+": "<place>",
    r"\d{4}-\d\d-\d\dT[\d:.+]+": "<time>",
}


@pytest.fixture(scope="module")
def secure() -> Iterator[FalEmulator]:
    with FalEmulator(run_time=0.0, tls=True) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def plain() -> Iterator[FalEmulator]:
    with FalEmulator(run_time=0.0) as emulator:
        yield emulator


@pytest.mark.filterwarnings("ignore:.*start_timeout:UserWarning")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_does_the_same(program, secure, plain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with mock.patch.dict(os.environ, {"FAL_KEY": KEY}), secure.diverted(), official() as package:
        theirs = played(program, package, secure)
    with mock.patch.dict(os.environ, {"FAL_KEY": KEY, "FAL_EMULATOR_HOST": plain.host}), ours():
        assert played(program, compat, plain) == theirs
    assert theirs["output"]


def test_the_list_is_long_enough():
    assert len(PROGRAMS) >= 33
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)


def played(program: Program, package: Any, emulator: FalEmulator) -> dict[str, Any]:
    emulator.reset()
    program.prepare(emulator)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        if inspect.iscoroutinefunction(program.main):
            asyncio.run(main(program, package))
        else:
            program.main(package)
    requests = [one for one in emulator.requests if one.route in program.sent]
    assert bool(requests) == bool(program.sent)
    return {
        "output": normalized(output.getvalue()),
        "requests": [normalized(str(carried(one))) for one in requests],
        "files": [(file.content_type, file.read(), file.lifecycle) for file in emulator.files],
    }


async def main(program: Program, package: Any) -> None:
    await program.main(package)
    for client in ASYNC_CLIENTS:
        await client.aclose()
    ASYNC_CLIENTS.clear()


def carried(request: Any) -> dict[str, Any]:
    headers = {name: request.headers[name] for name in HEADERS if name in request.headers}
    if "x-fal-request-timeout" in headers:
        headers["x-fal-request-timeout"] = float(headers["x-fal-request-timeout"])
    return {
        "path": request.path,
        "query": request.query,
        "json": request.json,
        "headers": headers,
    }


def normalized(text: str) -> str:
    for pattern, replacement in CHANGING.items():
        text = re.sub(pattern, replacement, text)
    return text


ASYNC_CLIENTS: list[httpx.AsyncClient] = []


@contextlib.contextmanager
def official() -> Iterator[Any]:
    """fal_client, imported anew, and its connections closed, which it never does itself."""
    clients: list[httpx.Client] = []

    def remembering(kind: type, opened: list[Any]) -> Any:
        original = kind.__init__  # type: ignore[misc]

        def remember(client, *args, **options) -> None:
            original(client, *args, **options)
            opened.append(client)

        return mock.patch.object(kind, "__init__", remember)

    with (
        mock.patch.dict(sys.modules),
        remembering(httpx.Client, clients),
        remembering(httpx.AsyncClient, ASYNC_CLIENTS),
    ):
        for name in [name for name in sys.modules if name.partition(".")[0] == "fal_client"]:
            del sys.modules[name]
        package = importlib.import_module("fal_client")
        yield package
        # After a timeout, its thread goes on until the platform says that the job has ended.
        package.client.EXECUTOR.shutdown()
    for client in clients:
        client.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """The same for compat: the connections of the clients that a program made."""
    runners: list[Runner] = [default_runner()]
    original = Runner.__init__

    def remember(runner, *args, **options) -> None:
        original(runner, *args, **options)
        runners.append(runner)

    with mock.patch.object(Runner, "__init__", remember):
        yield
    compat.set_get_current_app(None)
    for runner in runners:
        runner.connections.close()
