"""Calls from inside a fal app: what its current request hands on to the endpoints it calls."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, cast

_TOKEN = "x-fal-cdn-token"  # noqa: S105 - a header's name
_FORWARDED = (_TOKEN, "x-app-fal-can-disable-filter")
_get_current_app: Callable[[], Any] | None = None


def set_get_current_app(func: Callable[[], Any] | None) -> None:
    """Set the function that finds the app whose request is being processed.

    Args:
        func: Returns the app, or None outside of a request; its `current_request` has the headers
            to pass on. None: the fal framework is asked, if it is loaded.
    """
    global _get_current_app  # noqa: PLW0603 - there is one framework per process
    _get_current_app = func


def forwarded_headers() -> dict[str, str]:
    """The headers that the app's current request hands on; none outside of an app."""
    incoming = _current_headers()
    return {name: incoming[name] for name in _FORWARDED if incoming.get(name)}


def keep_token(answer: Mapping[str, str]) -> None:
    """Let the app's current request go on with the storage token an answer brought."""
    if _TOKEN in answer:
        _current_headers()[_TOKEN] = answer[_TOKEN]


def _current_headers() -> MutableMapping[str, str]:
    # The server framework is there whenever an app runs, and never needed otherwise.
    framework: Any = sys.modules.get("fal.ref")
    find = _get_current_app or getattr(framework, "get_current_app", None)
    request = getattr(find() if find else None, "current_request", None)
    return cast("MutableMapping[str, str]", request.headers) if request is not None else {}
