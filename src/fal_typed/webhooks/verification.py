"""Verifies and parses webhook deliveries (docs/protocol.md section 9)."""

from __future__ import annotations

import re
import threading
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Generic, Union, cast, overload

from typing_extensions import TypeVar

from fal_typed._core import responses
from fal_typed._core.flow import Deadline, Flow, sleep
from fal_typed._core.json_values import as_list, as_object, as_text, parse_json
from fal_typed._core.retry import RetrySafety, send_with_retries
from fal_typed._core.runner import runner_of
from fal_typed._core.settings import USER_AGENT, Settings
from fal_typed._transport.base import HttpRequest
from fal_typed._transport.urls import is_confidential
from fal_typed.errors import FalConnectionError, FalError, FalWebhookError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from fal_typed._endpoint import Endpoint
    from fal_typed.async_client import AsyncFalClient
    from fal_typed.client import FalClient

Out = TypeVar("Out", default=Any)
Headers = Union[Mapping[str, Any], Iterable[tuple[Any, Any]]]

_PREFIX = "x-fal-webhook-"
_FIELDS = ("request-id", "user-id", "timestamp", "signature")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"[0-9a-fA-F]{128}")
_KEY_BYTES = 32
_MAX_AGE = 24 * 3600.0
_MIN_AGE = 60.0
_FETCH_LIMIT = 10.0
_FAILURE_AGE = 10.0
_POLL_INTERVAL = 0.02
_MAX_KEYS = 100
_MAX_KEY_SET_BYTES = 1024 * 1024


@dataclass(frozen=True)
class WebhookEvent(Generic[Out]):
    """The content of a delivery. A job may be delivered twice, so act once per `request_id`.

    Attributes:
        request_id: Id of the job, as returned by `submit`.
        gateway_request_id: Id of the last attempt; differs after retries on the platform.
        status: `OK` or `ERROR`.
        data: The typed output; None if the job failed or the output could not be sent.
        error: Error message, or None.
        payload_error: Why the output of a successful job is not in the delivery; fetch it with
            the request id.
        raw: The parsed body of the delivery; `raw["payload"]` has the model's error details.
    """

    request_id: str
    gateway_request_id: str | None
    status: str
    data: Out | None
    error: str | None = None
    payload_error: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


@overload
def verify_webhook(
    headers: Headers,
    body: bytes,
    *,
    endpoint: Endpoint[..., Any, Out],
    client: FalClient | None = ...,
    jwks: Mapping[str, Any] | None = ...,
    tolerance: float = ...,
    clock: Callable[[], float] = ...,
) -> WebhookEvent[Out]: ...
@overload
def verify_webhook(
    headers: Headers,
    body: bytes,
    *,
    endpoint: None = ...,
    client: FalClient | None = ...,
    jwks: Mapping[str, Any] | None = ...,
    tolerance: float = ...,
    clock: Callable[[], float] = ...,
) -> WebhookEvent[Any]: ...
def verify_webhook(
    headers: Headers,
    body: bytes,
    *,
    endpoint: Endpoint[..., Any, Any] | None = None,
    client: FalClient | None = None,
    jwks: Mapping[str, Any] | None = None,
    tolerance: float = 300.0,
    clock: Callable[[], float] = time.time,
) -> WebhookEvent[Any]:
    """Verify that a delivery comes from the platform, and parse it (docs/protocol.md section 9.2).

    Needs the extra `webhooks`. The platform's keys are fetched on first use and cached for at
    most 24 hours.

    Args:
        headers: The request's headers, as a mapping or pairs; names are case-insensitive.
        body: The raw bytes of the request's body.
        endpoint: The endpoint of the job, for typed `data`. Default: `data` is plain JSON.
        client: Client to fetch the keys with. Default: the module-level client.
        jwks: The platform's key set, if you have it. Default: fetched.
        tolerance: Seconds by which the delivery's timestamp may differ from the clock.
        clock: Returns the time in seconds since 1970.

    Returns:
        The content of the delivery.

    Raises:
        FalWebhookError: The delivery could not be verified, or it is too old. Return an error
            status, and do not act on the delivery.
        FalConnectionError: The keys could not be fetched. Return status 500, so that the
            platform retries the delivery.
        ImportError: The extra `webhooks` is not installed.

    Example:
        >>> from fal_typed import FalWebhookError, verify_webhook
        >>> try:
        ...     verify_webhook({}, b"{}")
        ... except FalWebhookError as error:
        ...     print(error)
        The delivery lacks the header X-Fal-Webhook-Request-Id.
    """
    delivery = _Delivery.checked(headers, body, tolerance, clock())
    if jwks is not None:
        delivery.check_signature(_public_keys(jwks))
    else:
        runner_of(client).perform(lambda settings: _verify(settings, delivery, clock))
    return _event(body, endpoint)


