"""Being logged in with `fal auth login` instead of holding a key (docs/protocol.md section 1.3).

The login is two tokens in a file that fal's own command line shares: one to call with, which ages
within hours, and one to renew it with.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from fal_typed._core.json_values import as_object

_LEEWAY = 300.0


@dataclass(frozen=True)
class Login:
    """The tokens of a login; they show themselves to nobody."""

    renewal: str
    access: str | None

    def __repr__(self) -> str:
        return "Login()"

    @property
    def is_stale(self) -> bool:
        """Whether the access token has ended or is about to."""
        return self.access is None or time.time() + _LEEWAY >= _end_of(self.access)


def stored() -> Login | None:
    """The login of this machine's user, or None."""
    try:
        lines = _path().read_text(encoding="utf-8").split()
    except OSError:
        return None
    return Login(lines[0], lines[1] if len(lines) > 1 else None) if lines else None


def store(login: Login) -> None:
    # Another program may read at any time, and nobody else may read at all.
    path = _path()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{login.renewal}\n{login.access}")
    Path(temporary).replace(path)


def _path() -> Path:
    home = os.environ.get("FAL_HOME_DIR")
    return (Path(home).expanduser() if home else Path.home() / ".fal") / "auth0_token"


def _end_of(token: str) -> float:
    try:
        payload = token.split(".")[1]
        claims = as_object(
            json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        )
        return float((claims or {})["exp"])
    except (ValueError, KeyError, IndexError, TypeError):
        return 0.0
