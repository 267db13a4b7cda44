"""Finding what a call is authorised with (docs/protocol.md section 1.3)."""

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

    def authorization(self) -> str | None:
        """The value of the `Authorization` header, or None when there is nothing to show.

        Raises:
            FalCredentialsError: The key cannot stand in an HTTP header.
        """
        key = self.key()
        if key is not None:
            return f"Key {key}"
        from fal_typed._core import login

        session = login.stored()
        return f"Bearer {_checked(session.access)}" if session and session.access else None

    def key(self) -> str | None:
        """The key: the explicit one, else the environment's, else the notebook's.

        Raises:
            FalCredentialsError: The key cannot stand in an HTTP header.
        """
        key = self._key() if callable(self._key) else self._key
        if not key and os.environ.get("FAL_FORCE_AUTH_BY_USER") != "1":
            key = _from_environment() or _from_notebook()
        return _checked(key) if key else None


def _checked(key: str) -> str:
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


def _from_notebook() -> str | None:
    return _colab_secret() if "google.colab" in sys.modules else None


@lru_cache(maxsize=1)
def _colab_secret() -> str | None:
    # Once: each time, Colab asks the user whether this notebook may read it.
    try:
        userdata: Any = import_module("google.colab.userdata")
        secret: object = userdata.get("FAL_KEY")
    except Exception:  # noqa: BLE001 - its errors have no common base, and none matters here
        return None
    return secret if isinstance(secret, str) else None


def missing_key() -> FalCredentialsError:
    """The error for a call that needs a key when there is none."""
    return FalCredentialsError(
        "No fal key found. Set FAL_KEY (or FAL_KEY_ID and FAL_KEY_SECRET), pass key=… to the "
        "client, or log in with `fal auth login`. Keys are made at "
        "https://fal.ai/dashboard/keys. To work without one, start `fal-typed emulator` and set "
        "FAL_EMULATOR_HOST."
    )
