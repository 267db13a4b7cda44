"""With `allow_unknown_ids`, any text is taken, and known ids are still typed when they fit."""

from shop.lenient import Client, client
from typing_extensions import reveal_type


def elsewhere(client: Client, application: str, arguments: dict[str, object]) -> None:
    reveal_type(client.subscribe(application, arguments))


reveal_type(client.subscribe("fal-ai/flux/dev", {"prompt": "a cat"}))
reveal_type(client.run("acme/unknown", {"anything": 1}))
reveal_type(client.result("acme/unknown", "a-request"))
# the price: no checker finds this mistake; the call itself refuses it
reveal_type(client.subscribe("fal-ai/flux/dev", {"promt": "a cat"}))
