"""Mistakes in calls by id that must be found before a program runs."""

import shop.fal as fal_client
from shop.fal import async_client, client
from shop.fal.arguments import FluxDevArguments


def elsewhere(application: str, arguments: dict[str, object]) -> None:
    # an id, or arguments, that only turn up at run time
    client.subscribe(application, {"prompt": "a cat"})
    client.subscribe("fal-ai/flux/dev", arguments)


# a key that isn't there, one that is missing, one inside a nested dict
client.subscribe("fal-ai/flux/dev", {"promt": "a cat"})
client.subscribe("fal-ai/flux/dev", {"prompt": "a cat", "size": "square"})
client.subscribe("fal-ai/flux/dev", {"num_images": 1})
client.subscribe("fal-ai/flux/dev")
client.run("fal-ai/flux/dev", {"prompt": "a cat", "image_size": {"wide": 512}})
client.submit("shop-team/portrait", {"image_url": "https://…", "items": [{"below": {"name": "a"}}]})

# an endpoint that isn't known, a parameter that the endpoint doesn't have
client.endpoint("fal-ai/flux/def")
client.endpoint("fal-ai/flux/dev").subscribe(promt="a cat")

# a value that isn't allowed
client.subscribe("fal-ai/flux/dev", {"prompt": "a cat", "image_size": "big"})
client.subscribe("fal-ai/flux/dev", {"prompt": "a cat", "num_images": "4"})
client.stream("fal-ai/flux/dev", {"prompt": "a cat", "num_images": None})

# an id that isn't known, the arguments of another one
client.subscribe("fal-ai/flux/def", {"prompt": "a cat"})
client.subscribe("shop-team/portrait", {"prompt": "a cat"})

# an option that isn't there
client.subscribe("fal-ai/flux/dev", {"prompt": "a cat"}, with_log=True)
client.result("fal-ai/flux/def", "a-request")

# inputs that go over a connection
with client.realtime("fal-ai/flux/dev") as connection:
    connection.send({"promt": "a cat"})
client.realtime("fal-ai/flux/def")

# the same through fal_client's names, and async
fal_client.subscribe("fal-ai/flux/dev", arguments={"promt": "a cat"})
fal_client.submit_async("fal-ai/flux/dev", arguments={"promt": "a cat"})
async_client.subscribe("fal-ai/flux/dev", {"promt": "a cat"})

# a field that the result doesn't have; the result itself is no dict
print(client.subscribe("fal-ai/flux/dev", {"prompt": "a cat"}).data.image)
print(fal_client.subscribe("fal-ai/flux/dev", {"prompt": "a cat"})["images"])

# here the key is named by every checker
named: FluxDevArguments = {"promt": "a cat"}
