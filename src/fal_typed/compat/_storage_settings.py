"""fal_client's settings of uploaded files, which `Lifecycle` holds in this SDK."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Union

from fal_typed._calls.lifecycle import Acl, AclRule, Lifecycle

ObjectExpiration = Union[Literal["never", "immediate", "1h", "1d", "7d", "30d", "1y"], int]
StorageACLDecision = Literal["hide", "forbid", "allow"]


@dataclass(frozen=True)
class StorageACLRule:
    """What one user may do with a file.

    Attributes:
        user: Name of the user on the platform.
        decision: `allow` reading, `forbid` it, or `hide` that the file exists.
    """

    user: str
    decision: StorageACLDecision


@dataclass(frozen=True)
class StorageACL:
    """Who may read a file.

    Attributes:
        default: What users without a rule may do; None leaves it to the platform.
        rules: Exceptions for single users.
    """

    default: StorageACLDecision | None = None
    rules: list[StorageACLRule] | None = None


@dataclass(frozen=True)
class StorageSettings:
    """How long an uploaded file is kept, and who may read it.

    Attributes:
        expires_in: `never`, `immediate` (a minute), `1h`, `1d`, `7d`, `30d`, `1y`, or seconds;
            None leaves it to the platform.
        initial_acl: Who may read the file.

    Raises:
        FalInputError: `expires_in` has another value; it is a `ValueError`.

    Example:
        >>> StorageSettings(expires_in="1d").expires_in
        '1d'
    """

    expires_in: ObjectExpiration | None = None
    initial_acl: StorageACL | None = None

    def __post_init__(self) -> None:
        Lifecycle(self.expires_in)


def lifecycle_of(settings: StorageSettings | None) -> Lifecycle | None:
    """The same settings in the class that uploads take."""
    if settings is None:
        return None
    acl = settings.initial_acl
    if acl is None:
        return Lifecycle(settings.expires_in)
    rules = [AclRule(rule.user, rule.decision) for rule in acl.rules or ()]
    return Lifecycle(settings.expires_in, Acl(acl.default, rules))
