"""Every form of a call, async, and the types it gives."""

from typing_extensions import reveal_type

from fal_typed import AsyncFalClient, subscribe_async
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, flux_dev


async def main(client: AsyncFalClient) -> None:
    # endpoint-first
    result = await flux_dev.subscribe_async(prompt="a cat", image_size="square")
    reveal_type(result)
    reveal_type(await result.data.images[0].save_async("cat.jpg"))
    reveal_type(await flux_dev.run_async(prompt="a cat"))

    # client-first
    reveal_type(await client.subscribe(FluxDevInput(prompt="a cat"), with_logs=True))

    # string-first
    reveal_type(await client.subscribe("fal-ai/flux/dev", arguments={"prompt": "a cat"}))
    reveal_type(await subscribe_async("fal-ai/flux/dev", arguments={"prompt": "a cat"}))

    # handles
    handle = await flux_dev.submit_async(prompt="a cat")
    reveal_type(await handle.get())
