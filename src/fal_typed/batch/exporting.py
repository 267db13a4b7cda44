"""Writes the items of a batch to a file: Parquet, CSV or JSON lines."""

from __future__ import annotations

import csv
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fal_typed._core.extras import imported
from fal_typed.batch.columns import ItemColumns, item_values
from fal_typed.errors import FalInputError

if TYPE_CHECKING:
    from fal_typed.batch.batch_items import BatchItem

_ROWS_AT_ONCE = 1_000


def export_items(
    items: Iterable[BatchItem[Any]], output: type[Any] | None, path: str | os.PathLike[str]
) -> int:
    """Write items to a file, which appears when it is whole.

    Args:
        items: The items.
        output: Class of the endpoint's outputs.
        path: A file that ends in `.parquet`, `.csv`, `.jsonl` or `.ndjson`.

    Returns:
        How many there are.

    Raises:
        FalInputError: The file is of another kind.
    """
    target = checked_target(path)
    write = _WRITERS[target.suffix.lower()]
    count = 0

    def counted() -> Iterator[BatchItem[Any]]:
        nonlocal count
        for item in items:
            count += 1
            yield item

    unfinished = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        write(counted(), output, unfinished)
        unfinished.replace(target)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise
    return count


def checked_target(path: str | os.PathLike[str]) -> Path:
    """The file to write.

    Raises:
        FalInputError: It is of an unknown kind.
    """
    target = Path(path)
    if target.suffix.lower() not in _WRITERS:
        raise FalInputError(f"{target} must end in {', '.join(_WRITERS)}.")
    return target


def _write_parquet(items: Iterator[BatchItem[Any]], output: type[Any] | None, path: Path) -> None:
    columns = ItemColumns(output)
    with imported("parquet", "pyarrow.parquet").ParquetWriter(path, columns.schema) as writer:
        while some := list(islice(items, _ROWS_AT_ONCE)):
            writer.write_table(columns.table(some))


def _write_csv(items: Iterator[BatchItem[Any]], _output: type[Any] | None, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        names = ["key", "state", "request_id", "cost", "error", "files", "result"]
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for item in items:
            values = item_values(item)
            for name in ("files", "result"):
                values[name] = json.dumps(values[name], ensure_ascii=False)
            writer.writerow(values)


def _write_json_lines(
    items: Iterator[BatchItem[Any]], _output: type[Any] | None, path: Path
) -> None:
    with path.open("w", encoding="utf-8") as file:
        for item in items:
            file.write(json.dumps(item_values(item), ensure_ascii=False) + "\n")


_WRITERS: dict[str, Callable[[Iterator[BatchItem[Any]], type[Any] | None, Path], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
    ".ndjson": _write_json_lines,
}
