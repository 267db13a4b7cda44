"""Resolves the credentials of a call (docs/protocol.md section 1.3)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any, Union

from fal_typed.errors import FalCredentialsError

Key = Union[str, Callable[[], str]]


class Credentials:
    """A key that is resolved for each request and never printed.

    Late resolution lets a callable return short-lived keys, and lets the environment be set
    after the client was created. Pickles and reprs leave out an explicit key.
    """

    def __init__(self, key: Key | None = None, *, is_lost: bool = False) -> None:
        self._key = key
        self._is_lost = is_lost

    def __repr__(self) -> str:
        return f"Credentials({'explicit' if self.is_explicit else 'from environment'})"

    def __copy__(self) -> Credentials:
        return self

    def __deepcopy__(self, memo: object) -> Credentials:
        return self

    def __reduce__(self) -> tuple[Callable[[bool], Credentials], tuple[bool]]:
        return (_unpickled, (self._key is not None or self._is_lost,))

    @property
    def is_explicit(self) -> bool:
        """Whether a key was given, even if a pickle has left it out since."""
        return self._key is not None or self._is_lost

    def authorization(self) -> str | None:
        """The value of the `Authorization` header, or None without credentials.

        Raises:
            FalCredentialsError: The key has characters that an HTTP header cannot carry.
        """
        key = self.key()
        if key is not None:
            return f"Key {key}"
        if self.is_explicit:
            return None
        from fal_typed._core import login

        stored = login.load()
        return f"Bearer {_checked(stored.access_token)}" if stored and stored.access_token else None

    def key(self) -> str | None:
        """The explicit key, else the key from the environment, else the one from the notebook.

        None if the explicit key is empty: another account's key is never used instead of it.

        Raises:
            FalCredentialsError: The key has characters that an HTTP header cannot carry.
        """
        if self._is_lost:
            raise FalCredentialsError(
                "This client was created with a key, and pickles leave keys out. Give it one again "
                "with `client.with_key(…)`, or create the client in the process that uses it."
            )
        key = self._key() if callable(self._key) else self._key
        if key is not None and not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise FalCredentialsError(f"The fal key is of type {type(key).__name__}, not str.")
        if not self.is_explicit and os.environ.get("FAL_FORCE_AUTH_BY_USER") != "1":
            key = _from_environment() or _from_notebook()
        return _checked(key) if key else None


def _unpickled(is_lost: bool) -> Credentials:
    return Credentials(is_lost=is_lost)


def _checked(key: str) -> str:
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise FalCredentialsError(
            "The fal key contains invalid characters (spaces, control characters or "
            "non-ASCII characters). Copy it again from https://fal.ai/dashboard/keys."
        )
    return key


def _from_environment() -> str | None:
    key = os.environ.get("FAL_KEY")
    if key:
        return key
    key_id, secret = os.environ.get("FAL_KEY_ID"), os.environ.get("FAL_KEY_SECRET")
    return f"{key_id}:{secret}" if key_id and secret else None


def _from_notebook() -> str | None:
    return _colab_secret() if "google.colab" in sys.modules else None


@lru_cache(maxsize=1)
def _colab_secret() -> str | None:
    # Cached, because Colab asks the user for permission each time.
    try:
        userdata: Any = import_module("google.colab.userdata")
        secret: object = userdata.get("FAL_KEY")
    except Exception:  # noqa: BLE001 - its errors have no common base, and none matters here
        return None
    return secret if isinstance(secret, str) else None


def missing_key() -> FalCredentialsError:
    """The error for a call that needs a key when none is configured."""
    return FalCredentialsError(
        "No fal key found. Set FAL_KEY (or FAL_KEY_ID and FAL_KEY_SECRET), pass key=… to the "
        "client, or log in with `fal auth login`. Create a key at "
        "https://fal.ai/dashboard/keys. To work without one, start `fal-typed emulator` and set "
        "FAL_EMULATOR_HOST."
    )
