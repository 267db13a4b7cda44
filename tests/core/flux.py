"""Hand-written models of an endpoint that the emulator serves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fal_typed import Endpoint
from fal_typed.files import FileInput, Image
from fal_typed.models import UNSET, InputModel, OutputModel, Request


class Size(InputModel):
    width: Annotated[int, Field(gt=0)] = 512
    height: Annotated[int, Field(gt=0)] = 512


class DevInput(InputModel, Request["DevOutput"]):
    """Generates images."""

    prompt: str
    image_size: Size | Literal["square_hd", "square", "landscape_4_3"] = "landscape_4_3"
    num_images: Annotated[int, Field(ge=1, le=4)] = 1
    seed: int | None = None
    output_format: Literal["jpeg", "png"] = "jpeg"
    style: str = UNSET
    image_url: FileInput = UNSET
    from_: Annotated[str, Field(alias="from")] = UNSET


class DevOutput(OutputModel):
    images: list[Image]
    seed: int
    prompt: str
    timings: dict[str, float]
    has_nsfw_concepts: list[bool]


ID = "fal-ai/flux/dev"
dev = Endpoint(ID, DevInput, DevOutput)
