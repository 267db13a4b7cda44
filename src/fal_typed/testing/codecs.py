"""How realtime messages are packed (docs/protocol.md section 5.3)."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, Literal, TypeAlias

_MSGPACK: Any = import_module("msgpack")  # it has no types

Codec: TypeAlias = Literal["msgpack", "json"]


class UndecodableError(ValueError):
    """A message is not what the endpoint's codec expects."""


def decode(message: str | bytes, codec: Codec) -> Any:
    """Read a message of a client.

    Args:
        message: As it came. The platform's MessagePack decoder takes binary frames only.
        codec: The endpoint's codec.

    Returns:
        The value.

    Raises:
        UndecodableError: It cannot be read.
    """
    try:
        # MessagePack itself refuses text, in the words that the platform passes on.
        return json.loads(message) if codec == "json" else _MSGPACK.unpackb(message)
    except Exception as error:
        raise UndecodableError(str(error)) from error


def encode(value: Any, codec: Codec) -> bytes:
    """Pack a result.

    Args:
        value: The result; with MessagePack it may hold bytes.
        codec: The endpoint's codec.

    Returns:
        A binary frame.
    """
    if codec == "json":
        return json.dumps(value).encode()
    packed: bytes = _MSGPACK.packb(value, use_bin_type=True)
    return packed
