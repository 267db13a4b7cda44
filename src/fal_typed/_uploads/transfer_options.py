"""Upload options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from typing_extensions import TypedDict

if TYPE_CHECKING:
    from fal_typed._calls.lifecycle import Lifecycle
    from fal_typed._uploads.multipart import Multipart
    from fal_typed._uploads.progress import OnProgress

Repository = Literal["fal_v3", "fal", "cdn"]
"""Where a file is stored: `fal_v3` is the platform's CDN, `fal` its storage with signed URLs; `cdn`
is the old name of `fal_v3`."""


class TransferOptions(TypedDict, total=False):
    """How a file is uploaded."""

    repository: Repository | None
    """Where to store the file. Default: `fal_v3`, or `fal` behind a server-side proxy."""
    fallback_repository: Repository | Sequence[Repository] | None
    """What to try if that fails. Default: `fal`; `[]` for none."""
    lifecycle: Lifecycle | None
    """How long the file is kept, and who may read it."""
    on_progress: OnProgress | None
    """Called with the number of bytes uploaded and the total (None if unknown)."""
    multipart: Multipart | None
    """When and how the file is uploaded in parts."""
