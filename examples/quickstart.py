"""A cat by fal-ai/flux/dev: four pictures, with the queue's updates and the model's log lines.

Set FAL_KEY to call the live platform, or FAL_EMULATOR_HOST to call an emulator.
"""

from __future__ import annotations

from pathlib import Path

from fal_typed import Queued, QueueStatus
from fal_typed.endpoints.fal_ai.flux.dev import flux_dev

OUT = Path("out")


def show(status: QueueStatus) -> None:
    """Print an update, and the log lines that are new with it."""
    waiting = f", {status.position} ahead" if isinstance(status, Queued) else ""
    print(f"{status.status}{waiting}")
    for log in status.new_logs:
        print(f"  {log.message}")


def main() -> None:
    """Make the pictures and save them."""
    result = flux_dev.with_options(with_logs=True, on_queue_update=show).subscribe(
        prompt="a cat",
        image_size="landscape_4_3",
        num_images=4,
        seed=6252023,
    )
    OUT.mkdir(exist_ok=True)
    for number, image in enumerate(result.data.images, start=1):
        path = image.save(OUT / f"cat-{number}.jpg")
        print(f"{path}  {image.width} x {image.height}")
    print(f"seed {result.data.seed}, request {result.request_id}")


if __name__ == "__main__":
    main()
