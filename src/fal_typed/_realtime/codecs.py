"""What travels in a realtime session's frames, and what it means (docs/protocol.md section 5.3).

Inputs and results are binary, in MessagePack unless the endpoint declares another form. What
the platform itself says is a JSON text, whatever the form of the results.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Union

from fal_typed._core.json_values import as_object, as_text
from fal_typed.errors import FalInputError, FalStreamError

if TYPE_CHECKING:
    from fal_typed._calls.call_options import CallOptions

_msgpack: Any = import_module("msgpack")  # it has no types
_MAX_TEXT = 200
_END = "TIMEOUT"


@dataclass(frozen=True)
class Codec:
    """How inputs become bytes, and bytes results."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


@dataclass(frozen=True)
class ResultFrame:
    """A result."""

    content: Any


@dataclass(frozen=True)
class Message:
    """Something the platform says beside the results, such as how long one took."""

    content: dict[str, Any]


@dataclass(frozen=True)
class EndFrame:
    """The session ends as planned: nothing came for too long, or all results are there."""


@dataclass(frozen=True)
class ErrorFrame:
    """The endpoint or the gateway failed; the session is over."""

    code: str
    reason: str | None

    @property
    def is_unauthorised(self) -> bool:
        """Whether the token was refused."""
        return self.code.lower() == "unauthorized"


Frame = Union[ResultFrame, Message, EndFrame, ErrorFrame]


def codec_of(options: CallOptions) -> Codec:
    """The codec a caller asked for.

    Raises:
        FalInputError: There is no such codec.
    """
    if options.codec not in ("msgpack", "json"):
        raise FalInputError("codec must be 'msgpack' or 'json'.")
    codec = _JSON if options.codec == "json" else _MESSAGE_PACK
    return Codec(options.encode_message or codec.encode, options.decode_message or codec.decode)


def encode_input(codec: Codec, arguments: object) -> bytes:
    """An input as bytes.

    Raises:
        FalInputError: It holds something the codec has no form for; nothing was sent.
    """
    try:
        return codec.encode(arguments)
    except (TypeError, ValueError, OverflowError) as error:
        raise FalInputError(f"The input cannot be sent in this session: {error}") from None


def read_frame(frame: bytes | str, codec: Codec) -> Frame:
    """What a frame means.

    Raises:
        FalStreamError: It cannot be read; the session goes on.
    """
    if isinstance(frame, str):
        return _read_text(frame)
    try:
        return ResultFrame(codec.decode(frame))
    except Exception as error:  # noqa: BLE001 - the codec may be the caller's own
        raise FalStreamError(
            f"A result of {len(frame)} bytes cannot be decoded ({type(error).__name__}: {error}). "
            "Check which codec the endpoint speaks: codec='json', or a decode_message of your own."
        ) from None


def _read_text(text: str) -> Frame:
    try:
        content = json.loads(text)
    except ValueError:
        raise FalStreamError(f"A message is no JSON: {text[:_MAX_TEXT]!r}") from None
    message = as_object(content) or {}
    kind = message.get("type")
    if kind == "x-fal-message":
        return Message(message)
    if kind != "x-fal-error" and not (message.get("status") == "error" and "error" in message):
        return ResultFrame(content)
    code = as_text(message.get("error")) or "UNKNOWN_ERROR"
    return EndFrame() if code == _END else ErrorFrame(code, as_text(message.get("reason")))


def _pack(value: object) -> bytes:
    packed: bytes = _msgpack.packb(value, use_bin_type=True, default=_plain)
    return packed


def _unpack(data: bytes) -> Any:
    return _msgpack.unpackb(data, raw=False, strict_map_key=False)


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain).encode()


def _plain(value: object) -> object:
    # A file of an earlier result goes as its URL. There is no upload in a realtime session.
    url = getattr(value, "url", None)
    if isinstance(url, str):
        return url
    raise TypeError(
        f"a {type(value).__name__} has no form on the wire; pass bytes (MessagePack only), a URL, "
        "or a data URI"
    )


_MESSAGE_PACK = Codec(_pack, _unpack)
_JSON = Codec(_dump, json.loads)
