"""Nested inputs as models and as the JSON of a model's page, in every place that takes them."""

from typing_extensions import reveal_type

import fal_typed
from fal_typed import FalClient
from fal_typed.endpoints.fal_ai.flux_lora import (
    FluxLoraInput,
    ImageSize,
    ImageSizeDict,
    LoraWeight,
    LoraWeightDict,
    flux_lora,
)
from fal_typed.endpoints.fal_ai.kling_video.v1_5.pro.image_to_video import endpoint as kling

# written out, with models and dicts side by side
flux_lora.subscribe(
    prompt="a cat",
    image_size={"width": 512, "height": 512},
    loras=[{"path": "https://example.com/a", "scale": 0.5}, LoraWeight(path="b")],
)
flux_lora.run(prompt="a cat", image_size=ImageSize(width=512, height=512), loras=[])
flux_lora.submit(prompt="a cat", image_size={"width": 512}, loras=(LoraWeight(path="a"),))
kling.subscribe(
    prompt="a cat",
    image_url=b"",
    dynamic_masks=[{"mask_url": "https://example.com/m", "trajectories": [{"x": 1, "y": 2}]}],
)

# from variables
size: ImageSizeDict = {"width": 512, "height": 512}
models: list[LoraWeight] = [LoraWeight(path="a")]
dicts: list[LoraWeightDict] = [{"path": "a"}]
flux_lora.subscribe(prompt="a cat", image_size=size, loras=models)
flux_lora.subscribe(prompt="a cat", loras=dicts)
flux_lora.subscribe(prompt="a cat", image_size=ImageSizeDict(width=512), loras=tuple(models))

# in requests, which have models
request = FluxLoraInput(prompt="a cat", image_size=size, loras=dicts)
reveal_type(request.loras[0].path)
reveal_type(FalClient().subscribe(request))

# in pipelines
with flux_lora.pipeline() as pipeline:
    reveal_type(pipeline.run(prompt="a cat", image_size=size).data.images[0].url)
    reveal_type(pipeline.submit(prompt="a cat", loras=dicts).get())

# by id
reveal_type(fal_typed.endpoint("fal-ai/flux/dev").id)
