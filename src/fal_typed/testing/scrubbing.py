"""Keeps secrets out of recordings: keys, tokens, signatures."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlencode

from fal_typed.testing.messages import as_list

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "scrubbed"
"""What stands where a secret was."""

_KEPT_HEADERS = re.compile(
    r"accept|content-type|content-disposition|content-range|etag|location|range|retry-after"
    r"|x-fal-(?!cdn-token|client).*"
)
_SECRET = re.compile(
    r"token|secret|signature|credential|password|api_?key|x-goog-|x-amz-", re.IGNORECASE
)
_TOKEN_PATHS = ("/tokens", "/storage/auth/token")
_QUERY = re.compile(r"(?<=\?)[^\s\"'<>]+")


class Scrubber:
    """Takes the secrets out of one exchange.

    Args:
        secrets: Texts that must not be kept, wherever they stand: the key, and its parts.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted({one for one in secrets if one}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Hide the known secrets, and what is secret in the queries of URLs.

        Args:
            text: Any text.

        Returns:
            The text without them.
        """
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _QUERY.sub(lambda match: query(match[0]), text)

    def headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Keep the headers that mean something and are known to hold no secret.

        Args:
            headers: Names in any case, and values.

        Returns:
            Those kept, by lower-case name.
        """
        kept = {name.lower(): self.text(value) for name, value in headers}
        return {name: value for name, value in kept.items() if _KEPT_HEADERS.fullmatch(name)}

    def body(self, path: str, value: Any) -> Any:
        """Hide what is secret in the JSON of a body.

        Args:
            path: Path of the request.
            value: The parsed body.

        Returns:
            The same without secrets; the routes that give out tokens lose those.
        """
        hands_out = path.rstrip("/").startswith(_TOKEN_PATHS)
        if hands_out and isinstance(value, str):
            return HIDDEN
        return self._walk(value, hands_out)

    def _walk(self, value: Any, hands_out: bool) -> Any:
        if isinstance(value, dict):
            pairs = cast("dict[str, Any]", value).items()
            return {
                self.text(name): HIDDEN
                if hands_out and name == "token"
                else self._walk(one, hands_out)
                for name, one in pairs
            }
        if isinstance(value, list):
            return [self._walk(one, hands_out) for one in as_list(value)]
        return self.text(value) if isinstance(value, str) else value


def query(text: str) -> str:
    """Hide what is secret in a query string.

    Args:
        text: The query, without its question mark.

    Returns:
        The query; unchanged when nothing in it is secret.

    >>> query("logs=1&fal_jwt_token=abc")
    'logs=1&fal_jwt_token=scrubbed'
    """
    if not _SECRET.search(text):
        return text
    pairs = parse_qsl(text, keep_blank_values=True)
    return urlencode([(name, HIDDEN if _SECRET.search(name) else one) for name, one in pairs])


def secrets_of(authorization: str | None) -> list[str]:
    """What of an ``Authorization`` header must not be kept.

    Args:
        authorization: Its value.

    Returns:
        The credential, and the secret half of a key.
    """
    credential = (authorization or "").partition(" ")[2].strip()
    return [credential, credential.partition(":")[2]]


def parsed(body: bytes) -> Any:
    """Parse a body as JSON.

    Args:
        body: The body.

    Returns:
        Its value.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
