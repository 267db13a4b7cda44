"""Which requests a server-side proxy forwards, and where to (docs/protocol.md section 1.7).

An untrusted URL is never used directly. It is parsed, and the proxy requests a URL of its own: one
of the platform's base URLs plus a path of plain segments.
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
"""Maximum lifetime of a token, because a token is used without the proxy."""
_SERVICES: tuple[Service, ...] = ("run", "queue", "rest")
_SEGMENT = re.compile(r"[A-Za-z0-9_~+@:-][A-Za-z0-9_.~+@:-]*")
_QUERY = re.compile(r"[A-Za-z0-9_.~+@:%&=/?,!*'();$-]*")
_JOB = re.compile(r".+/requests/[^/]+(?:/status|/status/stream|/cancel|/response)?")
_UPLOADS = ("storage/upload/initiate", "storage/upload/complete-multipart")
_MULTIPART = "storage/upload/initiate-multipart"
_STORAGE_TYPE = "storage_type=fal-cdn-v3"
_LIFETIMES = ("token_expiration", "duration")
_TOKENS = ("tokens/", "tokens/realtime")


@dataclass(frozen=True)
class Target:
    """A URL on the platform that a request may be forwarded to.

    Attributes:
        url: The URL to request.
        service: Which of the platform's hosts it is on.
        path: The path there, without its leading slash.
        query: The query of the URL.
    """

    url: str = field(repr=False)
    service: Service
    path: str
    query: str = field(repr=False)

    @classmethod
    def parse(cls, text: str, hosts: Hosts) -> Target | None:
        """Parse a URL on the platform; returns None for any other or ambiguous URL.

        Args:
            text: A URL on the platform's default hosts or on `hosts`.
            hosts: The hosts that requests are forwarded to.
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
        """The endpoint id (for a job perhaps only its first segments), or None without one."""
        if self.service == "rest":
            return None
        if self.is_job:
            return self.path.rpartition("/requests/")[0]
        return self.path.strip("/").removesuffix("/stream")

    @property
    def is_job(self) -> bool:
        """Whether it is a request for an existing job."""
        return self.service == "queue" and _JOB.fullmatch(self.path) is not None

    @property
    def is_token(self) -> bool:
        """Whether it creates short-lived tokens."""
        return self.service == "rest" and self.path in _TOKENS

    @property
    def method_in_queue(self) -> str:
        """The only method that the queue supports for this path."""
        if not self.is_job:
            return "POST"
        return "PUT" if self.path.endswith("/cancel") else "GET"


@dataclass(frozen=True)
class AccessRules:
    """What a proxy forwards.

    Attributes:
        endpoints: Patterns of endpoint ids, where `*` matches within a segment and `**` across
            segments; empty allows all.
        tokens: Whether clients may create short-lived tokens for realtime.
        multipart: Whether clients may start multipart uploads.
    """

    endpoints: Sequence[str] = ()
    tokens: bool = False
    multipart: bool = False

    def error_status(self, method: str, target: Target) -> Literal[400, 403] | None:
        """The status to reject a request with; None if it is allowed."""
        if target.service == "rest":
            return None if method == "POST" and self._is_route(target) else 400
        if target.service == "queue" and method != target.method_in_queue:
            return 400
        return None if self._is_allowed(target) else 403

    def token_request(self, body: bytes) -> bytes | None:
        """Rebuild the body of a token request; None if it requests more than is allowed."""
        try:
            content = as_object(json.loads(body)) or {}
        except (ValueError, RecursionError):
            return None
        apps = as_list(content.get("allowed_apps"))
        lifetimes = {name: content[name] for name in _LIFETIMES if name in content}
        if not apps or not all(self._has_alias(app) for app in apps):
            return None
        if not all(_is_short(seconds) for seconds in lifetimes.values()):
            return None
        return json.dumps({"allowed_apps": apps, **lifetimes}).encode()

    def _is_route(self, target: Target) -> bool:
        if target.is_token:
            return self.tokens and not target.query
        routes = (*_UPLOADS, _MULTIPART) if self.multipart else _UPLOADS
        return target.path in routes and target.query == _STORAGE_TYPE

    def _is_allowed(self, target: Target) -> bool:
        endpoint = target.endpoint or ""
        patterns = list(self.endpoints)
        if target.is_job:  # job URLs contain only the owner and app of the endpoint id
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
