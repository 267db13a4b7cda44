"""Tokens that a client reuses until they expire."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic

from typing_extensions import NamedTuple, TypeVar

Token = TypeVar("Token")


class _Entry(NamedTuple, Generic[Token]):
    token: Token
    valid_until: float


class TokenCache(Generic[Token]):
    """Token cache of one client, with a token per owner (a key function may serve many users).

    It needs no locks: each step reads or replaces one entry, and the worst case is that two
    threads request a token twice. Neither `repr` nor a pickle contains a token.
    """

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry[Token]] = {}
        self._claims: dict[Hashable, object] = {}

    def __repr__(self) -> str:
        return "TokenCache()"

    def __copy__(self) -> TokenCache[Token]:
        return self

    def __deepcopy__(self, memo: object) -> TokenCache[Token]:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (TokenCache, ())

    def find(self, owner: Hashable, time: float) -> Token | None:
        """The owner's token, unless it has expired by the monotonic clock."""
        entry = self._entries.get(owner)
        return entry.token if entry is not None and time < entry.valid_until else None

    def keep(self, owner: Hashable, token: Token, *, valid_until: float, time: float) -> None:
        """Store a token, and drop expired ones."""
        alive = {name: entry for name, entry in self._entries.items() if time < entry.valid_until}
        self._entries = {**alive, owner: _Entry(token, valid_until)}

    def forget(self, owner: Hashable, token: Token | None = None) -> None:
        """Drop the owner's token (or only the given one) after it was rejected."""
        entry = self._entries.get(owner)
        if entry is not None and token in (None, entry.token):
            self._entries = {name: other for name, other in self._entries.items() if name != owner}

    def claim_of(self, owner: Hashable) -> object | None:
        """The claim of a flow that is requesting the owner's token, or None."""
        return self._claims.get(owner)

    def claim(self, owner: Hashable) -> object:
        """Make other flows wait for the token that the caller requests."""
        self._claims[owner] = claim = object()
        return claim

    def release(self, owner: Hashable, claim: object) -> None:
        """Stop other flows from waiting."""
        if self._claims.get(owner) is claim:
            del self._claims[owner]
