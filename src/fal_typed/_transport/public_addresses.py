"""Which IP addresses are public: neither this machine nor a network behind a firewall."""

from __future__ import annotations

import ipaddress
import socket
from typing import Union
from urllib.parse import urlsplit

from fal_typed._transport.base import TransportError

_IpAddress = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address is reachable from anywhere.

    Args:
        address: The address, with or without a zone.

    Example:
        >>> is_public("1.1.1.1"), is_public("10.0.0.1"), is_public("::ffff:127.0.0.1")
        (True, False, False)
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in _meanings(parsed))


def _meanings(address: _IpAddress) -> list[_IpAddress]:
    """The address, and the IPv4 address that it is a way of writing or a tunnel to."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address, address.sixtofour]
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address]


def public_addresses(host: str, port: int) -> list[str]:
    """Resolve a host name to its public addresses.

    Raises:
        TransportError: It has none.
        OSError: It cannot be resolved.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return only_public(host, [str(entry[4][0]) for entry in found])


def only_public(host: str, addresses: list[str]) -> list[str]:
    """The public ones of a host's addresses.

    Raises:
        TransportError: There are none.
    """
    public = [address for address in dict.fromkeys(addresses) if is_public(address)]
    if not public:
        raise TransportError(
            f"{host!r} has no public address, and the client was made with private_addresses=False",
            sent=False,
            permanent=True,
        )
    return public


def host_and_port(url: str) -> tuple[str, int]:
    """Host and port of a URL.

    Raises:
        ValueError: The URL is malformed.
    """
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
