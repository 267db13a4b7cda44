"""Requests and responses inside the emulator: as little as its hot path needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, unquote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping

    from fal_typed.testing.services import Address

Scope: TypeAlias = "MutableMapping[str, Any]"
Receive: TypeAlias = "Callable[[], Awaitable[MutableMapping[str, Any]]]"
Send: TypeAlias = "Callable[[MutableMapping[str, Any]], Awaitable[None]]"
Headers: TypeAlias = "list[tuple[bytes, bytes]]"

_JSON: tuple[bytes, bytes] = (b"content-type", b"application/json")
_TRUE = frozenset({"1", "true", "yes", "on"})


class Request:
    """One request that came in, its body read.

    Args:
        method: HTTP method, upper case.
        address: Which service it is for, and the path there.
        query_string: As it stood in the URL.
        headers: Names in lower case.
        body: The whole body.
    """

    __slots__ = ("_query", "address", "body", "headers", "method", "query_string")

    def __init__(
        self,
        method: str,
        address: Address,
        query_string: bytes,
        headers: Headers,
        body: bytes = b"",
    ) -> None:
        self.method = method
        self.address = address
        self.query_string = query_string
        self.headers = headers
        self.body = body
        self._query: dict[str, list[str]] | None = None

    @property
    def path(self) -> str:
        """Path at the service, percent-decoded, with its leading slash."""
        return self.address.path

    def header(self, name: bytes) -> str | None:
        """Read a header.

        Args:
            name: Lower-case name.

        Returns:
            Its first value; None when it is missing.
        """
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return None

    @property
    def query(self) -> dict[str, list[str]]:
        """The query parameters, each with all its values."""
        if self._query is None:
            text = self.query_string.decode("latin-1")
            self._query = parse_qs(text, keep_blank_values=True)
        return self._query

    def parameter(self, name: str) -> str | None:
        """Read a query parameter.

        Args:
            name: Its name.

        Returns:
            Its last value; None when it is missing.
        """
        return self.query[name][-1] if self.query_string and name in self.query else None

    def switch(self, name: str) -> bool:
        """Read a query parameter that is on or off.

        Args:
            name: Its name.

        Returns:
            True for ``1``, ``true``, ``yes`` and ``on``: each client spells it its own way.
        """
        value = self.parameter(name)
        return value is not None and value.lower() in _TRUE


class Response:
    """An answer whose body is known.

    Args:
        status: HTTP status code.
        headers: Without ``content-length``, which is added.
        body: The body.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self.status = status
        self.headers = headers
        self.body = body


class StreamResponse:
    """An answer that is written bit by bit.

    Args:
        headers: Its headers.
        chunks: The pieces of the body.
        status: HTTP status code.
    """

    __slots__ = ("broken", "chunks", "headers", "status")

    def __init__(self, headers: Headers, chunks: AsyncIterator[bytes], status: int = 200) -> None:
        self.status = status
        self.headers = headers
        self.chunks = chunks
        self.broken = False
        """Set when making the pieces failed."""


Answer: TypeAlias = "Response | StreamResponse"


def json_response(
    value: Any, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()
) -> Response:
    """Answer with JSON.

    Args:
        value: What to serialise.
        status: HTTP status code.
        headers: Headers beside the content type.

    Returns:
        The response.
    """
    return Response(status, [_JSON, *headers], dump(value))


def dump(value: Any) -> bytes:
    """Serialise to compact JSON.

    Args:
        value: Any JSON value.

    Returns:
        ASCII bytes, so that even half a surrogate pair from an input survives.
    """
    return json.dumps(value, separators=(",", ":")).encode()


def json_headers(*more: tuple[bytes, bytes]) -> Headers:
    """Headers of a JSON answer.

    Args:
        more: Headers beside the content type.

    Returns:
        A new list.
    """
    return [_JSON, *more]


def detail(status: int, message: str, error_type: str | None = None) -> Response:
    """Answer with an error as fal's gateway words it (docs/protocol.md section 8.1).

    Args:
        status: HTTP status code.
        message: Text of ``detail``.
        error_type: One of docs/protocol.md section 8.2, also sent as a header.

    Returns:
        The response.
    """
    if error_type is None:
        return json_response({"detail": message}, status)
    header = (b"x-fal-error-type", error_type.encode())
    return json_response({"detail": message, "error_type": error_type}, status, [header])


def method_not_allowed(*allowed: str) -> Response:
    """Answer a request whose method the path does not take.

    Args:
        allowed: The methods it takes.

    Returns:
        The response.
    """
    allow = (b"allow", ", ".join(allowed).encode())
    return json_response({"detail": "Method Not Allowed"}, 405, [allow])


def as_list(value: Any) -> list[Any]:
    """Give a value that was found to be a list the type of one; checkers disagree on it.

    Args:
        value: The list.

    Returns:
        The same list.
    """
    entries: list[Any] = value
    return entries


def unquoted(text: str) -> str:
    """Decode a percent-encoded path segment.

    Args:
        text: The segment.

    Returns:
        Its text.
    """
    return unquote(text) if "%" in text else text
