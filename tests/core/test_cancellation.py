"""Cancellation at every step: a job that was accepted is canceled, or its result arrives."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import anyio
import httpx
import pytest

from fal_typed import AsyncFalClient
from fal_typed._transport import selection
from tests.core.flux import ID

ARGUMENTS = {"prompt": "a cat"}
MOST_STEPS = 120  # more turns than an exchange takes; a job that waits takes any number


@types.coroutine
def counted(
    coroutine: Coroutine[Any, Any, Any], step: int, stop: Callable[[], object], passed: list[int]
) -> Generator[Any, Any, Any]:
    """Run a coroutine and call `stop` at its n-th step, as the scheduler counts them."""
    inner = coroutine.__await__()
    error: BaseException | None = None
    while True:
        try:
            waiting = inner.send(None) if error is None else inner.throw(error)
        except StopIteration as ended:
            return ended.value
        error = None
        passed.append(len(passed))
        if len(passed) == step:
            stop()
        try:
            yield waiting
        except BaseException as raised:  # noqa: BLE001 - handed to the coroutine
            error = raised


async def edge(coroutine: Coroutine[Any, Any, Any], step: int) -> tuple[Any, int]:
    """Cancel the task once."""
    passed: list[int] = []
    task = asyncio.current_task()
    assert task is not None
    with suppress(asyncio.CancelledError):
        return await counted(coroutine, step, task.cancel, passed), len(passed)
    return None, len(passed)


async def twice(coroutine: Coroutine[Any, Any, Any], step: int) -> tuple[Any, int]:
    """Cancel the task, and again while it cleans up."""
    passed: list[int] = []
    task = asyncio.current_task()
    assert task is not None

    def stop() -> None:
        task.cancel()
        asyncio.get_running_loop().call_soon(
            lambda: asyncio.get_running_loop().call_soon(task.cancel)
        )

    result = None
    with suppress(asyncio.CancelledError):
        result = await counted(coroutine, step, stop, passed)
    with suppress(asyncio.CancelledError):  # the second one may come only now
        for _ in range(3):
            await asyncio.sleep(0)
    return result, len(passed)


async def level(coroutine: Coroutine[Any, Any, Any], step: int) -> tuple[Any, int]:
    """Cancel a scope of anyio's, which cancels at each `await` until it is left."""
    passed: list[int] = []
    result = None
    with anyio.CancelScope() as scope:
        result = await counted(coroutine, step, scope.cancel, passed)
    return result, len(passed)


async def spinning(coroutine: Coroutine[Any, Any, Any], step: int) -> tuple[Any, int]:
    """Cancel the task at the n-th turn of the event loop, whichever task had it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    passed: list[int] = []
    ended = False

    def turn() -> None:
        if ended:
            return
        passed.append(len(passed))
        if len(passed) == step:
            task.cancel()
        else:
            loop.call_soon(turn)

    loop.call_soon(turn)
    result = None
    with suppress(asyncio.CancelledError):
        result = await coroutine
    ended = True
    return result, len(passed)


@pytest.fixture(params=["aiohttp", "pool", "httpx"])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(selection, "has_aiohttp", lambda: request.param == "aiohttp")
    return request.param


@asynccontextmanager
async def client_over(transport: str) -> AsyncIterator[AsyncFalClient]:
    async with AsyncExitStack() as stack:
        options: Any = {}
        if transport == "httpx":
            options["http_client"] = await stack.enter_async_context(httpx.AsyncClient())
        yield await stack.enter_async_context(AsyncFalClient(**options))


async def subscribe(client: AsyncFalClient) -> Any:
    return await client.subscribe(ID, ARGUMENTS)


async def submit(client: AsyncFalClient) -> Any:
    return await client.submit(ID, ARGUMENTS)


async def poll(client: AsyncFalClient) -> Any:
    return await client.with_options(with_logs=True).subscribe(ID, ARGUMENTS, interval=0.01)


@pytest.mark.parametrize(
    "stopped", [edge, twice, level, spinning], ids=lambda function: function.__name__
)
@pytest.mark.parametrize("call", [subscribe, submit, poll], ids=lambda function: function.__name__)
def test_no_job_is_left_running_at_whatever_step_its_caller_is_cancelled(
    call, stopped, transport, fal_emulator
):
    script = fal_emulator.endpoint(ID)
    script.queue_time, script.run_time = 0.01, 0.0

    async def main(step: int) -> bool:
        async with client_over(transport) as client:
            result, passed = await stopped(call(client), step)
        submits = [r for r in fal_emulator.requests.of("submit") if r.status == 200]
        cancels = fal_emulator.requests.of("cancel")
        assert len(submits) <= 1
        assert result is not None or len(cancels) == len(submits), f"step {step} of {passed}"
        return passed < step

    for step in range(1, MOST_STEPS):
        fal_emulator.requests.clear()
        if asyncio.run(main(step)):
            assert step > 1
            return
    assert stopped is spinning, "the call never ends"
