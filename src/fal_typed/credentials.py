"""Finding the key (PROTOCOL section 1.3): an argument, a callable, or the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Union

from fal_typed.errors import FalCredentialsError

Key = Union[str, Callable[[], str]]


class Credentials:
    """A key that is asked for at each request and shows itself to nobody.

    It is resolved late so that a callable can hand out short-lived keys and the environment
    may be set after the client was made. Pickles and reprs leave an explicit key out.
    """

    def __init__(self, key: Key | None = None) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"Credentials({'explicit' if self._key else 'from environment'})"

    def __reduce__(self) -> tuple[type[Credentials], tuple[()]]:
        return (Credentials, ())

    def find(self) -> str | None:
        """The key, or None when there is none.

        Raises:
            FalCredentialsError: The key cannot stand in an HTTP header.
        """
        key = self._key() if callable(self._key) else self._key
        key = key or _from_environment()
        if key is None:
            return None
        key = key.strip()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise FalCredentialsError(
                "The fal key holds characters that a key never has (blanks, control or "
                "non-ASCII characters). Copy it again from https://fal.ai/dashboard/keys."
            )
        return key


def _from_environment() -> str | None:
    key = os.environ.get("FAL_KEY")
    if key:
        return key
    key_id, secret = os.environ.get("FAL_KEY_ID"), os.environ.get("FAL_KEY_SECRET")
    return f"{key_id}:{secret}" if key_id and secret else None


def missing_key() -> FalCredentialsError:
    """The error for a call that needs a key when there is none."""
    return FalCredentialsError(
        "No fal key found. Set FAL_KEY (or FAL_KEY_ID and FAL_KEY_SECRET), or pass key=… to the "
        "client. Keys are made at https://fal.ai/dashboard/keys. To work without one, start "
        "`fal-typed emulator` and set FAL_EMULATOR_HOST."
    )
