"""A client's configuration, and the requests built from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from fal_typed._core.credentials import Credentials, missing_key
from fal_typed._core.hosts import Hosts
from fal_typed._core.retry import RetryPolicy
from fal_typed._core.token_cache import TokenCache
from fal_typed._transport.base import FilePart, HttpRequest
from fal_typed._transport.urls import is_confidential
from fal_typed._version import __version__
from fal_typed.errors import FalCredentialsError, FalInputError

USER_AGENT = f"fal-typed/{__version__} (python)"
HTTP_TIMEOUT = 60.0
_RESERVED = ("host", "content-length", "transfer-encoding", "connection")


@dataclass(frozen=True)
class Settings:
    """Configuration of a client; immutable, so that flows can share it."""

    hosts: Hosts = field(default_factory=Hosts)
    credentials: Credentials = field(default_factory=Credentials)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout: float | None = None
    proxy_url: str | None = None
    needs_key: bool = True
    cdn_tokens: TokenCache[Any] = field(default_factory=TokenCache[Any], compare=False)
    realtime_tokens: TokenCache[str] = field(default_factory=TokenCache[str], compare=False)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | FilePart = b"",
        query: Mapping[str, str | int] | None = None,
        timeout: float | None = HTTP_TIMEOUT,
        authorization: str | None = None,
        with_key: bool = True,
    ) -> HttpRequest:
        """Build a request to the platform, with the key only if the URL may receive it.

        `with_key=False` is for requests that carry a token instead.

        Raises:
            FalCredentialsError: No key is configured, or it would be sent without TLS or to a
                foreign host.
        """
        if query:
            url += ("&" if "?" in url else "?") + urlencode(query)
        merged = {"accept": "application/json", "user-agent": USER_AGENT}
        merged |= self._own_headers(headers or {})
        if body and "content-type" not in merged:
            merged["content-type"] = "application/json"
        if self.proxy_url:
            merged["x-fal-target-url"] = url
            return HttpRequest(method, self.proxy_url, merged, body, timeout)
        if with_key and "authorization" not in merged:
            merged |= self._authorization(url, authorization)
        return HttpRequest(method, url, merged, body, timeout)

    def with_changes(self, **changes: Any) -> Settings:
        """A copy with some settings changed."""
        return replace(self, **changes)

    def _own_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        own = {name.lower(): value for name, value in {**self.headers, **headers}.items()}
        for name, value in own.items():
            if name in _RESERVED or "\n" in value or "\r" in value or "\0" in value:
                raise FalInputError(
                    f"The header {name!r} is reserved, or its value has control characters."
                )
        return own

    def _authorization(self, url: str, authorization: str | None) -> dict[str, str]:
        place = url.split("?", maxsplit=1)[0]
        if not self.hosts.owns(url):
            raise FalCredentialsError(
                f"The key was not sent to {place!r}, which is not one of this client's hosts."
            )
        if not is_confidential(url):
            if self.needs_key:
                raise FalCredentialsError(
                    f"The key was not sent to {place!r}, because the URL does not use TLS."
                )
            return {}
        authorization = authorization or self.credentials.authorization()
        if authorization is None and self.needs_key:
            raise missing_key()
        return {"authorization": authorization} if authorization else {}


def encode_json(value: object) -> bytes:
    """Encode a JSON body.

    Raises:
        FalInputError: The value contains something that JSON cannot represent; nothing was sent.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError) as error:
        raise FalInputError(f"The arguments cannot be encoded as JSON: {error}") from None
