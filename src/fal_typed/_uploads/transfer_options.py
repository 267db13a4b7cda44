"""Options of an upload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from typing_extensions import TypedDict

if TYPE_CHECKING:
    from fal_typed._calls.lifecycle import Lifecycle
    from fal_typed._uploads.multipart import Multipart
    from fal_typed._uploads.progress import OnProgress

Repository = Literal["fal_v3", "fal", "cdn"]
"""Where a file is stored: `fal_v3` is the platform's CDN, `fal` its storage behind signed URLs;
`cdn` is an old name of `fal_v3`."""


class TransferOptions(TypedDict, total=False):
    """How a file is sent."""

    repository: Repository | None
    """Where to. Default: `fal_v3`, or `fal` behind a server-side proxy."""
    fallback_repository: Repository | Sequence[Repository] | None
    """Where to when that fails. Default: `fal`; `[]` for none."""
    lifecycle: Lifecycle | None
    """How long the file is kept, and who may read it."""
    on_progress: OnProgress | None
    """Called with the bytes that have arrived, and the total (None while unknown)."""
    multipart: Multipart | None
    """From what size on, and how, the file is sent in parts."""
