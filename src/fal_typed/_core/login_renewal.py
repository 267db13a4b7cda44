"""Refreshes an expired login (docs/protocol.md section 1.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlencode

from fal_typed._core import login as logins
from fal_typed._core import responses
from fal_typed._core.flow import Deadline, Flow, blocking
from fal_typed._core.json_values import as_text
from fal_typed._core.login import Login
from fal_typed._core.retry import RetrySafety, send_with_retries
from fal_typed._core.settings import Settings
from fal_typed._transport.base import HttpRequest
from fal_typed.errors import FalCredentialsError

T = TypeVar("T")
TOKEN_URL = "https://auth.fal.ai/oauth/token"  # noqa: S105 - a URL
_CLIENT_ID = "TwXR51Vz8JbY8GUUMy6EyuVR0fTO7N4N"  # public: the id of fal's command line
_TIMEOUT = 30.0


def with_fresh_login(settings: Settings, flow: Callable[[Settings], Flow[T]]) -> Flow[T]:
    """Refresh the login if it has expired, then run a flow.

    Raises:
        FalCredentialsError: The login has expired and cannot be refreshed.
    """
    login = yield from blocking(logins.load)
    if login is not None and login.is_expired:
        yield from _refresh(settings, login)
    return (yield from flow(settings))


def _refresh(settings: Settings, login: Login) -> Flow[None]:
    form = {
        "grant_type": "refresh_token",
        "client_id": _CLIENT_ID,
        "refresh_token": login.refresh_token,
    }
    headers = {"content-type": "application/x-www-form-urlencoded"}
    request = HttpRequest("POST", TOKEN_URL, headers, urlencode(form).encode(), _TIMEOUT)
    response = yield from send_with_retries(
        request, safety=RetrySafety.BILLED, policy=settings.retry, deadline=Deadline(None, None)
    )
    content = {} if responses.is_error(response) else responses.parse_object(response)
    access_token = as_text(content.get("access_token"))
    if access_token is None:
        raise FalCredentialsError("The fal login has expired. Run `fal auth login` again.")
    refresh_token = as_text(content.get("refresh_token")) or login.refresh_token
    yield from blocking(lambda: logins.save(Login(refresh_token, access_token)))
