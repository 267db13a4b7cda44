"""Mistakes with batches, each of which a checker finds."""

from fal_typed.batch import Batch
from fal_typed.endpoints.fal_ai.flux.dev import flux_dev
from fal_typed.endpoints.fal_ai.flux.schnell import FluxSchnellInput

batch = Batch(flux_dev, journal="cats.db")
items = batch.run([])
item = next(iter(items))

# a batch without a journal, and one of nothing that can be called
Batch(flux_dev)
Batch(3, journal="cats.db")

# an option that isn't there
Batch(flux_dev, journal="cats.db", concurency=3)

# an option of another type
Batch(flux_dev, journal="cats.db", budget="20")

# inputs that are none
batch.run(3)
batch.run("cats.csv")

# inputs of another endpoint
batch.run([FluxSchnellInput(prompt="a cat")])
batch.run([("cat", FluxSchnellInput(prompt="a cat"))])

# a result that may be missing
print(item.result.data)

# a value that is never equal
print(item.state == "done")
