"""Data files: text, JSON, archives, model weights."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import TYPE_CHECKING

from fal_typed.testing.media.randomness import seeded

if TYPE_CHECKING:
    from fal_typed.testing.media.spec import MediaSpec

_DATE = (2026, 1, 1, 0, 0, 0)  # fixed, so that the same specification gives the same bytes


def render_data_file(spec: MediaSpec) -> bytes:
    """Generate a text, JSON, subtitle, archive, weights or plain binary file.

    Args:
        spec: Extension, seed and text of the file.

    Returns:
        A file that the usual libraries for its format can read.
    """
    renderers = {
        "txt": _text,
        "srt": _subtitles,
        "json": _json,
        "zip": _zip,
        "safetensors": _safetensors,
        "bin": _binary,
    }
    return renderers[spec.extension](spec)


def _text(spec: MediaSpec) -> bytes:
    return f"{spec.text or 'Made by the fal-typed emulator.'}\n".encode(errors="replace")


def _subtitles(spec: MediaSpec) -> bytes:
    return b"1\n00:00:00,000 --> 00:00:02,000\n" + _text(spec)


def _json(spec: MediaSpec) -> bytes:
    return json.dumps({"seed": spec.seed, "text": spec.text}).encode()


def _zip(spec: MediaSpec) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("readme.txt", _DATE), _text(spec))
        archive.writestr(zipfile.ZipInfo("meta.json", _DATE), _json(spec))
    return buffer.getvalue()


def _safetensors(spec: MediaSpec) -> bytes:
    """The format's JSON header, then one 4x4 float tensor."""
    header = {
        "__metadata__": {"format": "pt"},
        "weight": {"dtype": "F32", "shape": [4, 4], "data_offsets": [0, 64]},
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    source = seeded(spec.seed)
    values = struct.pack("<16f", *(source.random() for _ in range(16)))
    return struct.pack("<Q", len(text)) + text + values


def _binary(spec: MediaSpec) -> bytes:
    return seeded(spec.seed).randbytes(256)
