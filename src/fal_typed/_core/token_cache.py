"""Tokens that a client reuses until they expire."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, NamedTuple

from typing_extensions import TypeVar

Token = TypeVar("Token")


class _Entry(NamedTuple, Generic[Token]):
    token: Token
    good_until: float


class TokenCache(Generic[Token]):
    """The tokens of one client, one per owner (a function may return a key per user).

    It needs no locks: each step replaces or reads one entry, and the worst that two threads can
    do to each other is to request a token twice. Neither `repr` nor a pickle shows a token.
    """

    def __init__(self) -> None:
        self._entries: dict[Hashable, _Entry[Token]] = {}
        self._claims: dict[Hashable, object] = {}

    def __repr__(self) -> str:
        return "TokenCache()"

    def __reduce__(self) -> tuple[Any, ...]:
        return (TokenCache, ())

    def find(self, owner: Hashable, time: float) -> Token | None:
        """The owner's token, unless it has expired by the monotonic clock."""
        entry = self._entries.get(owner)
        return entry.token if entry is not None and time < entry.good_until else None

    def keep(self, owner: Hashable, token: Token, *, good_until: float, time: float) -> None:
        """Store a token, and drop those that have expired."""
        alive = {name: entry for name, entry in self._entries.items() if time < entry.good_until}
        self._entries = {**alive, owner: _Entry(token, good_until)}

    def forget(self, owner: Hashable, token: Token | None = None) -> None:
        """Drop the owner's token, or only this one, because it was refused."""
        entry = self._entries.get(owner)
        if entry is not None and token in (None, entry.token):
            self._entries = {name: kept for name, kept in self._entries.items() if name != owner}

    def claim_of(self, owner: Hashable) -> object | None:
        """The claim of a flow that is requesting the owner's token, or None."""
        return self._claims.get(owner)

    def claim(self, owner: Hashable) -> object:
        """Let other flows wait for the token that this one requests."""
        self._claims[owner] = claim = object()
        return claim

    def release(self, owner: Hashable, claim: object) -> None:
        """Let other flows wait no longer."""
        if self._claims.get(owner) is claim:
            del self._claims[owner]