@overload
async def verify_webhook_async(
    headers: Headers,
    body: bytes,
    *,
    endpoint: Endpoint[..., Any, Out],
    client: AsyncFalClient | None = ...,
    jwks: Mapping[str, Any] | None = ...,
    tolerance: float = ...,
    clock: Callable[[], float] = ...,
) -> WebhookEvent[Out]: ...
@overload
async def verify_webhook_async(
    headers: Headers,
    body: bytes,
    *,
    endpoint: None = ...,
    client: AsyncFalClient | None = ...,
    jwks: Mapping[str, Any] | None = ...,
    tolerance: float = ...,
    clock: Callable[[], float] = ...,
) -> WebhookEvent[Any]: ...
async def verify_webhook_async(
    headers: Headers,
    body: bytes,
    *,
    endpoint: Endpoint[..., Any, Any] | None = None,
    client: AsyncFalClient | None = None,
    jwks: Mapping[str, Any] | None = None,
    tolerance: float = 300.0,
    clock: Callable[[], float] = time.time,
) -> WebhookEvent[Any]:
    """Verify and parse a delivery; `verify_webhook` for async code."""
    delivery = _Delivery.checked(headers, body, tolerance, clock())
    if jwks is not None:
        delivery.check_signature(_public_keys(jwks))
    else:
        await runner_of(client).perform_async(lambda settings: _verify(settings, delivery, clock))
    return _event(body, endpoint)


@dataclass(frozen=True)
class _Delivery:
    """A well-formed delivery with a timestamp within the tolerance."""

    message: bytes
    signature: bytes

    @classmethod
    def checked(cls, headers: Headers, body: bytes, tolerance: float, now: float) -> _Delivery:
        if not isinstance(body, (bytes, bytearray, memoryview)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise FalWebhookError(
                "The body must be the raw bytes of the request, before any parsing."
            )
        request_id, user_id, timestamp, signature = _fields(headers)
        if not _TIMESTAMP.fullmatch(timestamp):
            raise FalWebhookError("The delivery's timestamp is not a number of seconds.")
        if not abs(now - int(timestamp)) <= tolerance:
            raise FalWebhookError(
                f"The delivery's timestamp differs by {abs(now - int(timestamp)):.0f} s from this "
                f"machine's clock; {tolerance:g} s are allowed. Check the clock."
            )
        if not _SIGNATURE.fullmatch(signature):
            raise FalWebhookError("The delivery's signature is not 64 hexadecimal bytes.")
        digest = sha256(body).hexdigest()
        message = f"{request_id}\n{user_id}\n{timestamp}\n{digest}".encode()
        return cls(message, bytes.fromhex(signature))

    def is_signed_by(self, keys: Iterable[Ed25519PublicKey]) -> bool:
        """Whether the signature matches one of the keys."""
        from cryptography.exceptions import InvalidSignature

        for key in keys:
            try:
                key.verify(self.signature, self.message)
            except InvalidSignature:
                continue
            return True
        return False

    def check_signature(self, keys: Iterable[Ed25519PublicKey]) -> None:
        """Raise unless the signature matches one of the keys."""
        if not self.is_signed_by(keys):
            raise FalWebhookError(
                "The delivery's signature does not match any key of the platform."
            )


def _fields(headers: Headers) -> list[str]:
    """The values of the four webhook headers, each present exactly once."""
    found: dict[str, str] = {}
    for name, value in _pairs(headers):
        known = found.setdefault(name, value)
        if known != value:
            raise FalWebhookError(
                f"The delivery has the header {name.title()} twice, with different values."
            )
    for required in _FIELDS:
        if not found.get(_PREFIX + required):
            raise FalWebhookError(f"The delivery lacks the header {(_PREFIX + required).title()}.")
    return [found[_PREFIX + name] for name in _FIELDS]


def _pairs(headers: Headers) -> Iterable[tuple[str, str]]:
    items: Any = cast("Any", headers).items() if hasattr(headers, "items") else headers
    if not isinstance(items, Iterable):
        raise FalWebhookError("headers must be a mapping or an iterable of pairs.")
    for item in cast("Iterable[object]", items):
        if not isinstance(item, (tuple, list)) or len(cast("Any", item)) != 2:  # noqa: PLR2004
            raise FalWebhookError("headers must be a mapping or an iterable of pairs.")
        name = _plain(cast("Any", item)[0]).lower()
        if not name.startswith(_PREFIX):
            continue
        values = as_list(cast("Any", item)[1])
        for value in [cast("Any", item)[1]] if values is None else values:
            text = _plain(value)
            if not text.isprintable():
                raise FalWebhookError(f"The header {name.title()} contains control characters.")
            yield name, text.strip()


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, str):
        return value
    raise FalWebhookError("Headers must be text or bytes.")


