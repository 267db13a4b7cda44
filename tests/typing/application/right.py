"""A service that changed its import from fal_client, and what its calls give."""

import shop.fal as fal_client
from shop.fal import AsyncClient, Client, client
from shop.fal.arguments import FluxDevArguments
from shop.fal.endpoints.fal_ai.flux.dev import FluxDevInput, flux_dev
from typing_extensions import reveal_type

from fal_typed import FalClient

# by id
reveal_type(client.subscribe("fal-ai/flux/dev", arguments={"prompt": "a cat"}))
reveal_type(client.run("fal-ai/flux/dev", {"prompt": "a cat", "image_size": {"width": 512}}))
reveal_type(client.submit("fal-ai/flux/schnell", {"prompt": "a cat"}, priority="low").get())
reveal_type(client.stream("fal-ai/flux/dev", {"prompt": "a cat"}))
reveal_type(client.handle("fal-ai/flux/dev", "a-request").get())
reveal_type(client.result("fal-ai/flux/dev", "a-request", timeout=5).data.images[0].url)
reveal_type(client.status("fal-ai/flux/dev", "a-request", with_logs=True))
reveal_type(client.with_options(timeout=60).run("fal-ai/flux/dev", {"prompt": "a cat"}))

# the endpoint of an id, whose calls are written out
reveal_type(client.endpoint("fal-ai/flux/dev").subscribe(prompt="a cat").data.seed)
reveal_type(fal_client.endpoint("shop-team/portrait").run(image_url=b"", mask={"url": "a"}))
reveal_type(FluxDevInput(prompt="a cat", image_size={"width": 512, "height": 512}))
flux_dev.submit(prompt="a cat", image_size={"width": 512})

# keys that are no names, nested dicts, files, a place for each of a pair
reveal_type(
    client.subscribe(
        "shop-team/portrait",
        arguments={
            "image_url": b"\x89PNG",
            "class": "oil",
            "3d-model": True,
            "items": [{"name": "hat", "below": {"name": "head"}}],
            "span": [1, "day"],
            "mask": {"url": "https://example.com/mask.png"},
            "extra": {"note": "new", "unheard_of": 1},
            "seed": None,
        },
    )
)

# arguments that are put together first
arguments: FluxDevArguments = {"prompt": "a cat"}
arguments["num_images"] = 2
reveal_type(client.subscribe("fal-ai/flux/dev", arguments))

# as fal_client does
handle = fal_client.submit("fal-ai/flux/dev", arguments={"prompt": "a cat"}, hint="mine")
reveal_type(fal_client.subscribe("fal-ai/flux/dev", {"prompt": "a cat"}, with_logs=True))
reveal_type(fal_client.result("fal-ai/flux/dev", handle.request_id))
reveal_type(fal_client.encode(b"cat", "text/plain"))
reveal_type(fal_client.upload(b"cat", "text/plain"))

# over a connection
with client.realtime("fal-ai/flux/dev", codec="json") as connection:
    connection.send({"prompt": "a cat"})
    reveal_type(connection.recv())
with client.realtime(flux_dev) as by_name:
    by_name.send(prompt="a cat")
with client.pipeline("fal-ai/flux/dev") as pipeline:
    reveal_type(pipeline.run({"prompt": "a cat"}))


async def main(client: AsyncClient) -> None:
    reveal_type(await client.subscribe("fal-ai/flux/dev", {"prompt": "a cat"}))
    reveal_type(await (await client.submit("fal-ai/flux/dev", {"prompt": "a cat"})).get())
    reveal_type(await fal_client.run_async("fal-ai/flux/schnell", {"prompt": "a cat"}))
    reveal_type(await fal_client.result_async("fal-ai/flux/dev", "a-request"))


# the other forms go on
reveal_type(client.subscribe(FluxDevInput(prompt="a cat")))
reveal_type(flux_dev.with_options(client=client).subscribe(prompt="a cat"))


# what no checker can follow has a place of its own
def elsewhere(client: Client, application: str, arguments: dict[str, object]) -> None:
    reveal_type(client.untyped.subscribe(application, arguments))


def injected(client: FalClient) -> FalClient:
    return client


injected(client)
