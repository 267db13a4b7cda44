"""Files in a call's arguments."""

from __future__ import annotations

import base64
import functools
import json
import sys
from io import BytesIO
from pathlib import Path
from typing import Annotated

import pytest
from PIL import Image
from pydantic import Field

from fal_typed import Endpoint, FalInputError, File
from fal_typed._core.flow import Gather
from fal_typed._core.settings import Settings
from fal_typed._uploads.file_arguments import upload_inputs
from fal_typed.files import FileInput, FileObjectInput
from fal_typed.models import UNSET, InputModel, OutputModel, Request

APP = "acme/with-files"


class Nested(InputModel):
    file_url: Annotated[FileInput, Field(alias="file-url")] = UNSET


class FilesInput(InputModel, Request["FilesOutput"]):
    prompt: str = UNSET
    image_url: FileInput = UNSET
    image_urls: list[FileInput] = UNSET
    mask: FileObjectInput | None = None
    maybe: FileInput | None = None
    either: FileInput | list[FileInput] = UNSET
    nested: Nested = UNSET


class FilesOutput(OutputModel):
    pass


with_files = Endpoint(APP, FilesInput, FilesOutput)


@pytest.fixture
def sent(emulator):
    """Make a call, and return the input that the model received."""
    emulator.endpoint(APP)

    def call(mode, options=None, **arguments):
        client = mode.client()
        mode(with_files.with_options(client=client._target, **(options or {}))).run(**arguments)
        return emulator.requests.of("run")[-1].json

    return call


def content(emulator, url):
    (file,) = [each for each in emulator.files if url.endswith(each.path)]
    return file.read()


def test_files_are_replaced_by_their_urls(mode, emulator, sent, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"path")
    body = sent(
        mode,
        prompt=str(path),
        image_url=path,
        image_urls=[path, b"bytes", BytesIO(b"file"), "https://x.example/a", "data:,b"],
        mask=Image.new("L", (4, 4)),
        maybe=File(url="https://x.example/c", content_type="image/png"),
    )
    assert body["prompt"] == str(path)
    assert body["maybe"] == "https://x.example/c"
    assert set(body["mask"]) == {"url"}
    assert Image.open(BytesIO(content(emulator, body["mask"]["url"]))).size == (4, 4)
    assert body["image_urls"][3:] == ["https://x.example/a", "data:,b"]
    assert content(emulator, body["image_url"]) == b"path"
    assert [content(emulator, url) for url in body["image_urls"][:3]] == [
        b"path",
        b"bytes",
        b"file",
    ]
    assert body["image_urls"][0] == body["image_url"], "a path is uploaded once"
    assert len(emulator.requests.of("upload")) == 4
    assert len(emulator.requests.of("cdn_token")) == 1


def test_the_same_object_is_uploaded_once(mode, emulator, sent):
    data = b"twice"
    body = sent(mode, image_url=data, image_urls=[data, bytearray(data)], mask=data)
    assert len(emulator.requests.of("upload")) == 2
    assert body["image_url"] == body["image_urls"][0] == body["mask"]["url"]
    assert body["image_urls"][1] != body["image_url"]


URLS = [
    "https://x.example/a.png",
    "HTTP://x.example/a.png",
    "data:image/png;base64,AAAA",
    "data:,b",
]
NOT_URLS = [
    "",
    " ",
    "null",
    "a.png",
    "/etc/passwd",
    "~/a:b//c.png",
    "C:\\images\\a.png",
    "\\\\server\\share\\a.png",
    "file:///etc/passwd",
    "FILE:/etc/passwd",
    "gs://bucket/a.png",
    "ftp://x.example/a.png",
    "http:/etc/passwd",
    "https://",
    "http:///etc/passwd",
    " https://x.example/a.png",
    "data:image/png",
]


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_sent_as_it_is(mode, sent, url):
    body = sent(mode, image_url=url, image_urls=[url], mask=url, prompt=url)
    assert body == {"image_url": url, "image_urls": [url], "mask": {"url": url}, "prompt": url}


OPENED: list[object] = []


@functools.cache
def record_opened_files():
    sys.addaudithook(lambda event, args: OPENED.append(args[0]) if event == "open" else None)


@pytest.fixture
def nothing_opened(emulator):
    """The file is not opened and nothing is sent."""
    record_opened_files()
    OPENED.clear()
    yield
    assert not {str(path) for path in OPENED} & set(NOT_URLS)
    assert len(emulator.requests) == 0


