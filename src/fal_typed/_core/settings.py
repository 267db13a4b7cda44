"""A client's configuration, and the requests built from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from fal_typed._core.call_record import CallRecord
from fal_typed._core.credentials import Credentials, missing_key
from fal_typed._core.hosts import Hosts
from fal_typed._core.retry import RetryPolicy
from fal_typed._core.token_cache import TokenCache
from fal_typed._transport.base import MAX_RESPONSE_BYTES, FilePart, HttpRequest
from fal_typed._transport.urls import is_confidential
from fal_typed._version import __version__
from fal_typed.errors import FalCredentialsError, FalInputError

USER_AGENT = f"fal-typed/{__version__} (python)"
HTTP_TIMEOUT = 60.0
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
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
    private_addresses: bool = True
    max_response_bytes: int | None = MAX_RESPONSE_BYTES
    max_file_bytes: int | None = None
    call: CallRecord | None = field(default=None, compare=False, repr=False)
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
        if not (method.isascii() and method.isalpha()):
            raise FalInputError(f"{method[:50]!r} is not an HTTP method.")
        if query:
            url += ("&" if "?" in url else "?") + _encoded(query)
        merged = {"accept": "application/json", "user-agent": USER_AGENT}
        merged |= self._own_headers(headers or {})
        if body and "content-type" not in merged:
            merged["content-type"] = "application/json"
        if self.proxy_url:
            merged["x-fal-target-url"] = url
            url = self.proxy_url
        elif "authorization" in merged:
            self._check_place(url)
        elif with_key:
            merged |= self._authorization(url, authorization)
        return HttpRequest(
            method,
            url,
            merged,
            body,
            timeout,
            max_bytes=self.max_response_bytes,
            call=self.call,
        )

    def with_changes(self, **changes: Any) -> Settings:
        """A copy with some settings changed."""
        return replace(self, **changes)

    def of_call(self, call: CallRecord) -> Settings:
        """A copy whose requests belong to a call; made for each call, so faster than `replace`."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, call=call)
        return other

    def _own_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        own: dict[str, str] = {}
        for name, value in {**self.headers, **headers}.items():
            _check_header(name, value)
            own[name.lower()] = value
        return own

    def _check_place(self, url: str) -> None:
        place = url.split("?", maxsplit=1)[0]
        if not self.hosts.owns(url):
            raise FalCredentialsError(
                f"The key was not sent to {place!r}, which is not one of this client's hosts."
            )
        if self.needs_key and not is_confidential(url):
            raise FalCredentialsError(
                f"The key was not sent to {place!r}, because the URL does not use TLS."
            )

    def _authorization(self, url: str, authorization: str | None) -> dict[str, str]:
        self._check_place(url)
        if not is_confidential(url):
            return {}
        authorization = authorization or self.credentials.authorization()
        if authorization is None and self.needs_key:
            raise missing_key()
        return {"authorization": authorization} if authorization else {}


def _check_header(name: object, value: object) -> None:
    # The value may be secret, so it is never shown.
    if not isinstance(name, str) or not isinstance(value, str):
        raise FalInputError(f"The header {name!r} must be a string with a string as its value.")
    if not _HEADER_NAME.fullmatch(name):
        raise FalInputError(f"{name[:100]!r} is not a valid header name.")
    if name.lower() in _RESERVED:
        raise FalInputError(f"The header {name!r} is reserved.")
    if not value.isascii() or not value.replace("\t", " ").isprintable():
        raise FalInputError(
            f"The value of the header {name!r} has control or non-ASCII characters; encode it, for "
            "example with urllib.parse.quote."
        )


def _encoded(query: Mapping[str, str | int]) -> str:
    try:
        return urlencode(query)
    except UnicodeEncodeError:
        raise FalInputError("A parameter of the query is not valid Unicode.") from None


def encode_json(value: object) -> bytes:
    """Encode a JSON body.

    Raises:
        FalInputError: The value contains something that JSON cannot represent; nothing was sent.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except RecursionError:
        raise FalInputError("The arguments are nested too deeply; nothing was sent.") from None
    except (TypeError, ValueError) as error:
        raise FalInputError(f"The arguments cannot be encoded as JSON: {error}") from None
