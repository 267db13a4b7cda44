"""What fal_client.client offers, for programs that import from there."""

from __future__ import annotations

from typing import Any, Literal

from fal_typed._core.data_uri import encode
from fal_typed._uploads.encoding import encode_image
from fal_typed._uploads.transfer_options import Repository
from fal_typed.compat._async_client import AsyncClient
from fal_typed.compat._async_request_handles import AsyncRequestHandle
from fal_typed.compat._async_sessions import AsyncRealtimeConnection
from fal_typed.compat._failures import (
    FalClientError,
    FalClientHTTPError,
    FalClientTimeoutError,
    RealtimeError,
)
from fal_typed.compat._request_handles import SyncRequestHandle
from fal_typed.compat._sessions import RealtimeConnection
from fal_typed.compat._states import Completed, InProgress, Queued, Status
from fal_typed.compat._steps import (
    DEFAULT_QUEUE_POLL_INTERVAL,
    REALTIME_TOKEN_EXPIRATION_SECONDS,
    encode_file,
)
from fal_typed.compat._storage_settings import (
    ObjectExpiration,
    StorageACL,
    StorageACLDecision,
    StorageACLRule,
    StorageSettings,
)
from fal_typed.compat._sync_client import SyncClient
from fal_typed.compat.auth import (
    AuthCredentials,
    fetch_auth_credentials,
    fetch_auth_credentials_async,
)

AnyJSON = dict[str, Any]
Priority = Literal["normal", "low"]
UploadRepositoryId = Repository

__all__ = [
    "DEFAULT_QUEUE_POLL_INTERVAL",
    "REALTIME_TOKEN_EXPIRATION_SECONDS",
    "AnyJSON",
    "AsyncClient",
    "AsyncRealtimeConnection",
    "AsyncRequestHandle",
    "AuthCredentials",
    "Completed",
    "FalClientError",
    "FalClientHTTPError",
    "FalClientTimeoutError",
    "InProgress",
    "ObjectExpiration",
    "Priority",
    "Queued",
    "RealtimeConnection",
    "RealtimeError",
    "Status",
    "StorageACL",
    "StorageACLDecision",
    "StorageACLRule",
    "StorageSettings",
    "SyncClient",
    "SyncRequestHandle",
    "UploadRepositoryId",
    "encode",
    "encode_file",
    "encode_image",
    "fetch_auth_credentials",
    "fetch_auth_credentials_async",
]
