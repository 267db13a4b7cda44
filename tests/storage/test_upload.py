"""Uploads of every kind of file against the emulator, in sync and async code."""

from __future__ import annotations

import hashlib
import json
import os
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from PIL import Image

from fal_typed import (
    Acl,
    AclRule,
    FalAuthenticationError,
    FalInputError,
    File,
    Lifecycle,
    Multipart,
)
from fal_typed.testing import FalEmulator

DATA = bytes(range(256)) * 4096  # 1 MiB
SMALL_PARTS = Multipart(threshold=100_000, part_size=100_000, parallel=3)
KEY = "id:secret"


def arrived(emulator, url):
    (file,) = [each for each in emulator.files if url.endswith(each.path)]
    return file


class Pipe:
    """A file that can only be read, and returns less than requested."""

    def __init__(self, data: bytes) -> None:
        self._data = BytesIO(data)
        self.largest = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "a pipe must not be read to its end at once"
        self.largest = max(self.largest, size)
        return self._data.read(min(size, 7_777))


def sources(folder: Path):
    path = folder / "cat.bin"
    path.write_bytes(DATA)
    yield DATA
    yield bytearray(DATA)
    yield memoryview(DATA).cast("I")
    yield path
    yield BytesIO(DATA)
    yield Pipe(DATA)
    with path.open("rb") as file:
        yield file
    with path.open("rb", buffering=0) as file:
        yield file


@pytest.mark.parametrize("multipart", [None, SMALL_PARTS], ids=["whole", "parts"])
def test_every_kind_of_file_arrives_complete(mode, emulator, tmp_path, multipart):
    client = mode.client()
    for data in sources(tmp_path):
        url = client.upload(data, "application/x-cats", "a cat.bin", multipart=multipart)
        file = arrived(emulator, url)
        assert hashlib.sha256(file.read()).digest() == hashlib.sha256(DATA).digest(), data
        assert file.content_type == "application/x-cats"
        assert url.endswith("/a_cat.bin")
    parts = len(emulator.requests.of("part"))
    assert parts == (0 if multipart is None else 8 * 11)
    assert len(emulator.requests.of("cdn_token")) == 1


def test_an_open_file_is_read_from_its_current_position(mode, emulator):
    buffer = BytesIO(b"0123456789")
    buffer.seek(4)
    assert arrived(emulator, mode.client().upload(buffer)).read() == b"456789"


def test_an_open_file_at_its_end_is_an_error(mode, emulator):
    buffer = BytesIO()
    buffer.write(b"x")
    with pytest.raises(FalInputError, match=r"seek\(0\)"):
        mode.client().upload(buffer)
    with pytest.raises(FalInputError, match="mode 'rb'"):
        mode.client().upload(StringIO("text"))
    assert len(emulator.requests) == 0


def test_a_string_is_content_and_not_a_path(mode, emulator):
    client = mode.client()
    file = arrived(emulator, client.upload("häuser", "text/plain"))
    assert file.read() == "häuser".encode()
    with pytest.raises(FalInputError, match="Path"):
        client.upload("cat.png")


def test_an_empty_file_is_uploaded(mode, emulator, tmp_path):
    (tmp_path / "empty.txt").touch()
    client = mode.client()
    for data in (b"", tmp_path / "empty.txt", BytesIO()):
        assert arrived(emulator, client.upload(data)).read() == b""


def test_name_and_type_are_detected(mode, emulator, tmp_path):
    client = mode.client()
    jpeg, png = BytesIO(), BytesIO()
    Image.new("RGB", (2, 2)).save(jpeg, "jpeg")
    Image.new("RGB", (2, 2)).save(png, "png")
    (tmp_path / "clip.mp4").write_bytes(b"x")
    (tmp_path / "unknown").write_bytes(jpeg.getvalue())
    cases = [
        (png.getvalue(), "image/png", "/upload.png"),
        (jpeg.getvalue(), "image/jpeg", "/upload.jpg"),
        (tmp_path / "clip.mp4", "video/mp4", "/clip.mp4"),
        (tmp_path / "unknown", "image/jpeg", "/unknown"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp", "/upload.webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav", "/upload.wav"),
        (b"glTF\x02\x00\x00\x00", "model/gltf-binary", "/upload.glb"),
        (b"\x00\x00\x00\x18ftypisom", "video/mp4", "/upload.mp4"),
        (b"nothing known", "application/octet-stream", "/upload.bin"),
    ]
    for data, content_type, end in cases:
        url = client.upload(data)
        assert (arrived(emulator, url).content_type, url[-len(end) :]) == (content_type, end)


def test_any_file_name_is_accepted(mode, emulator):
    client = mode.client()
    for name in ("ünï cödé.png", "猫.png", "a\r\nx-evil: 1.png", "../../etc/passwd", 'q"uote.png'):
        url = client.upload(b"x", file_name=name)
        sent = emulator.requests.of("upload")[-1].headers
        assert "x-evil" not in sent
        assert "/" not in sent["x-fal-file-name"]
        assert arrived(emulator, url).read() == b"x"


def test_pillow_images_are_uploaded(mode, emulator):
    client = mode.client()
    image = Image.new("RGB", (3, 2), "red")
    for name, found in (("jpeg", "JPEG"), ("JPG", "JPEG"), ("png", "PNG"), ("webp", "WEBP")):
        file = arrived(emulator, client.upload_image(image, name))
        stored = Image.open(BytesIO(file.read()))
        assert (stored.format, stored.size) == (found, (3, 2))
        assert file.content_type == f"image/{found.lower()}"
    assert arrived(emulator, client.upload_image(image)).content_type == "image/jpeg"
    assert arrived(emulator, client.upload(image)).content_type == "image/png"
    with pytest.raises(FalInputError, match="another format"):
        client.upload_image(image, "nonsense")


def test_a_file_of_a_result_is_not_uploaded_again(mode, emulator):
    assert mode.client().upload(File(url="https://x.example/a")) == "https://x.example/a"
    assert len(emulator.requests) == 0


def test_a_missing_file_sends_nothing(mode, emulator, tmp_path):
    with pytest.raises(FalInputError, match=r"no\.png.*No such file"):
        mode.client().upload_file(tmp_path / "no.png")
    with pytest.raises(FalInputError, match="not a regular file"):
        mode.client().upload_file(str(tmp_path))
    with pytest.raises(FalInputError, match="type int"):
        mode.client().upload(3)
    assert len(emulator.requests) == 0


def test_lifecycle_and_access_list(mode, emulator):
    lifecycle = Lifecycle("1h", Acl("forbid", [AclRule("ann", "allow"), AclRule("bob", "hide")]))
    for multipart in (None, SMALL_PARTS):
        url = mode.client().upload(DATA, lifecycle=lifecycle, multipart=multipart)
        kept = arrived(emulator, url).lifecycle
        assert (kept.seconds, kept.default) == (3600, "forbid")
        assert dict(kept.rules) == {"ann": "allow", "bob": "hide"}


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        ("never", None),
        ("immediate", 60),
        ("1h", 3600),
        ("1d", 86400),
        ("7d", 604800),
        ("30d", 2592000),
        ("1y", 31536000),
        (90, 90),
        (None, None),
    ],
)
def test_expires_in_values(expires_in, seconds):
    fields = Lifecycle(expires_in).to_json()
    assert fields == ({} if seconds is None else {"expiration_duration_seconds": seconds})


@pytest.mark.parametrize("wrong", [0, -1, True, "2h", ""])
def test_invalid_lifecycles_are_rejected(wrong):
    with pytest.raises(FalInputError):
        Lifecycle(wrong)
    with pytest.raises(FalInputError):
        Acl(default=wrong)