class _KeySets:
    """Cache of the platform's key sets, by URL."""

    def __init__(self) -> None:
        self._fetched: dict[str, tuple[float, list[Ed25519PublicKey]]] = {}
        self._failed: dict[str, float] = {}
        self._being_fetched: set[str] = set()
        self._lock = threading.Lock()

    def get(self, url: str, max_age: float, now: float) -> list[Ed25519PublicKey] | None:
        """The keys, unless they are older than `max_age` seconds, or fetched in the future."""
        at, keys = self._fetched.get(url, (float("-inf"), []))
        return keys if 0 <= now - at < max_age else None

    def put(self, url: str, now: float, keys: list[Ed25519PublicKey]) -> None:
        """Store keys that were just fetched."""
        self._fetched[url] = (now, keys)

    def has_failed(self, url: str, now: float) -> bool:
        """Whether the keys could not be fetched a moment ago."""
        return 0 <= now - self._failed.get(url, float("-inf")) < _FAILURE_AGE

    def fail(self, url: str, now: float) -> None:
        """Remember that the keys could not be fetched."""
        self._failed[url] = now

    def claim(self, url: str) -> bool:
        """Claim the fetching of the keys; False if another flow fetches them."""
        with self._lock:
            is_free = url not in self._being_fetched
            self._being_fetched.add(url)
            return is_free

    def release(self, url: str) -> None:
        """Let other flows fetch the keys."""
        self._being_fetched.discard(url)


_key_sets = _KeySets()


def _verify(settings: Settings, delivery: _Delivery, clock: Callable[[], float]) -> Flow[None]:
    url = f"{settings.hosts.rest}/.well-known/jwks.json"
    keys = _key_sets.get(url, _MAX_AGE, clock())
    if keys is not None and delivery.is_signed_by(keys):
        return
    # An unknown key may be new, so fetch the keys again; but at most once a minute, so that forged
    # signatures do not cause a flood of requests.
    while not _key_sets.claim(url):
        yield from sleep(_POLL_INTERVAL)
    try:
        recent = _key_sets.get(url, _MIN_AGE, clock())
        if recent is None:
            recent = yield from _fetch_again(settings, url, clock)
    finally:
        _key_sets.release(url)
    delivery.check_signature(recent)


def _fetch_again(
    settings: Settings, url: str, clock: Callable[[], float]
) -> Flow[list[Ed25519PublicKey]]:
    if _key_sets.has_failed(url, clock()):
        raise FalConnectionError(
            "The platform's keys could not be fetched a moment ago. Let your server return 500: "
            "the platform delivers again."
        )
    try:
        keys = yield from _fetch_keys(settings, url)
    except FalError:
        _key_sets.fail(url, clock())
        raise
    _key_sets.put(url, clock(), keys)
    return keys


def _fetch_keys(settings: Settings, url: str) -> Flow[list[Ed25519PublicKey]]:
    if not is_confidential(url):
        raise FalWebhookError(
            "The platform's keys were not fetched, because the URL does not use TLS."
        )
    headers = {"accept": "application/json", "user-agent": USER_AGENT}
    response = yield from send_with_retries(
        HttpRequest("GET", url, headers, timeout=_FETCH_LIMIT, max_bytes=_MAX_KEY_SET_BYTES),
        safety=RetrySafety.SAFE,
        policy=settings.retry,
        deadline=(yield from Deadline.after(_FETCH_LIMIT)),
    )
    if responses.is_error(response):
        raise responses.http_error(response)
    return _public_keys(responses.parse_object(response))


def _public_keys(jwks: Mapping[str, Any]) -> list[Ed25519PublicKey]:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise ImportError(
            "Verifying webhooks needs the package cryptography: pip install 'fal-typed[webhooks]'"
        ) from None
    entries = [as_object(entry) or {} for entry in as_list(jwks.get("keys")) or []]
    keys = [_key_bytes(entry) for entry in entries if entry.get("crv") == "Ed25519"]
    usable = [Ed25519PublicKey.from_public_bytes(key) for key in keys if key is not None]
    if not usable or len(usable) > _MAX_KEYS:
        raise FalWebhookError(
            f"The key set contains {len(usable) or 'no'} valid Ed25519 keys; 1 to {_MAX_KEYS} are "
            "expected."
        )
    return usable


def _key_bytes(entry: Mapping[str, Any]) -> bytes | None:
    text = as_text(entry.get("x")) or ""
    try:
        key = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return key if len(key) == _KEY_BYTES else None


def _event(body: bytes, endpoint: Endpoint[..., Any, Any] | None) -> WebhookEvent[Any]:
    try:
        content = as_object(parse_json(bytes(body)))
    except ValueError:
        content = None
    request_id = as_text((content or {}).get("request_id"))
    if content is None or request_id is None:
        raise FalWebhookError("The delivery's body is not a webhook event with a request_id.")
    status, payload = str(content.get("status")), content.get("payload")
    succeeded = status == "OK" and payload is not None
    return WebhookEvent(
        request_id=request_id,
        gateway_request_id=as_text(content.get("gateway_request_id")),
        status=status,
        data=_typed(endpoint, payload) if succeeded else None,
        error=as_text(content.get("error")),
        payload_error=as_text(content.get("payload_error")),
        raw=content,
    )


def _typed(endpoint: Endpoint[..., Any, Any] | None, payload: object) -> Any:
    if endpoint is None:
        return payload
    from fal_typed._calls.outputs import read_output

    return read_output(endpoint.output, payload)
