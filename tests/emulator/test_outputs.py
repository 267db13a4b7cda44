"""Outputs generated from schemas are valid and reproducible, and their files are real."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Callable

import av
import jsonschema
import pytest
from PIL import Image

from fal_typed._documents.catalog import Catalog
from fal_typed.testing.engine.output_maker import OutputMaker
from fal_typed.testing.media.rendering import render
from fal_typed.testing.media.spec import CONTENT_TYPES, InvalidSpecError, MediaSpec

CATALOG = Catalog()
FILES = "http://files"


def output(endpoint_id: str, emulator_seed: int = 0, **arguments: object):
    return OutputMaker(CATALOG.document(endpoint_id), emulator_seed).output(arguments, FILES)


def file_at(url: str) -> bytes:
    assert url.startswith(FILES + "/files/b/")
    return render(MediaSpec.from_token(url.split("/")[-2]))


def test_images_have_the_requested_number_size_and_seed():
    made = output(
        "fal-ai/flux/dev", prompt="a cat", num_images=4, image_size="landscape_4_3", seed=7
    )
    assert (made["seed"], made["prompt"]) == (7, "a cat")
    assert made["has_nsfw_concepts"] == [False] * 4
    assert len({image["url"] for image in made["images"]}) == 4
    for image in made["images"]:
        opened = Image.open(io.BytesIO(file_at(image["url"])))
        assert opened.format == "JPEG"
        assert opened.size == (image["width"], image["height"]) == (1024, 768)


def test_the_same_input_gives_the_same_output():
    first = output("fal-ai/flux/dev", prompt="a cat")
    assert first == output("fal-ai/flux/dev", prompt="a cat")
    assert first != output("fal-ai/flux/dev", prompt="a dog")
    assert first != output("fal-ai/flux/dev", 1, prompt="a cat")


def test_sync_mode_returns_data_uris():
    (image,) = output("fal-ai/flux/dev", prompt="x", sync_mode=True, image_size="square")["images"]
    head, _, data = image["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (512, 512)


def test_output_format_chooses_the_kind_of_file():
    (image,) = output("fal-ai/flux/dev", prompt="x", output_format="png")["images"]
    assert image["content_type"] == "image/png"
    assert file_at(image["url"]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("size", "pixels"),
    [
        ("square_hd", (1024, 1024)),
        ("portrait_16_9", (576, 1024)),
        ({"width": 640, "height": 360}, (640, 360)),
    ],
)
def test_image_sizes(size, pixels):
    (image,) = output("fal-ai/flux/dev", prompt="x", image_size=size)["images"]
    assert Image.open(io.BytesIO(file_at(image["url"]))).size == pixels


def test_videos_have_the_requested_length_and_aspect_ratio():
    made = output(
        "fal-ai/kling-video/v2.5-turbo/pro/text-to-video",
        prompt="x",
        duration="5",
        aspect_ratio="9:16",
    )
    with av.open(io.BytesIO(file_at(made["video"]["url"]))) as container:
        (stream,) = container.streams.video
        assert container.duration / 1_000_000 == pytest.approx(5, abs=0.1)
        assert stream.width < stream.height


@pytest.mark.parametrize("endpoint_id", CATALOG.ids()[::10])
def test_every_output_is_valid_against_its_schema(endpoint_id):
    document = CATALOG.document(endpoint_id)
    schema = {**document.output_ref, "components": document.raw["components"]}
    jsonschema.Draft202012Validator(schema).validate(output(endpoint_id))


def test_recursive_schemas_end():
    from fal_typed._documents.document import EndpointDocument

    tree = {
        "type": "object",
        "required": ["children", "name"],
        "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
            "next": {"anyOf": [{"$ref": "#/components/schemas/Tree"}, {"type": "null"}]},
        },
    }
    operation = {
        "responses": {
            "200": {
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tree"}}}
            }
        }
    }
    document = EndpointDocument(
        {
            "info": {},
            "paths": {"/a/b": {"post": {}}, "/a/b/requests/{request_id}": {"get": operation}},
            "components": {"schemas": {"Tree": tree}},
        }
    )
    made = OutputMaker(document).output({}, FILES)
    jsonschema.Draft202012Validator(
        {**document.output_ref, "components": document.raw["components"]}
    ).validate(made)


@pytest.mark.parametrize("extension", sorted(CONTENT_TYPES))
def test_every_kind_of_file_can_be_opened(extension):
    spec = MediaSpec(extension, 3, "words", 96, 64, 0.5)
    content = render(spec)
    assert render.__wrapped__(spec) == content, "the same specification gives the same bytes"
    OPENERS.get(extension, _not_empty)(content)


def _image(content: bytes) -> None:
    assert Image.open(io.BytesIO(content)).size == (96, 64)


def _playable(content: bytes) -> None:
    with av.open(io.BytesIO(content)) as container:
        assert sum(1 for _ in container.decode()) > 1


def _wav(content: bytes) -> None:
    with wave.open(io.BytesIO(content)) as file:
        assert file.getnframes() / file.getframerate() == 0.5


def _glb(content: bytes) -> None:
    assert content[:4] == b"glTF"
    assert int.from_bytes(content[8:12], "little") == len(content)
    length = int.from_bytes(content[12:16], "little")
    assert json.loads(content[20 : 20 + length])["asset"]["version"] == "2.0"


def _safetensors(content: bytes) -> None:
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert len(content) == 8 + length + header["weight"]["data_offsets"][1]


def _zip(content: bytes) -> None:
    import zipfile

    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None


def _not_empty(content: bytes) -> None:
    assert content


OPENERS: dict[str, Callable[[bytes], object]] = {
    **dict.fromkeys(("png", "jpeg", "webp"), _image),
    **dict.fromkeys(("mp4", "webm", "mov", "gif", "mp3", "ogg", "flac", "m4a"), _playable),
    "wav": _wav,
    "glb": _glb,
    "safetensors": _safetensors,
    "zip": _zip,
    "json": json.loads,
}


@pytest.mark.parametrize(
    "token", ["", "x", "W10", "bm90IGpzb24", "WyJleGUiLDEsIiIsMCwwLDAsMF0", "🙂"]
)
def test_invalid_media_specifications_are_refused(token):
    with pytest.raises(InvalidSpecError):
        MediaSpec.from_token(token)


def test_downloads_support_byte_ranges(emulator, http):
    url = http.post(f"{emulator.url}/fal.run/fal-ai/flux/dev", json={"prompt": "x"}).json()[
        "images"
    ][0]["url"]
    whole = http.get(url)
    assert whole.headers["content-type"] == "image/jpeg"
    assert whole.headers["accept-ranges"] == "bytes"
    assert http.head(url).headers["content-length"] == str(len(whole.content))
    size = len(whole.content)
    for wanted, part in (
        ("bytes=0-9", slice(0, 10)),
        ("bytes=100-", slice(100, size)),
        ("bytes=-5", slice(size - 5, size)),
        (f"bytes=5-{size + 99}", slice(5, size)),
    ):
        response = http.get(url, headers={"Range": wanted})
        assert response.status_code == 206
        assert response.content == whole.content[part]
        assert response.headers["content-range"].endswith(f"/{size}")
    beyond = http.get(url, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    for ignored in ("bytes=9-5", "items=1-2", "bytes=1-2,4-5"):
        assert http.get(url, headers={"Range": ignored}).status_code == 200


def test_unknown_files_are_not_found(emulator, http):
    for path in ("/files/b/zzz/x.png", "/files/x", "/", "/files/b/../../etc/passwd"):
        assert http.get(f"{emulator.url}/v3.fal.media{path}").status_code == 404