FORMS = {
    "keywords": lambda mode, given: mode(with_files).run(**given),
    "subscribe": lambda mode, given: mode(with_files).subscribe(**given),
    "submit": lambda mode, given: mode(with_files).submit(**given),
    "constructor": lambda mode, given: FilesInput(**given),
    "model_validate": lambda mode, given: FilesInput.model_validate(given),
    "model_validate_json": lambda mode, given: FilesInput.model_validate_json(json.dumps(given)),
    "request changed": lambda mode, given: mode.client().run(FilesInput().model_copy(update=given)),
    "request unchecked": lambda mode, given: mode.client().run(FilesInput.model_construct(**given)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", NOT_URLS)
def test_a_string_is_never_a_path(mode, nothing_opened, form, text):
    given = {"image_url": text, "image_urls": ["https://x.example/a", text], "mask": text}
    given |= {"either": [text], "nested": {"file_url": text}, "maybe": text}
    with pytest.raises(FalInputError) as caught:
        FORMS[form](mode, given)
    by_path = {problem.path: problem for problem in caught.value.errors}
    expected = {"image_url", "image_urls[1]", "mask", "either[0]", "nested.file_url", "maybe"}
    assert expected <= by_path.keys()
    assert all("pass pathlib.Path(…)" in by_path[path].msg for path in expected)


def test_a_file_of_a_path_is_an_error_like_a_string(mode, nothing_opened):
    for mask in ({"url": "/etc/passwd"}, File(url="/etc/passwd")):
        with pytest.raises(FalInputError, match="pass pathlib"):
            mode(with_files).run(mask=mask)
    with pytest.raises(FalInputError, match="pass pathlib"):
        mode(with_files).run(image_url=File(url="/etc/passwd"))


def test_an_assigned_string_is_no_path():
    given = FilesInput(nested=Nested(file_url="https://x.example/a"))
    with pytest.raises(FalInputError, match="pass pathlib"):
        given.image_url = "/etc/passwd"
    with pytest.raises(FalInputError, match="pass pathlib"):
        given.nested.file_url = "/etc/passwd"
    assert given.model_dump() == {"nested": {"file-url": "https://x.example/a"}}


def test_an_object_may_have_a_path_as_url(mode, emulator, sent, tmp_path):
    (tmp_path / "m.bin").write_bytes(b"m")
    body = sent(mode, mask={"url": tmp_path / "m.bin", "weight": 1})
    assert body["mask"]["weight"] == 1
    assert content(emulator, body["mask"]["url"]) == b"m"
    body = sent(mode, mask={"url": "https://x.example/m"})
    assert body["mask"] == {"url": "https://x.example/m"}


def test_all_missing_files_are_reported_and_nothing_is_sent(mode, emulator, sent, tmp_path):
    there = tmp_path / "there"
    there.write_bytes(b"x")
    text = BytesIO(b"ab")
    text.read()
    with pytest.raises(FalInputError) as caught:
        sent(
            mode,
            image_url=Path("no.png"),
            image_urls=[there, tmp_path / "gone", text],
            mask=tmp_path,
        )
    paths = [problem.path for problem in caught.value.errors]
    assert paths == ["image_url", "image_urls[1]", "image_urls[2]", "mask.url"]
    assert "nothing was sent" in str(caught.value)
    assert "no.png" in str(caught.value)
    assert len(emulator.requests) == 0


def test_untyped_arguments_may_contain_files_but_strings_are_not_paths(mode, emulator, tmp_path):
    emulator.endpoint(APP)
    (tmp_path / "a").write_bytes(b"a")
    arguments = {
        "prompt": str(tmp_path / "a"),
        "deep": ({"x": [1, None, tmp_path / "a"]}, True),
        "result": File(url="https://x.example/r"),
    }
    mode.client().subscribe(APP, arguments=arguments)
    body = emulator.requests.of("submit")[-1].json
    assert body["prompt"] == str(tmp_path / "a")
    assert body["result"] == "https://x.example/r"
    assert content(emulator, body["deep"][0]["x"][2]) == b"a"
    assert body["deep"][1] is True
    assert arguments["deep"][0]["x"][2] == tmp_path / "a", "the caller's arguments are not changed"


def test_small_files_are_sent_inline_on_request(mode, emulator, sent, tmp_path):
    (tmp_path / "a.png").write_bytes(b"12345")
    body = sent(
        mode,
        {"inline_files": 5},
        image_url=tmp_path / "a.png",
        image_urls=[b"123456", BytesIO(b"12")],
    )
    assert body["image_url"] == "data:image/png;base64," + base64.b64encode(b"12345").decode()
    assert body["image_urls"][1].startswith("data:application/octet-stream;base64,")
    assert content(emulator, body["image_urls"][0]) == b"123456"
    assert len(emulator.files) == 1


def test_arguments_without_files_are_returned_unchanged():
    arguments = {
        "prompt": "x",
        "seed": 1,
        "loras": [{"path": "https://x", "scale": 0.5}],
        "n": None,
    }
    flow = upload_inputs(Settings(), arguments)
    with pytest.raises(StopIteration) as done:
        next(flow)
    assert done.value.value is arguments


def test_files_are_uploaded_concurrently_up_to_a_limit():
    flow = upload_inputs(Settings(), {"files": [bytes([n]) for n in range(50)]})
    checked = next(flow)
    effect = flow.send(checked.function())
    assert isinstance(effect, Gather)
    assert (len(effect.flows), effect.limit) == (50, 4)
    flow.close()


def test_circular_arguments_are_an_error():
    arguments: dict = {}
    arguments["self"] = arguments
    with pytest.raises(FalInputError, match="nested too deeply"):
        next(upload_inputs(Settings(), arguments))


def test_a_failed_upload_submits_nothing(mode, emulator):
    class Broken:
        def read(self, size):
            raise OSError("unplugged")

    with pytest.raises(FalInputError, match=r"open file \(Broken\) cannot be read: OSError"):
        mode.client().subscribe("fal-ai/flux/dev", arguments={"image_url": Broken()})
    assert not emulator.requests.of("submit")


def test_a_value_that_is_not_a_file_is_rejected_before_sending(mode, emulator, sent):
    for wrong in (5, {"no": "url"}, object()):
        with pytest.raises(FalInputError, match="image_url"):
            sent(mode, image_url=wrong)
    assert json.loads("[]") == list(emulator.requests)


def test_files_are_uploaded_without_validation_too(mode, emulator, sent):
    body = sent(mode, {"validate": False}, image_url=b"x", maybe=File(url="https://x.example/f"))
    assert content(emulator, body["image_url"]) == b"x"
    assert body["maybe"] == "https://x.example/f"
