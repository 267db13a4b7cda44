"""Cleanup that a cancellation does not interrupt."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

T = TypeVar("T")
CLEANUP_SECONDS = 10.0
"""The longest that cleanup may hold up a cancellation."""


async def shielded(cleanup: Coroutine[Any, Any, T], limit: float = CLEANUP_SECONDS) -> T:
    """Run cleanup in a task of its own and wait for its end, whatever cancels the caller meanwhile.

    Args:
        cleanup: What to run; it is canceled itself when it takes longer than `limit`.
        limit: Seconds.

    Raises:
        asyncio.CancelledError: The caller was canceled while it waited; the cleanup has ended.
    """
    task = asyncio.ensure_future(cleanup)
    ends = asyncio.get_running_loop().time() + limit
    interrupted: asyncio.CancelledError | None = None
    with _shield_from_scopes():
        while not task.done():
            remaining = ends - asyncio.get_running_loop().time()
            if remaining <= 0:
                task.cancel()
            try:
                await asyncio.wait({task}, timeout=max(remaining, 0.1))
            except asyncio.CancelledError as error:
                interrupted = error
    if interrupted is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # read, so that asyncio does not report it as forgotten
    raise interrupted


def _shield_from_scopes() -> AbstractContextManager[object]:
    """Keep anyio's scopes, which cancel at every `await` and not only once, from doing so here."""
    anyio = sys.modules.get("anyio")
    return nullcontext() if anyio is None else anyio.CancelScope(shield=True)
