"""A typed Python SDK for fal, the platform of generative-media models behind one queue API.

Call an endpoint by its generated module, with checked and completed parameters:

    >>> from fal_typed.endpoints.fal_ai.flux.dev import flux_dev
    >>> result = flux_dev.subscribe(prompt="a cat", image_size="square_hd")
    >>> result.data.images[0].height
    1024

or through a client that you hold (`FalClient`, `AsyncFalClient`), or by id with plain
arguments (`fal_typed.subscribe("fal-ai/flux/dev", arguments={"prompt": "a cat"})`).

Names are imported when they are first used, so that `import fal_typed` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fal_typed._version import __version__ as __version__

if TYPE_CHECKING:
    from fal_typed._calls.lifecycle import Acl as Acl
    from fal_typed._calls.lifecycle import AclRule as AclRule
    from fal_typed._calls.lifecycle import Lifecycle as Lifecycle
    from fal_typed._core.hooks import EventHooks as EventHooks
    from fal_typed._core.hooks import RequestEvent as RequestEvent
    from fal_typed._core.hooks import ResponseEvent as ResponseEvent
    from fal_typed._core.hooks import RetryEvent as RetryEvent
    from fal_typed._core.retry import RetryPolicy as RetryPolicy
    from fal_typed._queue.flows import Completed as Completed
    from fal_typed._queue.flows import InProgress as InProgress
    from fal_typed._queue.flows import LogEntry as LogEntry
    from fal_typed._queue.flows import Queued as Queued
    from fal_typed._queue.flows import QueueStatus as QueueStatus
    from fal_typed._queue.handles import AsyncHandle as AsyncHandle
    from fal_typed._queue.handles import Handle as Handle
    from fal_typed._realtime.connection import AsyncRealtimeConnection as AsyncRealtimeConnection
    from fal_typed._realtime.connection import RealtimeConnection as RealtimeConnection
    from fal_typed._realtime.pipelines import AsyncPendingRun as AsyncPendingRun
    from fal_typed._realtime.pipelines import AsyncPipeline as AsyncPipeline
    from fal_typed._realtime.pipelines import PendingRun as PendingRun
    from fal_typed._realtime.pipelines import Pipeline as Pipeline
    from fal_typed._realtime.websockets import AsyncWebSocket as AsyncWebSocket
    from fal_typed._realtime.websockets import WebSocket as WebSocket
    from fal_typed._streaming.streams import AsyncStream as AsyncStream
    from fal_typed._streaming.streams import Stream as Stream
    from fal_typed._uploads.data_uri import encode as encode
    from fal_typed._uploads.data_uri import encode_file as encode_file
    from fal_typed._uploads.data_uri import encode_image as encode_image
    from fal_typed._uploads.multipart import Multipart as Multipart
    from fal_typed.client import AsyncFalClient as AsyncFalClient
    from fal_typed.client import FalClient as FalClient
    from fal_typed.default import cancel as cancel
    from fal_typed.default import cancel_async as cancel_async
    from fal_typed.default import handle as handle
    from fal_typed.default import handle_async as handle_async
    from fal_typed.default import pipeline as pipeline
    from fal_typed.default import pipeline_async as pipeline_async
    from fal_typed.default import realtime as realtime
    from fal_typed.default import realtime_async as realtime_async
    from fal_typed.default import result as result
    from fal_typed.default import result_async as result_async
    from fal_typed.default import run as run
    from fal_typed.default import run_async as run_async
    from fal_typed.default import status as status
    from fal_typed.default import status_async as status_async
    from fal_typed.default import stream as stream
    from fal_typed.default import stream_async as stream_async
    from fal_typed.default import submit as submit
    from fal_typed.default import submit_async as submit_async
    from fal_typed.default import subscribe as subscribe
    from fal_typed.default import subscribe_async as subscribe_async
    from fal_typed.default import upload as upload
    from fal_typed.default import upload_async as upload_async
    from fal_typed.default import upload_file as upload_file
    from fal_typed.default import upload_file_async as upload_file_async
    from fal_typed.default import upload_image as upload_image
    from fal_typed.default import upload_image_async as upload_image_async
    from fal_typed.default import ws_connect as ws_connect
    from fal_typed.default import ws_connect_async as ws_connect_async
    from fal_typed.endpoint import Endpoint as Endpoint
    from fal_typed.errors import FalAuthenticationError as FalAuthenticationError
    from fal_typed.errors import FalCancelledError as FalCancelledError
    from fal_typed.errors import FalConflictError as FalConflictError
    from fal_typed.errors import FalConnectionError as FalConnectionError
    from fal_typed.errors import FalContentPolicyError as FalContentPolicyError
    from fal_typed.errors import FalCredentialsError as FalCredentialsError
    from fal_typed.errors import FalDownloadError as FalDownloadError
    from fal_typed.errors import FalError as FalError
    from fal_typed.errors import FalHTTPError as FalHTTPError
    from fal_typed.errors import FalInputError as FalInputError
    from fal_typed.errors import FalNotFoundError as FalNotFoundError
    from fal_typed.errors import FalPermissionError as FalPermissionError
    from fal_typed.errors import FalProtocolError as FalProtocolError
    from fal_typed.errors import FalRateLimitError as FalRateLimitError
    from fal_typed.errors import FalRealtimeError as FalRealtimeError
    from fal_typed.errors import FalRequestTimeoutError as FalRequestTimeoutError
    from fal_typed.errors import FalServerError as FalServerError
    from fal_typed.errors import FalStreamError as FalStreamError
    from fal_typed.errors import FalTimeoutError as FalTimeoutError
    from fal_typed.errors import FalUploadError as FalUploadError
    from fal_typed.errors import FalValidationError as FalValidationError
    from fal_typed.errors import FalWebhookError as FalWebhookError
    from fal_typed.errors import Problem as Problem
    from fal_typed.errors import SchemaDriftWarning as SchemaDriftWarning
    from fal_typed.files import Audio as Audio
    from fal_typed.files import File as File
    from fal_typed.files import FileInput as FileInput
    from fal_typed.files import Image as Image
    from fal_typed.files import Video as Video
    from fal_typed.platform import AsyncPlatform as AsyncPlatform
    from fal_typed.platform import Platform as Platform
    from fal_typed.proxy import ProxyApp as ProxyApp
    from fal_typed.proxy import ProxyRequest as ProxyRequest
    from fal_typed.results import RawResponse as RawResponse
    from fal_typed.results import Result as Result
    from fal_typed.webhooks import WebhookEvent as WebhookEvent
    from fal_typed.webhooks import verify_webhook as verify_webhook
    from fal_typed.webhooks import verify_webhook_async as verify_webhook_async

# The same names again for run time; tests/test_exports.py keeps the two lists alike.
_EXPORTS = {
    "client": (
        "AsyncFalClient",
        "FalClient",
    ),
    "_uploads.data_uri": (
        "encode",
        "encode_file",
        "encode_image",
    ),
    "default": (
        "cancel",
        "cancel_async",
        "handle",
        "handle_async",
        "pipeline",
        "pipeline_async",
        "realtime",
        "realtime_async",
        "result",
        "result_async",
        "run",
        "run_async",
        "status",
        "status_async",
        "stream",
        "stream_async",
        "submit",
        "submit_async",
        "subscribe",
        "subscribe_async",
        "upload",
        "upload_async",
        "upload_file",
        "upload_file_async",
        "upload_image",
        "upload_image_async",
        "ws_connect",
        "ws_connect_async",
    ),
    "endpoint": ("Endpoint",),
    "errors": (
        "FalAuthenticationError",
        "FalCancelledError",
        "FalConflictError",
        "FalConnectionError",
        "FalContentPolicyError",
        "FalCredentialsError",
        "FalDownloadError",
        "FalError",
        "FalHTTPError",
        "FalInputError",
        "FalNotFoundError",
        "FalPermissionError",
        "FalProtocolError",
        "FalRateLimitError",
        "FalRealtimeError",
        "FalRequestTimeoutError",
        "FalServerError",
        "FalStreamError",
        "FalTimeoutError",
        "FalUploadError",
        "FalValidationError",
        "FalWebhookError",
        "Problem",
        "SchemaDriftWarning",
    ),
    "_core.hooks": (
        "EventHooks",
        "RequestEvent",
        "ResponseEvent",
        "RetryEvent",
    ),
    "files": (
        "Audio",
        "File",
        "FileInput",
        "Image",
        "Video",
    ),
    "_queue.handles": (
        "AsyncHandle",
        "Handle",
    ),
    "_calls.lifecycle": (
        "Acl",
        "AclRule",
        "Lifecycle",
    ),
    "_uploads.multipart": ("Multipart",),
    "_realtime.pipelines": (
        "AsyncPendingRun",
        "AsyncPipeline",
        "PendingRun",
        "Pipeline",
    ),
    "_realtime.websockets": (
        "AsyncWebSocket",
        "WebSocket",
    ),
    "platform": (
        "AsyncPlatform",
        "Platform",
    ),
    "proxy": (
        "ProxyApp",
        "ProxyRequest",
    ),
    "_queue.flows": (
        "Completed",
        "InProgress",
        "LogEntry",
        "Queued",
        "QueueStatus",
    ),
    "_realtime.connection": (
        "AsyncRealtimeConnection",
        "RealtimeConnection",
    ),
    "results": (
        "RawResponse",
        "Result",
    ),
    "_core.retry": ("RetryPolicy",),
    "_streaming.streams": (
        "AsyncStream",
        "Stream",
    ),
    "webhooks": (
        "WebhookEvent",
        "verify_webhook",
        "verify_webhook_async",
    ),
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = ["__version__", *_MODULE_OF]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
