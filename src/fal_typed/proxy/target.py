"""Where a server-side proxy may send a request (docs/protocol.md section 1.7).

A URL from a stranger is never sent on. It is taken apart, and what is requested is put together
anew: one of the platform's own bases, and a path of plain segments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from fal_typed._calls.endpoint_id import NAMESPACES
from fal_typed._core.hosts import Hosts
from fal_typed._core.json_values import as_list, as_object

Service = Literal["run", "queue", "rest"]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_TOKEN_SECONDS = 3600
"""The longest life of a token that passes: unlike a request, it goes on without the proxy."""
_SERVICES: tuple[Service, ...] = ("run", "queue", "rest")
_SEGMENT = re.compile(r"[A-Za-z0-9_~+@:-][A-Za-z0-9_.~+@:-]*")
_QUERY = re.compile(r"[A-Za-z0-9_.~+@:%&=/?,!*'();$-]*")
_JOB = re.compile(r".+/requests/[^/]+(?:/status|/status/stream|/cancel|/response)?")
_UPLOADS = ("storage/upload/initiate", "storage/upload/complete-multipart")
_MULTIPART = "storage/upload/initiate-multipart"
_STORAGE_TYPE = "storage_type=fal-cdn-v3"
_LIFE = ("token_expiration", "duration")
_TOKENS = ("tokens/", "tokens/realtime")


@dataclass(frozen=True)
class Target:
    """A place on the platform.

    Attributes:
        url: The URL to request.
        service: Which of the platform's hosts it is on.
        path: The path there, without its leading slash.
        query: The query, as it stood in the URL.
    """

    url: str = field(repr=False)
    service: Service
    path: str
    query: str = field(repr=False)

    @classmethod
    def parse(cls, text: str, hosts: Hosts) -> Target | None:
        """Read a URL on the platform; None for every other, and for whatever is unclear.

        Args:
            text: A URL on the platform's own hosts, or on these.
            hosts: Where the request goes.
        """
        for service in _SERVICES:
            base: str = getattr(hosts, service)
            for known in (base, getattr(Hosts, service)):
                if text.startswith(f"{known}/"):
                    return cls._below(service, base, text[len(known) + 1 :])
        return None

    @classmethod
    def _below(cls, service: Service, base: str, rest: str) -> Target | None:
        path, _, query = rest.partition("?")
        segments = path.removesuffix("/").split("/")
        if not all(_SEGMENT.fullmatch(segment) for segment in segments):
            return None
        if not _QUERY.fullmatch(query):
            return None
        url = f"{base}/{path}" + (f"?{query}" if query else "")
        return cls(url, service, path, query)

    @property
    def endpoint(self) -> str | None:
        """The endpoint's id, of a job the id or only its first segments; None for the rest."""
        if self.service == "rest":
            return None
        if self.is_job:
            return self.path.rpartition("/requests/")[0]
        return self.path.strip("/").removesuffix("/stream")

    @property
    def is_job(self) -> bool:
        """Whether it is about a job that was submitted before."""
        return self.service == "queue" and _JOB.fullmatch(self.path) is not None

    @property
    def is_token(self) -> bool:
        """Whether short-lived tokens are made there."""
        return self.service == "rest" and self.path in _TOKENS

    @property
    def method_in_queue(self) -> str:
        """The one method that the queue has for this path."""
        if not self.is_job:
            return "POST"
        return "PUT" if self.path.endswith("/cancel") else "GET"


@dataclass(frozen=True)
class Allowance:
    """What a proxy lets through.

    Attributes:
        endpoints: Patterns of endpoint ids, `*` within a segment and `**` across them; empty
            for all.
        tokens: Whether short-lived tokens for realtime may be fetched.
        multipart: Whether uploads in parts may be begun.
    """

    endpoints: Sequence[str] = ()
    tokens: bool = False
    multipart: bool = False

    def refusal(self, method: str, target: Target) -> Literal[400, 403] | None:
        """The status to refuse a request with; None if it may pass."""
        if target.service == "rest":
            return None if method == "POST" and self._is_route(target) else 400
        if target.service == "queue" and method != target.method_in_queue:
            return 400
        return None if self._is_allowed(target) else 403

    def token_wish(self, body: bytes) -> bytes | None:
        """What a request for a token may ask for, written anew; None if that is too much."""
        try:
            wish = as_object(json.loads(body)) or {}
        except (ValueError, RecursionError):
            return None
        apps = as_list(wish.get("allowed_apps"))
        lives = {name: wish[name] for name in _LIFE if name in wish}
        if not apps or not all(self._has_alias(app) for app in apps):
            return None
        if not all(_is_short(seconds) for seconds in lives.values()):
            return None
        return json.dumps({"allowed_apps": apps, **lives}).encode()

    def _is_route(self, target: Target) -> bool:
        if target.is_token:
            return self.tokens and not target.query
        routes = (*_UPLOADS, _MULTIPART) if self.multipart else _UPLOADS
        return target.path in routes and target.query == _STORAGE_TYPE

    def _is_allowed(self, target: Target) -> bool:
        endpoint = target.endpoint or ""
        patterns = list(self.endpoints)
        if target.is_job:  # the platform names a job by the beginning of its endpoint's id
            patterns += [_app(pattern) for pattern in patterns]
        return not patterns or any(_matches(pattern, endpoint) for pattern in patterns)

    def _has_alias(self, app: object) -> bool:
        if not isinstance(app, str) or not _SEGMENT.fullmatch(app):
            return False
        aliases = [_app(pattern).rsplit("/", 1)[-1] for pattern in self.endpoints]
        return not aliases or any(_matches(alias, app) for alias in aliases)


def _is_short(seconds: object) -> bool:
    return isinstance(seconds, (int, float)) and 0 < seconds <= MAX_TOKEN_SECONDS


def _app(pattern: str) -> str:
    segments = pattern.split("/")
    return "/".join(segments[: 3 if segments[0] in NAMESPACES else 2])


def _matches(pattern: str, text: str) -> bool:
    parts = re.split(r"(\*\*|\*)", pattern)
    wild = {"**": ".*", "*": "[^/]*"}
    return (
        re.fullmatch("".join(wild.get(part, re.escape(part)) for part in parts), text) is not None
    )
