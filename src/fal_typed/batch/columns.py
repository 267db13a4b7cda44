"""Columns of finished items: an Arrow schema with the types of the endpoint's output."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel

from fal_typed._core.extras import imported

if TYPE_CHECKING:
    from fal_typed.batch.batch_items import BatchItem

_MOST_DEPTH = 6


class ItemColumns:
    """Makes Arrow tables of finished items.

    Args:
        output: Class of the endpoint's outputs; None keeps results as JSON text.
    """

    def __init__(self, output: type[Any] | None) -> None:
        arrow = self._arrow = imported("parquet", "pyarrow")
        self._result = arrow.string() if output is None else arrow_type(arrow, output)
        self.schema = arrow.schema(
            [
                ("key", arrow.string()),
                ("state", arrow.string()),
                ("request_id", arrow.string()),
                ("cost", arrow.float64()),
                ("error", arrow.string()),
                ("files", arrow.list_(arrow.string())),
                ("result", self._result),
            ]
        )

    def table(self, items: Sequence[BatchItem[Any]]) -> Any:
        """A `pyarrow.Table` with a row for each item."""
        rows = [item_values(item) for item in items]
        for row in rows:
            row["result"] = fitted(self._arrow, self._result, row["result"])
        return self._arrow.Table.from_pylist(rows, schema=self.schema)


def item_values(item: BatchItem[Any]) -> dict[str, Any]:
    """The values of an item by column."""
    return {
        "key": item.key,
        "state": item.state,
        "request_id": item.request_id,
        "cost": item.cost,
        "error": None if item.error is None else item.error.message,
        "files": [str(path) for path in item.files],
        "result": None if item.result is None else item.result.raw,
    }


def arrow_type(arrow: Any, annotation: Any, depth: int = 0) -> Any:
    """The Arrow type of a type annotation; JSON text where there is none.

    Args:
        arrow: The module pyarrow.
        annotation: The annotation.
        depth: How deep it is nested.
    """
    plain = {str: arrow.string(), int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_()}
    if annotation in plain:
        return plain[annotation]
    origin = get_origin(annotation)
    if origin is Literal and all(isinstance(value, str) for value in get_args(annotation)):
        return arrow.string()
    if origin in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        return arrow_type(arrow, members[0], depth) if len(members) == 1 else arrow.string()
    if origin is list:
        (member,) = get_args(annotation)
        return arrow.list_(arrow_type(arrow, member, depth + 1))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and depth < _MOST_DEPTH:
        return _struct_type(arrow, annotation, depth)
    return arrow.string()


def _struct_type(arrow: Any, model: type[BaseModel], depth: int) -> Any:
    fields = [
        (info.alias or name, arrow_type(arrow, info.annotation, depth + 1))
        for name, info in model.model_fields.items()
    ]
    return arrow.struct(fields) if fields else arrow.string()


def fitted(arrow: Any, kind: Any, value: object) -> object:
    """A JSON value as an Arrow type takes it; None where it does not fit."""
    if value is None:
        return None
    if arrow.types.is_struct(kind):
        if not isinstance(value, Mapping):
            return None
        given = cast("Mapping[str, object]", value)
        return {field.name: fitted(arrow, field.type, given.get(field.name)) for field in kind}
    if arrow.types.is_list(kind):
        if not isinstance(value, list):
            return None
        return [fitted(arrow, kind.value_type, item) for item in cast("list[object]", value)]
    if arrow.types.is_string(kind):
        return value if isinstance(value, str) else json.dumps(value)
    if arrow.types.is_boolean(kind):
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if arrow.types.is_integer(kind):
        return _as_int(value)
    return float(value)


def _as_int(value: float) -> int | None:
    is_whole = isinstance(value, int) or value.is_integer()
    return int(value) if is_whole and -(2**63) <= value < 2**63 else None
