"""Types of what a batch is run on."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from typing_extensions import TypeVar

from fal_typed.batch.rows import RowFile
from fal_typed.models import Request

Out = TypeVar("Out")


class PandasFrame(Protocol):
    """A data frame of pandas."""

    @property
    def iloc(self) -> Any:
        """Rows by position."""
        raise NotImplementedError


class ArrowStream(Protocol):
    """A table of pyarrow, polars or another library that knows Arrow."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Stream the rows."""
        raise NotImplementedError


# Quoted, because `Request` has no parameters when a program runs.
BatchRow: TypeAlias = (
    "Mapping[str, Any] | Request[Out] | tuple[object, Mapping[str, Any] | Request[Out]]"
)
"""A mapping of the endpoint's parameters, an input, or a pair of a key and either."""

BatchInputs: TypeAlias = "Iterable[BatchRow[Out]] | RowFile | PandasFrame | ArrowStream"
"""What `Batch.run` takes."""

AsyncBatchInputs: TypeAlias = "BatchInputs[Out] | AsyncIterable[BatchRow[Out]]"
"""What `AsyncBatch.run` takes."""
