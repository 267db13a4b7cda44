"""Which callers the emulator serves: programs on this machine, and no web page but its own.

A server on loopback is within reach of every page that its user opens in a browser. A page can
let a name of its own resolve to this machine (DNS rebinding), and it can send requests to other
origins whose responses it cannot read. So the emulator checks the name that it was called by, and
the page that a browser names as the caller.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fal_typed.testing.engine.addresses import HOSTS
from fal_typed.testing.engine.messages import Response, error_response

if TYPE_CHECKING:
    from collections.abc import Collection

    from fal_typed.testing.engine.messages import AsgiScope

WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
"""Addresses that stand for every address of this machine."""
_ANOTHER_SITE = ("cross-site", "same-site")


class Callers:
    """Decides which requests and handshakes are served.

    Args:
        bound: The address that the emulator listens on.
        names: Names that are trusted in addition to those of this machine and of the platform:
            as the name that the emulator is called by, and as the host of a web page.
    """

    def __init__(self, bound: str, names: Collection[str] = ()) -> None:
        self._bound = bound
        self._trusted = frozenset(name.lower() for name in names)

    def refusal(self, scope: AsgiScope) -> Response | None:
        """Check a request or a handshake.

        Args:
            scope: Its ASGI scope.

        Returns:
            The response that refuses it; None when it is served.
        """
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or not self._is_ours(_name(hosts[0]), scope):
            return error_response(
                421,
                "The Host header must name this machine or one of fal's hosts. To call the "
                "emulator by another name, start it with --allow-host NAME.",
            )
        page = _calling_page(scope)
        if page is None or page.lower() == hosts[0].lower() or _name(page) in self._trusted:
            return None
        return error_response(
            403,
            "Web pages of other origins cannot use the emulator. To allow those of a host, start "
            "it with --allow-host NAME.",
        )

    def _is_ours(self, name: str, scope: AsgiScope) -> bool:
        if name in HOSTS or name in self._trusted or is_loopback(name) or name == self._bound:
            return True
        # Bound to all addresses, the one that this connection came in on is the bound one.
        arrived = (scope.get("server") or ("",))[0]
        return self._bound in WILDCARDS and name == arrived


def is_loopback(name: str) -> bool:
    """Whether a name stands for this machine alone.

    Args:
        name: A host name or an IP address, without a port.

    Returns:
        True for ``localhost`` and for loopback addresses.

    >>> is_loopback("localhost"), is_loopback("127.0.0.2"), is_loopback("localhost.evil.example")
    (True, True, False)
    """
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _calling_page(scope: AsgiScope) -> str | None:
    """Host and port of the web page that a browser calls for; None for any other caller."""
    origins = _values(scope, b"origin")
    if origins:
        return _place(origins[0]) if len(origins) == 1 else ""
    if not any(value in _ANOTHER_SITE for value in _values(scope, b"sec-fetch-site")):
        return None
    referrers = _values(scope, b"referer")
    return _place(referrers[0]) if len(referrers) == 1 else ""


def _place(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "") if "@" not in host else ""
    except ValueError:
        return ""


def _values(scope: AsgiScope, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key == name]
