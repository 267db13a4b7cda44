"""TCP keepalive, which finds out that the other side of a silent connection is gone.

This is the default idle limit of every call: after `DEAD_AFTER` seconds without a byte of the
response and without an answer to the probes, the operating system ends the connection. A server
that is merely slow answers the probes, so jobs may take as long as they need.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

_IDLE = 60
_INTERVAL = 10
_PROBES = 6
DEAD_AFTER = _IDLE + _INTERVAL * _PROBES
"""Seconds after which a dead connection fails."""

# Systems lack some of these, or name the first one differently.
_TCP_OPTIONS = {
    "TCP_KEEPIDLE": _IDLE,
    "TCP_KEEPALIVE": _IDLE,
    "TCP_KEEPINTVL": _INTERVAL,
    "TCP_KEEPCNT": _PROBES,
    # While bytes that we sent are unacknowledged, there are no probes.
    "TCP_USER_TIMEOUT": DEAD_AFTER * 1000,
}


def _options() -> Iterator[tuple[int, int, int]]:
    yield socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1
    for name, value in _TCP_OPTIONS.items():
        option: int | None = getattr(socket, name, None)
        if option is not None:
            yield socket.IPPROTO_TCP, option, value


SOCKET_OPTIONS = tuple(_options())
"""Arguments of `socket.setsockopt`."""


def keep_alive(connection: socket.socket) -> None:
    """Turn keepalive on for a socket, unless it is closed already."""
    with suppress(OSError):
        for option in SOCKET_OPTIONS:
            connection.setsockopt(*option)
