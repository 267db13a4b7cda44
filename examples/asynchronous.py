"""Four seeds side by side, over one client."""

from __future__ import annotations

import asyncio

from fal_typed import AsyncFalClient
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, FluxDevOutput

SEEDS = range(4)


async def draw(client: AsyncFalClient, seed: int) -> FluxDevOutput:
    """Make one picture."""
    result = await client.subscribe(FluxDevInput(prompt="a cat", seed=seed))
    return result.data


async def main() -> None:
    """Make all pictures at once and print where they are."""
    async with AsyncFalClient() as client:
        outputs = await asyncio.gather(*(draw(client, seed) for seed in SEEDS))
    for output in outputs:
        print(output.seed, output.images[0].url)


if __name__ == "__main__":
    asyncio.run(main())
