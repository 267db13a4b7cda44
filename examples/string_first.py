"""Code that was written for fal_client: change the import, then the types one call at a time."""

from __future__ import annotations

import fal_typed
from fal_typed.endpoints.fal_ai.flux.dev import flux_dev


def main() -> None:
    """Make the same call untyped and typed."""
    untyped = fal_typed.subscribe("fal-ai/flux/dev", arguments={"prompt": "a cat", "seed": 1})
    print(untyped.data["images"][0]["url"])

    typed = flux_dev.subscribe(prompt="a cat", seed=1)
    print(typed.data.images[0].url)


if __name__ == "__main__":
    main()
