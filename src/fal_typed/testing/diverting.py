"""Leads this process's connections to the platform's hosts to an emulator instead.

Clients whose hosts are fixed can be tested this way without knowing of it: names of the platform
resolve to an address that stands for the emulator, and connections to that address go to it.
"""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

from fal_typed.testing.services import HOSTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Nobody listens there; it only has to come back in connect().
_STAND_IN = "127.84.70.76"


@contextmanager
def diverted(address: tuple[str, int], variables: Mapping[str, str]) -> Iterator[None]:
    """Divert until the end of the block, in all threads of the process.

    Args:
        address: Where connections to the platform shall go.
        variables: Environment variables to set meanwhile.

    Yields:
        Nothing.
    """
    resolve, connect = socket.getaddrinfo, socket.socket.connect

    def resolve_here(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode("latin-1") if isinstance(host, bytes) else host
        return resolve(_STAND_IN if name in HOSTS else host, *args, **options)

    def connect_here(self: socket.socket, to: Any) -> None:
        connect(self, address if to[0] == _STAND_IN else to)

    with (
        mock.patch.object(socket, "getaddrinfo", resolve_here),
        mock.patch.object(socket.socket, "connect", connect_here),
        mock.patch.dict(os.environ, variables),
    ):
        yield
