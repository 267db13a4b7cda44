"""From rows to items: the key, the checked call, and the digest that notices a changed input."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from fal_typed._calls.building import call_options, request_call, untyped_call
from fal_typed._calls.call import Call
from fal_typed._calls.checking import PATHS
from fal_typed._calls.endpoint_id import EndpointId
from fal_typed._calls.endpoint_spec import EndpointSpec, spec_of
from fal_typed._core.retry import RetryPolicy
from fal_typed.batch.batch_errors import RowProblem
from fal_typed.errors import FalInputError
from fal_typed.files import File

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fal_typed._endpoint import Endpoint
    from fal_typed.batch.rows import Row

Out = TypeVar("Out")
_DIGEST_LENGTH = 32
_MOST_KEY_CHARACTERS = 1_000


@dataclass(frozen=True)
class PlannedInput(Generic[Out]):
    """One item that can be submitted.

    Attributes:
        line: Line or number of its row.
        key: Its key in the journal.
        digest: The same for the same input to the same endpoint.
        call: What is submitted.
        text: The input as JSON, for the journal.
        has_files: Whether the input names local files, which `text` only describes.
    """

    line: int
    key: str
    digest: str
    call: Call[Out]
    text: str
    has_files: bool


class InputPlanner(Generic[Out]):
    """Makes items of rows for one endpoint.

    Args:
        endpoint: The endpoint, its input class, or its id.
        defaults: The client's options.
        key: Name of the column that holds an item's key.
    """

    def __init__(
        self,
        endpoint: Endpoint[..., Any, Out] | type[Any] | str,
        defaults: Mapping[str, Any],
        key: str,
    ) -> None:
        self.spec: EndpointSpec | None = None if isinstance(endpoint, str) else spec_of(endpoint)
        self.endpoint_id = EndpointId.parse(
            endpoint if isinstance(endpoint, str) else spec_of(endpoint).id
        )
        options: Mapping[str, Any] = {}
        if self.spec is not None:
            options = self.spec.options
        # A batch has no time limit, and sends a request again itself, after it noted why.
        own: dict[str, Any] = {"timeout": None, "client_timeout": None}
        self._options = call_options(defaults, options, own, {"retry": RetryPolicy(attempts=1)})
        self._key = key
        self.job: Call[Out] = Call(
            self.endpoint_id, {}, self.output, call_options(defaults, options, own)
        )
        """The call by which jobs are followed and fetched."""

    @property
    def output(self) -> type[Out] | None:
        """Class of the typed outputs, or None for plain JSON."""
        return None if self.spec is None else self.spec.output

    def plan(self, row: Row) -> PlannedInput[Out] | RowProblem:
        """Make an item of a row, or say why that is not possible."""
        if isinstance(row.value, RowProblem):
            return row.value
        key: str | None = None
        try:
            key, value = self._split(row.value)
            call = self._call(value, row)
            return self._planned(row.line, key, call)
        except FalInputError as error:
            return RowProblem(row.line, key, _one_line(error))

    def stored(self, key: str, digest: str, text: str) -> PlannedInput[Out]:
        """The item of a row of the journal; its input was checked when it was planned."""
        arguments: object = json.loads(text)
        call: Call[Out] = Call(self.endpoint_id, arguments, self.output, self._options)
        return PlannedInput(0, key, digest, call, text, has_files=False)

    def _split(self, value: object) -> tuple[str | None, object]:
        """The key and the input of a row."""
        if isinstance(value, tuple):
            pair = cast("tuple[object, ...]", value)
            if len(pair) != 2:  # noqa: PLR2004 - a pair
                raise FalInputError("a tuple is a pair of a key and an input")
            return _checked_key(pair[0]), pair[1]
        if isinstance(value, Mapping):
            columns = dict(cast("Mapping[str, Any]", value))
            if self._key in columns:
                return _checked_key(columns.pop(self._key)), columns
            return None, columns
        return None, value

    def _call(self, value: object, row: Row) -> Call[Out]:
        if not isinstance(value, Mapping):
            call: Call[Out] = request_call(value, self._options)
            if call.endpoint != self.endpoint_id:
                raise FalInputError(f"an input of {call.endpoint.full}, not {self.endpoint_id}")
            return call
        columns = cast("Mapping[str, Any]", value)
        if self.spec is None:
            return untyped_call(self.endpoint_id.full, dict(columns), self._options)
        context = PATHS if row.takes_paths else None
        model = cast("type[BaseModel]", self.spec.input)
        try:
            request = model.model_validate(dict(columns), context=context)
        except FalInputError as error:
            if not row.is_text:
                raise
            wrong = {problem.loc[0] for problem in error.errors if problem.loc}
            parsed = {k: _from_text(v) if k in wrong else v for k, v in columns.items()}
            request = model.model_validate(parsed, context=context)
        return request_call(request, self._options)

    def _planned(self, line: int, key: str | None, call: Call[Out]) -> PlannedInput[Out]:
        describer = _FileDescriber()
        try:
            text = canonical_json(call.arguments, describer.describe)
        except (TypeError, ValueError) as error:
            raise FalInputError(f"the input is not JSON: {error}") from None
        content = f"{call.endpoint.full}\n{text}"
        digest = hashlib.sha256(content.encode()).hexdigest()[:_DIGEST_LENGTH]
        return PlannedInput(
            line, digest if key is None else key, digest, call, text, describer.found
        )


def canonical_json(value: object, default: Callable[[object], object] | None = None) -> str:
    """JSON text that is the same for equal values.

    Args:
        value: The value.
        default: Describes what JSON has no form for.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=default)


class _FileDescriber:
    """Describes files by what stays the same from run to run: their path and size, or content."""

    def __init__(self) -> None:
        self.found = False

    def describe(self, value: object) -> object:
        if isinstance(value, File):
            return value.url
        self.found = True
        if isinstance(value, os.PathLike):
            path = Path(cast("os.PathLike[str]", value))
            if not path.is_file():
                raise FalInputError(f"{path} is missing, or is not a file")
            return {"file": str(path), "size": path.stat().st_size}
        if isinstance(value, (bytes, bytearray, memoryview)):
            content = bytes(cast("bytes", value))
            return {"sha256": hashlib.sha256(content).hexdigest()}
        raise FalInputError(
            f"a {type(value).__name__} cannot be read again when the batch is resumed; pass a "
            "path, bytes or a URL"
        )


def _checked_key(value: object) -> str:
    key = value if isinstance(value, str) else str(value)
    is_text = not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in key)
    if value is None or not key or len(key) > _MOST_KEY_CHARACTERS or not is_text:
        raise FalInputError(f"a key is a text of 1 to {_MOST_KEY_CHARACTERS} characters")
    return key


def _from_text(value: str) -> object:
    """The value that a text of a CSV file stands for: JSON, or True as other programs write it."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    try:
        return json.loads(value)
    except ValueError:
        return value


def _one_line(error: FalInputError) -> str:
    return "; ".join(map(str, error.errors)) or error.message
