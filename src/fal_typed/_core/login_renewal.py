"""Renewing a login whose access token has expired (docs/protocol.md section 1.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlencode

from fal_typed._core import login as logins
from fal_typed._core import responses
from fal_typed._core.flow import Deadline, Flow, blocking
from fal_typed._core.json_values import as_text
from fal_typed._core.login import Login
from fal_typed._core.retry import Repeat, send_retrying
from fal_typed._core.settings import Settings
from fal_typed._transport.base import HttpRequest
from fal_typed.errors import FalCredentialsError

T = TypeVar("T")
TOKEN_URL = "https://auth.fal.ai/oauth/token"  # noqa: S105 - where tokens come from
_CLIENT_ID = "TwXR51Vz8JbY8GUUMy6EyuVR0fTO7N4N"  # public: it names fal's command line
_TIMEOUT = 30.0


def renewed_first(settings: Settings, flow: Callable[[Settings], Flow[T]]) -> Flow[T]:
    """A flow that begins with renewing the login, if it is stale.

    Raises:
        FalCredentialsError: The login has ended for good.
    """
    login = yield from blocking(logins.stored)
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
    yield from blocking(lambda: logins.store(Login(renewal, access)))
