"""Mistakes with batches, each of which a checker finds."""

from fal_typed.batch import Batch
from fal_typed.endpoints.fal_ai.flux.dev import flux_dev
from fal_typed.endpoints.fal_ai.flux.schnell import FluxSchnellInput

Batch(flux_dev)
Batch(flux_dev, journal="cats.db", concurency=3)
Batch(flux_dev, journal="cats.db", budget="20")
Batch(3, journal="cats.db")
batch = Batch(flux_dev, journal="cats.db")
batch.run(3)
for item in batch.run([]):
    print(item.result.data)
    if item.result:
        print(item.result.data.image)
    if item.state == "done":
        pass
batch.run([FluxSchnellInput(prompt="a cat")])
batch.run([("cat", FluxSchnellInput(prompt="a cat"))])
batch.run("cats.csv")
