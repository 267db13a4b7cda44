"""Batches: the type of a result follows from the endpoint, its input class or its id."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from typing_extensions import assert_type

from fal_typed.batch import AsyncBatch, Batch, BatchItem, RowFile
from fal_typed.endpoints.fal_ai.flux.dev import FluxDevInput, FluxDevOutput, flux_dev
from fal_typed.results import Result


def rows() -> Iterator[dict[str, object]]:
    yield {"key": "cat", "prompt": "a cat"}


async def rows_of_a_socket() -> AsyncIterator[tuple[str, FluxDevInput]]:
    yield "cat", FluxDevInput(prompt="a cat")


with Batch(flux_dev, journal="cats.db", concurrency=64, budget=20.00, save="out") as batch:
    for item in batch.run(rows()):
        assert_type(item, BatchItem[FluxDevOutput])
        assert_type(item.result, Result[FluxDevOutput] | None)
        if item.result:
            assert_type(item.result.data, FluxDevOutput)
            assert_type(item.result.data.images[0].url, str)
    batch.run([FluxDevInput(prompt="a cat")], ordered=True)
    batch.run(RowFile("cats.csv"), retry_failed=True)

with Batch(FluxDevInput, journal="cats.db") as of_class:
    for item in of_class.items("failed"):
        assert_type(item, BatchItem[FluxDevOutput])

with Batch("fal-ai/flux/dev", journal="cats.db") as of_id:
    for plain in of_id.run([{"prompt": "a cat"}]):
        assert_type(plain, BatchItem[dict[str, Any]])


async def main() -> None:
    async with AsyncBatch(flux_dev, journal="cats.db") as batch:
        async for item in batch.run(rows_of_a_socket()):
            assert_type(item, BatchItem[FluxDevOutput])
    async with AsyncBatch("fal-ai/flux/dev", journal="cats.db") as of_id:
        async for plain in of_id.run(rows()):
            assert_type(plain, BatchItem[dict[str, Any]])
