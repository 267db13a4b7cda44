"""Encodes and decodes the frames of a realtime session (docs/protocol.md section 5.3).

Inputs and results are binary: MessagePack, unless the endpoint declares another codec. Messages
of the platform itself are always JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from fal_typed._core.json_values import as_object, as_text, parse_json
from fal_typed.errors import FalInputError, FalStreamError

if TYPE_CHECKING:
    from fal_typed._calls.call_options import CallOptions

    msgpack: Any  # it has no types
else:
    import msgpack

_MAX_TEXT = 200
_END = "TIMEOUT"


@dataclass(frozen=True)
class Codec:
    """Encodes inputs as bytes and decodes results from bytes."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


@dataclass(frozen=True)
class ResultFrame:
    """A result."""

    content: Any


@dataclass(frozen=True)
class PlatformMessage:
    """A message of the platform next to the results, such as the timing of one."""

    content: dict[str, Any]


@dataclass(frozen=True)
class EndFrame:
    """The session ended normally: it was idle for too long, or all results were sent."""


@dataclass(frozen=True)
class ErrorFrame:
    """The endpoint or the gateway failed; the session has ended."""

    code: str
    reason: str | None

    @property
    def is_unauthorized(self) -> bool:
        """Whether the token was rejected."""
        return self.code.lower() == "unauthorized"


Frame = Union[ResultFrame, PlatformMessage, EndFrame, ErrorFrame]


def codec_of(options: CallOptions) -> Codec:
    """The codec for a call's options.

    Raises:
        FalInputError: The codec is unknown.
    """
    if options.codec not in ("msgpack", "json"):
        raise FalInputError("codec must be 'msgpack' or 'json'.")
    codec = _JSON if options.codec == "json" else _MESSAGE_PACK
    return Codec(options.encode_message or codec.encode, options.decode_message or codec.decode)


def encode_input(codec: Codec, arguments: object) -> bytes:
    """Encode an input.

    Raises:
        FalInputError: The input contains a value that the codec cannot encode; nothing was sent.
    """
    try:
        return codec.encode(arguments)
    except (TypeError, ValueError, OverflowError) as error:
        raise FalInputError(f"The input cannot be encoded: {error}") from None


def read_frame(frame: bytes | str, codec: Codec) -> Frame:
    """Parse a frame.

    Raises:
        FalStreamError: The frame cannot be decoded; the session continues.
    """
    if isinstance(frame, str):
        return _read_text(frame)
    try:
        return ResultFrame(codec.decode(frame))
    except Exception as error:  # noqa: BLE001 - the codec may be the caller's own
        raise FalStreamError(
            f"A result of {len(frame)} bytes cannot be decoded ({type(error).__name__}: {error}). "
            "Check which codec the endpoint uses: pass codec='json' or your own decode_message."
        ) from None


def _read_text(text: str) -> Frame:
    try:
        content = parse_json(text)
    except ValueError:
        raise FalStreamError(f"A message is not JSON: {text[:_MAX_TEXT]!r}") from None
    message = as_object(content) or {}
    kind = message.get("type")
    if kind == "x-fal-message":
        return PlatformMessage(message)
    if kind != "x-fal-error" and not (message.get("status") == "error" and "error" in message):
        return ResultFrame(content)
    code = as_text(message.get("error")) or "UNKNOWN_ERROR"
    return EndFrame() if code == _END else ErrorFrame(code, as_text(message.get("reason")))


def _pack(value: object) -> bytes:
    packed: bytes = msgpack.packb(value, use_bin_type=True, default=_plain)
    return packed


def _unpack(data: bytes) -> Any:
    return msgpack.unpackb(data, raw=False, strict_map_key=False)


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain).encode()


def _plain(value: object) -> object:
    # A file of an earlier result is sent as its URL. Realtime sessions do not upload files.
    url = getattr(value, "url", None)
    if isinstance(url, str):
        return url
    raise TypeError(
        f"a value of type {type(value).__name__} cannot be encoded; pass bytes (MessagePack "
        "only), a URL, or a data URI"
    )


_MESSAGE_PACK = Codec(_pack, _unpack)
_JSON = Codec(_dump, parse_json)
