"""Options of `Batch` and `AsyncBatch`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from typing_extensions import Required, TypedDict

from fal_typed._core.runner import runner_of
from fal_typed.batch.engine import BatchEngine, BatchSettings

if TYPE_CHECKING:
    from fal_typed._core.runner import ClientLike

_CONCURRENCY = 64


class BatchOptions(TypedDict, total=False):
    """Options of `Batch` and `AsyncBatch`."""

    journal: Required[str | os.PathLike[str]]
    """Where the state of each item is kept: the path of an SQLite file on a local disk, or the URL
    of a PostgreSQL database, `postgresql://user@host/database`. The file is created if needed."""
    name: str | None
    """Name of the batch in its journal; default: the endpoint's id. A journal may keep several."""
    key: str
    """Column of a row that holds the item's key. Default: `key`. Without such a column the key is
    a hash of the input, so rows with equal inputs are one item."""
    concurrency: int
    """The most items in flight, in all processes that share the journal together. Default: 64."""
    budget: float | None
    """Dollars after which nothing more is submitted, for the batch as a whole: earlier runs and
    other processes count. Default: None, no limit."""
    price: float | None
    """Dollars that one item costs at most. Default: the platform's price and what results
    report."""
    save: str | os.PathLike[str] | None
    """Folder for the files of results, or a path with `{key}` or `{request_id}`, and `{index}`,
    `{name}` and `{ext}`. Default: None, files are not saved."""
    webhook_url: str | None
    """URL that the platform posts results to; pass their request ids to `delivered`. The key of
    the item is in its query, as `fal_batch_key`. Default: status streams are followed."""
    client: ClientLike | None
    """Client to call with. Default: the module's own."""
    progress: bool | None
    """Whether to show a progress bar. Default: in terminals and notebooks."""


def batch_engine(endpoint: Any, options: BatchOptions) -> BatchEngine[Any]:
    """The engine of a batch with these options, not opened yet.

    Raises:
        FalInputError: An option is invalid.
        TypeError: An option is unknown or missing.
    """
    if unknown := options.keys() - BatchOptions.__annotations__.keys():
        raise TypeError(f"A batch takes no option {min(unknown)!r}.")
    if "journal" not in options:
        raise TypeError("A batch needs a journal, such as journal='cats.db'.")
    settings = BatchSettings(
        endpoint=endpoint,
        journal=options["journal"],
        name=options.get("name"),
        key=options.get("key", "key"),
        concurrency=options.get("concurrency", _CONCURRENCY),
        budget=options.get("budget"),
        price=options.get("price"),
        save=options.get("save"),
        webhook_url=options.get("webhook_url"),
    )
    client = options.get("client") or getattr(endpoint, "_client", None)
    return BatchEngine(settings, runner_of(client))
