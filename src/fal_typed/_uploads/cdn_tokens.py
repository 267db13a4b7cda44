"""The storage's tokens that a client holds (docs/protocol.md section 6.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class CdnToken:
    """Leave to upload.

    Attributes:
        good_until: When to ask for another, by the monotonic clock.
    """

    authorization: str = field(repr=False)
    base_url: str
    good_until: float


class CdnTokens:
    """The tokens of one client: one per key, as a function may give a key per user.

    No locks are needed: each step replaces or reads one entry, and the worst that threads can do
    to each other is to ask for a token twice.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, CdnToken] = {}
        self._claims: dict[str, object] = {}

    def __repr__(self) -> str:
        return "CdnTokens()"

    def __reduce__(self) -> tuple[Any, ...]:
        return (CdnTokens, ())

    def find(self, owner: str, time: float) -> CdnToken | None:
        """The owner's token, if it is still good."""
        token = self._tokens.get(owner)
        return token if token is not None and time < token.good_until else None

    def keep(self, owner: str, token: CdnToken, time: float) -> None:
        """Remember a token, and forget those whose time is over."""
        alive = {name: held for name, held in self._tokens.items() if time < held.good_until}
        self._tokens = {**alive, owner: token}

    def drop(self, token: CdnToken) -> None:
        """Forget a token that was refused."""
        self._tokens = {name: held for name, held in self._tokens.items() if held is not token}

    def claim_of(self, owner: str) -> object | None:
        """The claim of a flow that is asking for the owner's token, or None."""
        return self._claims.get(owner)

    def claim(self, owner: str) -> object:
        """Tell others that a token is on its way."""
        self._claims[owner] = claim = object()
        return claim

    def release(self, owner: str, claim: object) -> None:
        """Tell others to wait no longer."""
        if self._claims.get(owner) is claim:
            del self._claims[owner]
