"""Who may call: API keys with their scopes, and the short-lived tokens made from them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fal_typed.testing.messages import Request, Response, detail

if TYPE_CHECKING:
    from collections.abc import Collection

    from fal_typed.testing.clock import Clock

API: Final = "API"
ADMIN: Final = "ADMIN"
"""Key scopes: run, queue and storage; beyond that, usage and other settings.

Rests on docs/protocol.md section 1.3.
"""

ANYONE: Final = "anonymous"
"""The user of requests without a key."""


@dataclass(frozen=True)
class Token:
    """A token handed out for a key."""

    user: str
    expires_at: float
    apps: frozenset[str] = frozenset()
    """Aliases of the apps it opens; empty for a CDN token."""


class Keys:
    """Checks the credentials of requests.

    Args:
        keys: The keys there are, or a mapping of keys to their scope; None when none is needed.
        clock: The emulator's time.
    """

    def __init__(self, keys: Collection[str] | Mapping[str, str] | None, clock: Clock) -> None:
        if keys is None or isinstance(keys, Mapping):
            self._keys: Mapping[str, str] | None = keys
        else:
            self._keys = dict.fromkeys(keys, ADMIN)
        self._clock = clock
        self._tokens: dict[str, Token] = {}

    @property
    def required(self) -> bool:
        """Whether requests need a key at all."""
        return self._keys is not None

    @property
    def first(self) -> str | None:
        """One of the keys there are; None when none is needed."""
        return next(iter(self._keys or ()), None)

    def refusal(self, request: Request, scope: str = API) -> Response | None:
        """Check the key of a request.

        Args:
            request: The request.
            scope: What the key must be good for.

        Returns:
            The answer that refuses it; None when it may go on.
        """
        if self._keys is None:
            return None
        scheme, _, key = (request.header(b"authorization") or "").partition(" ")
        if not key:
            return detail(401, "Authentication is required to access this resource")
        held = self._keys.get(key) if scheme.lower() == "key" else None
        if held is None:
            return detail(401, "No user found for Key ID and Secret")
        if scope == ADMIN and held != ADMIN:
            return detail(403, "This key does not have the ADMIN scope")
        return None

    def user(self, request: Request) -> str:
        """Who sent a request.

        Args:
            request: The request.

        Returns:
            The id part of its key, or of the key its token was made from.
        """
        scheme, _, secret = (request.header(b"authorization") or "").partition(" ")
        if scheme.lower() == "key" and secret:
            return secret.partition(":")[0]
        token = self._tokens.get(secret)
        return token.user if token else ANYONE

    def issue(self, user: str, seconds: float, apps: Collection[str] = ()) -> str:
        """Make a token.

        Args:
            user: Whose.
            seconds: How long it is good for.
            apps: Aliases of the apps it opens; none for a CDN token.

        Returns:
            The token.
        """
        text = secrets.token_urlsafe(24)
        self._tokens[text] = Token(user, self._clock.now() + seconds, frozenset(apps))
        return text

    def token_is_good(self, text: str, app: str | None = None) -> bool:
        """Check a token.

        Args:
            text: The token.
            app: Alias of the app it shall open; None for the CDN.

        Returns:
            Whether it was issued for this and has not expired.
        """
        token = self._tokens.get(text)
        if token is None or token.expires_at <= self._clock.now():
            return False
        return not token.apps if app is None else app in token.apps
