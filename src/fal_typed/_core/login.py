"""The login stored by `fal auth login`, used when there is no key (docs/protocol.md section 1.3).

The login file, shared with the `fal` command line, contains a refresh token and an access token
that expires within hours.
"""

from __future__ import annotations

import base64
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from fal_typed._core.json_values import as_object, parse_json
from fal_typed.errors import FalCredentialsError

_LEEWAY = 300.0


@dataclass(frozen=True)
class Login:
    """The tokens of a login, hidden from `repr`."""

    refresh_token: str
    access_token: str | None

    def __repr__(self) -> str:
        return "Login()"

    @property
    def is_expired(self) -> bool:
        """Whether the access token has expired or is about to."""
        return self.access_token is None or time.time() + _LEEWAY >= _expiry_of(self.access_token)


def load() -> Login | None:
    """The current user's login, or None.

    Raises:
        FalCredentialsError: The login file exists, but cannot be read.
    """
    path = _path()
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise FalCredentialsError(
            f"The login file {str(path)!r} cannot be read: {_reason(error)}. Set FAL_KEY, or run "
            "`fal auth login` again."
        ) from None
    return Login(lines[0], lines[1] if len(lines) > 1 else None) if lines else None


def save(login: Login) -> None:
    """Store a login.

    Raises:
        FalCredentialsError: The file cannot be written.
    """
    path = _path()
    assert path is not None  # noqa: S101 - the login was loaded from there
    try:
        # Written to a private file and renamed: other programs may read the login at any time.
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{login.refresh_token}\n{login.access_token}")
        Path(temporary).replace(path)
    except OSError as error:
        raise FalCredentialsError(
            f"The renewed login cannot be written to {str(path)!r}: {_reason(error)}. Make the "
            "folder writable, or set FAL_KEY."
        ) from None


def _path() -> Path | None:
    home = os.environ.get("FAL_HOME_DIR")
    try:
        return (Path(home).expanduser() if home else Path.home() / ".fal") / "auth0_token"
    except RuntimeError:  # this user has no home folder
        return None


def _reason(error: Exception) -> str:
    is_text = not isinstance(error, UnicodeError)
    return (getattr(error, "strerror", None) or str(error)) if is_text else "it is not text"


def _expiry_of(token: str) -> float:
    try:
        payload = token.split(".")[1]
        claims = as_object(
            parse_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        )
        return float((claims or {})["exp"])
    except (ValueError, KeyError, IndexError, TypeError, OverflowError):
        return 0.0
