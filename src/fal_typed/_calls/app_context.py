"""Calls from inside a fal app: headers that its current request forwards to other endpoints."""

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
    """The headers that the app's current request forwards; empty outside an app."""
    incoming = _current_headers()
    return {name: incoming[name] for name in _FORWARDED if incoming.get(name)}


def keep_token(headers: Mapping[str, str]) -> None:
    """Store the storage token of a response, for further calls of the app's current request."""
    if _TOKEN in headers:
        _current_headers()[_TOKEN] = headers[_TOKEN]


def _current_headers() -> MutableMapping[str, str]:
    # The server framework is loaded whenever an app runs, and not needed otherwise.
    framework: Any = sys.modules.get("fal.ref")
    find = _get_current_app or getattr(framework, "get_current_app", None)
    request = getattr(find() if find else None, "current_request", None)
    return cast("MutableMapping[str, str]", request.headers) if request is not None else {}
