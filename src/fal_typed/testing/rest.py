"""The REST service ``rest.fal.ai``: tokens and the beginning of uploads.

Rests on docs/protocol.md sections 5.1 and 6.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from fal_typed.testing import services
from fal_typed.testing.clock import timestamp
from fal_typed.testing.emulation import Call, Emulation, refuse_method
from fal_typed.testing.files import UploadError, lifecycle_of
from fal_typed.testing.messages import Answer, Request, as_list, detail, json_response
from fal_typed.testing.models import parse

if TYPE_CHECKING:
    from fal_typed.testing.emulation import Endpoint

CDN_TOKEN_SECONDS = 3600.0
_USUAL_SECONDS = 120.0


class RestService:
    """Routes of ``rest.fal.ai``.

    Args:
        emulation: What the services share.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._routes: dict[tuple[str, str], tuple[str, Endpoint]] = {
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

    def route(self, request: Request) -> Call:
        """Find what a request asks for.

        Args:
            request: The request; its body is not read yet.

        Returns:
            What to do.
        """
        path = request.path.rstrip("/")
        found = self._routes.get((request.method, path))
        if found is not None:
            return Call(found[0], None, found[1])
        allowed = [method for method, known in self._routes if known == path]
        return Call("rest", None, refuse_method(allowed) if allowed else _not_found)

    async def _cdn_token(self, request: Request) -> Answer:
        keys, now = self._emulation.keys, self._emulation.clock.now()
        if (refusal := keys.refusal(request)) is not None:
            return refusal
        return json_response(
            {
                "token": keys.issue(keys.user(request), CDN_TOKEN_SECONDS),
                "token_type": "Bearer",
                "base_url": request.address.url(services.CDN),
                "expires_at": timestamp(now + CDN_TOKEN_SECONDS),
                "created_at": timestamp(now),
            }
        )

    async def _initiate(self, request: Request) -> Answer:
        return self._announced(request, parts=False)

    async def _initiate_multipart(self, request: Request) -> Answer:
        return self._announced(request, parts=True)

    def _announced(self, request: Request, *, parts: bool) -> Answer:
        emulation = self._emulation
        if (refusal := emulation.keys.refusal(request)) is not None:
            return refusal
        wanted = _object(request.body)
        if wanted is None:
            return detail(400, "A JSON object is expected")
        try:
            lifecycle = lifecycle_of(request)
        except UploadError as error:
            return detail(400, str(error))
        file = emulation.files.create(
            str(wanted.get("file_name") or "upload.bin"),
            str(wanted.get("content_type") or "application/octet-stream"),
            emulation.keys.user(request),
            lifecycle,
        )
        url = request.address.url(services.CDN)
        path = f"/multipart/{emulation.files.begin(file)}" if parts else f"/put{file.path}"
        signature = emulation.keys.issue(emulation.keys.user(request), CDN_TOKEN_SECONDS)
        return json_response(
            {"upload_url": f"{url}{path}?signature={signature}", "file_url": url + file.path}
        )

    async def _token(self, request: Request) -> Answer:
        return self._app_token(request, "token_expiration")

    async def _realtime_token(self, request: Request) -> Answer:
        return self._app_token(request, "duration")

    def _app_token(self, request: Request, seconds_name: str) -> Answer:
        keys = self._emulation.keys
        if (refusal := keys.refusal(request)) is not None:
            return refusal
        wanted = _object(request.body) or {}
        apps, seconds = wanted.get("allowed_apps"), wanted.get(seconds_name, _USUAL_SECONDS)
        if not isinstance(apps, list) or not isinstance(seconds, (int, float)):
            return detail(422, f"allowed_apps (a list) and {seconds_name} (a number) are expected")
        aliases = [str(app).rpartition("/")[2] for app in as_list(apps)]
        return json_response(keys.issue(keys.user(request), seconds, aliases))

    async def _jwks(self, _request: Request) -> Answer:
        return json_response(self._emulation.signer.jwks())


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = parse(body)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


async def _not_found(_request: Request) -> Answer:
    return detail(404, "Not Found")
