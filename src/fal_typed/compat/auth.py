"""What fal_client.auth offers: the key or login that calls are made with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fal_typed._core.credentials import missing_key
from fal_typed._core.flow import Flow, blocking
from fal_typed._core.runner import default_runner
from fal_typed.compat._failures import MissingCredentialsError

if TYPE_CHECKING:
    from fal_typed._core.settings import Settings

__all__ = [
    "AuthCredentials",
    "MissingCredentialsError",
    "fetch_auth_credentials",
    "fetch_auth_credentials_async",
    "fetch_credentials",
]


@dataclass(frozen=True)
class AuthCredentials:
    """The two parts of an `Authorization` header.

    Attributes:
        scheme: `Key` or `Bearer`.
        token: The secret.
    """

    scheme: str
    token: str = field(repr=False)

    @property
    def header_value(self) -> str:
        """The header's value."""
        return f"{self.scheme} {self.token}"

    def as_headers(self) -> dict[str, str]:
        """The header as a dict."""
        return {"Authorization": self.header_value}


def fetch_auth_credentials() -> AuthCredentials:
    """The environment's key, or the login of `fal auth login`, renewed if it has expired.

    Raises:
        MissingCredentialsError: There is neither.
    """
    return default_runner().perform(_credentials)


async def fetch_auth_credentials_async() -> AuthCredentials:
    """`fetch_auth_credentials` for async code."""
    return await default_runner().perform_async(_credentials)


def fetch_credentials() -> str:
    """The environment's key.

    Raises:
        MissingCredentialsError: There is no key, only a login or nothing.
    """
    credentials = fetch_auth_credentials()
    if credentials.scheme != "Key":
        raise MissingCredentialsError(missing_key().message)
    return credentials.token


def _credentials(settings: Settings) -> Flow[AuthCredentials]:
    value = yield from blocking(settings.credentials.authorization)
    if value is None:
        raise MissingCredentialsError(missing_key().message)
    scheme, _, token = value.partition(" ")
    return AuthCredentials(scheme, token)
