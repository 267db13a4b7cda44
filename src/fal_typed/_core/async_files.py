"""Files whose `read` is a coroutine function, such as FastAPI's `UploadFile`."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import Any, Protocol


class AsyncFile(Protocol):
    """A file for async code: of Starlette or FastAPI, anyio or aiofiles, for example."""

    async def read(self, size: int = -1, /) -> bytes:
        """Read some bytes, `b""` at the end."""
        ...


def is_async_file(value: object) -> bool:
    """Whether a value is a file whose `read` must be awaited."""
    return iscoroutinefunction(getattr(value, "read", None))


def file_inside(value: Any) -> Any:
    """The ordinary open file that an async file wraps, or None if it has none."""
    # UploadFile of Starlette and FastAPI has `file`, AsyncFile of anyio and Trio has `wrapped`.
    for name in ("file", "wrapped"):
        inner = getattr(value, name, None)
        if callable(getattr(inner, "read", None)) and not is_async_file(inner):
            return inner
    return None
