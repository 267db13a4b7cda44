"""Where the platform's services live, and to whom the key may go (docs/protocol.md section 1.1)."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from fal_typed._transport.urls import LOOPBACK
from fal_typed.errors import FalInputError

_CDN_DOMAIN = ".fal.media"  # today's files are on v3b.fal.media
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
        """Hosts from arguments, else the environment, else the platform's own.

        Args:
            run_host: Host of run, stream and realtime, such as `fal.run`; overrides
                `FAL_RUN_HOST`.
            queue_host: Host of the queue; overrides `FAL_QUEUE_RUN_HOST`; without either it is
                `queue.` and the run host.

        Raises:
            FalInputError: A host is not written as `name` or `name:port`.
        """
        emulator = os.environ.get("FAL_EMULATOR_HOST")
        if emulator and not (run_host or queue_host):
            return cls.emulated(emulator)
        run_host = run_host or os.environ.get("FAL_RUN_HOST")
        queue_host = queue_host or os.environ.get("FAL_QUEUE_RUN_HOST")
        return _hosts(run_host, queue_host)

    @classmethod
    @lru_cache(maxsize=16)
    def emulated(cls, address: str) -> Hosts:
        """Hosts of an emulator: every service below its real host name, over plain HTTP."""
        base = f"http://{_checked(address)}"
        return cls(**{f.name: f"{base}/{str(f.default).split('://')[1]}" for f in fields(cls)})

    @property
    def is_emulated(self) -> bool:
        """Whether these are an emulator's, which needs no key."""
        return self.run.startswith("http://") and self.run.endswith("/fal.run")

    def owns(self, url: str) -> bool:
        """Whether a URL stays on one of these hosts, so that the key may be sent to it."""
        bases = [str(getattr(self, f.name)) for f in fields(self)]
        return any(_within(url, base) for base in bases)

    def is_cdn(self, url: str) -> bool:
        """Whether a URL is on the file storage, so that the storage's token may be sent to it."""
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
    host = _checked(host)
    name = urlsplit(f"//{host}").hostname or ""
    return f"http://{host}" if name in LOOPBACK else f"https://{host}"


def _checked(host: str) -> str:
    try:
        parts = urlsplit(f"//{host}")
        well_formed = parts.netloc == host and parts.hostname and "@" not in host
        _ = parts.port
    except ValueError:
        well_formed = False
    if not well_formed or any(character.isspace() for character in host):
        raise FalInputError(
            f"{host!r} is not a host. Write a name or name:port, such as 'fal.run', no URL."
        )
    return host


def _within(url: str, base: str) -> bool:
    # Libraries disagree on blanks, control characters and backslashes: some drop or turn them.
    if not url.isprintable() or " " in url or "\\" in url:
        return False
    theirs, mine = _place(url.partition("?")[0]), _place(base)
    if theirs is None or mine is None or theirs.address != mine.address:
        return False
    return theirs.path == mine.path or theirs.path.startswith(mine.path.rstrip("/") + "/")


class _Place(NamedTuple):
    address: tuple[bool, str, int]
    path: str


@lru_cache(maxsize=128)
def _place(url: str) -> _Place | None:
    """Where a URL leads, a websocket's counting as the page's beside it; None if it is unclear."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError):
        return None
    unclear = "@" in parts.netloc or ".." in parts.path.split("/") or "%2e" in parts.path.lower()
    if not host or unclear:
        return None
    return _Place((parts.scheme in ("https", "wss"), host, port), parts.path)
