"""Leads this process's connections to the platform's hosts to an emulator instead.

Clients whose hosts are fixed can be tested this way without knowing of it: names of the platform
resolve to an address that stands for the emulator, and connections to that address go to it.
"""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

Target: TypeAlias = tuple[str, int]


@contextmanager
def diverted(targets: Mapping[str, Target], variables: Mapping[str, str]) -> Generator[None]:
    """Divert until the end of the block, in all threads of the process.

    Args:
        targets: Address and port where connections to each host name shall go.
        variables: Environment variables to set meanwhile.

    Yields:
        Nothing.
    """
    resolve, connect = socket.getaddrinfo, socket.socket.connect
    # Nobody listens at these addresses; they only have to come back in connect().
    each = enumerate(dict.fromkeys(targets.values()), start=1)
    stand_ins = {target: f"127.84.70.{number}" for number, target in each}
    real = {stand_in: target for target, stand_in in stand_ins.items()}

    def resolve_here(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode("latin-1") if isinstance(host, bytes) else host
        target = targets.get(name)
        return resolve(host if target is None else stand_ins[target], *args, **options)

    def connect_here(self: socket.socket, address: Any) -> None:
        target = real.get(address[0])
        connect(self, address if target is None else target)

    with (
        mock.patch.object(socket, "getaddrinfo", resolve_here),
        mock.patch.object(socket.socket, "connect", connect_here),
        mock.patch.dict(os.environ, variables),
    ):
        yield
