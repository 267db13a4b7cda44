"""The emulator's page: one document, one style sheet, four scripts, no build step.

Everything that the page shows comes from requests and schemas and is untrusted. Its scripts insert
data as text only, and the policy below keeps the browser from running or fetching anything that
does not come from the emulator.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fal_typed.testing.engine.messages import AnyResponse, Headers, IncomingRequest, Response

if TYPE_CHECKING:
    from fal_typed.testing.services.routing import RouteHandler

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
    "/_emulator/code.js": ("code.js", "text/javascript; charset=utf-8"),
    "/_emulator/media.js": ("media.js", "text/javascript; charset=utf-8"),
}


def page_routes() -> dict[tuple[str, str], RouteHandler]:
    """Return the routes of the page's files.

    Returns:
        Handlers by method and path.
    """
    return {("GET", path): _file(*file) for path, file in _FILES.items()}


def _file(name: str, content_type: str) -> RouteHandler:
    headers: Headers = [
        (b"content-type", content_type.encode()),
        (b"content-security-policy", _POLICY.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cache-control", b"no-cache"),
    ]

    async def serve(_request: IncomingRequest) -> AnyResponse:
        return Response(200, headers, Path(__file__).with_name(name).read_bytes())

    return serve
