"""Read the events of a run while the model works, and save the last image."""

from __future__ import annotations

from fal_typed.endpoints.fal_ai.flux.dev import flux_dev


def main() -> None:
    """Print each event as it arrives."""
    with flux_dev.stream(prompt="a cat") as stream:
        for number, event in enumerate(stream, start=1):
            print(f"event {number}: {len(event.images)} images")
        stream.done().data.images[0].save("cat.jpg")


if __name__ == "__main__":
    main()
