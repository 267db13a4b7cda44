"""Every form of a call, sync, and the types it gives."""

from typing_extensions import reveal_type

from fal_typed import FalClient, subscribe
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, flux_dev

client = FalClient()

# endpoint-first
result = flux_dev.subscribe(prompt="a cat", image_size="landscape_4_3", num_images=4, seed=None)
reveal_type(result)
reveal_type(result.data.images[0].url)
reveal_type(result.data.images[0].save("cat.jpg"))
reveal_type(result.request_id)
reveal_type(flux_dev.run(prompt="a cat"))
reveal_type(flux_dev.with_options(with_logs=True, client=client).subscribe(prompt="a cat"))

# client-first
reveal_type(client.subscribe(FluxDevInput(prompt="a cat"), with_logs=True))
reveal_type(client.run(FluxDevInput(prompt="a cat")))

# string-first
reveal_type(client.subscribe("fal-ai/flux/dev", arguments={"prompt": "a cat"}))
reveal_type(subscribe("fal-ai/flux/dev", arguments={"prompt": "a cat"}))

# handles
handle = flux_dev.submit(prompt="a cat")
reveal_type(handle.get())
reveal_type(client.submit("fal-ai/flux/dev", arguments={"prompt": "a cat"}).get())
