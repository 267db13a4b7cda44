"""A service that was written for fal_client: its import changed, and `result["…"]` to `.data`."""

from __future__ import annotations

from postcards import fal as fal_client

PICTURES = 2


def make(place: str) -> list[str]:
    """Give the URLs of postcards from a place."""
    result = fal_client.subscribe(
        "fal-ai/flux/schnell",
        arguments={
            "prompt": f"a postcard from {place}",
            "image_size": {"width": 768, "height": 512},
            "num_images": PICTURES,
        },
    )
    return [image.url for image in result.data.images]


async def describe(url: str) -> str:
    """Say what is to be seen on a picture."""
    result = await fal_client.subscribe_async(
        "fal-ai/florence-2-large/detailed-caption", arguments={"image_url": url}
    )
    return result.data.results
