"""PyAV, whose types are incomplete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    av: Any
else:
    import av

__all__ = ["av"]
