"""Mistakes in nested inputs, and in the calls of pipelines and realtime connections."""

from fal_typed.endpoints.fal_ai.flux_2.klein.realtime import flux_2_klein_realtime
from fal_typed.endpoints.fal_ai.flux_lora import FluxLoraInput, flux_lora

# a key that isn't there
flux_lora.subscribe(prompt="a cat", image_size={"width": 512, "hight": 512})
flux_lora.subscribe(prompt="a cat", loras=[{"path": "a", "weight": 0.5}])
FluxLoraInput(prompt="a cat", image_size={"w": 512})

# a key that is missing
flux_lora.subscribe(prompt="a cat", loras=[{"scale": 0.5}])

# a value of another type
flux_lora.subscribe(prompt="a cat", image_size={"width": "512"})
flux_lora.subscribe(prompt="a cat", loras={"path": "a"})

# a parameter that isn't there
with flux_lora.pipeline() as pipeline:
    pipeline.run(prompt="a cat", size={})
with flux_2_klein_realtime.realtime() as connection:
    connection.send(image_url="https://example.com/i", promt="a cat")
