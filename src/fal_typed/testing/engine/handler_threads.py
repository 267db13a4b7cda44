"""Runs a user's handlers outside the emulator's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a thread of its own.

    Unlike the threads of an executor, a daemon thread delays neither the emulator's end nor that of
    the program, whatever the function does.

    Args:
        function: The function.
        arguments: Its arguments.

    Returns:
        What it returns.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Any] = loop.create_future()

    def finish(value: object, error: BaseException | None) -> None:
        if outcome.done():  # the request was canceled
            return
        if error is None:
            outcome.set_result(value)
        else:
            outcome.set_exception(error)

    def call() -> None:
        value, failure = None, None
        try:
            value = function(*arguments)
        except BaseException as error:  # noqa: BLE001 - raised in the event loop
            failure = error
        with contextlib.suppress(RuntimeError):  # the emulator has stopped
            loop.call_soon_threadsafe(finish, value, failure)

    threading.Thread(target=call, name="fal-emulator-handler", daemon=True).start()
    return await outcome
