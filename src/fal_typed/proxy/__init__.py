"""A server-side proxy that adds the key for browsers and apps (docs/protocol.md section 1.7)."""

from __future__ import annotations

from fal_typed.proxy.app import ProxyApp as ProxyApp
from fal_typed.proxy.app import ProxyRequest as ProxyRequest
