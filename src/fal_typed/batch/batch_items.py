"""`BatchItem`, one row of a batch and its outcome; and how outcomes are stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, cast

from typing_extensions import TypeVar

from fal_typed import errors
from fal_typed.batch.batch_errors import BatchUncertainError
from fal_typed.batch.money import dollars
from fal_typed.batch.tables import COMPLETED, FAILED, UNCERTAIN
from fal_typed.errors import FalError, FalHTTPError
from fal_typed.results import RawResponse, Result

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

Out = TypeVar("Out", covariant=True)  # noqa: PLC0105 - the name users see in hovers
ItemState = Literal["planned", "sending", "accepted", "completed", "failed", "uncertain", "invalid"]
_OK = 200


@dataclass(frozen=True)
class BatchItem(Generic[Out]):
    """One item of a batch.

    Attributes:
        key: The item's key.
        state: `completed`, `failed` (the platform or the model refused it), `uncertain` (see
            `BatchUncertainError`), `invalid` (never sent), or `accepted`: the job is known, but
            its result or files could not be fetched; the next run fetches them.
        result: The result, or None.
        error: Why there is no result, or None.
        files: Paths of the result's files, when the batch saves them.
        request_id: Id of the job on the platform, or None when none is known.
        cost: Dollars that were spent on it, or None when its price is unknown.
        line: Line or number of its row, or 0 when it comes from the journal.
        replayed: Whether it was finished before this run came to it.
    """

    key: str
    state: ItemState
    result: Result[Out] | None = None
    error: FalError | None = None
    files: tuple[Path, ...] = ()
    request_id: str | None = None
    cost: float | None = None
    line: int = 0
    replayed: bool = False


def stored_item(item: RowMapping, output: type[Any] | None, line: int = 0) -> BatchItem[Any]:
    """The item of a row of the journal."""
    state = cast("ItemState", item["state"])
    error: FalError | None = None
    if state == FAILED:
        error = read_error(item["error"], item["request_id"])
    elif state == UNCERTAIN:
        error = uncertain_error(item["key"])
    return BatchItem(
        key=item["key"],
        state=state,
        result=_read_result(item, output) if state == COMPLETED else None,
        error=error,
        files=tuple(map(Path, json.loads(item["files"]))) if item["files"] else (),
        request_id=item["request_id"],
        cost=dollars(item["cost"]) if item["cost"] else None,
        line=line,
        replayed=True,
    )


def uncertain_error(key: str) -> BatchUncertainError:
    """The error of an item that may or may not have been accepted."""
    return BatchUncertainError(
        f"The item {key!r} was being submitted when its process or its connection ended, so the "
        "platform may have accepted it. Look for it at https://fal.ai/dashboard, then pass its "
        "request id to resolve(), or resubmit it with resubmit_uncertain=True."
    )


def write_error(error: FalError) -> str:
    """An error as text for the journal."""
    stored: dict[str, Any] = {"kind": type(error).__name__, "message": error.message}
    if isinstance(error, FalHTTPError):
        stored |= {
            "status_code": error.status_code,
            "detail": error.detail,
            "error_type": error.error_type,
        }
    return json.dumps(stored, ensure_ascii=False)


def read_error(text: str, request_id: str | None) -> FalError:
    """An error from the journal."""
    stored: dict[str, Any] = json.loads(text)
    kind = getattr(errors, stored.pop("kind"), FalError)
    return cast("FalError", kind(stored.pop("message"), request_id=request_id, **stored))


def _read_result(item: RowMapping, output: type[Any] | None) -> Result[Any]:
    from fal_typed._calls.outputs import read_output

    body = cast("str", item["output"])
    raw = json.loads(body)
    return Result(
        data=raw if output is None else read_output(output, raw),
        request_id=item["request_id"],
        raw=raw,
        raw_response=RawResponse(_OK, {}, body.encode()),
    )
