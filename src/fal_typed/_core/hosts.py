"""The platform's hosts, and which URLs the key may be sent to (docs/protocol.md section 1.1)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from fal_typed._transport.urls import LOOPBACK
from fal_typed.errors import FalInputError

_CDN_DOMAIN = ".fal.media"  # currently v3b.fal.media
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w-][\w.-]*)(:[0-9]{1,5})?")
_MAX_SHOWN = 100
_PORTS = {"https": 443, "wss": 443, "http": 80, "ws": 80}


@dataclass(frozen=True)
class Hosts:
    """Base URLs of the platform's services, without a trailing slash."""

    run: str = "https://fal.run"
    queue: str = "https://queue.fal.run"
    rest: str = "https://rest.fal.ai"
    cdn: str = "https://v3.fal.media"
    api: str = "https://api.fal.ai/v1"
    ws: str = "https://ws.fal.run"
    web: str = "https://fal.ai"

    @classmethod
    def configured(cls, *, run_host: str | None = None, queue_host: str | None = None) -> Hosts:
        """Hosts from the arguments, else the environment, else the platform's defaults.

        Args:
            run_host: Host of run, stream and realtime, such as `fal.run`; overrides
                `FAL_RUN_HOST`.
            queue_host: Host of the queue; overrides `FAL_QUEUE_RUN_HOST`. Default: `queue.`
                followed by the run host.

        Raises:
            FalInputError: A host is not of the form `name` or `name:port`.
        """
        emulator = os.environ.get("FAL_EMULATOR_HOST")
        if emulator and not (run_host or queue_host):
            return cls.emulated(emulator)
        if run_host or (run_host := os.environ.get("FAL_RUN_HOST")):
            _check(run_host, "FAL_RUN_HOST")
        if queue_host or (queue_host := os.environ.get("FAL_QUEUE_RUN_HOST")):
            _check(queue_host, "FAL_QUEUE_RUN_HOST")
        return _hosts(run_host or None, queue_host or None)

    @classmethod
    @lru_cache(maxsize=16)
    def emulated(cls, address: str) -> Hosts:
        """Hosts of an emulator: each service under its real host name as path, over plain HTTP."""
        _check(address, "FAL_EMULATOR_HOST")
        base = f"http://{address}"
        return cls(**{f.name: f"{base}/{str(f.default).split('://')[1]}" for f in fields(cls)})

    @property
    def is_emulated(self) -> bool:
        """Whether these are the hosts of an emulator, which needs no key."""
        return self.run.startswith("http://") and self.run.endswith("/fal.run")

    def owns(self, url: str) -> bool:
        """Whether a URL is on one of these hosts, so that the key may be sent to it."""
        bases = [str(getattr(self, f.name)) for f in fields(self)]
        return any(_within(url, base) for base in bases)

    def is_cdn(self, url: str) -> bool:
        """Whether a URL is on the file storage, so that the storage token may be sent to it."""
        if not url.isascii() or not url.isprintable() or " " in url:
            return False
        if _within(url, self.cdn):
            return True
        name = _host_name(url) if self.cdn == Hosts.cdn else ""
        return name.endswith(_CDN_DOMAIN) and _within(url, f"https://{name}")


@lru_cache(maxsize=16)
def _hosts(run_host: str | None, queue_host: str | None) -> Hosts:
    if run_host is None:
        return Hosts(queue=_base(queue_host)) if queue_host else Hosts()
    return Hosts(run=_base(run_host), queue=_base(queue_host or f"queue.{run_host}"))


def _host_name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _base(host: str) -> str:
    name = urlsplit(f"//{host}").hostname or ""
    return f"http://{host}" if name in LOOPBACK else f"https://{host}"


def _check(host: str, variable: str) -> None:
    is_text = isinstance(host, str)  # pyright: ignore[reportUnnecessaryIsInstance]
    if not (is_text and _HOST.fullmatch(host) and _is_address(host)):
        # What precedes an @ would be a password.
        shown = str(host).rpartition("@")[2][:_MAX_SHOWN]
        raise FalInputError(
            f"{shown!r} is not a valid host ({variable}). Set it to a name or name:port such as "
            "'fal.run', not a URL."
        )


def _is_address(host: str) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        return bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:
        return False


def _within(url: str, base: str) -> bool:
    # Libraries disagree on spaces, control characters and backslashes: some drop or convert them.
    if not url.isprintable() or " " in url or "\\" in url:
        return False
    found, allowed = _location(url.partition("?")[0]), _location(base)
    if found is None or allowed is None or found.address != allowed.address:
        return False
    return found.path == allowed.path or found.path.startswith(allowed.path.rstrip("/") + "/")


class _Location(NamedTuple):
    address: tuple[bool, str, int]
    path: str


@lru_cache(maxsize=128)
def _location(url: str) -> _Location | None:
    """Address and path of a URL, with ws(s) treated as http(s); None if it is ambiguous."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError):
        return None
    ambiguous = "@" in parts.netloc or ".." in parts.path.split("/") or "%2e" in parts.path.lower()
    if not host or ambiguous:
        return None
    return _Location((parts.scheme in ("https", "wss"), host, port), parts.path)
