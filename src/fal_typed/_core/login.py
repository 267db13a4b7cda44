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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from fal_typed._core import responses
from fal_typed._core.flow import Deadline, Flow, HttpRequest, blocking
from fal_typed._core.json_values import as_object, as_text
from fal_typed._core.retry import Repeat, send_retrying
from fal_typed.errors import FalCredentialsError

if TYPE_CHECKING:
    from fal_typed._core.settings import Settings

T = TypeVar("T")
TOKEN_URL = "https://auth.fal.ai/oauth/token"  # noqa: S105 - where tokens come from
_CLIENT_ID = "TwXR51Vz8JbY8GUUMy6EyuVR0fTO7N4N"  # public: it names fal's command line
_LEEWAY = 300.0
_TIMEOUT = 30.0


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


def renewed_first(settings: Settings, flow: Callable[[Settings], Flow[T]]) -> Flow[T]:
    """A flow that begins with renewing the login, if it is stale.

    Raises:
        FalCredentialsError: The login has ended for good.
    """
    login = yield from blocking(stored)
    if login is not None and login.is_stale:
        yield from _renew(settings, login)
    return (yield from flow(settings))


def _renew(settings: Settings, login: Login) -> Flow[None]:
    form = {
        "grant_type": "refresh_token",
        "client_id": _CLIENT_ID,
        "refresh_token": login.renewal,
    }
    headers = {"content-type": "application/x-www-form-urlencoded"}
    request = HttpRequest("POST", TOKEN_URL, headers, urlencode(form).encode(), _TIMEOUT)
    response = yield from send_retrying(
        request, repeat=Repeat.COSTS, policy=settings.retry, deadline=Deadline(None, None)
    )
    content = {} if responses.is_error(response) else responses.parse_object(response)
    access = as_text(content.get("access_token"))
    if access is None:
        raise FalCredentialsError("The fal login has ended. Run `fal auth login` again.")
    renewal = as_text(content.get("refresh_token")) or login.renewal
    yield from blocking(lambda: _store(Login(renewal, access)))


def _store(login: Login) -> None:
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
