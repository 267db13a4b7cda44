"""The platform API: models, prices, usage (docs/protocol.md section 10)."""

from __future__ import annotations

from fal_typed.platform.api import Platform as Platform
from fal_typed.platform.async_api import AsyncPlatform as AsyncPlatform
