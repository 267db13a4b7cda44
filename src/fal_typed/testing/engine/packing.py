"""Packs and unpacks realtime messages (docs/protocol.md section 5.3)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fal_typed._documents.document import Codec

    msgpack: Any  # it has no types
else:
    import msgpack


class UnreadableMessageError(ValueError):
    """A message is not in the format that the endpoint expects."""


def unpack(message: str | bytes, codec: Codec) -> Any:
    """Read a message of a client.

    Args:
        message: The message. The platform's MessagePack decoder takes binary frames only.
        codec: The endpoint's message format.

    Returns:
        The value.

    Raises:
        UnreadableMessageError: The message cannot be decoded.
    """
    try:
        # MessagePack itself rejects text, with the message that the platform passes on.
        return json.loads(message) if codec == "json" else msgpack.unpackb(message)
    except Exception as error:
        raise UnreadableMessageError(str(error)) from error


def pack(value: Any, codec: Codec) -> bytes:
    """Write a result.

    Args:
        value: The result; with MessagePack it may contain bytes.
        codec: The endpoint's message format.

    Returns:
        The content of a binary frame.
    """
    if codec == "json":
        return json.dumps(value).encode()
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed
