"""Files of results: downloads over unreliable networks, and where they are saved."""

from __future__ import annotations

import base64
import builtins
import errno
import os
import random
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from fal_typed import (
    FalDownloadError,
    FalInputError,
    File,
    Image,
    RetryPolicy,
    encode,
    encode_file,
    encode_image,
)
from fal_typed._core import data_uri
from fal_typed._downloads.file_names import choose_target, safe_name
from fal_typed.testing import FalEmulator
from tests.scripted import Reply, ScriptedServer, Seen, scripted

DATA = random.Random(2).randbytes(3_000_000)
QUICK = RetryPolicy(attempts=3, base_delay=0.0)


class FileServer:
    """Serves one file with range support, and interrupts responses as a test sets."""

    def __init__(self) -> None:
        self.data = DATA
        self.headers = {"ETag": '"v1"'}
        self.cuts: list[int | None] = []
        self.fault = lambda seen: None

    def __call__(self, seen: Seen) -> Reply:
        reply = self.fault(seen)
        if reply is not None:
            return reply
        cut = self.cuts.pop(0) if self.cuts else None
        first = self._first(seen)
        if not first:
            return Reply(body=self.data, headers=dict(self.headers), cut=cut)
        place = {"Content-Range": f"bytes {first}-{len(self.data) - 1}/{len(self.data)}"}
        return Reply(206, self.data[first:], self.headers | place, cut)

    def _first(self, seen: Seen) -> int:
        if seen.headers.get("if-range") not in (None, *self.headers.values()):
            return 0
        return int(seen.headers.get("range", "bytes=0-")[len("bytes=") : -1])


@pytest.fixture
def shelf():
    return FileServer()


@pytest.fixture
def server(shelf):
    with scripted(shelf) as server:
        yield server


@pytest.fixture
def file(server: ScriptedServer):
    return File(url=f"http://{server.host}/files/cat.bin?signature=secret")


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def ranges(server):
    return [seen.headers.get("range") for seen in server.seen]


def test_read_save_and_open(mode, server, file, tmp_path):
    client = mode.client("id:secret")._target
    adapted = mode(file)
    assert adapted.read(client=client) == DATA
    target = tmp_path / "cat.bin"
    target.write_bytes(b"old")
    assert adapted.save(target, client=client) == target
    assert target.read_bytes() == DATA
    with adapted.open(client=client) as opened:
        assert opened.read(5) == DATA[:5]
        assert opened.seek(-3, os.SEEK_END) == len(DATA) - 3
        assert opened.read() == DATA[-3:]
    assert names_in(tmp_path) == ["cat.bin"]
    for seen in server.seen:
        assert set(seen.headers) == {"host", "accept", "accept-encoding", "user-agent"} | (
            set(seen.headers) & {"connection"}
        )
        assert "secret" not in str(seen.headers)


def test_a_saved_file_has_the_permissions_of_a_new_file(mode, server, file, tmp_path):
    (tmp_path / "other").touch()
    mode(file).save(tmp_path / "cat", client=mode.client()._target)
    assert (tmp_path / "cat").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_an_interrupted_download_is_resumed(mode, server, shelf, file, tmp_path):
    shelf.cuts = [1_200_000, 500_000, 0, 0]
    mode(file).save(tmp_path / "cat", client=mode.client(retry=QUICK)._target)
    assert (tmp_path / "cat").read_bytes() == DATA
    first, *rest = ranges(server)
    starts = [int(value.removeprefix("bytes=").removesuffix("-")) for value in rest]
    assert first is None
    assert starts == sorted(starts)
    # aiohttp may discard the last bytes before an interruption.
    assert 1_000_000 < starts[0] <= 1_200_000 < starts[1] <= 1_700_000
    assert len(server.seen) == 5
    assert all(seen.headers["if-range"] == '"v1"' for seen in server.seen[1:])


@pytest.mark.parametrize(
    "headers", [{}, {"ETag": 'W/"weak"'}], ids=["no validator", "weak validator"]
)
def test_a_download_without_a_strong_validator_starts_over(mode, server, shelf, file, headers):
    shelf.headers = headers
    shelf.cuts = [1_000_000]
    assert mode(file).read(client=mode.client(retry=QUICK)._target) == DATA
    assert ranges(server) == [None, None]


def test_a_download_of_a_changed_file_starts_over(mode, server, shelf, file):
    other = DATA[::-1]

    def fault(seen):
        if len(server.seen) == 2:
            shelf.data, shelf.headers = other, {"ETag": '"v2"'}

    shelf.fault = fault
    shelf.cuts = [1_000_000]
    assert mode(file).read(client=mode.client(retry=QUICK)._target) == other
    first, second = ranges(server)
    assert (first, second[:6]) == (None, "bytes=")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(206, DATA[10:], {"ETag": '"v1"', "Content-Range": "bytes 10-2999999/3000000"}),
        Reply(206, DATA[:9], {"ETag": '"v2"', "Content-Range": "bytes 1000000-1000008/3000000"}),
        Reply(206, DATA[:9], {"ETag": '"v1"', "Content-Range": "bytes 1000000-1000008/1000009"}),
        Reply(206, DATA[:9], {"ETag": '"v1"'}),
        Reply(416, b"", {"Content-Range": "bytes */10"}),
    ],
    ids=["elsewhere", "other file", "other length", "no range", "outside"],
)
def test_an_invalid_range_response_is_rejected(mode, server, shelf, file, reply):
    shelf.cuts = [1_000_000]
    shelf.fault = lambda seen: reply if len(server.seen) == 2 else None
    assert mode(file).read(client=mode.client(retry=QUICK)._target) == DATA
    assert ranges(server)[-1] is None


def test_a_failed_download_keeps_the_existing_file(mode, server, shelf, file, tmp_path):
    target = tmp_path / "cat"
    target.write_bytes(b"old")
    shelf.cuts = [1_000] * 99
    shelf.headers = {}
    with pytest.raises(FalDownloadError, match="could not be downloaded") as caught:
        mode(file).save(target, client=mode.client(retry=QUICK)._target)
    assert "secret" not in str(caught.value)
    assert len(server.seen) == 4  # the first made progress, three more did not
    assert target.read_bytes() == b"old"
    assert names_in(tmp_path) == ["cat"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_transient_errors_are_retried(mode, server, shelf, file, status):
    shelf.fault = lambda seen: Reply(status) if len(server.seen) <= 2 else None
    assert mode(file).read(client=mode.client(retry=QUICK)._target) == DATA


def test_a_missing_file_is_an_error_with_the_servers_message(mode, server, shelf, file, tmp_path):
    shelf.fault = lambda seen: Reply(404, {"detail": "File not found"})
    with pytest.raises(FalDownloadError, match="404: File not found"):
        mode(file).save(tmp_path / "cat", client=mode.client()._target)
    assert len(server.seen) == 1
    assert names_in(tmp_path) == []


def test_only_the_start_of_a_long_error_is_read(mode, server, shelf, file):
    shelf.fault = lambda seen: Reply(403, b"x" * 50_000_000)
    with pytest.raises(FalDownloadError) as caught:
        mode(file).read(client=mode.client()._target)
    assert len(str(caught.value)) < 1000


def test_redirects_are_followed(mode, server, shelf, tmp_path):
    def fault(seen):
        if seen.path == "/moved":
            return Reply(302, b"", {"Location": "/files/cat"})
        return Reply(302, b"", {"Location": "file:///etc/passwd"}) if "/evil" in seen.path else None

    shelf.fault = fault
    client = mode.client(retry=QUICK)._target
    moved = mode(File(url=f"http://{server.host}/moved"))
    assert moved.read(client=client) == DATA
    with pytest.raises(FalDownloadError):
        mode(File(url=f"http://{server.host}/evil")).read(client=client)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "/etc/passwd", "", "ftp://x/y", "http:/x"])
def test_only_http_urls_are_downloaded(mode, url):
    with pytest.raises(FalDownloadError):
        mode(File(url=url)).read(client=mode.client(retry=QUICK)._target)


def test_a_compressed_response_is_accepted(mode, server, shelf, file):
    import gzip

    compressed = gzip.compress(b"x" * 100_000)
    shelf.fault = lambda seen: Reply(body=compressed, headers={"Content-Encoding": "gzip"})
    assert mode(file).read(client=mode.client()._target) == b"x" * 100_000


def test_an_empty_file(mode, server, shelf, file, tmp_path):
    shelf.data = b""
    mode(file).save(tmp_path / "cat", client=mode.client()._target)
    assert (tmp_path / "cat").read_bytes() == b""


def test_a_missing_folder_is_an_error(mode, server, file, tmp_path):
    with pytest.raises(FileNotFoundError):
        mode(file).save(tmp_path / "no" / "cat", client=mode.client()._target)
    assert server.seen == []


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="this system has no /dev/null")
def test_a_device_is_not_replaced_by_a_file(mode, server, file):
    with pytest.raises(FalInputError, match="regular file"):
        mode(file).save("/dev/null", client=mode.client()._target)
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(
    ("uri", "content"),
    [
        ("data:text/plain;base64,aGVsbG8=", b"hello"),
        ("data:text/plain;base64,aGVsbG8", b"hello"),
        ("DATA:text/plain;charset=utf-8;BASE64,aGVs\nbG8%3D", b"hello"),
        ("data:;base64,-_-_", b"\xfb\xff\xbf"),
        ("data:;base64,+/+/", b"\xfb\xff\xbf"),
        ("data:;base64,", b""),
        ("data:,a%20b", b"a b"),
        ("data:text/plain,a;base64,b", b"a;base64,b"),
    ],
)
def test_data_uris_are_decoded(mode, uri, content, tmp_path):
    adapted = mode(File(url=uri))
    assert adapted.read() == content
    assert adapted.save(tmp_path / "x").read_bytes() == content
    with adapted.open() as opened:
        assert opened.read() == content


@pytest.mark.parametrize("uri", ["data:;base64,a", "data:;base64,a$b=", "data:text/plain"])
def test_invalid_data_uris_are_an_error(mode, uri):
    with pytest.raises(FalDownloadError, match="data URI"):
        mode(File(url=uri)).read()


@given(st.binary(), st.sampled_from(["image/png", "text/plain;charset=utf-8"]))
def test_encoded_data_can_be_decoded(data, content_type):
    uri = encode(data, content_type)
    assert data_uri.decode(uri) == data
    head, _, body = uri.partition(",")
    sloppy = body.replace("+", "-").replace("/", "_").rstrip("=")
    assert data_uri.decode(f"{head},{sloppy}") == data


def test_encoding_files_and_images(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    assert encode_file(tmp_path / "a.png") == "data:image/png;base64,eA=="
    assert encode("ä", "text/plain") == "data:text/plain;base64,w6Q="
    encoded = encode_image(Pillow.new("RGB", (5, 4)))
    assert encoded.startswith("data:image/jpeg;base64,")
    stored = Pillow.open(BytesIO(base64.b64decode(encoded.partition(",")[2])))
    assert (stored.format, stored.size) == ("JPEG", (5, 4))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("cat.png", "cat.png"),
        ("../../etc/passwd", "passwd"),
        ("..", ""),
        ("/", ""),
        ("C:\\Windows\\system.ini", "system.ini"),
        ("C:evil.exe", "C_evil.exe"),
        (".bashrc", "bashrc"),
        ("con", "_con"),
        ("nul .txt", "_nul .txt"),
        ("x" * 149 + ". " + "y" * 60, "x" * 149),
        ("COM1.tar.gz", "_COM1.tar.gz"),
        ("a\x00b\nc\u202egnp.exe", "abcgnp.exe"),
        ('a<b>:"|?*.png', "a_b______.png"),
        ("name. . ", "name"),
        ("猫.png", "猫.png"),
        ("\ud800x", "x"),
    ],
)
def test_unsafe_file_names_are_cleaned(name, safe):
    assert safe_name(name) == safe


@given(st.text())
def test_no_file_name_leaves_its_folder(tmp_path_factory, name):
    folder = Path(tmp_path_factory.getbasetemp())
    target = choose_target(folder, name, "https://x.example/../../y").path
    assert target.parent == folder
    assert target.name not in ("", ".", "..")
    assert len(target.name.encode()) <= 200
    assert not target.name.startswith(".")


@pytest.mark.parametrize(
    ("file_name", "url", "expected"),
    [
        ("a.png", "https://x.example/b.png", "a.png"),
        (None, "https://x.example/f/b%20c.png?sig=/../d", "b c.png"),
        (None, "https://x.example/..%2f..%2fevil", "evil"),
        (None, "https://x.example/", "file"),
        ("..", "https://x.example/b.png", "b.png"),
        (None, "data:image/png;base64,AAAA", "file.png"),
        (None, "data:,x", "file.txt"),
    ],
)
def test_the_name_of_a_file_in_a_folder(tmp_path, file_name, url, expected):
    assert choose_target(tmp_path, file_name, url) == (tmp_path / expected, False)
    assert choose_target(tmp_path / "given", file_name, url) == (tmp_path / "given", True)


NUMBERED = ["cat-2.txt", "cat-3.txt", "cat-4.txt", "cat.txt"]


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_files_of_one_name_are_all_kept_in_a_folder(mode, tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", _without_links)
    (tmp_path / "cat.txt").write_text("the user's own")
    for letter in "abc":
        file = File(url=f"data:text/plain,{letter}", file_name="cat.txt")
        mode(file).save(tmp_path)
    assert sorted(names_in(tmp_path)) == NUMBERED
    contents = [(tmp_path / name).read_text() for name in NUMBERED]
    assert contents == ["a", "b", "c", "the user's own"]


def test_files_saved_at_the_same_time_are_all_kept(tmp_path):
    files = [File(url=f"data:text/plain,{n}", file_name="cat.txt") for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda file: file.save(tmp_path), files))
    assert len(set(paths)) == 40
    assert {path.read_text() for path in paths} == {str(n) for n in range(40)}


def test_a_path_that_ends_in_a_separator_is_a_new_folder(mode, tmp_path):
    file = File(url="data:text/plain,a", file_name="cat.txt")
    saved = mode(file).save(f"{tmp_path}/new/out/")
    assert saved == tmp_path / "new" / "out" / "cat.txt"
    assert saved.read_text() == "a"


def test_a_long_name_is_shortened_and_can_be_numbered(mode, tmp_path):
    file = File(url="data:text/plain,a", file_name="名" * 300 + ".txt")
    first, second = mode(file).save(tmp_path), mode(file).save(tmp_path)
    assert first.suffix == second.suffix == ".txt"
    assert second.stem == f"{first.stem}-2"


def _without_links(_source, _target):
    raise OSError(errno.EPERM, "Operation not permitted")


def test_images_of_a_result_open_in_pillow(mode, monkeypatch):
    with FalEmulator(run_time=0.0) as emulator:
        monkeypatch.setenv("FAL_EMULATOR_HOST", emulator.host)
        result = mode.client().run(
            "fal-ai/flux/dev", arguments={"prompt": "x", "image_size": "square"}
        )
        image = Image.model_validate(result.data["images"][0])
        assert mode(image).to_pil().size == (image.width, image.height)


def test_missing_pillow_and_invalid_images_are_errors(mode, monkeypatch):
    text = Image(url="data:,text")
    with pytest.raises(FalDownloadError, match="as an image"):
        mode(text).to_pil()
    real = builtins.__import__

    def without_pillow(name, *args, **kwargs):
        if name == "PIL":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pillow)
    with pytest.raises(ImportError, match=r"pip install 'fal-typed\[images\]'"):
        mode(text).to_pil()
