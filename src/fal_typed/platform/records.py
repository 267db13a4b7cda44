"""What the platform API returns.

Responses are typed as far as they are documented: a new field is kept, a missing one is None, and
neither raises.
"""

from __future__ import annotations

from typing import Any

from fal_typed.models import OutputModel


class ModelGroup(OutputModel):
    """Models that belong together."""

    key: str
    label: str | None = None


class ModelMetadata(OutputModel):
    """What the platform says of a model."""

    display_name: str | None = None
    category: str | None = None
    description: str | None = None
    status: str | None = None
    tags: list[str] | None = None
    updated_at: str | None = None
    date: str | None = None
    model_url: str | None = None
    thumbnail_url: str | None = None
    thumbnail_animated_url: str | None = None
    github_url: str | None = None
    license_type: str | None = None
    kind: str | None = None
    group: ModelGroup | None = None
    training_endpoint_ids: list[str] | None = None
    inference_endpoint_ids: list[str] | None = None
    stream_url: str | None = None
    duration_estimate: float | None = None
    is_favorited: bool | None = None
    highlighted: bool | None = None
    pinned: bool | None = None


class ModelInfo(OutputModel):
    """A model endpoint in the platform's catalogue."""

    endpoint_id: str
    metadata: ModelMetadata | None = None
    openapi: dict[str, Any] | None = None
    """The endpoint's OpenAPI document, when schemas were asked for."""
    enterprise_status: str | None = None


class ModelPage(OutputModel):
    """Some of the models, and where the next ones begin."""

    models: list[ModelInfo]
    next_cursor: str | None = None
    has_more: bool = False


class Price(OutputModel):
    """What one unit of an endpoint's work costs."""

    endpoint_id: str
    unit_price: float
    unit: str
    currency: str


class CostEstimate(OutputModel):
    """What calls would cost."""

    estimate_type: str
    total_cost: float
    currency: str


class UsageRow(OutputModel):
    """What one endpoint used in one stretch of time."""

    endpoint_id: str
    unit: str | None = None
    quantity: float | None = None
    unit_price: float | None = None
    auth_method: str | None = None


class UsageBucket(OutputModel):
    """A stretch of time."""

    bucket: str
    results: list[UsageRow]


class UsagePage(OutputModel):
    """Usage over some stretches of time, and where the next ones begin."""

    time_series: list[UsageBucket] | None = None
    summary: list[UsageRow] | None = None
    next_cursor: str | None = None
    has_more: bool = False


class PlatformMeta(OutputModel):
    """Facts about the platform itself."""

    webhook_ip_ranges: list[str] | None = None
    """Networks that webhook deliveries come from."""
