"""Calls from inside a fal app: headers that its current request forwards to other endpoints."""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, cast

_TOKEN = "x-fal-cdn-token"  # noqa: S105 - a header's name
_FORWARDED = (_TOKEN, "x-app-fal-can-disable-filter")


def forwarded_headers() -> dict[str, str]:
    """The headers that the app's current request forwards; empty outside an app."""
    incoming = _current_headers()
    return {name: incoming[name] for name in _FORWARDED if incoming.get(name)}


def keep_token(headers: Mapping[str, str]) -> None:
    """Store the storage token of a response, for further calls of the app's current request."""
    if _TOKEN in headers and "fal.ref" in sys.modules:
        _current_headers()[_TOKEN] = headers[_TOKEN]


def _current_headers() -> MutableMapping[str, str]:
    # The server framework is loaded whenever an app runs, and not needed otherwise.
    framework: Any = sys.modules.get("fal.ref")
    app = framework.get_current_app() if framework else None
    request = getattr(app, "current_request", None)
    return cast("MutableMapping[str, str]", request.headers) if request is not None else {}
