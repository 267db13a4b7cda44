"""Mistakes that must be found before a program runs, each in the three forms it can take."""

from fal_typed import FalClient
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, flux_dev

client = FalClient()

# a parameter that isn't there
flux_dev.subscribe(promt="a cat")
client.subscribe(FluxDevInput(prompt="a cat", size="square"))

# a parameter that is missing
flux_dev.subscribe(num_images=1)

# a value that isn't allowed
flux_dev.subscribe(prompt="a cat", image_size="big")
client.subscribe(FluxDevInput(prompt="a cat", output_format="gif"))

# None where the endpoint takes no null, a text where it takes a number
flux_dev.subscribe(prompt="a cat", num_images=None)
flux_dev.subscribe(prompt="a cat", num_images="4")

# an option that isn't there
flux_dev.with_options(with_log=True)
client.subscribe(FluxDevInput(prompt="a cat"), with_log=True)

# an option in the place of a parameter
flux_dev.subscribe(prompt="a cat", with_logs=True)

# a field that the result doesn't have
print(flux_dev.subscribe(prompt="a cat").data.image)
print(flux_dev.subscribe(prompt="a cat").images)

# a request without await
print(flux_dev.subscribe_async(prompt="a cat").data)
