"""Reading rows: JSON lines, CSV, Parquet, Arrow and pandas, with the line of each.

Every reader streams: a file of any length is read a piece at a time.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from fal_typed._core.extras import imported
from fal_typed.batch.batch_errors import RowProblem
from fal_typed.errors import FalInputError

_ROWS_AT_ONCE = 1_000


class Row(NamedTuple):
    """One row of a source.

    Attributes:
        line: Line of the file, or number of the row, from 1.
        value: A mapping, an endpoint's input, a pair of a key and either, or a `RowProblem`.
        is_text: Whether every value is text that may stand for another type, as in CSV.
        takes_paths: Whether a text given for a file parameter may be a path.
    """

    line: int
    value: Any
    is_text: bool = False
    takes_paths: bool = False


@dataclass(frozen=True)
class RowFile:
    """A file of rows; it can be read any number of times.

    Attributes:
        path: A file that ends in `.jsonl`, `.ndjson`, `.csv`, `.tsv` or `.parquet`.
        takes_paths: True takes texts given for file parameters for paths of local files, which
            are uploaded. Only for files that you wrote yourself.

    Raises:
        FalInputError: The file is missing or of another kind.
    """

    path: str | os.PathLike[str]
    takes_paths: bool = False

    def __post_init__(self) -> None:
        path = Path(self.path)
        if path.suffix.lower() not in _READERS:
            raise FalInputError(
                f"{path} is not a file of rows. Use one that ends in {', '.join(_READERS)}."
            )
        if not path.is_file():
            raise FalInputError(f"{path} is missing, or is not a file.")

    def __iter__(self) -> Iterator[Row]:
        path = Path(self.path)
        for row in _READERS[path.suffix.lower()](path):
            yield row._replace(takes_paths=self.takes_paths)


def numbered(inputs: object) -> Iterator[Row]:
    """The rows of whatever a caller passes as inputs, numbered from 1 where they have no line."""
    for number, value in enumerate(_values(inputs), start=1):
        yield value if isinstance(value, Row) else Row(number, value)


def can_be_read_twice(inputs: object) -> bool:
    """Whether inputs can be read once more: files, and what has a length."""
    return isinstance(inputs, (RowFile, Sized)) and not isinstance(inputs, Iterator)


def read_again(inputs: Iterable[Any]) -> Iterator[Row]:
    """The rows of inputs that were read before, and had rows then.

    Raises:
        FalInputError: They have none any more.
    """
    is_empty = True
    for row in numbered(inputs):
        is_empty = False
        yield row
    if is_empty:
        raise FalInputError(
            "The inputs can be read only once, so their rows are gone after the check. Pass "
            "iter(inputs), whose rows are checked when they are read."
        )


def _values(inputs: Any) -> Iterable[Any]:
    if type(inputs).__module__.partition(".")[0] == "pandas":
        return _pandas_rows(inputs)
    if hasattr(inputs, "to_batches"):  # a table or a data set of pyarrow
        return _arrow_rows(inputs.to_batches())
    if hasattr(inputs, "__arrow_c_stream__"):
        reader = imported("parquet", "pyarrow").RecordBatchReader
        return _arrow_rows(reader.from_stream(inputs))
    if isinstance(inputs, (str, bytes, Mapping)) or not isinstance(inputs, Iterable):
        raise FalInputError(
            "The inputs of a batch are an iterable of rows: mappings, endpoint inputs, or pairs of "
            "a key and one of these. Wrap the path of a file in RowFile(path)."
        )
    return cast("Iterable[object]", inputs)


def without_missing(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The row's columns that have a value; in tables a missing value is None or NaN."""
    return {str(k): v for k, v in row.items() if v is not None and not _is_nan(v)}


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and value != value  # noqa: PLR0124 - NaN is not itself


def _read_json_lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield Row(number, _parsed_line(number, line))


def _parsed_line(number: int, line: str) -> object:
    try:
        value: object = json.loads(line)
    except ValueError as error:
        return RowProblem(number, None, f"not JSON: {error}")
    if not isinstance(value, dict):
        return RowProblem(number, None, "not a JSON object")
    return cast("dict[str, Any]", value)


def _read_csv(path: Path) -> Iterator[Row]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text, delimiter=delimiter, restkey="")
        for row in reader:
            line = reader.line_num
            if "" in row:
                yield Row(line, RowProblem(line, None, "more values than columns"))
            else:
                # An empty cell is a parameter that was not given.
                yield Row(line, {k: v for k, v in row.items() if v}, is_text=True)


def _read_parquet(path: Path) -> Iterator[Row]:
    with imported("parquet", "pyarrow.parquet").ParquetFile(path) as file:
        start = 1
        for batch in file.iter_batches(_ROWS_AT_ONCE):
            rows: list[dict[str, Any]] = batch.to_pylist()
            for number, row in enumerate(rows, start):
                yield Row(number, without_missing(row))
            start += len(rows)


def _arrow_rows(batches: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
            yield from map(without_missing, batch.slice(start, _ROWS_AT_ONCE).to_pylist())


def _pandas_rows(frame: Any) -> Iterator[dict[str, Any]]:
    for start in range(0, len(frame), _ROWS_AT_ONCE):
        part = frame.iloc[start : start + _ROWS_AT_ONCE].astype(object)
        yield from map(without_missing, part.where(part.notna(), None).to_dict("records"))


_READERS = {
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
}
