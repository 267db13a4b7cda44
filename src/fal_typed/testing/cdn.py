"""The CDN service ``v3.fal.media``: files that answers name, made when they are fetched."""

from __future__ import annotations

import asyncio
import re
import zlib

from fal_typed.testing.downloads import file_response
from fal_typed.testing.emulation import Call, Emulation
from fal_typed.testing.media import MediaSpec, UnreadableSpecError, render
from fal_typed.testing.messages import Answer, Request, detail, method_not_allowed

_MADE = re.compile(r"/files/b/([^/]+)/[^/]+")


class CdnService:
    """Routes of ``v3.fal.media``.

    Args:
        emulation: What the services share.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation

    def route(self, request: Request) -> Call:
        """Find what a request asks for.

        Args:
            request: The request; its body is not read yet.

        Returns:
            What to do.
        """
        if request.method in ("GET", "HEAD"):
            return Call("download", None, self._download)
        return Call("download", None, _only_get)

    async def _download(self, request: Request) -> Answer:
        match = _MADE.fullmatch(request.path)
        if match is None:
            return _missing()
        try:
            spec = MediaSpec.from_token(match[1])
        except UnreadableSpecError:
            return _missing()
        # A video takes a while: others must not wait for it.
        content = await asyncio.to_thread(render, spec)
        tag = f'"{zlib.crc32(content):08x}"'
        return file_response(content, spec.content_type, request.header(b"range"), tag)


def _missing() -> Answer:
    return detail(404, "File not found")


async def _only_get(_request: Request) -> Answer:
    return method_not_allowed("GET", "HEAD")
