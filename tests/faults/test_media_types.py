"""Media types are the same on every machine."""

from __future__ import annotations

import mimetypes

import pytest

from fal_typed._core import media_types
from fal_typed._core.media_types import OCTETS, extension_of, type_of_bytes, type_of_name

NAMES = {
    "a.mkv": "video/x-matroska",
    "a.m4v": "video/x-m4v",
    "a.MOV": "video/quicktime",
    "a.avi": "video/x-msvideo",
    "a.bmp": "image/bmp",
    "a.tif": "image/tiff",
    "a.aac": "audio/aac",
    "a.opus": "audio/opus",
    "a.aiff": "audio/aiff",
    "a.gltf": "model/gltf+json",
    "a.glb": "model/gltf-binary",
    "a.stl": "model/stl",
    "a.ply": "model/ply",
    "a.obj": "model/obj",
    "a.usdz": "model/vnd.usdz+zip",
    "a.safetensors": OCTETS,
    "a.jpeg": "image/jpeg",
    "a.svg": "image/svg+xml",
    "a.srt": "application/x-subrip",
    "a.tar.gz": "application/gzip",
    "a.unknown": None,
    "a": None,
}
CONTENTS = {
    b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0": "image/bmp",
    b"II*\0\x08\0\0\0": "image/tiff",
    b"MM\0*\0\0\0\x08": "image/tiff",
    b"RIFF\x10\0\0\0AVI LIST": "video/x-msvideo",
    b"\0\0\0\x14ftypqt  \0\0\0\0": "video/quicktime",
    b"\0\0\0\x08wide\0\0\0\0mdat": "video/quicktime",
    b"\0\0\0\x1cftypM4V \0\0\0\1": "video/x-m4v",
    b"\0\0\0\x1cftypM4A \0\0\0\0": "audio/mp4",
    b"\0\0\0\x1cftypisom\0\0\2\0": "video/mp4",
    b"\x1aE\xdf\xa3\xa3B\x86\x81\1B\xf7\x81\1B\xf2\x81\4B\xf3\x81\x08B\x82\x88matroska": (
        "video/x-matroska"
    ),
    b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1B\xf2\x81\4B\xf3\x81\x08B\x82\x84webm": "video/webm",
    b"\xff\xf1\x50\x80\0\x1f\xfc": "audio/aac",
    b"\xff\xfb\x90\x44": "audio/mpeg",
    b"FORM\0\0\0\x10AIFFCOMM": "audio/aiff",
    b"OggS\0\2\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0\1\2\3\4\1\x13OpusHead": "audio/opus",
    b"glTF\2\0\0\0": "model/gltf-binary",
    b"solid cube\nfacet normal 0 0 1": "model/stl",
    b"ply\nformat ascii 1.0\n": "model/ply",
    b"<?xml version='1.0'?>\n<svg xmlns='x'>": "image/svg+xml",
    b"plain text": None,
}


@pytest.mark.parametrize(("name", "found"), NAMES.items())
def test_types_by_name(name, found):
    assert type_of_name(name) == found


@pytest.mark.parametrize(("head", "found"), CONTENTS.items(), ids=str)
def test_types_by_content(head, found):
    assert type_of_bytes(head) == found


def test_the_machine_has_no_say(monkeypatch):
    monkeypatch.setattr(mimetypes, "guess_type", None)
    monkeypatch.setattr(mimetypes, "guess_extension", None)
    assert type_of_name("a.unknown") is None
    assert extension_of("x/unknown") == ".bin"


def test_every_type_has_an_extension_that_leads_back_to_it():
    for found in set(media_types._TYPES.values()):
        assert type_of_name(f"file{extension_of(found)}") == found
    for alias, extension in media_types._ALIASES.items():
        assert type_of_name(f"file{extension}") is not None, alias
    assert extension_of("Text/Plain; charset=utf-8") == ".txt"
