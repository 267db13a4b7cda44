"""Generate an image, then a video that starts with it."""

from __future__ import annotations

from fal_typed import FalClient
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput
from fal_typed.endpoints.fal_ai.kling_video.v2.master.image_to_video import (
    KlingVideoV2MasterImageToVideoInput,
)


def main() -> None:
    """Generate both over one client."""
    prompt = "a cat that looks out of the window"
    with FalClient() as client:
        still = client.subscribe(FluxDevInput(prompt=prompt, image_size="landscape_16_9"))
        video = client.subscribe(
            KlingVideoV2MasterImageToVideoInput(prompt=prompt, image_url=still.data.images[0])
        )
        print(video.data.video.save("cat.mp4"))


if __name__ == "__main__":
    main()
