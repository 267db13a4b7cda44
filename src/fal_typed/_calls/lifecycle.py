"""How long stored files are kept, and who may read them (docs/protocol.md section 6.4)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args

from fal_typed.errors import FalInputError

Preset = Literal["never", "immediate", "1h", "1d", "7d", "30d", "1y"]
ExpiresIn = Union[Preset, int]
Decision = Literal["hide", "forbid", "allow"]

_DAY = 86_400
_SECONDS: dict[Preset, int | None] = {
    "never": None,
    # The platform reads 0 as "no limit", so "immediate" becomes one minute.
    "immediate": 60,
    "1h": 3_600,
    "1d": _DAY,
    "7d": 7 * _DAY,
    "30d": 30 * _DAY,
    "1y": 365 * _DAY,
}


@dataclass(frozen=True)
class AclRule:
    """What one user may do with a file.

    Attributes:
        user: The user's name on the platform.
        decision: `allow` reading, `forbid` it, or `hide` that the file exists.
    """

    user: str
    decision: Decision

    def __post_init__(self) -> None:
        _check_decision(self.decision)


@dataclass(frozen=True)
class Acl:
    """Who may read a file.

    Attributes:
        default: What users without a rule may do. None: the platform's default.
        rules: Exceptions for individual users.
    """

    default: Decision | None = None
    rules: Sequence[AclRule] = ()

    def __post_init__(self) -> None:
        if self.default is not None:
            _check_decision(self.default)


@dataclass(frozen=True)
class Lifecycle:
    """How long a stored file is kept, and who may read it.

    Attributes:
        expires_in: `never`, `immediate` (one minute), `1h`, `1d`, `7d`, `30d`, `1y`, or a number
            of seconds. None: the platform's default.
        initial_acl: Who may read the file, until that is changed on the platform.

    Raises:
        FalInputError: A value is invalid.

    Example:
        >>> Lifecycle(expires_in="1d").to_json()
        {'expiration_duration_seconds': 86400}
    """

    expires_in: ExpiresIn | None = None
    initial_acl: Acl | None = None

    def __post_init__(self) -> None:
        self._seconds()

    def to_json(self) -> dict[str, Any]:
        """The JSON object that is sent."""
        seconds, acl = self._seconds(), self.initial_acl
        fields: dict[str, Any] = {}
        if seconds is not None:
            fields["expiration_duration_seconds"] = seconds
        if acl is not None and (acl.default or acl.rules):
            fields["initial_acl"] = _acl_json(acl)
        return fields

    def _seconds(self) -> int | None:
        given = self.expires_in
        if given is None:
            return None
        if isinstance(given, str):
            if given not in _SECONDS:
                known = ", ".join(get_args(Preset))
                raise FalInputError(f"expires_in must be one of {known}, or a number of seconds.")
            return _SECONDS[given]
        if isinstance(given, bool) or given <= 0:
            raise FalInputError("expires_in must be a positive integer number of seconds.")
        return given


def upload_headers(lifecycle: Lifecycle | None) -> dict[str, str]:
    """The headers of an upload. Its two routes read different names, so both are sent."""
    fields = lifecycle.to_json() if lifecycle else {}
    if not fields:
        return {}
    text = json.dumps(fields)
    return {"x-fal-object-lifecycle": text, "x-fal-object-lifecycle-preference": text}


def _acl_json(acl: Acl) -> dict[str, Any]:
    fields: dict[str, Any] = {} if acl.default is None else {"default": acl.default}
    if acl.rules:
        fields["rules"] = [{"user": rule.user, "decision": rule.decision} for rule in acl.rules]
    return fields


def _check_decision(decision: str) -> None:
    if decision not in get_args(Decision):
        raise FalInputError(f"decision must be 'hide', 'forbid' or 'allow', not {decision!r}.")
