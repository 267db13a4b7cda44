"""Response models of the platform API.

Unknown fields are kept and missing fields are None, so that changes of the API do not raise.
"""

from __future__ import annotations

from typing import Any

from fal_typed.models import OutputModel


class ModelGroup(OutputModel):
    """A group of related models."""

    key: str
    label: str | None = None


class ModelMetadata(OutputModel):
    """Metadata of a model."""

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
    """A model endpoint in the platform's catalog."""

    endpoint_id: str
    metadata: ModelMetadata | None = None
    openapi: dict[str, Any] | None = None
    """The endpoint's OpenAPI document, if schemas were requested."""
    enterprise_status: str | None = None


class ModelPage(OutputModel):
    """A page of models, with the cursor of the next page."""

    models: list[ModelInfo]
    next_cursor: str | None = None
    has_more: bool = False


class Price(OutputModel):
    """The price of one unit of an endpoint."""

    endpoint_id: str
    unit_price: float
    unit: str
    currency: str


class CostEstimate(OutputModel):
    """The estimated cost of calls."""

    estimate_type: str
    total_cost: float
    currency: str


class UsageRow(OutputModel):
    """Usage of one endpoint in one time bucket."""

    endpoint_id: str
    unit: str | None = None
    quantity: float | None = None
    unit_price: float | None = None
    auth_method: str | None = None


class UsageBucket(OutputModel):
    """Usage in one time bucket."""

    bucket: str
    results: list[UsageRow]


class UsagePage(OutputModel):
    """A page of usage, with the cursor of the next page."""

    time_series: list[UsageBucket] | None = None
    summary: list[UsageRow] | None = None
    next_cursor: str | None = None
    has_more: bool = False


class PlatformMeta(OutputModel):
    """Facts about the platform."""

    webhook_ip_ranges: list[str] | None = None
    """Networks that webhook deliveries are sent from."""
