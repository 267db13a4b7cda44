"""`RealtimeConnection` of fal_client; `make surface` writes its async twin."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from fal_typed._calls.call_options import CallOptions
from fal_typed._core.json_values import as_object
from fal_typed._realtime.codecs import codec_of, encode_input
from fal_typed.compat._failures import RealtimeError, WebSocketBrokenError, WebSocketClosedError

if TYPE_CHECKING:
    from types import TracebackType


@dataclass
class MessageCoding:
    """What the two kinds of connections share: how messages become bytes, and bytes messages."""

    _ws: Any
    _encode_message: Callable[[Any], bytes] | None = None
    _decode_message: Callable[[bytes], Any] | None = None

    def _encoded(self, arguments: dict[str, Any]) -> bytes:
        return encode_input(codec_of(self._options()), arguments)

    def _decoded(self, message: bytes | str | memoryview) -> Any:
        """A result, or None for what the platform says beside the results.

        Raises:
            RealtimeError: The message is an error of the platform.
        """
        if not isinstance(message, str):
            return codec_of(self._options()).decode(bytes(message))
        try:
            content = json.loads(message)
        except ValueError:
            return {"type": "text", "payload": message}
        fields = as_object(content) or {}
        if fields.get("type") == "x-fal-error":
            code = str(fields.get("error", "UNKNOWN_ERROR"))
            raise RealtimeError(code, fields.get("reason"), fields)
        return None if fields.get("type") == "x-fal-message" else content

    def _options(self) -> CallOptions:
        return CallOptions(encode_message=self._encode_message, decode_message=self._decode_message)


class RealtimeConnection(MessageCoding):
    """A realtime session.

    Example:
        >>> from fal_typed.compat import SyncClient
        >>> with SyncClient().realtime("fal-ai/flux/dev") as connection:
        ...     connection.send({"prompt": "a cat"})
        ...     connection.recv()["prompt"]
        'a cat'
    """

    def send(self, arguments: dict[str, Any]) -> None:
        """Send an input.

        Args:
            arguments: The model's parameters.

        Raises:
            FalInputError: The input cannot be encoded.
            websockets.exceptions.ConnectionClosed: The session is over.
        """
        self._ws.send(self._encoded(arguments))

    def recv(self) -> dict[str, Any] | None:
        """Wait for the next result.

        Returns:
            The result, or None when the session has ended as planned.

        Raises:
            RealtimeError: The endpoint failed, or the connection broke.
        """
        while True:
            try:
                result: dict[str, Any] | None = self._decoded(self._ws.recv())
            except WebSocketClosedError:
                return None
            except WebSocketBrokenError as error:
                raise RealtimeError("CONNECTION_CLOSED", str(error)) from error
            if result is not None:
                return result

    def close(self) -> None:
        """Close the connection."""
        self._ws.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
