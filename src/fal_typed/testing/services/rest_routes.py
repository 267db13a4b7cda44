"""The REST service ``rest.fal.ai``: tokens and the beginning of uploads.

See docs/protocol.md sections 5.1 and 6.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from fal_typed._core.json_values import as_list, as_object
from fal_typed.testing.engine.addresses import CDN
from fal_typed.testing.engine.clock import timestamp
from fal_typed.testing.engine.json_bodies import parse
from fal_typed.testing.engine.messages import (
    AnyResponse,
    IncomingRequest,
    error_response,
    json_response,
)
from fal_typed.testing.engine.uploaded_files import UploadError, lifecycle_of
from fal_typed.testing.services.routing import MatchedRoute, RouteTable, Service

if TYPE_CHECKING:
    from fal_typed.testing.engine.emulation import Emulation

CDN_TOKEN_SECONDS = 3600.0
_DEFAULT_SECONDS = 120.0


class RestService(Service):
    """Routes of ``rest.fal.ai``.

    Args:
        emulation: The emulator's state.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._routes = RouteTable(
            {
                ("POST", "/storage/auth/token"): ("cdn_token", self._cdn_token),
                ("POST", "/storage/upload/initiate"): ("initiate", self._initiate),
                ("POST", "/storage/upload/initiate-multipart"): (
                    "initiate_multipart",
                    self._initiate_multipart,
                ),
                ("POST", "/tokens"): ("token", self._token),
                ("POST", "/tokens/realtime"): ("token", self._realtime_token),
                ("GET", "/.well-known/jwks.json"): ("jwks", self._jwks),
            }
        )

    @override
    def route(self, request: IncomingRequest) -> MatchedRoute:
        path = request.path.rstrip("/")
        if (found := self._routes.find(request.method, path)) is not None:
            return MatchedRoute(found[0], None, found[1])
        return MatchedRoute("rest", None, self._routes.fallback(path, _not_found))

    async def _cdn_token(self, request: IncomingRequest) -> AnyResponse:
        keys, now = self._emulation.keys, self._emulation.clock.now()
        if (refusal := keys.refusal(request)) is not None:
            return refusal
        return json_response(
            {
                "token": keys.issue(keys.user(request), CDN_TOKEN_SECONDS),
                "token_type": "Bearer",
                "base_url": request.address.url(CDN),
                "expires_at": timestamp(now + CDN_TOKEN_SECONDS),
                "created_at": timestamp(now),
            }
        )

    async def _initiate(self, request: IncomingRequest) -> AnyResponse:
        return self._begin_upload(request, in_parts=False)

    async def _initiate_multipart(self, request: IncomingRequest) -> AnyResponse:
        return self._begin_upload(request, in_parts=True)

    def _begin_upload(self, request: IncomingRequest, *, in_parts: bool) -> AnyResponse:
        emulation = self._emulation
        if (refusal := emulation.keys.refusal(request)) is not None:
            return refusal
        wanted = _object(request.body)
        if wanted is None:
            return error_response(400, "The body must be a JSON object")
        try:
            lifecycle = lifecycle_of(request)
        except UploadError as error:
            return error_response(400, str(error))
        file = emulation.files.create(
            str(wanted.get("file_name") or "upload.bin"),
            str(wanted.get("content_type") or "application/octet-stream"),
            emulation.keys.user(request),
            lifecycle,
        )
        url = request.address.url(CDN)
        path = f"/multipart/{emulation.files.begin(file)}" if in_parts else f"/put{file.path}"
        signature = emulation.keys.issue(emulation.keys.user(request), CDN_TOKEN_SECONDS)
        return json_response(
            {"upload_url": f"{url}{path}?signature={signature}", "file_url": url + file.path}
        )

    async def _token(self, request: IncomingRequest) -> AnyResponse:
        return self._app_token(request, "token_expiration")

    async def _realtime_token(self, request: IncomingRequest) -> AnyResponse:
        return self._app_token(request, "duration")

    def _app_token(self, request: IncomingRequest, seconds_name: str) -> AnyResponse:
        keys = self._emulation.keys
        if (refusal := keys.refusal(request)) is not None:
            return refusal
        wanted = _object(request.body) or {}
        apps = as_list(wanted.get("allowed_apps"))
        seconds = wanted.get(seconds_name, _DEFAULT_SECONDS)
        if apps is None or not isinstance(seconds, (int, float)):
            message = f"allowed_apps must be a list and {seconds_name} a number"
            return error_response(422, message)
        aliases = [str(app).rpartition("/")[2] for app in apps]
        return json_response(keys.issue(keys.user(request), seconds, aliases))

    async def _jwks(self, _request: IncomingRequest) -> AnyResponse:
        return json_response(self._emulation.signer.jwks())


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        return as_object(parse(body))
    except ValueError:
        return None


async def _not_found(_request: IncomingRequest) -> AnyResponse:
    return error_response(404, "Not Found")
