"""Inputs are ordinary pydantic models, thread-safe, and checked again before they are sent."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from PIL import Image
from pydantic import BaseModel, Field, TypeAdapter
from pydantic_core import PydanticSerializationError

from fal_typed import FalInputError, File
from fal_typed.files import FileInput, FileObjectInput
from fal_typed.models import UNSET, InputModel, UniqueItems
from tests.core.flux import DevInput, Size, dev


class Everything(InputModel):
    """An input with every kind of parameter."""

    image_url: FileInput = UNSET
    """The image."""

    masks: FileInput | list[FileInput] = UNSET
    """The masks."""

    video: FileObjectInput | None = None
    """The video."""

    tags: Annotated[list[str], UniqueItems] = UNSET
    size: Size | None = None
    from_: Annotated[str, Field(alias="from")] = UNSET


def test_unset_parameters_are_in_no_dump():
    made = Everything(from_="x", size=Size(width=64))
    expected = {"from": "x", "size": {"width": 64}}
    assert made.model_dump() == expected
    assert made.model_dump(mode="json") == expected
    assert json.loads(made.model_dump_json()) == expected
    assert made.model_dump(by_alias=False) == {"from_": "x", "size": {"width": 64}}
    assert json.loads(made.model_dump_json(by_alias=False)) == made.model_dump(by_alias=False)
    assert repr(made) == "Everything(size=Size(width=64), from_='x')"
    assert dict(made) == {"video": None, "size": made.size, "from_": "x"}
    assert Everything.model_validate_json(made.model_dump_json()) == made


def test_inputs_inside_other_models_dump_the_same_way():
    class Job(BaseModel):
        inputs: list[Everything]

    job = Job(inputs=[Everything(from_="x")])
    assert job.model_dump(mode="json") == {"inputs": [{"from": "x"}]}
    assert TypeAdapter(Job).dump_json(job) == b'{"inputs":[{"from":"x"}]}'
    assert "UNSET" not in repr(job.model_dump())


def test_files_that_are_not_uploaded_in_dumps():
    png = b"\x89PNG\r\n\x1a\n"
    made = Everything(image_url=png, masks=[b"x", "https://x.example/m"], video=png)
    uri = "data:image/png;base64,iVBORw0KGgo="
    masks = ["data:application/octet-stream;base64,eA==", "https://x.example/m"]
    assert made.model_dump(mode="json") == {"image_url": uri, "masks": masks, "video": {"url": uri}}
    assert json.loads(made.model_dump_json()) == made.model_dump(mode="json")
    assert made.model_dump()["image_url"] is png

    for file in (Path("cat.png"), BytesIO(b"x"), Image.new("L", (1, 1))):
        for given in ({"image_url": file}, {"masks": [file]}, {"video": file}):
            unsent = Everything(**given)
            with pytest.raises(PydanticSerializationError, match="cannot be dumped to JSON"):
                unsent.model_dump_json()
            with pytest.raises(PydanticSerializationError, match="cannot be dumped to JSON"):
                unsent.model_dump(mode="json")
        assert Everything(image_url=file).model_dump()["image_url"] is file
        assert Everything(video=file).model_dump()["video"]["url"] is file


def test_a_file_of_a_result_becomes_its_url():
    file = File(url="https://x.example/a", content_type="image/png")
    made = Everything(image_url=file, video=file)
    assert made.model_dump(mode="json") == {
        "image_url": "https://x.example/a",
        "video": {"url": "https://x.example/a", "content_type": "image/png"},
    }
    assert Everything.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_json_schema_describes_files_and_unique_items(mode):
    shown = Everything.model_json_schema(mode=mode)["properties"]
    uri = {"type": "string", "format": "uri"}
    assert shown["image_url"] == {**uri, "title": "Image Url", "description": "The image."}
    assert shown["masks"]["anyOf"] == [uri, {"items": uri, "type": "array"}]
    assert shown["tags"]["uniqueItems"] is True
    assert "default" not in shown["from"]
    given = DevInput.model_json_schema(mode=mode)["properties"]["num_images"]
    assert (given["minimum"], given["maximum"], given["default"]) == (1, 4, 1)


def test_classes_without_source_have_no_descriptions():
    scope: dict = {"__name__": "nowhere"}
    exec("from fal_typed.models import InputModel\nclass A(InputModel):\n    x: int", scope)
    assert scope["A"].model_json_schema()["properties"]["x"] == {"title": "X", "type": "integer"}


def test_an_assigned_value_is_checked():
    made = DevInput(prompt="a cat", image_size=Size())
    for change in ({"num_images": 99}, {"prompt": None}, {"no_such": 1}):
        ((name, value),) = change.items()
        with pytest.raises(FalInputError, match=name):
            setattr(made, name, value)
    with pytest.raises(FalInputError, match="width"):
        made.image_size.width = 0
    made.num_images = 2
    assert made.model_dump() == {"prompt": "a cat", "image_size": {}, "num_images": 2}


def wrong_copy(made: DevInput):
    return made.model_copy(update={"num_images": 99}), "num_images"


def wrong_nested_copy(made: DevInput):
    made.image_size = Size(width=5)
    return made.model_copy(update={"image_size": Size().model_copy(update={"width": 0})}), (
        "image_size.width"
    )


def wrong_dict(made: DevInput):
    made.__dict__["num_images"] = 99
    return made, "num_images"


def wrong_construction(_made: DevInput):
    return DevInput.model_construct(prompt=5), "prompt"


@pytest.mark.parametrize("spoil", [wrong_copy, wrong_nested_copy, wrong_dict, wrong_construction])
def test_a_changed_input_is_checked_before_it_is_sent(mode, fal_emulator, spoil):
    request, path = spoil(DevInput(prompt="a cat", num_images=1))
    for call in ("run", "subscribe", "submit"):
        with pytest.raises(FalInputError) as caught:
            getattr(mode.client(), call)(request)
        assert path in [problem.path for problem in caught.value.errors]
    assert len(fal_emulator.requests) == 0


def test_a_changed_nested_value_in_keyword_arguments_is_checked(mode, fal_emulator):
    size = Size().model_copy(update={"width": 0})
    with pytest.raises(FalInputError, match=r"image_size\.width"):
        mode(dev).run(prompt="a cat", image_size=size)
    assert len(fal_emulator.requests) == 0


def test_a_changed_input_is_sent_unchecked_on_request(mode, fal_emulator):
    fal_emulator.endpoint(dev.id).checks_input = False
    request = DevInput(prompt="a cat").model_copy(update={"num_images": 99})
    mode.client().run(request, validate=False)
    assert fal_emulator.requests.of("run")[0].json == {"prompt": "a cat", "num_images": 99}


UNTYPED: Any = dev


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (
            lambda c: UNTYPED.run(prompt="x", timeout=60),
            r"pass it with \.with_options\(timeout=…\)",
        ),
        (lambda c: c.run(dev.id, prompt="x"), r"pass it in arguments=\{'prompt': …\}"),
        (lambda c: c.subscribe(dev.id, prompt="x"), r"pass it in arguments=\{'prompt': …\}"),
        (lambda c: c.submit(DevInput(prompt="x"), seed=1), r"pass it in arguments=\{'seed': …\}"),
        (lambda c: c.subscribe(dev.id, with_log=True), "did you mean 'with_logs'?"),
        (lambda c: c.run(dev.id, with_logs=True), "it is an option of subscribe"),
        (lambda c: c.realtime(dev.id, prompt="x"), r"pass it to send\(\)"),
        (
            lambda c: UNTYPED.with_options(prompt="x"),
            r"pass it to the call, as in subscribe\(prompt=…\)",
        ),
    ],
)
def test_a_misplaced_argument_names_its_place(call, hint):
    from fal_typed import FalClient

    with pytest.raises((TypeError, FalInputError), match=hint) as caught:
        call(FalClient(key="a:b"))
    assert "__init__" not in str(caught.value)


class Texts(InputModel):
    duration: Literal["5", "10", "1.5"] = "5"
    steps: Literal[5, 10] = 5
    name: str = ""
    count: int = 0
    scale: float = 0.0


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"duration": 5}, "pass '5', as a string"),
        ({"duration": 1.5}, "pass '1.5', as a string"),
        ({"duration": 7}, None),
        ({"duration": True}, None),
        ({"steps": "10"}, "pass 10, as a number"),
        ({"steps": "1"}, None),
        ({"name": 5}, "pass '5', as a string"),
        ({"count": "5"}, "pass 5, as a number"),
        ({"scale": "0.5"}, "pass 0.5, as a number"),
        ({"count": "five"}, None),
    ],
)
def test_a_number_for_a_string_names_the_string(given, hint):
    with pytest.raises(FalInputError) as caught:
        Texts(**given)
    (problem,) = caught.value.errors
    assert problem.msg.endswith(f"; {hint}") if hint else "; pass" not in problem.msg


THREADS = """
import sys, threading
sys.setswitchinterval(1e-6)
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, FluxDevOutput, ImageSize
from fal_typed._calls.outputs import read_output
from pydantic import TypeAdapter

OUTPUT = {"images": [{"url": "https://x.example/a"}], "timings": {}, "seed": 1,
          "has_nsfw_concepts": [False], "prompt": "x"}
WORK = [
    lambda: FluxDevInput(prompt="a", image_size={"width": 64}).model_dump_json(),
    lambda: FluxDevInput.model_validate({"prompt": "a", "image_size": ImageSize(width=5)}),
    lambda: FluxDevInput.model_json_schema(),
    lambda: ImageSize(width=64),
    lambda: read_output(FluxDevOutput, OUTPUT).images[0].url,
    lambda: FluxDevOutput.model_validate_json(FluxDevOutput(**OUTPUT).model_dump_json()),
    lambda: TypeAdapter(list[FluxDevOutput]).validate_python([OUTPUT]),
]
start, failed = threading.Barrier(28), []

def work(number):
    start.wait()
    try:
        for turn in range(len(WORK)):
            WORK[(number + turn) % len(WORK)]()
    except BaseException as error:
        failed.append(repr(error))

threads = [threading.Thread(target=work, args=(number,)) for number in range(28)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit("; ".join(failed) or 0)
"""


def test_many_threads_use_models_for_the_first_time():
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", THREADS],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