@pytest.mark.parametrize("repository", ["fal", "fal_v3"])
def test_the_repository_can_be_chosen(mode, emulator, tmp_path, repository):
    client = mode.client()
    for data in sources(tmp_path):
        url = client.upload(data, repository=repository, fallback_repository=[])
        assert arrived(emulator, url).read() == DATA
    routes = {record.route for record in emulator.requests}
    assert routes == ({"initiate", "put"} if repository == "fal" else {"cdn_token", "upload"})
    put = emulator.requests.of("put")
    assert not any("authorization" in record.headers for record in put)
    with pytest.raises(FalInputError, match="Unknown repository 'gcs'"):
        client.upload(b"x", repository="gcs")
    with pytest.warns(DeprecationWarning, match="fal_v3"):
        client.upload(b"x", repository="cdn")


def test_temporary_files_are_deleted(mode, emulator, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    options = {"repository": "fal", "multipart": Multipart(threshold=10)}
    assert arrived(emulator, mode.client().upload(Pipe(DATA), **options)).read() == DATA
    assert list(tmp_path.glob("fal-typed-*")) == []


def test_progress_reports_every_byte(mode, emulator):
    for data, total in ((DATA, len(DATA)), (BytesIO(DATA), len(DATA)), (Pipe(DATA), None)):
        updates: list[tuple[int, int | None]] = []
        client = mode.client()
        client.upload(
            data,
            multipart=SMALL_PARTS,
            on_progress=lambda *count, updates=updates: updates.append(count),
        )
        counts = [count for count, _ in updates]
        assert counts == sorted(set(counts))
        assert (counts[0], counts[-1], len(counts)) == (0, len(DATA), 12)
        assert {of for _, of in updates} == {total}


def test_the_progress_callback_may_be_a_coroutine_in_async_code(mode, emulator):
    updates = []

    async def report(*count):
        updates.append(count)

    if mode.is_async:
        mode.client().upload(DATA, on_progress=report)
        assert updates == [(0, len(DATA)), (len(DATA), len(DATA))]
    else:
        with pytest.raises(FalInputError, match="coroutine"):
            mode.client().upload(DATA, on_progress=report)


def test_an_error_in_the_progress_callback_stops_the_upload(mode, emulator):
    def report(sent, total):
        if sent >= 300_000:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        mode.client().upload(DATA, multipart=SMALL_PARTS, on_progress=report)
    assert len(emulator.files) == 0
    assert len(emulator.requests.of("part")) < 11


def test_a_rejected_key_is_an_authentication_error(mode, monkeypatch):
    with FalEmulator(keys=["good:key"]) as emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        with pytest.raises(FalAuthenticationError):
            mode.client("bad:key").upload(b"x")
        assert arrived(emulator, mode.client("good:key").upload(b"x")).read() == b"x"
        client = mode.client("good:key")
        assert arrived(emulator, client.upload(DATA, multipart=SMALL_PARTS)).read() == DATA


def test_a_file_too_large_for_10_000_parts_gets_larger_parts():
    multipart = Multipart()
    assert multipart.size_of(1, 1024) == 10 * 2**20
    for size in (100 * 2**30, 5 * 2**40, 2**40 + 1):
        assert -(-size // multipart.size_of(1, size)) <= 10_000
    unknown = sum(multipart.size_of(number, None) for number in range(1, 10_001))
    assert unknown > 9 * 2**40


def test_uploads_use_the_routes_of_the_official_client(mode, emulator):
    mode.client(KEY).upload(b"x", "text/plain", "x.txt", lifecycle=Lifecycle(60))
    token, upload = emulator.requests
    assert (token.path, token.query_string) == (
        "/storage/auth/token",
        "storage_type=fal-cdn-v3",
    )
    assert token.headers["authorization"] == f"Key {KEY}"
    assert (upload.service, upload.path) == ("v3.fal.media", "/files/upload")
    assert upload.headers["authorization"].startswith("Bearer ")
    assert KEY not in str(upload.headers)
    lifecycle = json.dumps({"expiration_duration_seconds": 60})
    assert upload.headers["x-fal-object-lifecycle"] == lifecycle


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_does_not_block(mode, emulator, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FalInputError, match="not a regular file"):
        mode.client().upload_file(tmp_path / "pipe")
