"""Opens files as a program that uses them would."""

from __future__ import annotations

import io
import json
import wave
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import av
from PIL import Image


def urls(value: Any, base: str) -> Iterator[str]:
    """Every URL of one of the emulator's files in an output, which may also contain input URLs."""
    if isinstance(value, dict):
        for one in value.values():
            yield from urls(one, base)
    elif isinstance(value, list):
        for one in value:
            yield from urls(one, base)
    elif isinstance(value, str) and value.startswith(f"{base}/v3.fal.media/files/"):
        yield value


def image(content: bytes) -> None:
    Image.open(io.BytesIO(content)).load()


def playable(content: bytes) -> None:
    with av.open(io.BytesIO(content)) as container:
        assert next(container.decode()) is not None


def sound(content: bytes) -> None:
    with wave.open(io.BytesIO(content)) as file:
        assert file.getnframes()


def glb(content: bytes) -> None:
    assert content[:4] == b"glTF"
    assert int.from_bytes(content[8:12], "little") == len(content)


def archive(content: bytes) -> None:
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None


def tensors(content: bytes) -> None:
    length = int.from_bytes(content[:8], "little")
    assert json.loads(content[8 : 8 + length])


def not_empty(content: bytes) -> None:
    assert content


OPENERS: dict[str, Callable[[bytes], Any]] = {
    **dict.fromkeys(("png", "jpeg", "jpg", "webp", "gif"), image),
    **dict.fromkeys(("mp4", "webm", "mov", "mp3", "ogg", "opus", "flac", "m4a", "aac"), playable),
    "wav": sound,
    "glb": glb,
    "zip": archive,
    "safetensors": tensors,
    "json": json.loads,
}


def opens(extension: str, content: bytes) -> None:
    OPENERS.get(extension, not_empty)(content)
