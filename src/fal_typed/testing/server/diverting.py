"""Diverts this process's connections from the platform's hosts to an emulator.

Clients with fixed hosts can be tested this way unchanged: the platform's host names resolve to a
placeholder address, and connections to that address go to the emulator.
"""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

SocketAddress: TypeAlias = tuple[str, int]


@contextmanager
def diverted(targets: Mapping[str, SocketAddress], variables: Mapping[str, str]) -> Generator[None]:
    """Divert connections until the end of the block, in all threads of the process.

    Args:
        targets: The address and port to use for each host name.
        variables: Environment variables to set until then.

    Yields:
        Nothing.
    """
    resolve, connect = socket.getaddrinfo, socket.socket.connect
    # Nothing listens on these addresses; connect() recognizes them.
    each = enumerate(dict.fromkeys(targets.values()), start=1)
    placeholders = {target: f"127.84.70.{number}" for number, target in each}
    real = {placeholder: target for target, placeholder in placeholders.items()}

    def resolve_here(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode("latin-1") if isinstance(host, bytes) else host
        target = targets.get(name)
        return resolve(host if target is None else placeholders[target], *args, **options)

    def connect_here(self: socket.socket, address: Any) -> None:
        target = real.get(address[0])
        connect(self, address if target is None else target)

    with (
        mock.patch.object(socket, "getaddrinfo", resolve_here),
        mock.patch.object(socket.socket, "connect", connect_here),
        mock.patch.dict(os.environ, variables),
    ):
        yield
