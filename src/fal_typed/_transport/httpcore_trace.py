"""Notices when httpcore begins to send a request, for the pool and for httpx."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpcore

from fal_typed._transport.base import SendProgress


class ProgressTrace:
    """The extension `trace` of a request, which httpcore calls at each step.

    Attributes:
        is_called: Whether httpcore sends the request; transports of other kinds call nothing.
    """

    def __init__(self, progress: SendProgress) -> None:
        self.progress = progress
        self.is_called = False
        self._begun_before = False

    def on_event(self, name: str, info: Mapping[str, Any]) -> None:
        """Note a step, in sync code."""
        if not self.is_called:
            self.is_called, self.progress.begun = True, False
        if name.endswith(".send_request_headers.started"):
            self._begun_before = self.progress.begun
            # CONNECT goes to the network proxy and carries nothing of the request.
            self.progress.begun |= info["request"].method != b"CONNECT"
        elif name.endswith(".send_request_headers.failed") and isinstance(
            info["exception"], httpcore.LocalProtocolError
        ):
            # Raised for a header that cannot be sent, before a byte of the request is.
            self.progress.begun = self._begun_before

    async def on_event_async(self, name: str, info: Mapping[str, Any]) -> None:
        """Note a step, in async code."""
        self.on_event(name, info)
