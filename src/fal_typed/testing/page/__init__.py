"""The emulator's page: one document, one style sheet, one script, no build step.

Everything the page shows came from requests and schemas, that is, from anybody. Its script puts
data into the page as text only, and the policy below keeps the browser from running or fetching
anything that is not the emulator's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fal_typed.testing.messages import Answer, Headers, Request, Response

if TYPE_CHECKING:
    from fal_typed.testing.emulation import Endpoint

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; media-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/_emulator/page.css": ("page.css", "text/css; charset=utf-8"),
    "/_emulator/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/_emulator/form.js": ("form.js", "text/javascript; charset=utf-8"),
    "/_emulator/media.js": ("media.js", "text/javascript; charset=utf-8"),
}


def page_routes() -> dict[tuple[str, str], Endpoint]:
    """Routes of the page's files.

    Returns:
        Each by its method and path.
    """
    return {("GET", path): _file(*file) for path, file in _FILES.items()}


def _file(name: str, content_type: str) -> Endpoint:
    headers: Headers = [
        (b"content-type", content_type.encode()),
        (b"content-security-policy", _POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"no-cache"),
    ]

    async def serve(_request: Request) -> Answer:
        return Response(200, headers, Path(__file__).with_name(name).read_bytes())

    return serve
