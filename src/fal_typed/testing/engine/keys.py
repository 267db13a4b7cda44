"""API keys with their scopes, and the short-lived tokens made from them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fal_typed.testing.engine.messages import IncomingRequest, Response, error_response

if TYPE_CHECKING:
    from collections.abc import Collection

    from fal_typed.testing.engine.clock import Clock

API: Final = "API"
ADMIN: Final = "ADMIN"
"""Key scopes. ``API`` covers run, queue and storage; ``ADMIN`` adds usage and settings.

See docs/protocol.md section 1.3.
"""

ANYONE: Final = "anonymous"
"""The user of requests without a key."""


@dataclass(frozen=True)
class IssuedToken:
    """A token that was issued for a key."""

    user: str
    expires_at: float
    apps: frozenset[str] = frozenset()
    """Aliases of the apps it gives access to; empty for a CDN token."""


class Keys:
    """Checks the credentials of requests.

    Args:
        keys: The accepted keys, or a mapping of keys to their scope; None when no key is needed.
        clock: The emulator's clock.
    """

    def __init__(self, keys: Collection[str] | Mapping[str, str] | None, clock: Clock) -> None:
        if keys is None or isinstance(keys, Mapping):
            self._keys: Mapping[str, str] | None = keys
        else:
            self._keys = dict.fromkeys(keys, ADMIN)
        self._clock = clock
        self._tokens: dict[str, IssuedToken] = {}

    @property
    def required(self) -> bool:
        """Whether requests need a key."""
        return self._keys is not None

    @property
    def first(self) -> str | None:
        """The first accepted key; None when no key is needed."""
        return next(iter(self._keys or ()), None)

    def refusal(self, request: IncomingRequest, scope: str = API) -> Response | None:
        """Check the key of a request.

        Args:
            request: The request.
            scope: The scope that the key must have.

        Returns:
            The response that refuses it; None when it is accepted.
        """
        if self._keys is None:
            return None
        scheme, key = request.authorization
        if not key:
            return error_response(401, "Authentication is required to access this resource")
        granted = self._keys.get(key) if scheme == "key" else None
        if granted is None:
            return error_response(401, "No user found for Key ID and Secret")
        if scope == ADMIN and granted != ADMIN:
            return error_response(403, "This key does not have the ADMIN scope")
        return None

    def user(self, request: IncomingRequest) -> str:
        """Find out who sent a request.

        Args:
            request: The request.

        Returns:
            The id part of its key, or of the key that its token was made from.
        """
        scheme, secret = request.authorization
        if scheme == "key" and secret:
            return secret.partition(":")[0]
        token = self._tokens.get(secret)
        return token.user if token else ANYONE

    def issue(self, user: str, seconds: float, apps: Collection[str] = ()) -> str:
        """Issue a token.

        Args:
            user: The user it belongs to.
            seconds: How long it is valid.
            apps: Aliases of the apps it gives access to; none for a CDN token.

        Returns:
            The token.
        """
        text = secrets.token_urlsafe(24)
        self._tokens[text] = IssuedToken(user, self._clock.now() + seconds, frozenset(apps))
        return text

    def token_is_valid(self, text: str, app: str | None = None) -> bool:
        """Check a token.

        Args:
            text: The token.
            app: Alias of the app to access; None for the CDN.

        Returns:
            Whether it was issued for this and has not expired.
        """
        token = self._tokens.get(text)
        if token is None or token.expires_at <= self._clock.now():
            return False
        return not token.apps if app is None else app in token.apps
