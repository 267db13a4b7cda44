"""Make postcards, describe them, and see what becomes of a mistake."""

from __future__ import annotations

import asyncio

from fal_typed import FalInputError
from postcards import fal, service


async def main() -> None:
    """Make, describe, and make a mistake that a type checker would have found."""
    for url in service.make("Delft"):
        print(url, "-", await service.describe(url))
    try:
        fal.subscribe("fal-ai/flux/schnell", {"promt": "a cat"})  # type: ignore[call-overload]
    except FalInputError as error:
        print(error)
    await fal.async_client.close()


asyncio.run(main())
