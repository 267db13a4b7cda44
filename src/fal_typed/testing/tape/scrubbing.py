"""Keeps secrets out of recordings: keys, tokens, signatures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from fal_typed._core.json_values import as_list, as_object

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "scrubbed"
"""What replaces a secret."""

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
    """Removes the secrets from one exchange.

    Args:
        secrets: Texts to remove wherever they occur: the key and its parts.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted({one for one in secrets if one}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Remove the known secrets, and the secret parameters in the queries of URLs.

        Args:
            text: Any text.

        Returns:
            The text without them.
        """
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _QUERY.sub(lambda match: scrub_query(match[0]), text)

    def headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Keep the headers that matter and never contain a secret.

        Args:
            headers: Names in any case, and values.

        Returns:
            The kept headers by lower-case name.
        """
        kept = {name.lower(): self.text(value) for name, value in headers}
        return {name: value for name, value in kept.items() if _KEPT_HEADERS.fullmatch(name)}

    def body(self, path: str, value: Any) -> Any:
        """Remove the secrets from a JSON body.

        Args:
            path: Path of the request.
            value: The parsed body.

        Returns:
            The body without secrets, and without the token if the path issues tokens.
        """
        issues_tokens = path.rstrip("/").startswith(_TOKEN_PATHS)
        if issues_tokens and isinstance(value, str):
            return HIDDEN
        return self._scrub(value, issues_tokens)

    def _scrub(self, value: Any, issues_tokens: bool) -> Any:
        if (fields := as_object(value)) is not None:
            return {
                self.text(name): HIDDEN
                if issues_tokens and name == "token"
                else self._scrub(one, issues_tokens)
                for name, one in fields.items()
            }
        if (entries := as_list(value)) is not None:
            return [self._scrub(one, issues_tokens) for one in entries]
        return self.text(value) if isinstance(value, str) else value


def scrub_query(text: str) -> str:
    """Remove the secret parameters from a query string.

    Args:
        text: The query, without its question mark.

    Returns:
        The query; unchanged when it contains no secret.

    >>> scrub_query("logs=1&fal_jwt_token=abc")
    'logs=1&fal_jwt_token=scrubbed'
    """
    if not _SECRET.search(text):
        return text
    pairs = parse_qsl(text, keep_blank_values=True)
    return urlencode([(name, HIDDEN if _SECRET.search(name) else one) for name, one in pairs])


def secrets_of(authorization: str | None) -> list[str]:
    """List the secrets in an ``Authorization`` header.

    Args:
        authorization: Its value.

    Returns:
        The credential, and the secret half of a key.
    """
    credential = (authorization or "").partition(" ")[2].strip()
    return [credential, credential.partition(":")[2]]
