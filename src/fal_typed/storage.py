"""The platform's file storage (PROTOCOL section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fal_typed.flow import Flow
from fal_typed.settings import Settings


@dataclass(frozen=True)
class Lifecycle:
    """How long a stored file is kept, and who may read it."""

    expires_in: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The form it travels in."""
        return {"expiration_duration_seconds": self.expires_in}


def upload_inputs(settings: Settings, arguments: object) -> Flow[object]:
    """Replace every file in the arguments by the URL it was uploaded to."""
    return arguments
    yield
