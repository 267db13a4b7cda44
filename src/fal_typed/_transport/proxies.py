"""Network proxies from the environment, for each request.

httpx and websockets have parsers of their own, but these fail on spellings that other programs
accept, and with errors that do not name the variable.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from fal_typed._transport.urls import LOOPBACK
from fal_typed.errors import FalInputError

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_SUPPORTED = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True)
class NetworkProxy:
    """A proxy for requests to hosts on the network.

    Attributes:
        source: The variable that sets it.
        url: URL, which may contain a password.
    """

    source: str
    url: str = field(repr=False)

    def invalid(self, reason: str) -> FalInputError:
        """The error for a proxy that cannot be used; it never contains the URL."""
        return FalInputError(
            f"{self.source} sets a proxy that cannot be used: {reason}. Nothing was sent. Set it "
            "to a URL such as http://proxy.example:8080, or unset it."
        )


def has_proxies() -> bool:
    """Whether the environment or the system sets a proxy for HTTP."""
    return any(getproxies().get(name) for name in ("http", "https", "all"))


def proxy_for(url: str) -> NetworkProxy | None:
    """The proxy for a request, or None to connect directly, as always to this machine.

    Raises:
        FalInputError: The environment sets an invalid proxy.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    found = getproxies()
    for name in (_SCHEMES.get(parts.scheme, ""), "all"):
        if value := found.get(name):
            port = parts.port or _PORTS.get(parts.scheme)
            bypassed = _is_this_machine(host) or _is_excluded(host, port)
            return None if bypassed else _checked(NetworkProxy(_source(name), _with_scheme(value)))
    return None


def _source(name: str) -> str:
    variables = (f"{name}_proxy", f"{name}_proxy".upper())
    return next((each for each in variables if os.environ.get(each)), "the system's configuration")


def _with_scheme(value: str) -> str:
    value = value.strip()
    return value if "://" in value else f"http://{value}"


def _checked(proxy: NetworkProxy) -> NetworkProxy:
    try:
        parts = urlsplit(proxy.url)
        host = (parts.hostname or "").encode("idna")
        _ = parts.port
    except ValueError:
        raise proxy.invalid("its host or port is invalid") from None
    if parts.scheme not in _SUPPORTED:
        raise proxy.invalid(f"its scheme is none of {', '.join(_SUPPORTED)}")
    if not host or not proxy.url.isprintable() or " " in proxy.url:
        raise proxy.invalid("its host is missing or has invalid characters")
    return proxy


def _is_this_machine(host: str) -> bool:
    if host in LOOPBACK or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_excluded(host: str, port: int | None) -> bool:
    excluded = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    if excluded is None:
        return bool(proxy_bypass(host))  # the system's own exceptions
    entries = (entry.strip().lower() for entry in excluded.split(","))
    return any(_matches(entry, host, port) for entry in entries if entry)


def _matches(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    name = entry.partition("://")[2] or entry
    if network := _network(name.strip("[]")):
        address = _network(host)
        return (
            address is not None
            and address.version == network.version
            and (address.network_address in network)
        )
    name, _, wanted = name.partition(":")
    if wanted and wanted != str(port):
        return False
    name = name.lstrip("*").lstrip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
