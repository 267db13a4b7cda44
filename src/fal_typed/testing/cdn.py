"""The CDN service ``v3.fal.media``: generated files, uploads and downloads.

Rests on docs/protocol.md section 6.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from typing import TYPE_CHECKING

from fal_typed.testing import services
from fal_typed.testing.downloads import Blob, file_response
from fal_typed.testing.emulation import Call, Emulation, refuse_method
from fal_typed.testing.files import StoredFile, UploadError, lifecycle_of, parts_of
from fal_typed.testing.media import MediaSpec, UnreadableSpecError, render
from fal_typed.testing.messages import Answer, Request, Response, detail, json_response
from fal_typed.testing.models import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from fal_typed.testing.emulation import Endpoint
    from fal_typed.testing.files import Lifecycle

_MADE = re.compile(r"/files/b/([^/]+)/[^/]+")
_PART = re.compile(r"(?:/files/u/[^/]+/[^/]+)?/multipart/([\w-]+)/(\d{1,9}|complete)")
_PUT = re.compile(r"/put(/files/u/[^/]+/[^/]+)")


class CdnService:
    """Routes of ``v3.fal.media``.

    Args:
        emulation: What the services share.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._files = emulation.files

    def route(self, request: Request) -> Call:
        """Find what a request asks for.

        Args:
            request: The request; its body is not read yet.

        Returns:
            What to do.
        """
        name, method, endpoint = self._named(request.path)
        if request.method == method:
            return Call(name, None, endpoint)
        if method == "GET" and request.method == "HEAD":
            return Call(name, None, endpoint)
        return Call(name, None, refuse_method([method]))

    def _named(self, path: str) -> tuple[str, str, Endpoint]:
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

    async def _upload(self, request: Request) -> Answer:
        return self._with_new_file(request, self._take_whole)

    def _take_whole(self, request: Request, file: StoredFile) -> Answer:
        self._files.write(file, request.body)
        url = request.address.url(services.CDN, file.path)
        return json_response({"access_url": url, "uploaded": True})

    async def _begin(self, request: Request) -> Answer:
        return self._with_new_file(request, self._announce)

    def _announce(self, request: Request, file: StoredFile) -> Answer:
        url = request.address.url(services.CDN, file.path)
        return json_response({"access_url": url, "uploadId": self._files.begin(file)})

    def _with_new_file(
        self, request: Request, go_on: Callable[[Request, StoredFile], Answer]
    ) -> Answer:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        try:
            lifecycle = lifecycle_of(request)
        except UploadError as error:
            return detail(400, str(error))
        file = self._files.create(
            request.header(b"x-fal-file-name") or "upload.bin",
            request.header(b"content-type") or "application/octet-stream",
            self._emulation.keys.user(request),
            lifecycle,
        )
        return go_on(request, file)

    async def _part(self, request: Request) -> Answer:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        match = _PART.fullmatch(request.path)
        assert match is not None  # noqa: S101  (the route was chosen by it)
        number = int(match[2])
        try:
            tag = self._files.write_part(match[1], number, request.body)
        except UploadError as error:
            return detail(400, str(error))
        # The Python client reads the header, the JavaScript client the body.
        body = {"partNumber": number, "etag": tag}
        return json_response(body, headers=[(b"etag", tag.encode())])

    async def _complete(self, request: Request) -> Answer:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        match = _PART.fullmatch(request.path)
        assert match is not None  # noqa: S101  (the route was chosen by it)
        try:
            file = self._files.complete(match[1], parts_of(parse(request.body)))
        except ValueError as error:
            return detail(400, str(error))
        url = request.address.url(services.CDN, file.path)
        return json_response({"access_url": url, "uploaded": True})

    async def _put(self, request: Request) -> Answer:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        match = _PUT.fullmatch(request.path)
        file = self._files.get(match[1]) if match else None
        if file is None:
            return _missing()
        file.content_type = request.header(b"content-type") or file.content_type
        self._files.write(file, request.body)
        return Response(200, [])

    def _refusal(self, request: Request) -> Response | None:
        """Uploads need a CDN token, or the signature that their URL was given."""
        keys = self._emulation.keys
        if not keys.required:
            return None
        scheme, _, token = (request.header(b"authorization") or "").partition(" ")
        if scheme.lower() == "bearer" and keys.token_is_good(token):
            return None
        if keys.token_is_good(request.parameter("signature") or ""):
            return None
        return detail(401, "A valid CDN token is required")

    async def _download(self, request: Request) -> Answer:
        if (file := self._files.get(request.path)) is not None and file.complete:
            refusal = self._kept_from(request, file.lifecycle, file.owner)
            return refusal or self._stored(request, file)
        known = self._files.output(request.path)
        if known is None:
            return _missing()
        path, lifecycle, owner = known
        return self._kept_from(request, lifecycle, owner) or await _generated(request, path)

    def _kept_from(self, request: Request, lifecycle: Lifecycle, owner: str) -> Response | None:
        decision = lifecycle.decision(self._emulation.keys.user(request), owner)
        if decision == "hide":
            return _missing()
        return detail(403, "Access to this file is forbidden") if decision == "forbid" else None

    def _stored(self, request: Request, file: StoredFile) -> Answer:
        blob = Blob(file.size, file.content_type, file.read)
        answer = file_response(blob, request.header(b"range"))
        # An uploaded page must not act for the emulator's own, whose origin it shares.
        answer.headers.append((b"content-security-policy", b"sandbox"))
        return answer


async def _generated(request: Request, path: str) -> Answer:
    match = _MADE.fullmatch(path)
    if match is None:
        return _missing()
    try:
        spec = MediaSpec.from_token(match[1])
    except UnreadableSpecError:
        return _missing()
    # A video takes a while: others must not wait for it.
    content = await asyncio.to_thread(render, spec)

    def read(first: int, last: int) -> bytes:
        return content[first : last + 1]

    tag = f'"{zlib.crc32(content):08x}"'
    blob = Blob(len(content), spec.content_type, read, tag)
    return file_response(blob, request.header(b"range"))


def _missing() -> Response:
    return detail(404, "File not found")
