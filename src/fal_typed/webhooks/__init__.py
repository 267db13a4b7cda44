"""Webhooks: verify and parse deliveries (docs/protocol.md section 9)."""

from __future__ import annotations

from fal_typed.webhooks.verification import WebhookEvent as WebhookEvent
from fal_typed.webhooks.verification import verify_webhook as verify_webhook
from fal_typed.webhooks.verification import verify_webhook_async as verify_webhook_async
