"""Direct runs on fal's own server framework."""

from __future__ import annotations

import pytest

from fal_typed import Endpoint, FalServerError, FalValidationError
from fal_typed.errors import FalHTTPError
from fal_typed.files import Image
from fal_typed.models import InputModel, OutputModel, Request

pytestmark = pytest.mark.xdist_group("real_app")


class EchoInput(InputModel, Request["EchoOutput"]):
    prompt: str
    seed: int | None = None


class EchoOutput(OutputModel):
    text: str
    seed: int | None = None


class ImagesOutput(OutputModel):
    images: list[Image]


echo = Endpoint("tests/echo", EchoInput, EchoOutput)


@pytest.fixture
def client(mode, real_app):
    return mode.client(key="id:secret", run_host=real_app)


def test_a_result_is_typed(client):
    result = client.run(EchoInput(prompt="a cat", seed=7))
    assert (result.data.text, result.data.seed) == ("a cat", 7)
    assert result.raw == {"text": "a cat", "seed": 7}


def test_an_image_in_a_result_can_be_read(mode, client):
    class ImageInput(InputModel, Request["ImagesOutput"]):
        prompt: str

    Endpoint("tests/echo/image", ImageInput, ImagesOutput)
    image = client.run(ImageInput(prompt="a cat")).data.images[0]
    assert mode(image).read().startswith(b"\x89PNG")


def test_a_rejected_input_is_reported_with_its_path(client):
    with pytest.raises(FalValidationError) as caught:
        client.run("tests/echo", arguments={"prompt": "a cat", "seed": -1})
    assert [problem.loc for problem in caught.value.errors] == [("seed",)]


@pytest.mark.parametrize(
    ("how", "status", "kind"),
    [("field", 422, FalValidationError), ("app", 418, FalHTTPError), ("", 500, FalServerError)],
)
def test_failures_of_the_app_become_errors(client, how, status, kind):
    with pytest.raises(kind) as caught:
        client.run("tests/echo", arguments={"how": how}, path="fail")
    assert caught.value.status_code == status
    assert caught.value.detail


def test_an_unknown_path_is_not_found(client):
    with pytest.raises(FalHTTPError, match="404"):
        client.run("tests/echo", arguments={}, path="nowhere")
