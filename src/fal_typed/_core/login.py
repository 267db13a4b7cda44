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
    """The current user's login, or None."""
    try:
        lines = _path().read_text(encoding="utf-8").split()
    except OSError:
        return None
    return Login(lines[0], lines[1] if len(lines) > 1 else None) if lines else None


def save(login: Login) -> None:
    # Written to a private file and renamed: other programs may read the login at any time.
    path = _path()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{login.refresh_token}\n{login.access_token}")
    Path(temporary).replace(path)


def _path() -> Path:
    home = os.environ.get("FAL_HOME_DIR")
    return (Path(home).expanduser() if home else Path.home() / ".fal") / "auth0_token"


def _expiry_of(token: str) -> float:
    try:
        payload = token.split(".")[1]
        claims = as_object(
            parse_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        )
        return float((claims or {})["exp"])
    except (ValueError, KeyError, IndexError, TypeError):
        return 0.0
