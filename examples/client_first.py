"""A service that is handed its client, and checks what its own caller sent."""

from __future__ import annotations

from dataclasses import dataclass

from fal_typed import FalClient, FalInputError
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput


@dataclass(frozen=True)
class Postcards:
    """Makes postcards with the client it is given."""

    client: FalClient

    def make(self, place: str, copies: int) -> list[str]:
        """Give the URLs of the pictures."""
        request = FluxDevInput(prompt=f"a postcard from {place}", num_images=copies)
        result = self.client.subscribe(request, timeout=120)
        return [image.url for image in result.data.images]


def main() -> None:
    """Make two postcards, then ask for more than the endpoint allows."""
    with FalClient() as client:
        postcards = Postcards(client)
        print(*postcards.make("Delft", copies=2), sep="\n")
        try:
            postcards.make("Delft", copies=9)
        except FalInputError as error:
            print(error)


if __name__ == "__main__":
    main()
