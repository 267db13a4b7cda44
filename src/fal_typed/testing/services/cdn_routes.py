"""The CDN service ``v3.fal.media``: generated files, uploads and downloads.

See docs/protocol.md section 6.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from typing import TYPE_CHECKING

from typing_extensions import override

from fal_typed.testing.engine.addresses import CDN
from fal_typed.testing.engine.json_bodies import parse
from fal_typed.testing.engine.messages import (
    AnyResponse,
    IncomingRequest,
    Response,
    error_response,
    json_response,
)
from fal_typed.testing.engine.uploaded_files import StoredFile, UploadError, lifecycle_of, parts_of
from fal_typed.testing.media.rendering import render
from fal_typed.testing.media.spec import InvalidSpecError, MediaSpec
from fal_typed.testing.services.byte_ranges import ServedFile, file_response
from fal_typed.testing.services.routing import MatchedRoute, Service, refuse_method

if TYPE_CHECKING:
    from collections.abc import Callable

    from fal_typed.testing.engine.emulation import Emulation
    from fal_typed.testing.engine.uploaded_files import FileLifecycle
    from fal_typed.testing.services.routing import RouteHandler

_GENERATED = re.compile(r"/files/b/([^/]+)/[^/]+")
_PART = re.compile(r"(?:/files/u/[^/]+/[^/]+)?/multipart/([\w-]+)/(\d{1,9}|complete)")
_PUT = re.compile(r"/put(/files/u/[^/]+/[^/]+)")


class CdnService(Service):
    """Routes of ``v3.fal.media``.

    Args:
        emulation: The emulator's state.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._files = emulation.files

    @override
    def route(self, request: IncomingRequest) -> MatchedRoute:
        name, method, handler = self._named(request.path)
        is_head = method == "GET" and request.method == "HEAD"
        if request.method == method or is_head:
            return MatchedRoute(name, None, handler)
        return MatchedRoute(name, None, refuse_method([method]))

    def _named(self, path: str) -> tuple[str, str, RouteHandler]:
        if path == "/files/upload":
            return "upload", "POST", self._upload
        if path == "/files/upload/multipart":
            return "begin_multipart", "POST", self._begin
        if (part := _PART.fullmatch(path)) is not None:
            if part[2] == "complete":
                return "complete_multipart", "POST", self._complete
            return "part", "PUT", self._part
        if _PUT.fullmatch(path):
            return "put", "PUT", self._put
        return "download", "GET", self._download

    async def _upload(self, request: IncomingRequest) -> AnyResponse:
        return self._with_new_file(request, self._store)

    def _store(self, request: IncomingRequest, file: StoredFile) -> AnyResponse:
        self._files.write(file, request.body)
        url = request.address.url(CDN, file.path)
        return json_response({"access_url": url, "uploaded": True})

    async def _begin(self, request: IncomingRequest) -> AnyResponse:
        return self._with_new_file(request, self._store_parts)

    def _store_parts(self, request: IncomingRequest, file: StoredFile) -> AnyResponse:
        url = request.address.url(CDN, file.path)
        return json_response({"access_url": url, "uploadId": self._files.begin(file)})

    def _with_new_file(
        self, request: IncomingRequest, store: Callable[[IncomingRequest, StoredFile], AnyResponse]
    ) -> AnyResponse:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        try:
            lifecycle = lifecycle_of(request)
        except UploadError as error:
            return error_response(400, str(error))
        file = self._files.create(
            request.header(b"x-fal-file-name") or "upload.bin",
            request.header(b"content-type") or "application/octet-stream",
            self._emulation.keys.user(request),
            lifecycle,
        )
        return store(request, file)

    async def _part(self, request: IncomingRequest) -> AnyResponse:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        match = _PART.fullmatch(request.path)
        assert match is not None  # noqa: S101  (it matched when the route was chosen)
        number = int(match[2])
        try:
            tag = self._files.write_part(match[1], number, request.body)
        except UploadError as error:
            return error_response(400, str(error))
        # The Python client reads the header, the JavaScript client the body.
        body = {"partNumber": number, "etag": tag}
        return json_response(body, headers=[(b"etag", tag.encode())])

    async def _complete(self, request: IncomingRequest) -> AnyResponse:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        match = _PART.fullmatch(request.path)
        assert match is not None  # noqa: S101  (it matched when the route was chosen)
        try:
            file = self._files.complete(match[1], parts_of(parse(request.body)))
        except ValueError as error:
            return error_response(400, str(error))
        url = request.address.url(CDN, file.path)
        return json_response({"access_url": url, "uploaded": True})

    async def _put(self, request: IncomingRequest) -> AnyResponse:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        match = _PUT.fullmatch(request.path)
        file = self._files.get(match[1]) if match else None
        if file is None:
            return _missing()
        file.content_type = request.header(b"content-type") or file.content_type
        self._files.write(file, request.body)
        return Response(200, [])

    def _refusal(self, request: IncomingRequest) -> Response | None:
        """Uploads need a CDN token, or the signature in the URL that was issued for them."""
        keys = self._emulation.keys
        if not keys.required:
            return None
        scheme, token = request.authorization
        if scheme == "bearer" and keys.token_is_valid(token):
            return None
        if keys.token_is_valid(request.parameter("signature") or ""):
            return None
        return error_response(401, "A valid CDN token is required")

    async def _download(self, request: IncomingRequest) -> AnyResponse:
        if (file := self._files.get(request.path)) is not None and file.complete:
            refusal = self._access_refusal(request, file.lifecycle, file.owner)
            return refusal or self._stored(request, file)
        found = self._files.output(request.path)
        if found is None:
            return _missing()
        path, lifecycle, owner = found
        return self._access_refusal(request, lifecycle, owner) or await _generated(request, path)

    def _access_refusal(
        self, request: IncomingRequest, lifecycle: FileLifecycle, owner: str
    ) -> Response | None:
        decision = lifecycle.decision(self._emulation.keys.user(request), owner)
        if decision == "hide":
            return _missing()
        return (
            error_response(403, "Access to this file is forbidden")
            if decision == "forbid"
            else None
        )

    def _stored(self, request: IncomingRequest, file: StoredFile) -> AnyResponse:
        served = ServedFile(file.size, file.content_type, file.read)
        return file_response(served, request.header(b"range"))


async def _generated(request: IncomingRequest, path: str) -> AnyResponse:
    match = _GENERATED.fullmatch(path)
    if match is None:
        return _missing()
    try:
        spec = MediaSpec.from_token(match[1])
    except InvalidSpecError:
        return _missing()
    # In a thread, because a video takes a while and other requests must not wait for it.
    content = await asyncio.to_thread(render, spec)

    def read(first: int, last: int) -> bytes:
        return content[first : last + 1]

    tag = f'"{zlib.crc32(content):08x}"'
    served = ServedFile(len(content), spec.content_type, read, tag)
    return file_response(served, request.header(b"range"))


def _missing() -> Response:
    return error_response(404, "File not found")
