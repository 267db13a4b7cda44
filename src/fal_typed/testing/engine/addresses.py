"""Which of fal's hosts a request is for, and the URLs that lead back to it.

A client reaches the emulator in one of two ways: with the real host as the first path segment
(``http://127.0.0.1:8765/queue.fal.run/…``, as ``FAL_EMULATOR_HOST`` makes it), or with the real
host in the ``Host`` header (official clients whose connections are diverted to the emulator).
"""

from __future__ import annotations

from typing import Final

RUN: Final = "fal.run"
QUEUE: Final = "queue.fal.run"
REST: Final = "rest.fal.ai"
CDN: Final = "v3.fal.media"
API: Final = "api.fal.ai"
SOCKETS: Final = "ws.fal.run"
WEB: Final = "fal.ai"
LOCAL: Final = ""
"""The emulator itself: its page and its scripting routes."""

HOSTS: Final[dict[str, str]] = {
    "fal.run": RUN,
    "falrun.com": RUN,
    "queue.fal.run": QUEUE,
    "queue.falrun.com": QUEUE,
    "rest.fal.ai": REST,
    "rest.alpha.fal.ai": REST,
    "v3.fal.media": CDN,
    "v3b.fal.media": CDN,
    "fal.media": CDN,
    "api.fal.ai": API,
    "ws.fal.run": SOCKETS,
    "fal.ai": WEB,
    "www.fal.ai": WEB,
}
"""Every host name of the platform, with the service that it belongs to.

See docs/protocol.md section 1.1.
"""


class Address:
    """Where a request goes: the service, the path, and the base of URLs in the response.

    Args:
        service: One of the constants of this module.
        path: Path at the service.
        base: What URLs of services begin with: ``http://127.0.0.1:8765/`` before the service's host
            name, or just ``https://``.
    """

    __slots__ = ("base", "path", "service")

    def __init__(self, service: str, path: str, base: str) -> None:
        self.service = service
        self.path = path
        self.base = base

    def url(self, service: str, path: str = "") -> str:
        """Write a URL that the same client can reach.

        Args:
            service: The service.
            path: Path at the service, with its leading slash.

        Returns:
            The absolute URL.
        """
        return f"{self.base}{service}{path}"


def locate(path: str, host: str, scheme: str) -> Address:
    """Find the service that a request is for.

    Args:
        path: Path of the request.
        host: Its ``Host`` header.
        scheme: ``http``, ``https``, ``ws`` or ``wss``.

    Returns:
        Its address; `LOCAL` when neither path nor host names a service.

    >>> address = locate("/queue.fal.run/fal-ai/flux/dev", "127.0.0.1:8765", "http")
    >>> address.service, address.path, address.url(CDN)
    ('queue.fal.run', '/fal-ai/flux/dev', 'http://127.0.0.1:8765/v3.fal.media')
    """
    scheme = {"ws": "http", "wss": "https"}.get(scheme, scheme)
    first, _, rest = path[1:].partition("/")
    if (service := HOSTS.get(first)) is not None:
        return Address(service, "/" + rest, f"{scheme}://{host}/")
    name = host.rpartition(":")[0] if ":" in host else host
    if (service := HOSTS.get(name.lower())) is not None:
        return Address(service, path, f"{scheme}://")
    return Address(LOCAL, path, f"{scheme}://{host}/")
